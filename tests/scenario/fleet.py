"""A hub with enrolled sites, and an app small enough to roll out in a second, for the scenarios."""

import json
import subprocess

from api import Lander
from rig import RigError, program, wait_for

APP = """
app: level-watch
version: %(version)s
vendor: tests
title: Level watch
description: Tells when the tank is too full.
purpose: continuity
ports:
  level: {property: level, unit: m, stale_after: 1h}
health: {within: %(gate)s, min_evaluations: %(evaluations)d, max_alerts: 1, max_invalid: 1000}
pipeline:
  - rule: {name: high, when: level > %(limit)s, clear: level < %(limit)s}
  - alert: {rule: high, title: Tank too full, detail: "{level:.1f} m", severity: high, causes: [level]}
"""


def desired(broker_port, more=""):
    return f"""
asset: acme/works
sources:
  - {{id: broker, driver: mqtt, address: "127.0.0.1:{broker_port}"}}
datastreams:
  - {{id: level, asset: tank, property: level, unit: m, policy: {{uplink: raw}},
     from: {{source: broker, address: "tank#/level", sequence: /n, interval: 10ms}}}}
  - {{id: secret, asset: tank, property: recipe, unit: "1", policy: {{uplink: never, pickup: false}},
     from: {{source: broker, address: "tank#/secret", sequence: /n, interval: 10ms}}}}
{more}
commit_interval: 100ms
"""


class Fleet:
    """One hub; the tenant's root and a vendor whom it trusts."""

    def __init__(self, rig, late_after="10s", **more):
        self.rig = rig
        self.hub = rig.hub("hub", late_after=late_after, flush_every="1s", **more)
        self.hub.api.wait_up()
        self.lander = Lander(self.hub.data)
        self.keys = rig.folder / "keys"
        self.keys.mkdir()
        self.root, self.vendor = self.keys / "root.key", self.keys / "vendor.key"
        self.lander("trust", "init", "--key", self.root)

    def trust_vendor(self, packages="level-watch"):
        self.lander("app", "keygen", self.vendor)
        self.lander("trust", "add", "--key", self.root, "--vendor", "tests", "--signer", f"{self.vendor}.pub",
                    "--packages", packages)

    def token(self, site, valid_for="1h"):
        return json.loads(self.lander("--json", "site", "add", site, "--valid-for", valid_for))["token"]

    def enrol(self, folder, token, port=None):
        """(exit status, what it says)"""
        done = subprocess.run(
            [program("lander-site"), "enrol", "--data", str(self.rig.folder / folder), "--hub",
             f"https://127.0.0.1:{port or self.hub.sites_port}", "--token", token],
            capture_output=True, text=True, timeout=60)
        return done.returncode, (done.stdout + done.stderr).strip()

    def site(self, name, port=None):
        code, said = self.enrol(name, self.token(name), port)
        if code:
            raise RigError(said)
        site = self.rig.site(name, contact_every="2s")
        site.api.wait_up()
        wait_for(f"the hub sees {name}", lambda: self.of(name)["presence"] == "on-time", 20)
        return site

    def of(self, site, path="", **query):
        return self.hub.api.get(f"/api/v1/sites/{site}{path}", **query)

    def component(self, site, wanted):
        parts = self.of(site, "/twin")["reported"]["components"]
        return next((c for c in parts if c["id"] == wanted), None)

    def package(self, version, limit=5, gate="1s", evaluations=0, key=None, text=None):
        """A signed package of level-watch; a limit below what the tank has makes it shout."""
        folder = self.rig.folder / f"app-{version}"
        folder.mkdir(exist_ok=True)
        (folder / "app.yaml").write_text(
            text or APP % {"version": version, "limit": limit, "gate": gate, "evaluations": evaluations})
        package = self.rig.folder / f"level-watch-{version}.lander"
        self.lander("app", "pack", folder, "-o", package)
        self.lander("app", "sign", package, "--key", key or self.vendor)
        return package

    def roll_out(self, version, sites, timeout="60s"):
        """(exit status, the rollout)"""
        code, out, errors = self.lander.run("--json", "rollout", "start", "level-watch", version, "--sites", sites,
                                            "--wait", "--timeout", timeout, timeout=90)
        if not out.strip():
            raise RigError(errors)
        return code, json.loads(out.splitlines()[-1])
