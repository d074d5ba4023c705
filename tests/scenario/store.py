"""The operator's side of the store: thinned when the disk fills, told, checked and exported."""

import csv
import json
import os
import pathlib
import subprocess
import time

import scenario
from disk_full import SmallDisk
from mqtt import Publisher
from rig import wait_for

PYARROW = scenario.ROOT / "build" / "deps" / "venv" / "bin" / "python"
BIN = pathlib.Path(os.environ.get("LANDER_BIN", scenario.ROOT / "build" / "release" / "bin"))

DESIRED = """
asset: acme/oslo/pump-1
sources:
  - {id: broker, driver: mqtt, address: "127.0.0.1:%d"}
datastreams:
  - {id: old, property: pressure, unit: bar, policy: {thinning: [{beyond: 1h, keep: minutes}]},
     from: {source: broker, address: "old#/v", time: /t}}
  - {id: live, property: count, unit: "1",
     from: {source: broker, address: "live#/n", sequence: /n, interval: 10ms}}
commit_interval: 50ms
"""


def lander(*arguments, check=True):
    done = subprocess.run([BIN / "lander", "store", *arguments], capture_output=True, text=True)
    if check and done.returncode:
        raise AssertionError(f"{arguments}: {done.returncode}: {done.stderr}")
    return done


class Store(scenario.Scenario):
    def setUp(self):
        super().setUp()
        self.broker = self.rig.broker()

    def open_alerts(self, site):
        return {a["title"]: a for a in site.api.get(site.api.of_site("/alerts?state=open"))}

    def publish_old(self, publisher, days):
        """A sample a minute, days ago, so that there are whole hours to thin."""
        now = int(time.time())
        count = 0
        for at in range(now - days * 86400, now - 7200, 60):
            stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))
            publisher.publish("old", '{"t":"%s","v":%g}' % (stamp, 5 + at % 97 / 100))
            count += 1
        return count

    def test_a_disk_that_fills_thins_tells_goes_on_and_is_checked_and_exported(self):
        try:
            disk = self.rig.add(SmallDisk(self.folder / "disk", megabytes=160))
        except OSError as error:
            self.skipTest(f"needs a file system of its own, so root: {str(error).strip()}")
        site = self.rig.site(disk.folder / "site", log="site")
        site.api.wait_up()
        site.api.apply(DESIRED % self.broker.port)
        self.in_sync(site)
        publisher = Publisher(self.broker.port)
        count = self.publish_old(publisher, 3)
        wait_for("all is stored", lambda: site.api.metrics()["lander_store_observations"] == count, 60)
        disk.fill(site, leave=2 << 20)  # below the reserve: observations are refused
        publisher.publish("live", '{"n":1}')
        wait_for("an alarm says so at once", lambda: "The disk is full" in self.open_alerts(site), 20)
        alarm = self.open_alerts(site)["The disk is full"]
        self.assertEqual((alarm["severity"], alarm["active"]), ("critical", True))
        self.tell(alarm["detail"])

        disk.make_space(site)
        disk.fill(site, leave=40 << 20)  # room to write, but little enough to thin
        wait_for("the alarm is over", lambda: not self.open_alerts(site)["The disk is full"]["active"], 30)
        # What is not compacted yet is not thinned: some 2,000 commits later it is.
        n, end = 1, time.monotonic() + 240
        while site.api.metrics()["lander_store_thinned"] == 0:
            self.assertLess(time.monotonic(), end, "nothing was thinned")
            for _ in range(25):
                n += 1
                publisher.publish("live", '{"n":%d}' % n)
                time.sleep(0.04)
        wait_for("the alarm of it", lambda: "Old data was thinned for room" in self.open_alerts(site), 20)
        wait_for("capture went on", lambda: len(self.samples(site, datastream="live")) == n, 30)

        report = json.loads(lander("check", "--data", site.data, "--json").stdout)
        self.assertEqual(report["findings"], [])
        told = site.api.get(site.api.of_site("/store"))
        self.assertIsNone(told["days_left"])
        self.assertIn("disk-full", [i["kind"] for i in told["incidents"]])

        site.stop()
        self.assertIn("Clean.", lander("check", "--data", site.data).stdout)
        self.assertIn("bytes an observation", lander("stats", "--data", site.data).stdout)
        out = self.folder / "left.csv"
        done = json.loads(lander("export", "--data", site.data, "-o", out, "--json").stdout)
        rows = list(csv.DictReader(out.open()))
        self.assertEqual(len(rows), done["observations"])
        self.assertEqual(sorted(int(r["value"]) for r in rows if r["datastream"] == "live"), list(range(1, n + 1)))
        missing = sum(g["observations"] for g in done["gaps"] if (g["datastream"], g["why"]) == ("old", "thinned"))
        self.assertEqual(sum(r["datastream"] == "old" for r in rows) + missing, count)
        self.assertGreater(missing, 0)
        self.tell(f"{missing} of {count} were thinned")

    def test_an_export_to_parquet_is_read_by_pyarrow_and_a_full_disk_leaves_nothing_behind(self):
        site = self.rig.site("site")
        site.api.wait_up()
        site.api.apply(DESIRED % self.broker.port)
        self.in_sync(site)
        count = self.publish_old(Publisher(self.broker.port), 1)
        wait_for("all is stored", lambda: site.api.metrics()["lander_store_observations"] == count, 60)
        out = self.folder / "old.parquet"
        lander("export", "--data", site.data, "--meaning", "pressure", "-o", out)
        if PYARROW.exists():
            read = ("import json, sys, pyarrow.parquet as p; t = p.read_table(sys.argv[1]);"
                    "print(json.dumps([t.num_rows, t.column_names, str(t.schema.field('time').type),"
                    "t.column('value').to_pylist()[0], t.column('datastream').to_pylist()[0]]))")
            rows, names, kind, value, datastream = json.loads(
                subprocess.run([PYARROW, "-c", read, out], check=True, capture_output=True, text=True).stdout)
            self.assertEqual((rows, datastream), (count, "old"))
            self.assertEqual(names, ["datastream", "revision", "asset", "property", "unit", "time", "time_error_us",
                                     "kind", "value", "value_integer", "value_text", "quality"])
            self.assertEqual(kind, "timestamp[us, tz=UTC]")
            self.assertTrue(5 <= value <= 6)
        try:
            disk = self.rig.add(SmallDisk(self.folder / "disk", megabytes=1))
        except OSError:
            return
        disk.fill(site)
        for name in ("a.csv", "a.parquet"):
            done = lander("export", "--data", site.data, "-o", disk.folder / name, check=False)
            self.assertEqual(done.returncode, 1, done.stderr)
            self.tell(done.stderr.strip())
        self.assertEqual(os.listdir(disk.folder), ["somebody-elses"])


if __name__ == "__main__":
    scenario.main()
