"""MQTT payloads that are not JSON, not finite, absurd, too long, or a flood: told, bounded, harmless."""

import math

import scenario
from mqtt import Publisher
from rig import wait_for

DESIRED = """
sources:
  - {id: broker, driver: mqtt, address: "127.0.0.1:%d"}
datastreams:
  - {id: value, asset: acme/pump, property: pressure, unit: bar, range: [-1, 100],
     from: {source: broker, address: "pump#/v", interval: 10ms}}
  - {id: plain, asset: acme/pump, property: temperature, unit: Cel, from: {source: broker, address: "plain"}}
commit_interval: 100ms
"""

NONSENSE = [b"", b"{", b"}", b"null", b"[1,2", b"\xff\xfe\x00", b'{"v":}', b'{"v":"x"}', b'{"v":[1]}', b'{"v":{"v":1}}',
            b'{"w":1}', b"{" * 5000, b'{"v":' + b"[" * 5000, b'{"v":1e999}', b'{"v":0x10}', b"<xml/>"]


class BadMqtt(scenario.BrokerScenario):
    DESIRED = DESIRED

    def stored(self, datastream="value"):
        return self.samples(self.site, datastream=datastream)

    def good(self, n):
        self.publisher.publish("pump", '{"v":%d}' % n)
        wait_for(f"{n} is stored", lambda: any(s["value"] == n for s in self.stored()), 20)

    def test_what_is_not_json_is_told_and_the_next_message_is_stored(self):
        self.good(1)
        for payload in NONSENSE:
            self.publisher.publish("pump", payload)
            self.publisher.publish("plain", payload)
        self.good(2)
        for sample in self.stored():
            if sample["value"] not in (1, 2):
                self.assertTrue(sample["quality"].startswith("Bad"), sample)
        self.assertEqual(self.site.api.health()[0], 200)

    def test_absurd_and_impossible_numbers_are_kept_as_bad_and_spoil_no_chart(self):
        for text in ("1e42", "-1e42", "-1.18e+42", "NaN", "Infinity", "200", "-5"):
            self.publisher.publish("pump", '{"v":%s}' % text)
            self.publisher.publish("plain", text)
        self.publisher.publish("plain", "21.5")
        self.good(7)
        for sample in self.stored():
            if sample["value"] != 7:
                self.assertTrue(sample["quality"].startswith("Bad"), sample)
        chart = self.site.api.get(self.site.api.of_site("/series"), datastream="value", last="1m", points=10)
        for _, low, mean, high, count, _ in chart["points"]:
            if count:
                self.assertTrue(all(math.isfinite(x) and 0 <= x <= 100 for x in (low, mean, high)), chart["points"])

    def test_two_mebibytes_in_one_message_are_refused_and_the_connection_goes_on(self):
        self.good(1)
        before = self.site.memory_kb("VmHWM")
        for _ in range(5):
            self.publisher.publish("pump", b'{"v":1,"x":"' + b"a" * (2 << 20) + b'"}')
        self.publisher.flush()
        self.good(2)
        self.assertLess(self.site.memory_kb("VmHWM") - before, 20 << 10)
        self.assertEqual([s["value"] for s in self.stored() if s["quality"].startswith("Good")], [1, 2])

    def test_a_flood_of_ten_times_the_bound_costs_no_more_memory_than_the_bound(self):
        self.good(1)
        floods = 700_000  # the intake holds 65,536
        other = Publisher(self.broker.port, "flood", window=1000)
        for n in range(floods):
            other.publish("pump", '{"v":%d.5}' % (n % 100), qos=0)
        peak = self.site.memory_kb("VmHWM")
        self.tell(f"peak {peak / 1024:.0f} MB while {floods} messages came as fast as they could")
        self.assertLess(peak, 200 << 10)
        # A connection of its own: the other was silent for as long as the flood took.
        Publisher(self.broker.port, "behind").publish("plain", "3")
        wait_for("what comes behind the flood is stored", lambda: self.stored("plain"), 60)
        self.assertEqual(self.site.api.health()[0], 200)


if __name__ == "__main__":
    scenario.main()
