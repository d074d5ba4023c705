"""An app's way to a site and back: v1 runs, v2 fails and goes back by itself, what may not run is refused and told."""

import json

import scenario
from fleet import APP, Fleet, desired
from mqtt import Publisher
from rig import wait_for

TWO_TANKS = """
  - {id: level-2, asset: tank-2, property: level, unit: m, from: {source: broker, address: "tank2#/level"}}
"""


class Rollout(scenario.Scenario):
    def setUp(self):
        super().setUp()
        self.broker = self.rig.broker()
        self.fleet = Fleet(self.rig)
        self.fleet.trust_vendor()
        self.publisher = Publisher(self.broker.port)
        self.n = 1

    def site(self, name="north", more=""):
        site = self.fleet.site(name)
        site.api.apply(desired(self.broker.port, more))
        self.in_sync(site)
        wait_for("the hub knows", lambda: self.fleet.of(name)["desired_revision"] >= 1, 20)
        self.publisher.publish("tank", '{"level":3,"n":1}')
        return site

    def push(self, version, **more):
        self.fleet.lander("app", "push", self.fleet.package(version, **more))

    def watches(self, site):
        """An app runs that raises an alert when the level is high."""
        for level, active in ((9, True), (3, False)):
            self.n += 1
            self.publisher.publish("tank", json.dumps({"level": level, "n": self.n}))
            wait_for("the app's alert", lambda: any(a["active"] for a in site.api.alerts("all")) == active)

    def test_a_version_that_fails_its_gate_goes_back_and_the_twin_says_why(self):
        site = self.site()
        self.push("1.0.0")
        code, rollout = self.fleet.roll_out("1.0.0", "north")
        self.assertEqual((code, rollout["state"]), (0, "done"), rollout)
        self.watches(site)
        # Version 2 wants so many evaluations within its gate as nobody makes.
        self.push("2.0.0", gate="2s", evaluations=1000000)
        code, rollout = self.fleet.roll_out("2.0.0", "north")
        self.assertEqual((code, rollout["state"]), (1, "halted"), rollout)
        found = wait_for("rolled back", lambda: (lambda c: c if c["status"] == "rolled-back" else None)(
            self.fleet.component("north", "app/level-watch")), 20)
        self.assertTrue(found["running"].startswith("1.0.0"), found)
        self.assertIn("evaluated 0 times", found["reason"])
        self.tell(found["reason"])
        self.watches(site)
        # Going back outlives the accident that comes right behind it.
        site.kill()
        site.start()
        site.api.wait_up()
        wait_for("version 1 runs after a crash", lambda: next(
            c for c in site.api.get(site.api.of_site("/twin"))["reported"]["components"]
            if c["id"] == "app/level-watch")["running"].startswith("1.0.0"), 20)
        self.watches(site)

    def test_a_broken_strange_or_unsigned_package_is_refused_and_nothing_else_is_disturbed(self):
        site = self.site()
        self.push("1.0.0")
        self.assertEqual(self.fleet.roll_out("1.0.0", "north")[0], 0)
        good = self.fleet.package("1.1.0")
        data = good.read_bytes()
        bad = self.folder / "bad.lander"
        for at in sorted({0, 9, 20, 60, 120, len(data) // 3, len(data) // 2, len(data) - 700, len(data) - 1}):
            spoilt = bytearray(data)
            spoilt[at] ^= 1
            bad.write_bytes(spoilt)
            said = self.fleet.lander.refused("app", "push", bad)
            self.assertTrue(said, at)
        for cut in (0, 1, 100, len(data) // 2, len(data) - 1):
            bad.write_bytes(data[:cut])
            self.fleet.lander.refused("app", "push", bad)
        self.fleet.lander("app", "keygen", self.fleet.keys / "stranger.key")
        strange = self.fleet.package("1.2.0", key=self.fleet.keys / "stranger.key")
        said = self.fleet.lander.refused("app", "push", strange)
        self.assertIn("not trusted", said)
        self.tell(said)
        # The vendor is trusted for level-watch only.
        other = self.fleet.package("1.3.0", text=(APP % {"version": "1.3.0", "limit": 5, "gate": "1s",
                                                         "evaluations": 0}).replace("app: level-watch", "app: other"))
        self.tell(self.fleet.lander.refused("app", "push", other))
        self.assertEqual([p["version"] for p in json.loads(self.fleet.lander("--json", "app", "list"))], ["1.0.0"])
        self.fleet.lander.refused("rollout", "start", "level-watch", "9.9.9", "--sites", "north")
        self.fleet.lander.refused("rollout", "start", "level-watch", "1.0.0", "--sites", "nowhere")
        self.watches(site)

    def test_a_package_that_is_revoked_after_it_was_pushed_does_not_start(self):
        site = self.site()
        self.push("1.0.0")
        self.assertEqual(self.fleet.roll_out("1.0.0", "north")[0], 0)
        self.push("1.1.0")
        digest = next(p["digest"] for p in json.loads(self.fleet.lander("--json", "app", "list"))
                      if p["version"] == "1.1.0")
        self.fleet.lander("trust", "revoke", "--key", self.fleet.root, "--package", digest)
        code, out, errors = self.fleet.lander.run("rollout", "start", "level-watch", "1.1.0", "--sites", "north",
                                                  "--wait", "--timeout", "40s")
        self.assertEqual(code, 1, out)
        self.assertIn("revoked", out + errors)
        self.watches(site)

    def test_an_ambiguous_port_is_refused_until_the_operator_says_which(self):
        site = self.site("north", TWO_TANKS)
        self.push("1.0.0")
        code, rollout = self.fleet.roll_out("1.0.0", "north")
        self.assertEqual(code, 1)
        reason = rollout["sites"]["north"]["reason"]
        self.assertIn("level-2", reason)
        self.tell(reason)
        found = self.fleet.component("north", "app/level-watch")
        self.assertEqual(found["status"], "refused")
        self.assertEqual(site.api.health()[0], 200)
        # The choice is the operator's, and then it runs.
        self.fleet.lander("--site", "north", "apply", self.write("bindings: {level-watch: {level: level}}\n"))
        wait_for("it runs", lambda: self.fleet.component("north", "app/level-watch")["running"].startswith("1.0.0"), 30)
        self.watches(site)

    def test_a_rollout_halts_before_the_next_phase_when_a_site_fails(self):
        self.site("north", TWO_TANKS)  # ambiguous there
        self.site("south")
        self.push("1.0.0")
        code, out, errors = self.fleet.lander.run("--json", "rollout", "start", "level-watch", "1.0.0", "--phases",
                                                  "north;south", "--wait", "--timeout", "40s")
        self.assertEqual(code, 1, out + errors)
        self.assertEqual(self.fleet.component("south", "app/level-watch"), None)
        self.assertEqual(json.loads(out)["state"], "halted")

    def write(self, text):
        path = self.folder / "change.yaml"
        path.write_text(text)
        return path


if __name__ == "__main__":
    scenario.main()
