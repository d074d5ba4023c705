#!/usr/bin/env python3
"""How well the detectors and predictors do, on public data, beside what doing nothing clever scores:
./dev bench quality [NAME]... [--data FOLDER] [--json]

Each benchmark is a module in bench/quality/: it drives the `lander` program as a user does (learn, detect,
predict on CSV files) and scores what it wrote. "must" is what the project promises, "aim" what it hopes for. Baselines:
an alarm that always stands, one that never does, one that fires blindly at regular times (as often as ours, where it can
be told); for predictions the most frequent class or the mean. docs/intelligence.md says how parameters were chosen."""
import argparse
import importlib
import json
import pathlib
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "bench" / "quality"))
BENCHMARKS = ("nab", "skab", "skab_changes", "three_w", "cmapss", "cards", "false_alarms")
PROGRAM = ROOT / "build/release/bin/lander"


def reached(row):
    """None: nothing is asked of this measure."""
    must = row.get("must")
    if must is None or row["value"] is None:
        return None
    if isinstance(must, (list, tuple)):
        return must[0] <= row["value"] <= must[1]
    return row["value"] <= must if row.get("less_is_better") else row["value"] >= must


def number(value):
    if value is None:
        return "-"
    return f"{value:.0f}" if abs(value) >= 1000 or value == int(value) else f"{value:.3g}"


def bound(row, key):
    value = row.get(key)
    if value is None:
        return ""
    if isinstance(value, (list, tuple)):
        return f"{number(value[0])}..{number(value[1])}"
    return ("≤ " if row.get("less_is_better") else "≥ ") + number(value)


def say(rows, seconds):
    for row in rows:
        met = reached(row)
        mark = " " if met is None else "✓" if met else "✗"
        base = ", ".join(f"{name} {number(value)}" for name, value in row.get("baselines", {}).items())
        print(f"{mark} {row['benchmark']:<14} {row['measure']:<46} {number(row['value']):>8}  "
              f"{bound(row, 'must'):<10} {bound(row, 'aim'):<10} {base}")
    for how in dict.fromkeys(row["how"] for row in rows if row.get("how")):
        print(f"    {how}")
    print(f"    {seconds:.0f} s\n", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="of " + ", ".join(BENCHMARKS))
    parser.add_argument("--data", type=pathlib.Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--lander", type=pathlib.Path, default=PROGRAM)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    unknown = sorted(set(given.names) - set(BENCHMARKS))
    if unknown:
        parser.error(f"no benchmark {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
    if not given.data.is_dir():
        print(f"skipped: no data at {given.data} (--data FOLDER)", file=sys.stderr)
        return 0
    everything = []
    if not given.json:
        print(f"  {'BENCHMARK':<14} {'MEASURE':<46} {'VALUE':>8}  {'MUST':<10} {'AIM':<10} BASELINES")
    for name in given.names or BENCHMARKS:
        began = time.monotonic()
        rows = importlib.import_module(name).run(given.lander, given.data)
        everything += rows
        if not given.json:
            say(rows, time.monotonic() - began)
    if given.json:
        print(json.dumps(everything, indent=1))
    return 0 if all(reached(row) is not False for row in everything) else 1


if __name__ == "__main__":
    sys.exit(main())
