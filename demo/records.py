"""The story's chapter about files: a data scientist learns from records, without a site or a hub."""

import csv
import subprocess
import time

from api import Lander
from rig import RigError, program

PUMPS, LIVED = 30, 0.75  # of the record; how much of its life the pump in question has behind it


class Records:
    """A part of Story: uses its stage, its teller."""

    def records(self):
        stage, tell, lander = self.stage, self.teller, Lander()
        tell.chapter("How long still", "a data scientist's own files: no site, no hub")
        with tell.step("learn life", f"A bearing's remaining life is learned from {PUMPS} pumps that ran until theirs failed") as s:
            model = stage.folder / "bearing.model"
            fleet = self.wear("fleet.csv", PUMPS, 1)
            began = time.monotonic()
            lander("learn", "--kind", "life", "--unit", "unit", "--time", "hours", fleet, "-o", model)
            seconds = time.monotonic() - began
            s.figure(f"{seconds:.1f} s, {model.stat().st_size / 1000:.0f} kB", seconds=round(seconds, 2),
                     bytes=model.stat().st_size)
        with tell.step("remaining life", "Another pump, of which the model saw nothing: how long will it still run?") as s:
            lines = self.wear("pump.csv", 1, 99).read_text().splitlines()
            life = len(lines) - 2  # a header, and an hour 0
            seen = int(life * LIVED)
            so_far = stage.write("so-far.csv", "\n".join(lines[:seen + 2]) + "\n")
            answer = stage.folder / "remaining.csv"
            lander("predict", so_far, "-m", model, "-o", answer)
            last = list(csv.DictReader(answer.open()))[-1]
            told, low, high = (float(last[key]) for key in ("prediction", "low", "high"))
            if not low <= life - seen <= high:
                raise RigError(f"{told} h were told ({low} to {high}), and it ran {life - seen} h")
            s.figure(f"{told:.0f} h, nine times of ten {low:.0f} to {high:.0f}: it then ran {life - seen} h", hours=told,
                     low=low, high=high, true_hours=life - seen)
            s.quote("lander predict so-far.csv -m bearing.model")

    def wear(self, name, units, seed):
        """Pumps from new to failure, as a historian would hold them."""
        path = self.stage.folder / name
        with path.open("w") as out:
            subprocess.run([program("pump-station"), "--wear", str(units), "--seed", str(seed)], stdout=out, check=True)
        return path
