#!/usr/bin/env python3
"""SKAB outliers by score: ./dev bench quality skab

`lander learn` on the first 400 rows of each of the 34 runs with a fault, `lander detect -m` on the rest; the labels are in
neither. Rows count one by one and are summed over the runs; nothing is point-adjusted. One threshold for all runs: for
each run the one with the best F1 on the 33 others among those that keep their false-alarm rate at TARGET or below (a
little under the 15 % that are promised). The parameters were chosen on valve1; valve2 and other are shown apart. The
default alarm (one false in 30 days) is another operating point and is shown beside."""
import csv
import pathlib
import subprocess
import sys
import tempfile

LEARNED = 400
TARGET = 0.142
PROMISED = 0.15
CANDIDATES = 400
CHOSEN_ON = "valve1"
LABELS = ("anomaly", "changepoint")


def read(path):
    with path.open(newline="") as file:
        names, *rows = list(csv.reader(file, delimiter=";"))
    return names, rows


def write(path, names, rows):
    kept = [i for i, name in enumerate(names) if name not in LABELS]
    with path.open("w", newline="") as file:
        csv.writer(file, delimiter=";").writerows([[row[i] for i in kept] for row in [names, *rows]])


def judged(lander, path, folder):
    """-> (scores, alarms, truth) of the rows after those that were learned"""
    names, rows = read(path)
    train, rest, model, out = (folder / name for name in ("train.csv", "rest.csv", "run.model", "out.csv"))
    write(train, names, rows[:LEARNED])
    write(rest, names, rows[LEARNED:])
    subprocess.run([lander, "learn", train, "-o", model], check=True, stdout=subprocess.DEVNULL)
    subprocess.run([lander, "detect", rest, "-m", model, "-o", out], check=True, stdout=subprocess.DEVNULL)
    with out.open(newline="") as file:
        told = list(csv.DictReader(file))
    truth = [float(row[names.index("anomaly")]) > 0 for row in rows[LEARNED:]]
    return [float(row["score"] or 0) for row in told], [row["alarm"] == "1" for row in told], truth


class Counts:
    def __init__(self, hit=0, miss=0, false=0, quiet=0):
        self.hit, self.miss, self.false, self.quiet = hit, miss, false, quiet

    def __add__(self, other):
        return Counts(self.hit + other.hit, self.miss + other.miss, self.false + other.false, self.quiet + other.quiet)

    def f1(self):
        return 2 * self.hit / max(1, 2 * self.hit + self.miss + self.false)

    def false_rate(self):
        return self.false / max(1, self.false + self.quiet)

    def __str__(self):
        return (f"F1 {self.f1():.3f} FAR {100 * self.false_rate():.1f} % "
                f"MAR {100 * self.miss / max(1, self.hit + self.miss):.1f} %")


def count(told, truth):
    pairs = list(zip(told, truth))
    return Counts(sum(a and t for a, t in pairs), sum(t and not a for a, t in pairs),
                  sum(a and not t for a, t in pairs), sum(not a and not t for a, t in pairs))


def leave_one_out(runs, at_most):
    """runs: [(scores, truth)] -> the counts when each run is judged by a threshold in which it had no say"""
    pooled = sorted(score for scores, _ in runs for score in scores)
    thresholds = sorted({pooled[i * (len(pooled) - 1) // CANDIDATES] for i in range(CANDIDATES + 1)})
    table = [[count([score >= threshold for score in scores], truth) for threshold in thresholds]
             for scores, truth in runs]
    whole = [sum((row[i] for row in table), Counts()) for i in range(len(thresholds))]
    result = Counts()
    for row in table:
        best = None
        for i, mine in enumerate(row):
            others = Counts(whole[i].hit - mine.hit, whole[i].miss - mine.miss, whole[i].false - mine.false,
                            whole[i].quiet - mine.quiet)
            if others.false_rate() <= at_most and (best is None or others.f1() > best[0]):
                best = others.f1(), mine
        result += best[1] if best else Counts(0, row[0].hit + row[0].miss, 0, row[0].false + row[0].quiet)
    return result


def run(lander, data):
    """lander: path of the program; data: pathlib of shared/data -> list of results; empty where the data is absent."""
    folder = data / "skab"
    if not folder.is_dir():
        print(f"skab: no {folder}: skipped", file=sys.stderr)
        return []
    paths = [path for path in sorted(folder.glob("*/*.csv")) if path.parent.name != "anomaly-free"]
    with tempfile.TemporaryDirectory() as scratch:
        runs = {path: judged(lander, path, pathlib.Path(scratch)) for path in paths}
    scored = [(scores, truth) for scores, _, truth in runs.values()]
    best = leave_one_out(scored, TARGET)
    free = leave_one_out(scored, 1)
    chosen = leave_one_out([runs[p][::2] for p in paths if p.parent.name == CHOSEN_ON], TARGET)
    apart = leave_one_out([runs[p][::2] for p in paths if p.parent.name != CHOSEN_ON], TARGET)
    alarm = sum((count(alarms, truth) for _, alarms, truth in runs.values()), Counts())
    every = [count([True] * len(truth), truth) for _, _, truth in runs.values()]
    periodic = sum((count([row % 2 == 0 for row in range(len(truth))], truth) for _, _, truth in runs.values()), Counts())
    always = sum(every, Counts())
    how = (f"threshold of each run from the 33 others at FAR <= {100 * TARGET:.1f} %: {best}; without that bound {free}; "
           f"thresholds and runs of {CHOSEN_ON} alone {chosen}; of the rest alone {apart}; the default alarm {alarm}; "
           f"parameters chosen on {CHOSEN_ON}")

    def one(measure, value, must, aim, baselines, less=False):
        return {"benchmark": "SKAB outliers", "measure": measure, "value": round(value, 3), "must": must, "aim": aim,
                "less_is_better": less, "baselines": {k: round(v, 3) for k, v in baselines.items()}, "how": how}
    return [
        one("F1 by score, leave one file out", best.f1(), 0.80, 0.83,
            {"always": always.f1(), "never": 0.0, "periodic": periodic.f1()}),
        one("false-alarm rate of that", best.false_rate(), PROMISED, None,
            {"always": 1.0, "never": 0.0, "periodic": periodic.false_rate()}, True),
    ]
