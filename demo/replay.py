"""The shorter story of a recorded file: every column becomes a datastream, and nothing in it may upset the site."""

import csv
import datetime
import json
import re
import time

from rig import RigError
from stage import SITE
from story import Story
from terminal import sparkline

LENGTH_S = 25  # the default speed is what makes a recording this long


class Recording:
    """What the file itself holds, read by nobody of ours: to compare."""

    def __init__(self, path):
        self.path = path
        with open(path, newline="", encoding="utf-8", errors="replace") as file:
            head = file.readline()
            separator = max(",;\t", key=head.count)
            file.seek(0)
            rows = list(csv.reader(file, delimiter=separator))
        self.columns, self.rows = [c.strip() for c in rows[0]], rows[1:]
        times = [t for t in (self._time(self.rows[0]), self._time(self.rows[-1])) if t] if self.rows else []
        self.seconds = (times[1] - times[0]).total_seconds() if len(times) == 2 else float(len(self.rows))

    @staticmethod
    def _time(row):
        for cell in row:
            try:
                return datetime.datetime.fromisoformat(cell.strip())
            except ValueError:
                continue
        return None

    def cells(self, column):
        at = self.columns.index(column)
        return [row[at].strip() for row in self.rows if at < len(row) and row[at].strip()]

    def numbers(self, column):
        """How many cells are numbers; a recorder's NaN is one that says so."""
        count = 0
        for cell in self.cells(column):
            try:
                float(cell)
                count += 1
            except ValueError:
                pass
        return count


def slug(text):
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:60] or "column"


