"""A site without a network: a stick carries its data out and its way in; a laptop is a recipient of its own."""

import datetime
import json
import os

import scenario  # first: it says where demo/ is
from fleet import Fleet
from mqtt import Publisher
from rig import wait_for

DESIRED = """
asset: acme/works
sources:
  - {id: broker, driver: mqtt, address: "127.0.0.1:%d"}
datastreams:
  - {id: level, asset: tank, property: level, unit: m, policy: {uplink: summary, pickup: true},
     from: {source: broker, address: "tank#/level", sequence: /n, time: /t, interval: 10ms}}
  - {id: secret, asset: tank, property: recipe, unit: "1", policy: {uplink: never, pickup: false},
     from: {source: broker, address: "tank#/secret", sequence: /n, interval: 10ms}}
%s
commit_interval: 100ms
"""


class Courier(scenario.Scenario):
    def setUp(self):
        super().setUp()
        self.broker = self.rig.broker()
        self.fleet = Fleet(self.rig, late_after="5s")
        self.proxy = self.rig.proxy(self.fleet.hub.sites_port)
        self.media = self.folder / "media"
        self.stick = self.media / "stick"
        self.stick.mkdir(parents=True)
        code, said = self.fleet.enrol("north", self.fleet.token("north"), self.proxy.port)
        self.assertEqual(code, 0, said)
        self.proxy.cut()  # from here on nobody reaches it
        self.site = self.rig.site("north", contact_every="2s", sticks=self.media)
        self.site.api.wait_up()
        self.site.api.apply(DESIRED % (self.broker.port, ""))
        self.in_sync(self.site)
        self.publisher = Publisher(self.broker.port)
        self.at_site = scenario.Lander(self.site.data)
        self.n, self.began = 0, datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(hours=6)

    def measure(self, count):
        for _ in range(count):
            at = self.began + datetime.timedelta(seconds=self.n)
            self.publisher.publish("tank", json.dumps({"level": round(1 + self.n * 1e-4, 4), "secret": 42.25 + self.n, "n": self.n,
                                                       "t": at.strftime("%Y-%m-%dT%H:%M:%SZ")}))
            self.n += 1
        self.publisher.flush()
        wait_for("all is stored", lambda: len(self.samples(self.site, datastream="level", last="12h")) == self.n, 30)

    def pickup(self, *more):
        return json.loads(self.at_site("--json", "pickup", self.stick, *more))

    def to_hub(self):
        return json.loads(self.fleet.lander("--json", "import", self.stick))

    def rows(self, of="level", lake=None):
        """(rows, different values) of a datastream's raw observations."""
        question = f"select count(*), count(distinct value) from observation where datastream = '{of}'"
        if lake is None:
            out = self.fleet.lander("--json", "sql", question)
        else:
            out = scenario.Lander()("--json", "sql", "--lake", lake, question)
        return [int(x) for x in json.loads(out)["rows"][0]]

    def files(self, way="from-site"):
        return sorted(self.stick.glob(f"lander/*/*/{way}/*/*.bundle"))

    def test_a_stick_carries_everything_once_and_brings_the_way_in(self):
        self.measure(3000)
        told = self.pickup()
        self.assertGreater(told["peers"][0]["files"], 2)
        first = self.to_hub()
        self.assertEqual(first["refused"], [])
        self.assertEqual(self.rows(), [self.n, self.n])
        self.assertEqual(self.rows("secret"), [0, 0])
        self.assertEqual(self.fleet.of("north")["desired_revision"], 1)

        # Twice is once.
        self.assertEqual(self.to_hub()["items"], 0)
        self.assertEqual(self.rows(), [self.n, self.n])

        # Nobody has told the site yet that it arrived.
        said = self.at_site.refused("wipe", "--yes")
        self.assertIn("nothing was deleted", said)
        self.assertEqual(len(self.samples(self.site, datastream="level", last="12h")), self.n)

        # The way in: a desired state, an app's package, and the receipts.
        self.fleet.trust_vendor()
        self.fleet.lander("app", "push", self.fleet.package("1.0.0"))
        self.fleet.lander("rollout", "start", "level-watch", "1.0.0", "--sites", "north")
        self.fleet.lander("stick", "prepare", self.stick)
        self.assertTrue(self.files("to-site"))
        # It is marked now: the site takes it in by itself.
        wait_for("the app runs", lambda: any(
            c["id"] == "app/level-watch" and c["status"] == "applied"
            for c in self.site.api.get(self.site.api.of_site("/twin"))["reported"]["components"]), 30)
        job = wait_for("the pickup that began by itself", lambda: next(
            (j for j in [self.site.api.get(self.site.api.of_site("/pickup"))] if j["state"] == "done"), None), 30)
        self.assertGreater(job["brought"], 0)
        self.pickup()
        self.assertEqual(self.to_hub()["refused"], [])
        wait_for("the hub knows that it runs", lambda: self.fleet.component("north", "app/level-watch")["status"] == "applied", 5)

        # The stick brings the receipts: now it may go (once it stands in chunks; bench/courier.py sees it gone).
        self.pickup()
        self.may_wipe()

    def may_wipe(self):
        told = json.loads(self.at_site("--json", "wipe", "--yes"))
        self.assertEqual((told["waiting"], told["kept"]), (0, []))

    def test_what_came_by_the_network_meanwhile_comes_once(self):
        self.measure(1000)
        self.pickup()
        old = [(f, f.read_bytes()) for f in self.files()]
        self.proxy.restore()
        wait_for("the network brought it", lambda: self.fleet.of("north")["presence"] == "on-time"
                 and self.fleet.of("north")["desired_revision"] == 1, 30)
        self.measure(500)
        self.pickup()
        self.assertEqual(self.to_hub()["refused"], [])
        self.assertEqual(self.rows(), [self.n, self.n])
        # An older stick turns up at last.
        for path, content in old:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        again = self.to_hub()
        self.assertEqual((again["refused"], again["items"]), ([], 0))
        self.assertEqual(self.rows(), [self.n, self.n])
        self.assertFalse(any(s.get("cloned") for s in [self.fleet.of("north")]))

    def test_a_damaged_file_is_told_and_picked_up_again(self):
        self.measure(1000)
        self.pickup()
        victim = max(self.files(), key=lambda f: f.stat().st_size)
        victim.write_bytes(victim.read_bytes()[:-7])
        code, out, said = self.fleet.lander.run("import", self.stick)
        self.assertEqual(code, 1, out)
        self.assertIn("cut short or damaged", said)
        self.assertEqual(self.pickup()["peers"][0]["mended"], 1)
        self.assertEqual(self.to_hub()["refused"], [])
        self.assertEqual(self.rows(), [self.n, self.n])

    def test_data_for_a_laptop_never_touches_the_hub(self):
        own = self.folder / "ana"
        laptop = scenario.Lander()
        laptop("recipient", "new", "ana", own)
        self.assertEqual((own / "signing.key").stat().st_mode & 0o777, 0o600)
        self.fleet.lander("trust", "add", "--key", self.fleet.root, "--recipient", own / "ana.card")
        (own / "sites" / "north.card").write_text(self.at_site("site", "card"))
        self.measure(2000)
        self.assertIn("names no recipient", self.at_site.refused("pickup", self.stick, "--peer", "ana"))
        self.fleet.lander("stick", "prepare", self.stick)  # brings the trust document
        wait_for("picked up by itself", lambda: self.site.api.get(self.site.api.of_site("/pickup"))["state"] == "done", 30)
        self.pickup()
        into = json.loads(laptop("--json", "import", self.stick, "--into", own))
        self.assertEqual(into["refused"], [])
        self.assertEqual(self.rows(lake=own), [self.n, self.n])
        self.assertEqual(self.rows("secret", lake=own), [0, 0])
        self.assertEqual(json.loads(laptop("--json", "import", self.stick, "--into", own))["items"], 0)
        # The hub gets all that a network would bring, and no raw observation.
        self.assertEqual(self.to_hub()["refused"], [])
        self.assertEqual(self.fleet.of("north")["desired_revision"], 1)
        self.assertEqual(self.rows(), [0, 0])
        # Only its reader's key opens it.
        other = self.folder / "ben"
        laptop("recipient", "new", "ana", other)
        (other / "sites" / "north.card").write_text(self.at_site("site", "card"))
        self.assertIn("refused", laptop.refused("import", self.stick, "--into", other))
        # Its receipts let the site wipe.
        self.assertIn("nothing was deleted", self.at_site.refused("wipe", "--yes"))
        self.pickup()
        self.may_wipe()

    def test_only_folders_of_sticks_are_written_to(self):
        self.measure(10)
        elsewhere = self.folder / "elsewhere"
        elsewhere.mkdir()
        (self.media / "link").symlink_to(elsewhere)
        for folder in (elsewhere, self.media / "link", self.media / ".." / "elsewhere", self.stick):
            status = self.site.api.post(self.site.api.of_site("/pickup"), {"folder": str(folder)})
            job = wait_for("it is refused", lambda: next((j for j in [self.site.api.get(self.site.api.of_site("/pickup"))]
                                                          if j["state"] == "failed"), None), 10)
            self.assertIn("no stick at", job["reason"])
        self.assertEqual(os.listdir(elsewhere), [])
        self.assertEqual(os.listdir(self.stick), [])


if __name__ == "__main__":
    scenario.main()
