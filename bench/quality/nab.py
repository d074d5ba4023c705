#!/usr/bin/env python3
"""NAB 1.1, standard profile, of `lander detect` without a model: ./dev bench quality nab.

Exactly the scorer of the Numenta Anomaly Benchmark (Lavin & Ahmad 2015; numenta/NAB nab/sweeper.py): rows before
min(15 %, 750) do not count; in a window only the best (earliest) detection counts, by the sigmoid of its place; each row
at or above the threshold outside the windows is one false positive; 0 is a detector that never fires, 100 one that
fires at each window's first row and nowhere else. One threshold for all files, the best by sweep; the alarm needs none."""
import csv
import json
import math
import pathlib
import subprocess
import sys
import tempfile
import zlib

FALSE_POSITIVE = 0.11
FALSE_NEGATIVE = 1.0
MUST, AIM, MUST_ALARM = 66, 75, 55


def sigmoid(y):
    return -1.0 if y > 3 else 2 / (1 + math.exp(5 * y)) - 1


class Series:
    """One file: what a detection at each row is worth, and in which window (None: outside) it lies."""

    def __init__(self, name, times, windows):
        self.name, self.windows = name, len(windows)
        self.probation = min(int(0.15 * len(times)), 750)
        self.worth, self.window = [], []
        left = sorted(windows)
        inside = last = None  # (first row, last row) of the window we are in; of the one before
        for row, time in enumerate(times):
            if left and time == left[0][0]:
                inside = (row, times.index(left.pop(0)[1]))
            if inside:
                width = inside[1] - inside[0] + 1
                self.worth.append(sigmoid(-(inside[1] - row + 1) / width) / sigmoid(-1))
                self.window.append(inside)
            else:
                past = (row - last[1]) / (last[1] - last[0]) if last else math.inf
                self.worth.append(FALSE_POSITIVE * sigmoid(past))
                self.window.append(None)
            if inside and row == inside[1]:
                last, inside = inside, None


def load(folder):
    """-> [(Series, path)] of a folder laid out as NAB's data."""
    windows = json.loads((folder / "labels/combined_windows.json").read_text())
    found = []
    for path in sorted(folder.glob("*/*.csv")):
        name = f"{path.parent.name}/{path.name}"
        with path.open(newline="") as file:
            times = [row["timestamp"][:19] for row in csv.DictReader(file)]
        found.append((Series(name, times, [(a[:19], b[:19]) for a, b in windows[name]]), path))
    return found


def normalised(raw, windows):
    null = -FALSE_NEGATIVE * windows
    return 100 * (raw - null) / (windows - null)


def sweep(pairs):
    """pairs: [(Series, scores)] -> (best normalised score, its threshold). A score that is NaN never fires."""
    windows = sum(series.windows for series, _ in pairs)
    points = []
    for i, (series, scores) in enumerate(pairs):
        if len(scores) != len(series.worth):
            raise ValueError(f"{series.name}: {len(scores)} scores for {len(series.worth)} rows")
        points += [(scores[row], i, row) for row in range(series.probation, len(scores)) if scores[row] == scores[row]]
    points.sort(key=lambda point: -point[0])
    found, total = {}, -FALSE_NEGATIVE * windows
    best, threshold = total, math.inf
    for at, (score, i, row) in enumerate(points):
        series = pairs[i][0]
        worth, window = series.worth[row], series.window[row]
        if window:
            before = found.get((i, window), -FALSE_NEGATIVE)
            if worth > before:
                total += worth - before
                found[(i, window)] = worth
        else:
            total += worth
        if total > best and (at + 1 == len(points) or points[at + 1][0] != score):
            best, threshold = total, score
    return normalised(best, windows), threshold


def at_threshold(pairs, threshold):
    """-> (normalised score, windows found, false positives) at a threshold that is given."""
    windows = sum(series.windows for series, _ in pairs)
    raw, hits, false = 0.0, 0, 0
    for series, scores in pairs:
        best = {}
        for row in range(series.probation, len(scores)):
            if not scores[row] >= threshold:
                continue
            window = series.window[row]
            if window:
                best[window] = max(best.get(window, -FALSE_NEGATIVE), series.worth[row])
            else:
                raw += series.worth[row]
                false += 1
        hits += len(best)
        raw += sum(best.values()) - FALSE_NEGATIVE * (series.windows - len(best))
    return normalised(raw, windows), hits, false


def half(series):
    """0: the half that parameters may be chosen on; 1: the other."""
    return zlib.crc32(series.name.encode()) % 2


def firing(corpus, which):
    """The score of firing at the rows for which `which(series, row)` holds."""
    return at_threshold([(s, [1.0 if which(s, row) else 0.0 for row in range(len(s.worth))]) for s, _ in corpus], 0.5)[0]


def perfect(series, row):
    window = series.window[row]
    return window and row == max(window[0], series.probation)


def baselines(corpus):
    every = max(firing(corpus, lambda _, row, n=n: row % n == 0) for n in (100, 150, 200, 250, 300, 400))
    return {"always": firing(corpus, lambda *_: True), "never": firing(corpus, lambda *_: False), "periodic": every}


def detect(lander, corpus, folder):
    """Runs the program on each file -> ([(Series, score)], [(Series, alarm)])."""
    scores, alarms = [], []
    for series, path in corpus:
        out = folder / "out.csv"
        done = subprocess.run([lander, "detect", path, "-o", out], capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{path}: {done.stderr}")
        with out.open(newline="") as file:
            rows = list(csv.DictReader(file))
        scores.append((series, [float(row["score"] or "nan") for row in rows]))
        alarms.append((series, [float(row["alarm"]) for row in rows]))
    return scores, alarms


def results(corpus, scores, alarms):
    trivial = baselines(corpus)
    best, threshold = sweep(scores)
    by_alarm, hits, false = at_threshold(alarms, 0.5)
    halves = [at_threshold([pair for pair in scores if half(pair[0]) == side], threshold)[0] for side in (0, 1)]
    half_alarms = [at_threshold([pair for pair in alarms if half(pair[0]) == side], 0.5)[0] for side in (0, 1)]
    def one(measure, value, must, aim, how):
        return {"benchmark": "NAB 1.1 standard", "measure": measure, "value": round(value, 2), "must": must,
                "aim": aim, "baselines": {name: round(x, 2) for name, x in trivial.items()}, "how": how}
    chosen = "parameters chosen on the files whose crc32(folder/file) is even"
    return [
        one("score, one threshold for all", best, MUST, AIM,
            f"threshold {threshold:.3g} by sweep; {chosen}: even half {halves[0]:.1f}, odd half {halves[1]:.1f}"),
        one("default alarm", by_alarm, MUST_ALARM, MUST_ALARM,
            f"no threshold chosen; {hits} windows found, {false} false rows; {chosen}: even half {half_alarms[0]:.1f}, "
            f"odd half {half_alarms[1]:.1f}"),
    ]


def run(lander, data):
    """lander: path of the program; data: pathlib of shared/data -> list of results; empty where the data is absent."""
    folder = data / "nab"
    if not folder.is_dir():
        print(f"nab: no {folder}: skipped", file=sys.stderr)
        return []
    corpus = load(folder)
    if abs(firing(corpus, perfect) - 100) > 1e-9 or firing(corpus, lambda *_: False) != 0:
        raise AssertionError("the scorer is not NAB's: perfect is 100, never is 0")
    with tempfile.TemporaryDirectory() as out:
        scores, alarms = detect(lander, corpus, pathlib.Path(out))
    return results(corpus, scores, alarms)
