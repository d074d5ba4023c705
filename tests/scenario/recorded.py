"""`./dev demo --replay`: a file with all that recorders do, and the real ones where they are."""

import json
import subprocess
import sys

import scenario

HEAD = "timestamp,pressure,frozen,absurd,gaps,words,empty\n"


class Recorded(scenario.Scenario):
    def replay(self, file, *more):
        """{step: figures} of a run that must succeed."""
        done = subprocess.run([sys.executable, scenario.ROOT / "demo" / "demo.py", "--headless", "--data",
                               self.folder / "demo", "--replay", file, *more], capture_output=True, text=True,
                              timeout=240)
        self.assertEqual(done.returncode, 0, done.stderr[-3000:] + done.stdout[-500:])
        summary = json.loads(done.stdout)
        self.assertTrue(summary["ok"])
        self.tell(f"{summary['seconds']} s: {file}")
        return {step["step"]: step["figures"] for step in summary["steps"]}

    def test_missing_frozen_and_absurd_values_survive(self):
        lines = [HEAD]
        for n in range(600):
            cells = [f"2024-05-01 10:{n // 60:02}:{n % 60:02}", f"{5 + n % 7 * 0.1:.1f}", "3.5",
                     ["1.5", "-1.18e42", "1e42", "nan", "2.5", "inf"][n % 6], "7" if n % 5 else "",
                     "on" if n % 2 else "off", ""]
            lines.append(",".join(cells) + "\n")
        lines.insert(300, "not,a,row\n")
        lines.insert(400, "\n")
        file = self.folder / "recorded.csv"
        file.write_text("".join(lines))
        steps = self.replay(file, "--speed", "60")
        seen = steps["look"]
        self.assertEqual((seen["pressure"]["good"], seen["pressure"]["bad"]), (600, 0))
        self.assertEqual((seen["absurd"]["good"], seen["absurd"]["bad"]), (200, 400))
        self.assertEqual(seen["gaps"]["good"], 480)
        self.assertNotIn("empty", seen)
        self.assertNotIn("words", seen)

    def test_a_real_pump(self):
        file = scenario.DATA / "skab" / "valve1" / "0.csv"
        if not file.exists():
            self.skipTest(f"no real data: {file} is not there")
        self.assertGreater(self.replay(file)["lake"]["rows"], 11000)

    def test_a_real_well_with_a_sensor_that_says_minus_1e42(self):
        file = scenario.DATA / "3w" / "2" / "WELL-00002_20131104014101.csv"
        wells = [file] if file.exists() else sorted((scenario.DATA / "3w").glob("*/*.csv"))
        found = next((w for w in wells if w.stat().st_size < 3_000_000 and "e+42" in w.read_text()), None)
        if not found:
            self.skipTest(f"no real data with absurd numbers under {scenario.DATA / '3w'}")
        steps = self.replay(found)
        self.assertTrue(any(column["bad"] for column in steps["look"].values()), steps["look"])


if __name__ == "__main__":
    scenario.main()
