"""The story's chapters about ways out of a site: a link that is cut, a satellite, a stick."""

import json
import time

from rig import RigError
from stage import SITE


def age_s(rfc3339):
    """How long ago that was; times of the API are UTC with microseconds."""
    import datetime
    then = datetime.datetime.fromisoformat(rfc3339.replace("Z", "+00:00"))
    return (datetime.datetime.now(datetime.timezone.utc) - then).total_seconds()


class Ways:
    """A part of Story: uses its stage, its teller."""

    # --- 7: the link ---

    def cut_link(self):
        stage, tell = self.stage, self.teller
        tell.chapter("Cut the link", "the site needs the network for nothing")
        known = {a["id"] for a in stage.alerts(stage.site)}
        with tell.step("satellite", "An operator declares a satellite's modem beside HTTPS, for alerts when nothing else works") as s:
            said = stage.at_hub("--site", SITE, "apply", stage.write("satellite.yaml", stage.satellite_yaml()))
            revision = stage.twin(stage.hub.api)["desired"]["revision"]
            s.wait("it is applied", lambda: stage.applied(stage.hub.api, revision), 30)
            s.quote("lander apply satellite.yaml", said, 2)
        with tell.step("late", "The link is cut; the hub shows the site as late") as s:
            stage.link.cut()
            _, seconds = s.wait("late", lambda: stage.hub.api.get(f"/api/v1/sites/{SITE}")["presence"] != "on-time", 60)
            s.figure(f"after {seconds:.0f} s", seconds=round(seconds, 1))
        with tell.step("goes on", "Meanwhile the pump cavitates: the site warns on its own") as s:
            stage.inject("cavitation 0.9 30")
            self.lonely, seconds = s.wait("an alert at the site", lambda: stage.new_alert(stage.site, known), 60)
            s.figure(f"{seconds:.1f} s: {self.lonely['title']}", seconds=round(seconds, 2))
        with tell.step("in brief", "HTTPS is blocked: the alert reaches the hub in brief, over the emulated satellite") as s:
            at_hub, _ = s.wait("the alert at the hub", lambda: self.lonely_at_hub(), 60, 0.02)
            if self.evidence_at_hub():
                raise RigError("evidence came over the satellite")
            behind = age_s(at_hub["raised"])
            sent = [line for line in stage.satellite.log.read_text().splitlines() if line.startswith("sent ")]
            s.figure(f"{behind:.1f} s after it was raised, in {sent[0].split()[1]} bytes", after_raised_s=round(behind, 2),
                     bytes=int(sent[0].split()[1]), messages=len(sent))
            causes = ", ".join(f"{c['datastream']} {c['share'] * 100:.0f} %" for c in at_hub["causes"][:3])
            s.note(f"{at_hub['severity']}: {at_hub['title']} ({causes})")
        with tell.step("waiting", "The whole alert and the data wait in the outbox; `lander link trace` says why") as s:
            def told():
                alerts = [t for t in json.loads(stage.at_site("--json", "link", "trace")) if t["lane"] == "alert"]
                return alerts and all(t["carriers"]["sat"] == "told-in-brief" for t in alerts)
            s.wait("the satellite's answer", told, 30)
            link = json.loads(stage.at_site("--json", "link", "status"))
            lanes = {x["lane"]: x["waiting"] for x in link["lanes"]}
            if link["carrier"] != "sat" or not lanes.get("alert"):
                raise RigError(str(link))
            s.figure(", ".join(f"{n} {lane}" for lane, n in lanes.items() if n))
            s.quote("lander link status", stage.at_site("link", "status"), 7)
            s.quote("lander link trace", stage.at_site("link", "trace"), 3)
        stage.inject("none")

    def link_returns(self):
        stage, tell = self.stage, self.teller
        with tell.step("back", "The link returns: the whole alert takes the brief one's place, before all else") as s:
            stage.link.restore()
            _, seconds = s.wait("the whole alert at the hub", self.evidence_at_hub, 60, 0.02)
            s.figure(f"{seconds:.1f} s", seconds=round(seconds, 1))
        with tell.step("once", "Everything that waited arrives, once; the site is on time again") as s:
            def arrived():
                link = stage.site.api.get(f"/api/v1/sites/{SITE}/link")
                waiting = sum(x["waiting"] for x in link["lanes"])
                s.progress = f"{waiting} items wait"
                return link["connected"] and waiting <= 30
            _, seconds = s.wait("the outbox is empty", arrived, 60, 0.2)
            if stage.hub.api.get(f"/api/v1/sites/{SITE}")["presence"] != "on-time":
                raise RigError("the hub still shows the site as late")
            site_events = self.events(stage.site)
            _, _ = s.wait("the same events at both", lambda: self.events(stage.hub) == self.events(stage.site), 20)
            s.figure(f"{len(site_events)} events of alerts, the same at site and hub", events=len(site_events))

    def lonely_at_hub(self):
        return next((a for a in self.stage.alerts(self.stage.hub) if a["id"] == self.lonely["id"]), None)

    def evidence_at_hub(self):
        """What only the whole alert brings."""
        return self.stage.hub.api.get(f"/api/v1/sites/{SITE}/alerts/{self.lonely['id']}")["evidence"]["series"]

    def events(self, server):
        """[(alert, event)], sorted; a repeated one would stand twice."""
        out = []
        for alert in self.stage.alerts(server):
            detail = server.api.get(f"/api/v1/sites/{SITE}/alerts/{alert['id']}")
            out += [(alert["id"], event["id"]) for event in detail["events"]]
        return sorted(out)

    # --- a courier ---

    def stick(self):
        stage, tell = self.stage, self.teller
        tell.chapter("A stick", "what is too much for a link leaves in a pocket, sealed")
        folder = stage.folder / "media" / "stick"
        question = "select count(*) from observation where datastream = 'p1-bearing'"
        with tell.step("pickup", "A technician picks up every value of the bearing, which the network brings as summaries only") as s:
            folder.mkdir(parents=True)
            began = time.monotonic()
            told = json.loads(stage.at_site("--json", "pickup", folder))
            size = sum(f.stat().st_size for f in folder.rglob("*.bundle"))
            s.figure(f"{size / 1000:.0f} kB in {told['peers'][0]['files']} sealed files, {time.monotonic() - began:.1f} s",
                     bytes=size, files=told["peers"][0]["files"], seconds=round(time.monotonic() - began, 2))
        with tell.step("import", "At the hub it is imported, twice; it counts once") as s:
            before = int(json.loads(stage.at_hub("--json", "sql", question))["rows"][0][0])
            told = json.loads(stage.at_hub("--json", "import", folder))
            if before or told["refused"]:
                raise RigError(f"{before} before; {told}")
            rows = int(json.loads(stage.at_hub("--json", "sql", question))["rows"][0][0])
            again = json.loads(stage.at_hub("--json", "import", folder))
            after = int(json.loads(stage.at_hub("--json", "sql", question))["rows"][0][0])
            if not rows or again["items"] or after != rows:
                raise RigError(f"{rows} rows, then {after}: {again}")
            s.figure(f"{rows} values of the bearing", observations=rows)
            s.quote("lander pickup /media/stick; lander import /media/stick")