class ReplayStory(Story):
    def __init__(self, stage, teller, path, speed):
        super().__init__(stage, teller)
        self.recording = Recording(path)
        if not self.recording.rows:
            raise RigError(f"{path} has no rows")
        self.path, self.name = path, slug(f"{path.parent.name}-{path.stem}")
        self.speed = speed if speed is not None else max(1.0, round(self.recording.seconds / LENGTH_S))
        self.columns = {}  # datastream -> column

    def run(self):
        self.teller.chapter("A hub, and a site that plays a recording")
        with self.teller.step("hub", "The hub runs") as s:
            began = time.monotonic()
            self.stage.start_hub()
            s.figure(f"up in {(time.monotonic() - began) * 1000:.0f} ms")
        self.enrol()
        self.discover()
        self.play()
        self.tell_what_was_stored()
        self.arrived()

    def sources(self, speed, loop=False):
        return (f'asset: recorded/{self.name}\nsources:\n'
                f'  - {{id: recording, driver: replay, address: "{self.path}", speed: {speed}'
                f'{", loop: true" if loop else ""}}}\n')

    def discover(self):
        stage, tell = self.stage, self.teller
        tell.chapter("Discover and declare", f"{len(self.recording.rows)} rows, {len(self.recording.columns)} columns")
        with tell.step("candidates", "The site shows the columns that hold something") as s:
            stage.at_site("apply", stage.write("sources.yaml", self.sources(0)))

            def offered():
                twin = stage.twin(stage.site.api)
                done = any("the end of" in c["reason"] for c in twin["reported"]["components"])
                found = json.loads(stage.at_site("--json", "candidates"))
                return found if found and done else None
            found, _ = s.wait("candidates", offered, 60)
            numbers = [c for c in found if c["kind"] == "number" and self.recording.numbers(c["address"]) > 0]
            if not numbers:
                raise RigError("no column holds numbers")
            s.figure(f"{len(numbers)} columns of numbers", columns=len(numbers))
            s.quote("lander candidates", stage.at_site("candidates"), 12)
            empty = [c for c in self.recording.columns if not self.recording.cells(c)]
            if empty:
                s.note(f"wholly empty: {', '.join(empty)}")
        with tell.step("declare", "Each becomes a datastream") as s:
            lines = []
            for c in numbers:
                name = slug(c["address"])
                self.columns[name] = c["address"]
                unit = c["suggested_unit"] or "1"
                lines.append(f'  - {{id: {name}, property: {slug(c["suggested_property"] or c["address"])}, '
                             f'unit: "{unit}", policy: {{uplink: raw}}, '
                             f'from: {{source: recording, address: {json.dumps(c["address"])}}}}}\n')
            desired = self.sources(self.speed) + "datastreams:\n" + "".join(lines) + "commit_interval: 200ms\n"
            said = stage.at_site("apply", stage.write("recording.yaml", desired))
            self.began = time.time() - 5
            s.quote("lander apply recording.yaml", said, 3)

    def play(self):
        stage, tell = self.stage, self.teller
        tell.chapter("Play", f"{self.speed:g} times faster than it was" if self.speed else "as fast as it goes")
        with tell.step("play", "The recording plays to its end") as s:
            def ended():
                twin = stage.twin(stage.site.api)
                part = next(c for c in twin["reported"]["components"] if c["id"] == "source/recording")
                s.progress = f"{int(stage.site.api.metrics()['lander_store_observations'])} observations"
                return part["reason"] if "the end of" in part["reason"] else None
            within = 60 + (self.recording.seconds / self.speed if self.speed else 60) * 2
            reason, seconds = s.wait("the end of the recording", ended, within, 0.3)
            s.figure(f"{len(self.recording.rows)} rows in {seconds:.0f} s", rows=len(self.recording.rows))
        with tell.step("all stored", "Every number of the file is stored, the absurd ones as bad, none is lost") as s:
            expected = {d: self.recording.numbers(c) for d, c in self.columns.items()}

            def stored():
                counts = {d: self.stored(d) for d in expected}
                return counts if counts == expected else None
            try:
                s.wait("all is stored", stored, 20, 0.3)
            except RigError:
                raise RigError(f"stored {({d: self.stored(d) for d in expected})}, the file has {expected}") from None
            s.figure(f"{sum(expected.values())} observations", observations=sum(expected.values()))

    def chart(self, datastream):
        # At speed 0 times stay what they were; else the recording begins now.
        begin = {"from": "1971-01-01T00:00:00Z"} if not self.speed else {
            "from": datetime.datetime.fromtimestamp(self.began, datetime.timezone.utc).isoformat().replace("+00:00", "Z")}
        return self.stage.site.api.get(f"/api/v1/sites/{SITE}/series", datastream=datastream, points=400, **begin,
                                       to=(datetime.datetime.now(datetime.timezone.utc)).isoformat()
                                       .replace("+00:00", "Z"))["points"]

    def stored(self, datastream):
        return sum(count + others for *_, count, others in self.chart(datastream))

    def tell_what_was_stored(self):
        stage, tell = self.stage, self.teller
        tell.chapter("What was stored", "mean of the good values; what is missing stays missing")
        with tell.step("look", "Each datastream at a glance") as s:
            lines, figures = [], {}
            for datastream, column in self.columns.items():
                points = self.chart(datastream)
                good = sum(p[4] for p in points)
                bad = sum(p[5] for p in points)
                missing = len(self.recording.rows) - good - bad
                known = [p for p in points if p[4]]
                while points and not points[-1][4] and not points[-1][5]:
                    points.pop()
                spread = f"{min(p[1] for p in known):.4g} .. {max(p[3] for p in known):.4g}" if known else "nothing good"
                lines.append(f"{column[:22]:22} {sparkline([p[2] if p[4] else None for p in points], 48):48} "
                             f"{spread:>24}  {good} good" + (f", {bad} bad" if bad else "") +
                             (f", {missing} missing" if missing > 0 else ""))
                figures[datastream] = {"good": good, "bad": bad, "missing": missing}
            s.figures.update(figures)
            s.note("\n".join(lines))
        with tell.step("readiness", "What learning would say of it") as s:
            asset = f"recorded/{self.name}"
            code, said, errors = stage.at_site.run("readiness", "--asset", asset, "--interval", "100ms")
            if code not in (0, 1):
                raise RigError(errors)
            s.note(said or errors)
        with tell.step("healthy", "The site is well") as s:
            status, _ = stage.site.api.health()
            if status != 200:
                raise RigError(str(status))
            s.figure(f"{stage.site.memory_kb('VmRSS') / 1024:.0f} MB resident",
                     rss_mb=round(stage.site.memory_kb("VmRSS") / 1024, 1))

    def arrived(self):
        stage, tell = self.stage, self.teller
        tell.chapter("At the hub")
        with tell.step("lake", "All of it stands in the hub's open tables") as s:
            expected = {d: self.recording.numbers(c) for d, c in self.columns.items()}
            question = "select datastream, count(*) from observation group by datastream"

            def rows():
                answer = json.loads(stage.at_hub("--json", "sql", question))
                counts = {row[0]: int(row[1]) for row in answer["rows"]}
                s.progress = f"{sum(counts.values())} rows"
                return {d: counts.get(d, 0) for d in expected} == expected
            _, seconds = s.wait("all rows in the lake", rows, 90, 0.5)
            s.figure(f"{sum(expected.values())} rows", rows=sum(expected.values()))

    def go_on(self):
        """For whoever looks at the console: the recording again and again."""
        self.stage.at_site("apply", self.stage.write("again.yaml", self.sources(self.speed or 1, loop=True)))
