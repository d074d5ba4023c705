"""Remaining life of turbofan engines (NASA C-MAPSS), through the `lander` command as it stands.

    ./dev bench quality cmapss [--data FOLDER] [--json]

For each set FD00n of which a training and a test file are there: `lander learn --kind life --unit unit --time
cycle` on the whole training file, `lander predict` on the test file, and of each engine's last row the prediction
is compared with what truly remained. Labels are capped at 125 cycles, those of the test too, as is usual; so the
prediction is capped at 125 for the comparison. Score: the sum of exp(-d/13)-1 for early and exp(d/10)-1 for late
predictions (Saxena et al. 2008). Nothing was chosen on test labels: docs/intelligence/life.md says how.
"""
import csv
import math
import pathlib
import subprocess
import sys
import tempfile

CAP = 125
HEADER = ["unit", "cycle", *(f"setting{i}" for i in (1, 2, 3)), *(f"sensor{i}" for i in range(1, 22))]
TARGETS = {"FD001": {"rmse": (11.5, 10.6), "score": (200, 169), "coverage": ((0.85, 0.95), 0.9)}}
HOW = ("parameters by cross-validation over the engines of train_FD001; test labels capped at 125, "
       "last row of each engine")


def rows_of(path):
    return [line.split() for line in path.read_text().splitlines() if line.strip()]


def to_csv(rows, path):
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(HEADER)
        writer.writerows(rows)


def score(errors):
    return sum(math.exp(-d / 13) - 1 if d < 0 else math.exp(d / 10) - 1 for d in errors)


def rmse(errors):
    return math.sqrt(sum(d * d for d in errors) / len(errors))


def last_rows(rows):
    last = {}
    for i, row in enumerate(rows):
        last[row[0]] = i
    return list(last.values())


def mean_life(rows):
    """What every row of the training file has left, capped, on average: the trivial prediction."""
    lives = {}
    for row in rows:
        lives[row[0]] = max(lives.get(row[0], 0), int(row[1]))
    left = [min(lives[row[0]] - int(row[1]), CAP) for row in rows]
    return sum(left) / len(left)


def predict(lander, train, test, folder):
    to_csv(train, folder / "train.csv")
    to_csv(test, folder / "test.csv")
    subprocess.run([lander, "learn", "--kind", "life", "--unit", "unit", "--time", "cycle", folder / "train.csv",
                    "-o", folder / "model"], check=True, stdout=subprocess.DEVNULL)
    subprocess.run([lander, "predict", folder / "test.csv", "-m", folder / "model", "-o", folder / "out.csv"],
                   check=True, stdout=subprocess.DEVNULL)
    with open(folder / "out.csv", newline="") as file:
        told = [[float(row[name]) for name in ("prediction", "low", "high")] for row in csv.DictReader(file)]
    if len(told) != len(test):
        raise RuntimeError(f"lander predict wrote {len(told)} rows for {len(test)}")
    return told


def measure(lander, folder, name):
    train, test = rows_of(folder / f"train_{name}.txt"), rows_of(folder / f"test_{name}.txt")
    truth = [min(float(row[0]), CAP) for row in rows_of(folder / f"RUL_{name}.txt")]
    with tempfile.TemporaryDirectory(prefix="lander-cmapss-") as scratch:
        told = predict(lander, train, test, pathlib.Path(scratch))
    told = [[min(x, CAP) for x in told[i]] for i in last_rows(test)]
    if len(told) != len(truth):
        raise RuntimeError(f"{name}: {len(truth)} labels for {len(told)} engines")
    errors = [value - y for (value, _, _), y in zip(told, truth)]
    covered = sum(low <= y <= high for (_, low, high), y in zip(told, truth)) / len(truth)
    always = {"mean": mean_life(train), "zero": 0.0, "cap": float(CAP)}
    others = {f"always {what}": [value - y for y in truth] for what, value in always.items()}
    values = {
        "rmse": (rmse(errors), {what: rmse(other) for what, other in others.items()}),
        "score": (score(errors), {what: score(other) for what, other in others.items()}),
        "coverage": (covered, {}),
        "interval width": (sum(high - low for _, low, high in told) / len(told), {}),
    }
    rows = []
    for what, (value, baselines) in values.items():
        must, aim = TARGETS.get(name, {}).get(what, (None, None))
        rows.append({"benchmark": f"C-MAPSS {name}", "measure": what, "value": value, "must": must, "aim": aim,
                     "less_is_better": what != "coverage", "baselines": baselines, "how": HOW})
    return rows


def run(lander, data):
    folder = pathlib.Path(data) / "cmapss"
    results = []
    for name in ("FD001", "FD002", "FD003", "FD004"):
        absent = [kind for kind in ("train", "test", "RUL") if not (folder / f"{kind}_{name}.txt").is_file()]
        if absent:
            print(f"C-MAPSS {name}: left out, its {' and '.join(absent)} file is not in {folder}", file=sys.stderr)
            continue
        results += measure(lander, folder, name)
    return results
