"""Several ways to one hub: HTTPS, a broker, a satellite's modem; each alone, and a copy of the site itself."""

import json
import os
import shutil

import scenario  # first: it says where demo/ is
from fleet import Fleet, desired
from mqtt import Publisher
from rig import free_port, wait_for

SATELLITE = """  - {id: sat, type: short-message, price: 0.001, bytes_a_day: 20000, delay: 1s,
     settings: {device: "%s", address: "%s"}}
"""
BROKER = """  - {id: broker, type: mqtt, settings: {url: "mqtt://127.0.0.1:%d"}}
"""
HOST = """  - {id: load, asset: box, property: load, unit: "1", policy: {uplink: raw},
     from: {source: host, address: load1, interval: 200ms}}
"""


class Carriers(scenario.Scenario):
    def setUp(self):
        super().setUp()
        self.source = self.rig.broker(name="source")
        self.between = self.rig.broker(name="between")
        operator = free_port()
        self.fleet = Fleet(self.rig, late_after="5s", options=(
            "--mqtt", f"mqtt://127.0.0.1:{self.between.port}", "--short-url", f"http://127.0.0.1:{operator}/MT"))
        self.hub = self.fleet.hub.api
        self.satellite = self.rig.satellite(self.fleet.hub.port, operator)
        self.fleet.trust_vendor()
        self.way = self.rig.proxy(self.fleet.hub.sites_port)
        self.site = self.fleet.site("north", self.way.port)
        self.at_site = scenario.Lander(self.site.data)
        self.fleet.lander("app", "push", self.fleet.package("1.0.0"))
        self.declare(desired(self.source.port, HOST) + "carriers:\n" + BROKER % self.between.port +
                     SATELLITE % (self.satellite.device, self.satellite.imei))
        code, rollout = self.fleet.roll_out("1.0.0", "north")
        self.assertEqual(code, 0, rollout)
        self.publisher = Publisher(self.source.port)
        self.n = 0

    def declare(self, yaml):
        yaml = yaml.replace("sources:\n", "sources:\n  - {id: host, driver: host, poll_interval: 200ms}\n")
        file = self.folder / "north.yaml"
        file.write_text(yaml)
        self.fleet.lander("--site", "north", "apply", file)
        wait_for("applied", lambda: self.fleet.of("north")["in_sync"], 30)

    def measure(self, level):
        self.publisher.publish("tank", json.dumps({"level": level, "secret": self.n, "n": self.n}))
        self.n += 1

    def alarm(self):
        """One alert, raised and open, that is another one than those before."""
        known = {a["id"] for a in self.alerts_at(self.site.api)}
        self.measure(9)
        return wait_for("an alert at the site", lambda: next(
            (a["id"] for a in self.alerts_at(self.site.api) if a["id"] not in known), None))

    def end(self, alert):
        self.measure(1)
        wait_for("it is over", lambda: not self.alert_at(self.site.api, alert)["active"])
        self.acknowledge(self.site.api, alert)

    def acknowledge(self, server, alert, comment="seen"):
        server.post(f"/api/v1/sites/north/alerts/{alert}/events", {"kind": "acknowledge", "comment": comment})

    def alerts_at(self, server):
        return server.get("/api/v1/sites/north/alerts", state="all", limit=1000)

    def alert_at(self, server, alert):
        return server.get(f"/api/v1/sites/north/alerts/{alert}")

    def evidence(self, alert):
        """What only the whole alert has."""
        return self.alert_at(self.hub, alert)["evidence"]["series"]

    def events_at(self, server):
        return sorted((e["id"], e["kind"], a["id"]) for a in self.alerts_at(server)
                      for e in self.alert_at(server, a["id"])["events"])

    def the_same_once(self, within=60):
        wait_for("the same events at site and hub", lambda: self.events_at(self.hub) == self.events_at(self.site.api), within)
        events = self.events_at(self.site.api)
        self.assertEqual(len({e[0] for e in events}), len(events))

    def at_hub(self, alert, within):
        return wait_for("the alert at the hub", lambda: next(
            (a for a in self.alerts_at(self.hub) if a["id"] == alert), None), within, 0.02)

    def link(self):
        return json.loads(self.at_site("--json", "link", "status"))

    def carrier(self, wanted):
        return next(c for c in self.link()["carriers"] if c["id"] == wanted)

    def trace(self):
        """{what: {carrier: why}} of the alerts that wait."""
        return {t["number"]: t["carriers"] for t in json.loads(self.at_site("--json", "link", "trace")) if t["lane"] == "alert"}

    def sessions(self):
        return self.satellite.log.read_text().count("sent ")

    def away(self, *ways):
        """Until the site knows that these ways do not work."""
        wait_for(f"{ways} are down", lambda: all(not self.carrier(w)["connected"] for w in ways), 40)

    def has_all(self):
        """Everything that the site stored stands in the hub's lake, once."""
        rows = lambda: [int(x) for x in json.loads(self.fleet.lander("--json", "sql", (  # noqa: E731
            "select count(*), count(distinct value) from observation where datastream = 'secret' or datastream = 'level'")))["rows"][0]]
        stored = wait_for("stored", lambda: len(self.samples(self.site, datastream="level")) == self.n and self.n, 20)
        wait_for("all is in the lake", lambda: rows()[0] >= stored, 60, 0.3)
        self.assertEqual(rows()[0], stored)

    def test_an_alert_goes_the_cheapest_way_that_works_and_by_satellite_in_brief_when_none_does(self):
        # The dear way is for when the cheap ones fail.
        first = self.alarm()
        self.at_hub(first, 20)
        self.end(first)
        self.the_same_once()
        self.assertEqual(self.sessions(), 0)
        self.assertEqual(self.carrier("sat")["budget_left"], 20000)

        self.way.cut()
        self.between.stop()
        self.away("https", "broker")
        second = self.alarm()
        told = self.at_hub(second, 20)
        self.assertEqual((told["title"], told["severity"], told["active"]), ("Tank too full", "high", True))
        self.assertEqual(self.evidence(second), [])
        self.assertGreater(self.sessions(), 0)
        # The site says how it stands, and why the rest waits.
        sat = wait_for("the satellite is up", lambda: next((c for c in [self.carrier("sat")] if c["connected"]), None), 20)
        self.assertEqual((sat["brief"], sat["price"], sat["budget"]), (True, 0.001, 20000))
        self.assertLess(sat["budget_left"], 20000)
        self.assertEqual((self.link()["connected"], self.link()["carrier"]), (True, "sat"))
        lanes = {x["lane"]: x for x in self.link()["lanes"]}
        self.assertGreater(lanes["alert"]["waiting"], 0)
        for word in ("sat", "of 20.0 kB", "alert", "not at this pace"):
            self.assertIn(word, self.at_site("link", "status"))
        why = wait_for("the hub's receipt of the brief", lambda: next(
            (w for w in self.trace().values() if w["sat"] == "told-in-brief"), None), 30)
        self.assertEqual((why["https"], why["broker"]), ("down", "down"))
        self.assertIn("told in brief; the whole goes by another", self.at_site("link", "trace"))

        # The whole takes the brief one's place.
        sessions = self.sessions()
        self.way.restore()
        wait_for("the whole alert", lambda: self.evidence(second), 60)
        # The hub has it a moment before its answer is at the site, which until then tells in brief.
        wait_for("the site knows that HTTPS works", lambda: self.carrier("https")["connected"], 20)
        self.the_same_once()
        self.assertEqual(len(self.alerts_at(self.hub)), 2)
        self.end(second)
        self.the_same_once()
        self.has_all()
        self.assertEqual(self.sessions(), sessions)
        self.tell(f"{sessions} short messages, {20000 - sat['budget_left']} bytes")

    def test_by_satellite_alone_an_alert_of_a_kind_that_the_hub_never_heard_of_is_told(self):
        self.way.cut()
        self.between.stop()
        self.away("https", "broker")
        alert = self.alarm()
        told = self.at_hub(alert, 20)
        self.assertEqual((told["title"], told["asset"], told["causes"][0]["datastream"]),
                         ("Tank too full", "acme/works/tank", "level"))
        sessions = wait_for("the hub's receipt", lambda: self.trace() and all(
            w["sat"] == "told-in-brief" for w in self.trace().values()) and self.sessions(), 30)
        self.assertLess(sessions, 3)
        self.way.restore()
        wait_for("the whole alert", lambda: self.evidence(alert), 60)
        self.the_same_once()

    def test_by_a_broker_alone_everything_arrives_and_garbage_changes_nothing(self):
        self.way.cut()
        self.away("https")
        garbage = Publisher(self.between.port, "a stranger")
        topics = [f"lander/{tenant}/{site}/{way}" for tenant in ("default", "nobody") for site in ("north", "x")
                  for way in ("up", "down")] + ["lander/default/north", "lander/up"]
        for round_ in range(5):
            for topic in topics:
                for payload in (b"", b"\x00", b"\xd8\x62\x84", os.urandom(40), os.urandom(5000)):
                    garbage.publish(topic, payload)
            alert = self.alarm()
            self.at_hub(alert, 30)
            self.end(alert)
        garbage.flush()
        self.assertIn("broker", self.at_site("link", "status"))
        self.the_same_once()
        self.assertEqual(len(self.alerts_at(self.hub)), 5)
        self.has_all()
        self.assertEqual([s["site"] for s in self.hub.get("/api/v1/sites")], ["north"])
        wait_for("on time by the broker alone", lambda: self.fleet.of("north")["presence"] == "on-time", 20)
        self.assertFalse(self.carrier("https")["connected"])
        self.assertEqual(self.sessions(), 0)

    def test_two_machines_from_one_image_are_told_and_both_go_on(self):
        first = self.alarm()
        self.at_hub(first, 20)
        self.the_same_once()
        # A machine has sessions of its own with its brokers; here the two would share them.
        self.declare("carriers: []\n")
        self.source.stop()
        self.site.stop()
        shutil.copytree(self.site.data, self.folder / "copy", ignore=shutil.ignore_patterns("cli.json"))
        self.site.start()
        self.site.api.wait_up()
        copy = self.rig.site("copy", contact_every="2s")
        copy.api.wait_up()
        self.acknowledge(self.site.api, first, "the first one's")
        self.acknowledge(copy.api, first, "the copy's")
        since = wait_for("the hub knows", lambda: self.fleet.of("north")["cloned_since"], 60)
        said = self.fleet.lander("site", "show", "north")
        self.assertIn("two machines use this site's identity", said)
        self.tell(said.strip().splitlines()[3] + f" ({since})")
        comments = lambda: {e.get("comment") for e in self.alert_at(self.hub, first)["events"]}  # noqa: E731
        wait_for("what people said at both", lambda: {"the first one's", "the copy's"} <= comments(), 60)
        self.assertTrue(copy.says("a new epoch begins"))
        stored = lambda site: {x["time"] for x in self.samples(site, datastream="load")}  # noqa: E731
        before = [max(stored(site)) for site in (self.site, copy)]
        for site, last in zip((self.site, copy), before):
            wait_for("both go on", lambda s=site, t=last: max(stored(s)) > t, 30)
        both = {t for site in (self.site, copy) for t in stored(site)}
        in_lake = lambda: int(json.loads(self.fleet.lander("--json", "sql", (  # noqa: E731
            "select count(distinct time) from observation where datastream = 'load' and time <= "
            f"'{max(both)}'")))["rows"][0][0])
        wait_for("what both stored is in the lake", lambda: in_lake() == len(both), 60, 0.5)
        # A person sees to it: one of them goes.
        copy.stop()
        self.fleet.lander("site", "clone-resolved", "north")
        self.assertIsNone(self.fleet.of("north")["cloned_since"])


if __name__ == "__main__":
    scenario.main()
