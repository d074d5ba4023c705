"""The link is cut, flaps, loses a hub: everything arrives once, alerts are not lost, what must not leave does not."""

import json

import scenario  # first: it says where demo/ is
import lake
from fleet import Fleet, desired
from mqtt import Publisher
from rig import wait_for


class Link(scenario.Scenario):
    def setUp(self):
        super().setUp()
        self.broker = self.rig.broker()
        self.fleet = Fleet(self.rig, late_after="5s")
        self.fleet.trust_vendor()
        self.proxy = self.rig.proxy(self.fleet.hub.sites_port)
        self.site = self.fleet.site("north", self.proxy.port)
        self.fleet.lander("app", "push", self.fleet.package("1.0.0"))
        self.site.api.apply(desired(self.broker.port))
        self.in_sync(self.site)
        wait_for("the hub knows", lambda: self.fleet.of("north")["desired_revision"] >= 1, 20)
        code, rollout = self.fleet.roll_out("1.0.0", "north")
        self.assertEqual(code, 0, rollout)
        self.publisher = Publisher(self.broker.port)
        self.n = 0

    def measure(self, level):
        # each value but once: to see what comes twice
        self.publisher.publish("tank", json.dumps({"level": round(level + self.n * 1e-7, 7), "secret": 42.25 + self.n, "n": self.n}))
        self.n += 1

    def measure_many(self, count):
        for i in range(count):
            self.measure(1 + i % 30 / 10)

    def alarm(self, acknowledge=True):
        """The level rises and falls: one alert, raised and cleared; acknowledged, the next one is another."""
        self.measure(9)
        alert = wait_for("an alert at the site",
                         lambda: next((a for a in self.alerts_at(self.site.api) if a["active"]), None))
        self.measure(1)
        wait_for("it is over", lambda: not any(a["active"] for a in self.alerts_at(self.site.api)))
        if acknowledge:
            self.acknowledge(self.site.api, alert["id"], "seen")
        return alert["id"]

    def acknowledge(self, server, alert, comment):
        server.post(f"/api/v1/sites/north/alerts/{alert}/events", {"kind": "acknowledge", "comment": comment})

    def alerts_at(self, server):
        return server.get("/api/v1/sites/north/alerts", state="all", limit=1000)

    def events_at(self, server):
        out = []
        for alert in self.alerts_at(server):
            detail = server.get(f"/api/v1/sites/north/alerts/{alert['id']}")
            out += [(e["id"], e["kind"], alert["id"], alert["state"]) for e in detail["events"]]
        return sorted(out)

    def sql(self, question):
        return json.loads(self.fleet.lander("--json", "sql", question))["rows"]

    def everything_is_there_once(self):
        hub, site = self.fleet.hub.api, self.site.api
        wait_for("the same events at site and hub", lambda: self.events_at(hub) == self.events_at(site), 60)
        events = self.events_at(site)
        self.assertEqual(len({e[0] for e in events}), len(events))
        stored = wait_for("all is stored at the site",
                          lambda: len(self.samples(self.site, datastream="level")) == self.n and self.n, 30)
        try:
            wait_for("all is in the lake", lambda: int(self.sql(
                "select count(*) from observation where datastream = 'level'")[0][0]) >= stored, 60, 0.3)
        except scenario.rig.RigError as error:
            self.fail(f"{error}: {self.sql('select count(*) from observation')}, stored {stored}, "
                      f"{site.get(site.of_site('/link'))}")
        self.assertEqual(self.sql("select count(*), count(distinct value) from observation "
                                  "where datastream = 'level'"), [[stored, stored]])
        rows = self.sql("select count(*), count(distinct event) from alert_event")
        self.assertEqual(rows, [[len(events), len(events)]])
        self.nothing_secret_left(stored)
        return len(events), stored

    def nothing_secret_left(self, stored):
        for table in ("observation", "summary"):
            self.assertEqual(self.sql(f"select count(*) from {table} where datastream = 'secret'"), [[0]])
        audit = {a["datastream"]: a for a in json.loads(scenario.Lander(self.site.data)("--json", "link", "audit"))}
        self.assertEqual((audit["secret"]["uplink"], audit["secret"]["raw_sent"], audit["secret"]["summaries_sent"]),
                         ("never", 0, 0))
        self.assertEqual(audit["secret"]["observations_stored"], stored)
        self.assertGreaterEqual(audit["level"]["raw_sent"], stored)

    def test_while_the_link_is_cut_the_site_goes_on_and_afterwards_all_arrives_once(self):
        hub = self.fleet.hub.api
        self.measure_many(200)
        first = self.alarm(acknowledge=False)
        wait_for("the alert at the hub", lambda: self.alerts_at(hub), 20)
        self.proxy.cut()
        wait_for("late", lambda: self.fleet.of("north")["presence"] == "late", 20)
        # Both acknowledge while neither can tell the other: the fold makes them agree.
        for server, by in ((hub, "bo"), (self.site.api, "anna")):
            self.acknowledge(server, first, by)
        self.measure_many(3000)
        for _ in range(3):
            self.alarm()
        self.assertEqual(len(self.alerts_at(hub)), 1)
        wait_for("all is stored at the site", lambda: len(self.samples(self.site, datastream="level")) == self.n, 20)
        waiting = {x["lane"]: x["waiting"] for x in self.site.api.get(self.site.api.of_site("/link"))["lanes"]}
        self.assertGreaterEqual(waiting["alert"], 6)
        self.proxy.restore()
        wait_for("back", lambda: self.fleet.of("north")["presence"] == "on-time", 40)
        events, stored = self.everything_is_there_once()
        self.tell(f"{events} events, {stored} observations, each once")
        merged = [next(a for a in self.alerts_at(s) if a["id"] == first) for s in (hub, self.site.api)]
        self.assertEqual(merged[0]["acknowledged_by"], merged[1]["acknowledged_by"])

    def test_alerts_overtake_what_waits(self):
        self.proxy.cut()
        for _ in range(20):
            self.measure_many(2500)
            wait_for("stored", lambda: self.site.api.metrics()["lander_intake_pending"] == 0, 30)
        self.alarm()
        self.proxy.restore()
        hub = self.fleet.hub.api
        wait_for("the alert at the hub", lambda: self.alerts_at(hub), 60, 0.01)
        # Told by the hub before what waited with it is even written; SQL would ask a moment too late.
        written = hub.metrics()["lander_lake_rows"]
        self.assertLess(written, self.n)
        self.everything_is_there_once()
        self.assertGreaterEqual(hub.metrics()["lander_lake_rows"], self.n)
        self.tell(f"the alert is there before {self.n - written:.0f} of {self.n} observations")

    def test_a_link_that_flaps_and_programs_that_are_killed_lose_and_repeat_nothing(self):
        for round_ in range(6):
            self.measure_many(500)
            self.alarm()
            self.proxy.cut()
            self.measure_many(200)
            if round_ == 2:
                self.fleet.hub.kill()
                self.fleet.hub.start()
                self.fleet.hub.api.wait_up()
            if round_ == 4:
                self.publisher.flush()
                self.site.kill()
                self.site.start()
                self.site.api.wait_up()
                self.in_sync(self.site)
            self.proxy.restore()
            wait_for("contact", lambda: self.site.api.get(self.site.api.of_site("/link"))["connected"], 40, 0.02)
        events, stored = self.everything_is_there_once()
        self.tell(f"{events} events, {stored} observations, each once")

    def test_other_programs_read_the_lake_and_see_what_the_site_stored(self):
        if not lake.readers_are_installed():
            self.skipTest("./dev setup test installs DuckDB and Polars for Python")
        for i in range(2000):
            self.measure((i * 0.37) % 4.9)
        self.everything_is_there_once()
        same = lake.same_in_other_programs(self.fleet.hub.data / "lake" / "default", self.site.api, "level")
        self.assertEqual(same["rows"], self.n)
        self.tell(same["told"])


if __name__ == "__main__":
    scenario.main()
