#!/usr/bin/env python3
"""SKAB changepoints by `lander detect` without a model: ./dev bench quality skab_changes

Each run is given as it is, without its two label columns, and the `change` column is judged at its default: nothing is
chosen here. Rows before 400 are seen and not judged. A changepoint is found when a change is told in the 60 s from its
row on; a telling before it never counts. A telling within 60 s after any changepoint is not false, every other is. In
"one telling each" a telling is good for one changepoint only, the earliest that still lacks one.
The parameters were chosen on valve1 and on series made by a random generator; valve2 and other are shown apart."""
import csv
import pathlib
import subprocess
import sys
import tempfile

SEEN, WITHIN = 400, 60
MUST, AIM, MUST_FALSE = 55, 64, 3.5
CHOSEN_ON = "valve1"


def read(path):
    """-> (names, rows of text without labels, rows of the changepoints)"""
    with path.open(newline="") as file:
        names, *rows = list(csv.reader(file, delimiter=";"))
    labels = [i for i, name in enumerate(names) if name in ("anomaly", "changepoint")]
    changes = [row for row, cells in enumerate(rows) if float(cells[names.index("changepoint")]) > 0] if labels else []
    kept = [i for i in range(len(names)) if i not in labels]
    return [names[i] for i in kept], [[cells[i] for i in kept] for cells in rows], changes


def told(lander, path, folder):
    """-> (number of rows, rows at which a change was told, changepoints)"""
    names, rows, changes = read(path)
    given, out = folder / "run.csv", folder / "out.csv"
    with given.open("w", newline="") as file:
        csv.writer(file, delimiter=";").writerows([names, *rows])
    subprocess.run([lander, "detect", given, "-o", out], check=True, stdout=subprocess.DEVNULL)
    with out.open(newline="") as file:
        found = [row for row, cells in enumerate(csv.DictReader(file)) if cells["change"] == "1"]
    return len(rows), found, changes


def near(change, row):
    return change <= row <= change + WITHIN


class Count:
    def __init__(self, runs, first=SEEN):
        """runs: [(rows, tellings, changepoints)]"""
        self.rows = self.changes = self.found = self.apart = self.false = self.told = 0
        for rows, tellings, changes in runs:
            tellings = [row for row in tellings if row >= first]
            changes = [change for change in changes if change >= first]
            left = list(tellings)
            for change in changes:
                self.found += any(near(change, row) for row in tellings)
                own = next((row for row in left if near(change, row)), None)
                if own is not None:
                    left.remove(own)
                    self.apart += 1
            self.rows += rows - first
            self.changes += len(changes)
            self.told += len(tellings)
            self.false += sum(not any(near(change, row) for change in changes) for row in tellings)

    def per_hour(self):
        return 3600 * self.false / self.rows

    def __str__(self):
        return (f"{self.found} of {self.changes} ({self.apart} by one telling each), {self.per_hour():.2f} false/h, "
                f"{self.told} told in {self.rows} rows")


def blind(runs, every):
    """Found and false per hour when firing each `every` rows, mean over ten phases."""
    counts = [Count([(rows, range(SEEN + int(every * phase / 10), rows, every), changes) for rows, _, changes in runs])
              for phase in range(10)]
    return sum(c.found for c in counts) / 10, sum(c.apart for c in counts) / 10, sum(c.per_hour() for c in counts) / 10


def run(lander, data):
    """lander: path of the program; data: pathlib of shared/data -> list of results; empty where the data is absent."""
    folder = data / "skab"
    if not folder.is_dir():
        print(f"skab_changes: no {folder}: skipped", file=sys.stderr)
        return []
    with tempfile.TemporaryDirectory() as out:
        runs = {path: told(lander, path, pathlib.Path(out)) for path in sorted(folder.glob("*/*.csv"))}
    normal = Count([r for path, r in runs.items() if path.parent.name == "anomaly-free"], 0)
    faulty = {path: r for path, r in runs.items() if path.parent.name != "anomaly-free"}
    every_run = list(faulty.values())
    whole = Count(every_run)
    chosen = Count([r for path, r in faulty.items() if path.parent.name == CHOSEN_ON])
    apart = Count([r for path, r in faulty.items() if path.parent.name != CHOSEN_ON])
    always = Count([(rows, range(SEEN, rows), changes) for rows, _, changes in every_run])
    found, found_apart, false = blind(every_run, max(1, round(whole.rows / max(1, whole.told))))
    how = (f"after the changepoint only; default operating point; parameters chosen on {CHOSEN_ON} and random series: "
           f"{CHOSEN_ON} {chosen}; the others {apart}; periodic = blind, as many tellings")

    def one(measure, value, must, aim, always_value, never_value, periodic):
        return {"benchmark": "SKAB changepoints", "measure": measure, "value": round(value, 2), "must": must, "aim": aim,
                "baselines": {"always": round(always_value, 2), "never": never_value, "periodic": round(periodic, 2)},
                "less_is_better": "per hour" in measure, "how": how}
    return [
        one(f"found within {WITHIN} s, of {whole.changes}", whole.found, MUST, AIM, always.found, 0, found),
        one(f"found by one telling each, of {whole.changes}", whole.apart, MUST, AIM, always.apart, 0, found_apart),
        one("false per hour", whole.per_hour(), MUST_FALSE, 0, always.per_hour(), 0, false),
        one("false per hour of the run without a fault", normal.per_hour(), MUST_FALSE, 0, 3600, 0,
            3600 * whole.told / whole.rows),
    ]
