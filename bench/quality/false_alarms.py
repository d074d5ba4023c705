#!/usr/bin/env python3
"""False alarms at the default budget of one in 30 days: ./dev bench quality false_alarms

By source of data, never summed: simulated months of a pump station (site_month.py: one row a minute, 14 days to learn
from, 30 to watch, two faults in each), and what is normal in shared/data. Each is judged twice: by a model that
`lander learn` made of its first part, and by `lander detect` alone, which learns as it goes and sees the first part, too,
unjudged. Only the `alarm` column counts, as it comes.
An alarm is a rising edge; one that stands counts again each day. What rises in a fault or up to 60 rows after it is the
fault's, until it clears or for a day. A fault is found when an alarm stands in it. The bound is Poisson's, 95 %,
one-sided: with so many alarms in so much time the true rate is lower, but for one case in twenty. Periodic is an alarm
of one row each day."""
import csv
import dataclasses
import math
import pathlib
import statistics
import subprocess
import sys
import tempfile

MUST, MUST_ROWS = 4, 1.0  # alarms in ten site-months, % of rows in alarm
MONTH_S, DAY_S, AFTER_ROWS = 30 * 86400, 86400, 60
NORMAL_3W = "0"
LABELS = ("anomaly", "changepoint", "class")


@dataclasses.dataclass
class Case:
    """One recording: its header, the rows to learn from and to watch, and where the watched ones are not normal."""
    name: str
    names: list
    learn: list
    watch: list
    interval: float  # seconds a row
    faults: list     # (kind, sensor, first row, row after the last) of the watched rows


# ---------------------------------------------------------------- the sources

def simulated(months):
    import site_month  # numpy, which only this source needs

    def rows(month, watched):
        values = month.watch if watched else month.learn
        return [[month.time(row, watched).strftime("%Y-%m-%dT%H:%M:%SZ"),
                 *("" if math.isnan(cell) else f"{cell:.6g}" for cell in cells)]
                for row, cells in enumerate(values.tolist())]
    for seed in range(months):
        month = site_month.make(seed)
        yield Case(f"month {seed}", ["time", *site_month.SENSORS], rows(month, False), rows(month, True), 60.0,
                   [(f.kind, f.sensor, f.begin, f.end) for f in month.faults])


def read(path, delimiter=","):
    with path.open(newline="") as file:
        names, *rows = list(csv.reader(file, delimiter=delimiter))
    kept = [i for i, name in enumerate(names) if name not in LABELS]
    return names, rows, lambda part: [[row[i] for i in kept] for row in part], [names[i] for i in kept]


def skab_normal(folder):
    _, rows, without, kept = read(folder / "anomaly-free/anomaly-free.csv", ";")
    half = len(rows) // 2
    yield Case("anomaly-free", kept, without(rows[:half]), without(rows[half:]), 1.0, [])


def skab_runs(folder):
    """The first 400 rows to learn; what is labelled an anomaly later is a fault."""
    for path in sorted(folder.glob("*/*.csv")):
        if path.parent.name == "anomaly-free":
            continue
        names, rows, without, kept = read(path, ";")
        at = names.index("anomaly")
        bad = [float(row[at]) > 0 for row in rows]
        if any(bad[:400]):
            continue  # it would learn from a fault
        yield Case(f"{path.parent.name}/{path.stem}", kept, without(rows[:400]), without(rows[400:]), 1.0,
                   [("anomaly", "", begin, end) for begin, end in stretches(bad[400:])])


def three_w(folder):
    """Before the event begins: the first 60 % to learn, the rest of it to watch."""
    for path in sorted(folder.glob("*/*.csv")):
        names, rows, without, kept = read(path)
        at = names.index("class")
        normal = next((i for i, row in enumerate(rows) if row[at] != NORMAL_3W), len(rows))
        if normal < 1000:
            continue
        learn = int(0.6 * normal)
        yield Case(f"{path.parent.name}/{path.stem}", kept, without(rows[:learn]), without(rows[learn:normal]), 1.0, [])


def nab_normal(folder):
    for path in sorted((folder / "artificialNoAnomaly").glob("*.csv")):
        _, rows, without, kept = read(path)
        learn = int(0.4 * len(rows))
        yield Case(path.stem, kept, without(rows[:learn]), without(rows[learn:]), 300.0, [])


def stretches(flags):
    found, begin = [], None
    for row, flag in enumerate([*flags, False]):
        if flag and begin is None:
            begin = row
        elif not flag and begin is not None:
            found.append((begin, row))
            begin = None
    return found


# ---------------------------------------------------------------- counting

