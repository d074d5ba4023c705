"""Learn, promote, a fault with its reasons, a verdict: by the real programs and the command a technician has."""

import datetime
import json
import random

import scenario
from rig import wait_for

DESIRED = """
asset: acme/oslo/pump-1
models: {autonomy: shadow}
sources:
  - {id: broker, driver: mqtt, address: "127.0.0.1:%d", topics: ["pump/#"]}
datastreams:
  - {id: vibration, property: vibration, unit: mm/s, from: {source: broker, address: "pump/1#/v", time: /t}}
  - {id: pressure, property: pressure, unit: bar, from: {source: broker, address: "pump/1#/p", time: /t}}
  - {id: flow, property: flow-rate, unit: m3/h, from: {source: broker, address: "pump/1#/f", time: /t}}
commit_interval: 100ms
"""
ASSET = "acme/oslo/pump-1"


class Loop(scenario.BrokerScenario):
    DESIRED = DESIRED

    def setUp(self):
        super().setUp()
        self.random = random.Random(7)
        self.load = 0.0
        self.command = scenario.Lander(self.site.api.data)

    def pump(self, time, fault=0.0):
        noise = lambda: self.random.gauss(0, 1)  # noqa: E731
        self.load += -self.load / 120 + (2 / 120) ** 0.5 * noise()
        self.publisher.publish("pump/1", json.dumps({
            "t": time.isoformat(), "v": 2.1 + 0.1 * self.load + 0.15 * noise() + fault,
            "p": 5 - 0.4 * self.load + 0.08 * noise(), "f": 40 + 3 * self.load + 0.6 * noise()}))

    def learn(self):
        now = datetime.datetime.now(datetime.timezone.utc)
        for second in range(3000, 0, -1):
            self.pump(now - datetime.timedelta(seconds=second))
        self.publisher.flush()
        wait_for("the past is stored", lambda: "ready" in self.command("readiness", "--asset", ASSET, "--last", "1h")
                 and json.loads(self.command("readiness", "--asset", ASSET, "--last", "1h", "--json"))["rows_usable"] > 2500)
        self.command("learn", "--asset", ASSET, "--last", "1h", "--wait")
        self.command("model", "promote", "--asset", ASSET)

    def alert(self):
        """A bearing that fails, second by second, until somebody is told."""
        def look():
            self.pump(datetime.datetime.now(datetime.timezone.utc), fault=2.5)
            found = json.loads(self.command("alerts", "--json"))
            return found and found[0]
        return wait_for("an alarm", look, within=60, every=0.3)

    def test_an_alarm_gives_its_reasons_and_takes_a_verdict(self):
        self.learn()
        alert = self.alert()
        self.assertEqual(alert["causes"][0]["datastream"], "vibration")
        self.assertGreater(alert["causes"][0]["deviation"], 5)
        self.assertLessEqual(alert["since"], alert["raised"])
        text = self.command("alerts", "show", alert["id"])
        for word in ("SIGMAS", "since", "vibration"):
            self.assertIn(word, text)
        self.command("alert", "verdict", alert["id"], "true", "--note", "bearing was changed")
        self.assertIn("true: bearing was changed", self.command("alerts", "show", alert["id"]))
        self.assertIn("maintenance", self.command.refused("alerts", "verdict", alert["id"], "perhaps"))
        [of] = json.loads(self.command("model", "history", "--json"))
        self.assertEqual([e["what"] for e in of["history"]], ["promoted", "trained"])
        self.assertEqual(of["loop"]["phase"], "probation")
        self.assertEqual(of["loop"]["autonomy"], "shadow")
        self.assertEqual(of["loop"]["verdicts"], 1)
        self.assertIn("probation", self.command("model", "history"))
        self.site.api.wait_up()


if __name__ == "__main__":
    scenario.main()
