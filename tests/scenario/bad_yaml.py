"""Mistakes in a desired state: refused with file, line, column and what was expected; nothing changes."""

import scenario
from api import Lander
from rig import wait_for

GOOD = """
sources:
  - {id: host, driver: host}
datastreams:
  - id: load
    asset: acme/box
    property: load
    unit: "1"
    from: {source: host, address: load1}
"""

# the file; line, or line:column, that must be named; words of what it says
TABLE = [
    ("sources: [", "1:11", "not found"),
    ("a: &x [*x]\n", 1, ""),
    ("\tsources: []\n", 1, ""),
    ("- 1\n- 2\n", 1, "map"),
    ("sources: 7\n", 1, "list"),
    ("source: []\n", 1, "sources"),
    ("sources:\n  - {id: a, driver: opcua}\n", 2, "mqtt"),
    ("sources:\n  - {id: A B, driver: host}\n", 2, "id"),
    ("sources:\n  - {driver: host}\n", 2, "id"),
    ("sources:\n  - {id: a, driver: host}\n  - {id: a, driver: host}\n", 3, "a"),
    ("sources:\n  - {id: a, driver: modbus, address: nowhere:99999}\n", 2, "address"),
    ("sources:\n  - {id: a, driver: host, poll_interval: 1ms}\n", "2:42", "from 10ms to 1d, found 1ms"),
    ("sources:\n  - {id: a, driver: host, poll_interval: soon}\n", 2, ""),
    ("sources:\n  - {id: a, driver: host, speed: 3}\n", 2, "speed"),
    (GOOD.replace('unit: "1"', "unit: furlong"), 8, "UCUM"),
    (GOOD.replace("source: host", "source: ghost"), 9, "ghost"),
    (GOOD.replace("property: load", "property: [load]"), 7, ""),
    (GOOD.replace("asset: acme/box", "asset: ''"), 6, "asset"),
    (GOOD + "    policy: {uplink: sometimes}\n", "10:22", "never, summary, raw"),
    (GOOD + "    range: [9, 1]\n", 10, ""),
    (GOOD + "    range: [1]\n", 10, ""),
    (GOOD + "    location: {latitude: 91, longitude: 0}\n", "10:26", "from -90 to 90, found 91"),
    (GOOD + "    calibration: {scale: 0}\n", 10, "scale"),
    (GOOD + "    kind: sound\n", "10:11", "number, integer, boolean, text"),
    (GOOD + "    kind: waveform\n", "9:20", "driver host brings no waveforms"),
    (GOOD + "    id: load\n", 10, ""),
    (GOOD + "commit_interval: 1us\n", "10:18", "from 50ms to 1m"),
    (GOOD + "webhook: {url: ftp://x/}\n", 10, "http"),
    (GOOD + "webhook: {url: 'http://x/', least_severity: loud}\n", "10:45", "loud"),
    (GOOD + "bindings: {nobody: {x: load}}\n", 10, ""),
    ("sources: " + "[" * 5000 + "]" * 5000, 1, ""),
]


class BadYaml(scenario.Scenario):
    def test_each_mistake_names_its_place_and_changes_nothing(self):
        site = self.rig.site("site")
        site.api.wait_up()
        lander = Lander(site.data)
        file = self.folder / "site.yaml"
        file.write_text(GOOD)
        lander("apply", file)
        self.in_sync(site)
        before = lander("twin", "--yaml")
        for n, (text, place, word) in enumerate(TABLE):
            with self.subTest(n=n, text=text[:200]):
                file.write_text(text)
                code, out, errors = lander.run("apply", file)
                self.assertEqual(code, 1, out)
                self.assertRegex(errors, rf"site\.yaml:{place}" + (":" if ":" in str(place) else r":\d+:") + " ", errors)
                self.assertIn(word.lower(), errors.lower())
        self.assertEqual(lander("twin", "--yaml"), before)
        self.assertEqual(site.api.health()[0], 200)

    def test_a_file_for_another_site_is_refused(self):
        site = self.rig.site("site")
        site.api.wait_up()
        error = site.api.refused("POST", site.api.of_site("/desired?file=x.yaml"), GOOD + "site: another\n")
        self.assertEqual(error.status, 409)
        self.assertIn('is for site "another"', error.detail)

    def test_an_address_that_only_the_driver_can_judge_is_told_in_the_twin(self):
        site = self.rig.site("site")
        site.api.wait_up()
        site.api.apply(GOOD.replace("load1", "load99"))

        def told():
            parts = site.api.get(site.api.of_site("/twin"))["reported"]["components"]
            return next((c for c in parts if c["id"] == "source/host" and "load99" in c["reason"]), None)
        found = wait_for("the reason", told)
        self.assertEqual(found["status"], "failed")
        self.assertIn("it has load1", found["reason"])


if __name__ == "__main__":
    scenario.main()
