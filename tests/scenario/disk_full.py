"""A disk that fills: told, nothing acknowledged falsely, alerts still work, and all is well after space is made."""

import os
import resource
import signal
import subprocess

import scenario
from mqtt import Publisher
from rig import wait_for

DESIRED = """
sources:
  - {id: broker, driver: mqtt, address: "127.0.0.1:%d"}
datastreams:
  - {id: counter, asset: acme/counter, property: count, unit: "1",
     from: {source: broker, address: "count#/n", sequence: /n, interval: 10ms}}
commit_interval: 100ms
"""


class SmallDisk:
    """A file system of our own, to fill. Needs root."""

    def __init__(self, folder, megabytes=48):
        folder.mkdir()
        self.folder = folder
        self.filler = folder / "somebody-elses"
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "lander-test", folder],
                              capture_output=True, text=True)
        if done.returncode:
            raise OSError(done.stderr)

    def fill(self, _site, leave=0):
        free = os.statvfs(self.folder)
        size = max(0, free.f_bavail * free.f_bsize - leave)
        with open(self.filler, "ab") as out:
            out.write(b"x" * size)

    def make_space(self, _site):
        self.filler.unlink()

    def stop(self):
        subprocess.run(["umount", "-l", self.folder], check=False)


class LimitedFiles:
    """Without root: no file of the site may grow any more, which SQLite meets as a full disk."""

    def __init__(self, folder):
        folder.mkdir()
        self.folder = folder

    def fill(self, site, leave=0):
        resource.prlimit(site.pid, resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))

    def make_space(self, site):
        resource.prlimit(site.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    def stop(self):
        pass


class DiskFull(scenario.Scenario):
    def disk(self):
        try:
            return self.rig.add(SmallDisk(self.folder / "disk"))
        except OSError as error:
            self.tell(f"no file system of our own ({str(error).strip()}): limiting the size of files instead")
            return self.rig.add(LimitedFiles(self.folder / "disk2"))

    def test_nothing_is_acknowledged_falsely_and_all_is_stored_when_there_is_space_again(self):
        disk = self.disk()
        broker = self.rig.broker()
        # A limit on files raises SIGXFSZ, which would kill; a full disk raises none.
        site = self.rig.site(disk.folder / "site", log="site",
                             before=lambda: signal.signal(signal.SIGXFSZ, signal.SIG_IGN))
        site.api.wait_up()
        site.api.apply(DESIRED % broker.port)
        self.in_sync(site)
        publisher = Publisher(broker.port)

        def publish(first, last):
            for n in range(first, last):
                publisher.publish("count", '{"n":%d}' % n)

        def count():
            return site.api.metrics()["lander_store_observations"]

        publish(0, 500)
        wait_for("500 are stored", lambda: count() == 500, 20)

        disk.fill(site)
        publish(500, 1500)
        status, body = wait_for("the site says that its disk is full",
                                lambda: (lambda h: h if h[0] == 503 else None)(site.api.health()), 20)
        self.tell(f"{status}: {body['reason']}")
        self.assertRegex(body["reason"], "(?i)full|too large|space")
        self.assertEqual(count(), 500)
        self.assertEqual(len(self.samples(site, datastream="counter")), 500)  # it answers all the while

        disk.make_space(site)
        wait_for("it is well again", lambda: site.api.health()[0] == 200, 20)
        wait_for("everything is stored", lambda: count() == 1500, 30)

        # Once more, and the power goes while it is full: the broker still has what was not acknowledged.
        if isinstance(disk, SmallDisk):
            disk.fill(site)
            publish(1500, 2500)
            wait_for("full again", lambda: site.api.health()[0] == 503, 20)
            site.kill()
            disk.make_space(site)
            site.start()
            site.api.wait_up()
            wait_for("everything is stored", lambda: count() >= 2500, 30)
        values = sorted(int(s["value"]) for s in self.samples(site, datastream="counter"))
        self.assertEqual(values, list(range(len(values))))
        self.assertGreaterEqual(len(values), 1500)

    def test_observations_stop_before_the_reserve_of_alerts_and_records_is_touched(self):
        try:
            disk = self.rig.add(SmallDisk(self.folder / "disk"))
        except OSError as error:
            self.skipTest(f"needs a file system of its own, so root: {str(error).strip()}")
        broker = self.rig.broker()
        site = self.rig.site(disk.folder / "site", log="site")
        site.api.wait_up()
        site.api.apply(DESIRED % broker.port)
        self.in_sync(site)
        publisher = Publisher(broker.port)
        disk.fill(site, leave=4 << 20)  # less than the 8 MiB that observations must leave
        for n in range(100):
            publisher.publish("count", '{"n":%d}' % n)
        wait_for("the site says that it is full", lambda: site.api.health()[0] == 503, 20)
        self.assertEqual(site.api.metrics()["lander_store_observations"], 0)
        # What a person decides now is still durable.
        revision = site.api.apply("commit_interval: 200ms\n")["revision"]
        site.kill()
        site.start()
        wait_for("it is back", lambda: site.api.health(), 20)
        self.assertEqual(site.api.get(site.api.of_site("/twin"))["desired"]["revision"], revision)
        disk.make_space(site)
        wait_for("all is stored", lambda: site.api.metrics()["lander_store_observations"] == 100, 30)
        wait_for("it is well", lambda: site.api.health()[0] == 200, 20)


if __name__ == "__main__":
    scenario.main()