@dataclasses.dataclass
class Count:
    alarms: int = 0
    seconds: float = 0.0
    rows: int = 0
    in_alarm: int = 0
    faults: int = 0
    found: int = 0
    named: int = 0  # found, and its sensor among the first two causes
    cases: int = 0
    refused: list = dataclasses.field(default_factory=list)  # could not be learned
    delays: list = dataclasses.field(default_factory=list)   # seconds
    missed: list = dataclasses.field(default_factory=list)
    where: list = dataclasses.field(default_factory=list)

    def add(self, case, alarm, cause):
        day = int(DAY_S / case.interval)
        of_fault = [False] * len(alarm)
        for _, _, begin, end in case.faults:
            of_fault[begin:end + AFTER_ROWS] = [True] * len(of_fault[begin:end + AFTER_ROWS])
        edges = stretches(alarm)
        for begin, end in edges:
            if of_fault[begin]:
                last = min(end, begin + day)
                of_fault[begin:last] = [True] * (last - begin)
        self.cases += 1
        self.rows += of_fault.count(False)
        self.seconds += of_fault.count(False) * case.interval
        self.in_alarm += sum(a and not f for a, f in zip(alarm, of_fault))
        for begin, end in edges:
            for row in range(begin, end, day):
                if not of_fault[row]:
                    self.alarms += 1
                    self.where.append(f"{case.name} row {row} for {end - row} ({cause[row] or 'no cause'})")
        for kind, sensor, begin, end in case.faults:
            first = next((row for row in range(begin, end) if alarm[row]), None)
            self.faults += 1
            if first is None:
                self.missed.append(kind)
                continue
            self.found += 1
            self.delays.append((first - begin) * case.interval)
            self.named += sensor in cause[first].replace(";", " ").replace(",", " ").split()[:2]

    def months(self):
        return self.seconds / MONTH_S

    def rate(self):
        """Alarms in ten site-months."""
        return 10 * self.alarms / self.months() if self.seconds else 0.0

    def bound(self):
        return 10 * poisson_bound(self.alarms) / self.months() if self.seconds else math.inf

    def share(self):
        return 100 * self.in_alarm / self.rows if self.rows else 0.0


def poisson_bound(events):
    """The rate at which so few events, or fewer, come in one case of twenty."""
    low, high = 0.0, 10.0 + 4 * events
    for _ in range(60):
        rate = (low + high) / 2
        below = sum(math.exp(k * math.log(rate) - rate - math.lgamma(k + 1)) for k in range(events + 1))
        low, high = (rate, high) if below > 0.05 else (low, rate)
    return high


def detect(lander, case, folder, model):
    """-> (alarm, cause) of the watched rows; None: not enough to learn from."""
    learn, watch, made, out = (folder / name for name in ("learn.csv", "watch.csv", "made.model", "out.csv"))

    def write(path, rows):
        with path.open("w", newline="") as file:
            csv.writer(file).writerows([case.names, *rows])
    if model:
        write(learn, case.learn)
        write(watch, case.watch)
        done = subprocess.run([lander, "learn", learn, "-o", made], stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, text=True)
        if done.returncode:
            return None, done.stderr.strip()
        command = [lander, "detect", watch, "-m", made, "-o", out]
    else:
        write(watch, case.learn + case.watch)
        command = [lander, "detect", watch, "-o", out]
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(f"false_alarms: {case.name}: {done.stderr}")
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))[-len(case.watch):]
    return [row["alarm"] == "1" for row in rows], [row["cause"] for row in rows]


def describe(count):
    text = f"{count.alarms} alarms in {count.months():.3f} site-months of {count.cases} recordings"
    if count.faults:
        delay = f", median delay {statistics.median(count.delays) / 60:.0f} min" if count.delays else ""
        text += f"; faults found {count.found} of {count.faults}{delay}, sensor named {count.named}"
        if count.missed:
            text += "; missed " + ", ".join(f"{kind} {count.missed.count(kind)}" for kind in sorted(set(count.missed)))
    if count.refused:
        text += f"; {len(count.refused)} recordings refused by learn: {count.refused[0][:120]}"
    if count.where:
        text += "; alarms at " + ", ".join(count.where[:8])
    return text


def results(source, how, count, trivial):
    proof = source.startswith("simulated")  # the others are too short to show one in ten months

    def one(measure, value, must, aim, of):
        return {"benchmark": f"false alarms: {source}", "measure": f"{how}: {measure}", "value": round(value, 2),
                "must": must, "aim": aim,
                "less_is_better": not measure.startswith("faults"),
                "baselines": {name: round(of(c), 2) for name, c in trivial.items()}, "how": describe(count)}
    found = [one("alarms in 10 site-months", count.rate(), MUST if proof else None, 0, Count.rate),
             one("its upper 95 % bound", count.bound(), None, 10, Count.bound),
             one("% of rows in alarm", count.share(), MUST_ROWS, 0, Count.share)]
    if count.faults:
        found.append(one("% of faults found", 100 * count.found / count.faults, None, 100,
                         lambda c: 100 * c.found / max(1, c.faults)))
    return found


def measure(lander, source, cases, folder):
    counts = {"learned": Count(), "as it goes": Count()}
    trivial = {name: Count() for name in ("always", "never", "periodic")}
    for case in cases:
        rows, day = len(case.watch), int(DAY_S / case.interval)
        blank = [""] * rows
        trivial["always"].add(case, [True] * rows, blank)
        trivial["never"].add(case, [False] * rows, blank)
        trivial["periodic"].add(case, [row % day == day // 2 for row in range(rows)], blank)  # a row each day
        for how, count in counts.items():
            alarm, cause = detect(lander, case, folder, how == "learned")
            if alarm is None:
                count.refused.append(f"{case.name}: {cause}")
            else:
                count.add(case, alarm, cause)
    return [line for how, count in counts.items() if count.cases for line in results(source, how, count, trivial)]


def run(lander, data, months=12):
    """lander: path of the program; data: pathlib of shared/data -> list of results; of what is absent, none."""
    sources = [("simulated site-months", lambda: simulated(months))]
    for name, folder, cases in (("SKAB without faults", "skab", skab_normal),
                                ("SKAB, normal rows of runs with faults", "skab", skab_runs),
                                ("3W before events", "3w", three_w), ("NAB artificialNoAnomaly", "nab", nab_normal)):
        if (data / folder).is_dir():
            sources.append((name, lambda cases=cases, folder=folder: cases(data / folder)))
        else:
            print(f"false_alarms: no {data / folder}: skipped", file=sys.stderr)
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for name, cases in sources:
            found += measure(lander, name, cases(), pathlib.Path(folder))
    return found
