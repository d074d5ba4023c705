"""20 times kill -9 while messages come in: what the broker took is stored once, and the site is back in 2 s."""

import collections
import random
import threading
import time

import scenario
from mqtt import Publisher
from rig import wait_for

KILLS = 20
RATE = 1000  # messages a second

DESIRED = """
sources:
  - {id: broker, driver: mqtt, address: "127.0.0.1:%d"}
datastreams:
  - id: counter
    asset: acme/counter
    property: count
    unit: "1"
    from: {source: broker, address: "count#/n", sequence: /n, interval: 1ms}
"""


class Kill9(scenario.Scenario):
    def test_every_message_is_stored_once_though_the_site_is_killed_twenty_times(self):
        broker = self.rig.broker()
        site = self.rig.site("site")
        site.api.wait_up()
        site.api.apply(DESIRED % broker.port)
        self.in_sync(site)

        publisher = Publisher(broker.port)
        stop = threading.Event()
        sent = 0

        def publish():
            nonlocal sent
            began = time.monotonic()
            while not stop.is_set():
                due = int((time.monotonic() - began) * RATE)
                while sent < due:
                    publisher.publish("count", '{"n":%d}' % sent)
                    sent += 1
                stop.wait(0.005)

        thread = threading.Thread(target=publish)
        thread.start()
        self.addCleanup(stop.set)

        seed = random.randrange(1 << 32)
        self.tell(f"seed {seed}")
        dice = random.Random(seed)
        back = []
        for _ in range(KILLS):
            time.sleep(dice.uniform(0.05, 1.2))  # the moment of the accident, not a wait for something
            site.kill()
            killed = time.monotonic()
            site.start()  # what systemd does with Restart=always
            site.api.wait_up(within=10, every=0.01)
            back.append(time.monotonic() - killed)
        stop.set()
        thread.join()
        publisher.flush()
        self.tell(f"{sent} messages, back after a median of {sorted(back)[KILLS // 2] * 1000:.0f} ms, "
                  f"at worst {max(back) * 1000:.0f} ms")
        self.assertLess(max(back), 2.0)

        def stored():
            return site.api.metrics()["lander_store_observations"] >= sent
        wait_for(f"{sent} observations are stored", stored, 60, every=0.3)
        counts = collections.Counter()
        start = 0
        while start < sent:  # by pages
            page = site.api.observations(datastream="counter", last="1h", limit=100000)
            counts.update(int(s["value"]) for s in page["series"][0]["samples"])
            self.assertFalse(page["truncated"])
            start = sent
        missing = [n for n in range(sent) if counts[n] == 0]
        twice = [n for n, count in counts.items() if count > 1]
        self.assertEqual((missing[:20], twice[:20]), ([], []), f"{len(missing)} missing, {len(twice)} twice")
        self.assertEqual(len(counts), sent)


if __name__ == "__main__":
    scenario.main()
