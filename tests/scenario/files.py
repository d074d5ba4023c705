"""`lander learn`, `detect`, `predict` on files of one's own, and the same from Python on DataFrames: the real
program, without a site or hub."""

import csv
import datetime
import json
import math
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BIN = pathlib.Path(os.environ.get("LANDER_BIN", ROOT / "build" / "release" / "bin"))
DATA = ROOT.parent / "shared" / "data"
START = datetime.datetime(2024, 5, 1)


def pump(rows, seed, fault=None, scale=1.0, pressure="Pressure [bar]"):
    """Rows of a pump whose flow no longer follows its load from row `fault` on."""
    rng = random.Random(seed)
    out = [["time", pressure, "Flow", "Current"]]
    for i in range(rows):
        load = math.sin(i / 60) + 0.3 * math.sin(i / 17)
        flow = 80 + 8 * load + rng.gauss(0, 0.6) - (20 if fault is not None and i >= fault else 0)
        out.append([(START + datetime.timedelta(seconds=i)).isoformat(sep=" "),
                    f"{scale * (5 + load + rng.gauss(0, 0.05)):.6g}", f"{flow:.3f}",
                    f"{12 + 2 * load + rng.gauss(0, 0.1):.3f}"])
    return out


class Files(unittest.TestCase):
    def setUp(self):
        self.held = tempfile.TemporaryDirectory(prefix="lander-files-")
        self.addCleanup(self.held.cleanup)
        self.folder = pathlib.Path(self.held.name)

    def lander(self, *arguments, code=0):
        done = subprocess.run([BIN / "lander", *map(str, arguments)], capture_output=True, text=True,
                              cwd=self.folder, timeout=120, env={"PATH": os.environ["PATH"]})
        self.assertEqual(done.returncode, code, done.stderr[-2000:])
        self.err = done.stderr
        return done.stdout

    def write(self, name, rows, separator=","):
        with open(self.folder / name, "w", newline="") as file:
            csv.writer(file, delimiter=separator).writerows(rows)
        return self.folder / name

    def read(self, name):
        with open(self.folder / name, newline="") as file:
            return list(csv.DictReader(file))

    def test_a_fault_is_found_in_the_file_and_its_sensor_named(self):
        self.write("healthy.csv", pump(4000, 1))
        self.write("faulty.csv", pump(1000, 2, fault=700, scale=100, pressure="Pressure (kPa)"), ";")
        self.lander("learn", "healthy.csv", "-o", "pump.model")
        told = json.loads(self.lander("detect", "faulty.csv", "-m", "pump.model", "-o", "s.csv", "--json",
                                      "--plot", "s.html"))
        rows = self.read("s.csv")
        self.assertEqual(list(rows[0]), ["time", "score", "alarm", "change", "cause"])
        self.assertEqual([row["time"] for row in rows], [row[0] for row in pump(1000, 2)[1:]])
        self.assertFalse(any(row["alarm"] == "1" for row in rows[:700]))
        self.assertTrue(any(row["alarm"] == "1" and row["cause"].split(";")[0] == "Flow" for row in rows[700:760]))
        self.assertEqual((told["rows"], told["alarms"], told["incidents"][0]["causes"][0]), (1000, 1, "Flow"))
        self.assertIn("kPa", " ".join(told["notes"]))
        self.assertGreater((self.folder / "s.html").stat().st_size, 10_000)
        self.assertIn("# Model card", self.lander("model", "show", "--card", "pump.model"))

    def test_a_model_that_was_damaged_is_refused_and_nothing_is_written(self):
        self.write("healthy.csv", pump(2000, 1))
        self.lander("learn", "healthy.csv", "-o", "m")
        model = bytearray((self.folder / "m").read_bytes())
        model[len(model) // 2] ^= 1
        (self.folder / "flipped").write_bytes(model)
        (self.folder / "short").write_bytes(model[:100])
        for name in ("flipped", "short"):
            self.lander("detect", "healthy.csv", "-m", name, "-o", "s.csv", code=1)
            self.assertIn(name, self.err)
            self.assertFalse((self.folder / "s.csv").exists())

    def test_scores_that_cannot_be_written_are_an_error_not_a_success(self):
        self.write("data.csv", pump(500, 1))
        for arguments in (["detect", "data.csv"], ["learn", "data.csv", "-o", "m", "--json"]):
            with open("/dev/full", "w") as full:
                done = subprocess.run([BIN / "lander", *arguments], stdout=full, stderr=subprocess.PIPE, text=True,
                                      cwd=self.folder, timeout=120)
            self.assertEqual(done.returncode, 1)
            self.assertIn("standard output: No space left", done.stderr)

    def test_hard_files_are_read_or_refused_with_their_place(self):
        hard = {
            "empty.csv": ("", "no rows"),
            "ragged.csv": ("a,b\n1,2\n1,2,3\n", "line 3"),
            "time.csv": ("time,a\n2024-01-01 00:00:00,1\nsoon,2\n", "line 3"),
            "wide.csv": (",".join(f"c{i}" for i in range(1_000_000)) + "\n", "4096 columns"),
            "nul.csv": ("a,b\n1,\0\n", "line 2"),
        }
        for name, (text, said) in hard.items():
            (self.folder / name).write_text(text)
            self.lander("detect", name, "-o", "s.csv", code=1)
            self.assertIn(said, self.err)
            self.assertIn(name, self.err)
        rows = ["time,frozen,absurd,gaps,empty,wave"]
        for i in range(500):
            second = i if i < 250 else i - 100 if i < 260 else i * 7
            rows.append(f"{START + datetime.timedelta(seconds=second)},3.5,{'-1.18e42' if i % 50 == 9 else '1e42' if i % 50 == 8 else i % 7},"
                        f"{'' if i % 3 else i},,{math.sin(i / 9)}")
        (self.folder / "hard.csv").write_text("\n".join(rows) + "\n")
        self.lander("detect", "hard.csv", "-o", "s.csv")
        self.assertIn("before the one above", self.err)
        scores = [float(row["score"]) for row in self.read("s.csv")]
        self.assertEqual(len(scores), 500)
        self.assertFalse(any(math.isinf(score) for score in scores))

    def test_remaining_life_of_engines(self):
        rng = random.Random(5)

        def engine(unit, life, cycles):
            for t in range(1, cycles + 1):
                wear = math.exp((t - life) / 25)
                yield [unit, t, *(f"{base + gain * wear + rng.gauss(0, 0.05):.4f}" for base, gain in
                                  ((10, 2), (50, -3), (7, 1.5)))]
        lives = [rng.randint(80, 200) for _ in range(40)]
        train = [row for unit, life in enumerate(lives) for row in engine(f"e{unit}", life, life)]
        self.write("train.csv", [["engine", "cycle", "a", "b", "c"], *train])
        self.lander("learn", "--kind", "life", "--unit", "engine", "--time", "cycle", "train.csv", "-o", "life.model")
        test = [row for unit, (life, at) in enumerate([(150, 140), (150, 60)]) for row in engine(f"t{unit}", life, at)]
        rng.shuffle(test)
        self.write("test.csv", [["engine", "cycle", "a", "b", "c"], *test])
        self.lander("predict", "test.csv", "-m", "life.model", "-o", "p.csv")
        rows = self.read("p.csv")
        self.assertEqual([int(row["row"]) for row in rows], list(range(1, len(test) + 1)))
        last = rows[next(i for i, row in enumerate(test) if row[:2] == ["t0", 140])]
        self.assertLess(abs(float(last["prediction"]) - 10), 15)
        self.assertTrue(all(float(r["low"]) <= float(r["prediction"]) <= float(r["high"]) for r in rows))
        self.lander("detect", "test.csv", "-m", "life.model", code=1)

    def test_real_runs_are_read_as_they_are(self):
        files = {DATA / "skab" / "valve1" / "1.csv": 1145, DATA / "cmapss" / "test_FD001.txt": 13096}
        for file, count in files.items():
            if not file.exists():
                self.skipTest(f"no real data: {file} is not there")
            self.lander("detect", file, "-o", "s.csv", "--ignore", "anomaly,changepoint")
            self.assertEqual(len(self.read("s.csv")), count)

    def test_from_python(self):
        python = ROOT / "build" / "deps" / "venv" / "bin" / "python"
        if subprocess.run([python, "-c", "import pandas, polars"], capture_output=True).returncode != 0:
            self.skipTest("no pandas and polars in build/deps/venv: ./dev setup test")
        done = subprocess.run([python, "-B", pathlib.Path(__file__).with_name("files_frames.py")],
                              env={**os.environ, "PYTHONPATH": str(ROOT / "python"), "LANDER": str(BIN / "lander")},
                              capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, 0, done.stderr[-3000:])


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], "-v", *sys.argv[1:]])
