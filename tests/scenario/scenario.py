"""What the scenarios share: the rig of demo/, a folder of its own for each, and a summary on failure."""

import os
import pathlib
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "demo"))

import rig  # noqa: E402
from api import Lander  # noqa: E402,F401
from mqtt import Publisher  # noqa: E402

DATA = ROOT.parent / "shared" / "data"


class Scenario(unittest.TestCase):
    """Each test gets a fresh folder and rig; what ran is stopped, and its log shown if the test failed."""

    maxDiff = None

    def setUp(self):
        base = ROOT / "build" / "scenario"
        base.mkdir(parents=True, exist_ok=True)
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix=type(self).__name__.lower() + "-", dir=base))
        self.rig = rig.Rig(self.folder)
        self.addCleanup(self._clean)

    def _clean(self):
        parts = list(self.rig.parts)
        self.rig.stop()
        outcome = getattr(self, "_outcome", None)
        result = getattr(outcome, "result", None)
        failed = result and any(test is self for test, _ in result.failures + result.errors)
        if failed or (outcome and not outcome.success):
            for part in parts:
                if isinstance(part, rig.Program):
                    print(f"--- {part.name} ({part.log})\n{part.tail(30)}", file=sys.stderr)
            print(f"left for you: {self.folder}", file=sys.stderr)
        else:
            os.system(f"rm -rf '{self.folder}'")

    def tell(self, text):
        print(f"    {text}", flush=True)

    def in_sync(self, site, within=20):
        def look():
            components = site.api.get(site.api.of_site("/twin"))["reported"]["components"]
            return components and all(c["status"] == "applied" for c in components)
        try:
            rig.wait_for("the site reports all as applied", look, within)
        except rig.RigError:
            self.fail([c for c in site.api.get(site.api.of_site("/twin"))["reported"]["components"]
                       if c["status"] != "applied"])

    def samples(self, site, **query):
        """All samples of the one datastream that matches, page by page."""
        query.setdefault("last", "1h")
        answer = site.api.observations(limit=100000, **query)
        self.assertFalse(answer["truncated"])
        return answer["series"][0]["samples"]


class BrokerScenario(Scenario):
    """A site in sync with DESIRED, whose %d is the port of a broker of its own, and a publisher there."""

    DESIRED = ""

    def setUp(self):
        super().setUp()
        self.broker = self.rig.broker()
        self.site = self.rig.site("site")
        self.site.api.wait_up()
        self.site.api.apply(self.DESIRED % self.broker.port)
        self.in_sync(self.site)
        self.publisher = Publisher(self.broker.port)


def main():
    unittest.main(verbosity=2, warnings="ignore")
