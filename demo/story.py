"""The demo's story with the pump station: what happens, for whom, and how it is checked."""

import json
import time

from lake import same_in_other_programs
from records import Records
from rig import ROOT, RigError, wait_for
from stage import ASSET, SITE
from ways import Ways, age_s

APPS = ROOT / "examples" / "apps"
FRAME = "200ms"  # of training: 300 frames are a minute, so that the story does not take a day


class Story(Ways, Records):
    def __init__(self, stage, teller):
        self.stage, self.teller = stage, teller
        self.alert = None

    def run(self):
        self.start()
        self.enrol()
        self.declare()
        self.observe()
        self.first_app()
        self.learn()
        self.warn()
        self.records()
        self.cut_link()
        self.link_returns()
        self.lake()
        self.stick()
        self.bad_app()
        self.cleared()

    # --- 1: everything starts ---

    def start(self):
        stage, tell = self.stage, self.teller
        tell.chapter("A pump station, a hub", "real programs on this machine; the pump alone is simulated")
        with tell.step("broker", "Mosquitto takes messages") as s:
            stage.start_broker()
            s.figure(f"port {stage.broker.port}")
        with tell.step("station", "The pump runs, at twenty times its speed: Modbus TCP for its PLC, MQTT for its vibration") as s:
            stage.start_station()
            s.figure(f"ports {stage.ports['modbus']} and {stage.broker.port}")
        with tell.step("hub", "The hub runs") as s:
            began = time.monotonic()
            stage.start_hub()
            seconds = time.monotonic() - began
            s.figure(f"up in {seconds * 1000:.0f} ms", up_s=round(seconds, 3))

    def consoles(self):
        stage, tell = self.stage, self.teller
        tell.say()
        for name, port, server in (("hub ", stage.hub.port, stage.hub), ("site", stage.site.port, stage.site)):
            tell.say(f"  {tell.paint('1', 'console of the ' + name)}  {tell.paint('4;36', f'https://localhost:{port}')}"
                     f"   user admin, password {server.api.initial_password()}")
        tell.note("Their certificates are self-made: the browser asks once.")

    def go_on(self):
        """For whoever looks at the console after the story: the pump runs anyway."""

    # --- 2: the site gets its identity ---

    def enrol(self):
        stage, tell = self.stage, self.teller
        tell.chapter("Enrol", "the box beside the pump becomes a site of the hub")
        root = stage.keys / "root.key"
        with tell.step("trust", "The customer makes the root of trust; its key stays offline, with them") as s:
            s.quote(f"lander trust init --key {root.name}", stage.at_hub("trust", "init", "--key", root))
        with tell.step("site add", "An admin admits the site by a one-time token") as s:
            answer = json.loads(stage.at_hub("--json", "site", "add", SITE, "--valid-for", "1h"))
            token = answer["token"]
            s.quote(f"lander site add {SITE}", token[:60] + "…")
        with tell.step("wrong token", "A token with one wrong letter is refused") as s:
            # far from the end, whose checksum would tell it before anybody is asked
            wrong = token[:30] + ("A" if token[30] != "A" else "B") + token[31:]
            code, said = stage.enrol(wrong, "nobody")
            if code == 0:
                raise RigError("a wrong token was taken")
            s.note(said)
        with tell.step("enrol", "The site makes its key, has it certified, and pins the hub's") as s:
            code, said = stage.enrol(token)
            if code != 0:
                raise RigError(said)
            s.quote("lander-site enrol --hub … --token …", said)
        with tell.step("used token", "The same token again is refused, with the reason") as s:
            code, said = stage.enrol(token, "thief")
            if code == 0 or "used" not in said:
                raise RigError(f"exit {code}: {said}")
            s.note(said)
        with tell.step("site", "The site runs and reaches the hub by mutual TLS") as s:
            began = time.monotonic()
            stage.start_site()
            up = time.monotonic() - began
            s.wait("the hub sees the site",
                   lambda: stage.hub.api.get(f"/api/v1/sites/{SITE}")["presence"] == "on-time")
            seen = time.monotonic() - began
            s.figure(f"up in {up * 1000:.0f} ms, seen by the hub after {seen:.1f} s", up_s=round(up, 3),
                     seen_s=round(seen, 3))
        self.consoles()
        with tell.step("consoles", "Both consoles are there, and what they need comes from them alone") as s:
            sizes = []
            for server in (stage.hub.api, stage.site.api):
                status, headers, page = server.raw("GET", "/", headers={"Accept-Encoding": "gzip"}, token="")
                if status != 200 or "text/html" not in headers.get("Content-Type", ""):
                    raise RigError(f"{status} {headers.get('Content-Type')}")
                sizes.append(len(page))
            seconds = time.monotonic() - tell.began
            s.figure(f"{seconds:.1f} s after the start", seconds_to_console=round(seconds, 1))

    # --- 3: discover, declare ---

    def declare(self):
        stage, tell = self.stage, self.teller
        tell.chapter("Discover and declare", "from addresses to meaning: asset, property, unit, sensor")
        yaml = stage.desired_yaml()
        sources = stage.write("sources.yaml", yaml[:yaml.index("datastreams:")])
        desired = stage.write("pump-station.yaml", yaml)
        with tell.step("candidates", "A technician names the sources; the site shows what they offer") as s:
            stage.at_site("apply", sources)

            def offered():
                found = json.loads(stage.at_site("--json", "candidates"))
                kinds = {c["source"] for c in found if c["example"]}
                return found if {"plc", "broker", "host"} <= kinds else None
            found, seconds = s.wait("candidates of all sources", offered)
            s.figure(f"{len(found)} candidates in {seconds:.1f} s", candidates=len(found))
            s.quote("lander candidates", stage.at_site("candidates"), 6)
        with tell.step("mistake", "A file with mistakes is refused by file, line and column; nothing changes") as s:
            before = stage.twin(stage.site.api)["desired"]["revision"]
            bad = stage.write("mistake.yaml", yaml.replace("unit: m3/h", "unit: m3/hour", 1)
                              .replace("property: vibration", "proprety: vibration", 1))
            said = stage.at_site.refused("apply", bad)
            if "mistake.yaml:" not in said or "proprety" not in said:
                raise RigError(said)
            if stage.twin(stage.site.api)["desired"]["revision"] != before:
                raise RigError("a refused file made a revision")
            s.quote("lander apply mistake.yaml", said)
        with tell.step("apply", "An operator declares nine datastreams at the hub; the site applies them") as s:
            # What was made at the site reaches the hub first: the newest revision is what is built upon.
            s.wait("the hub knows the site's revision",
                   lambda: stage.twin(stage.hub.api)["desired"]["revision"] >= before)
            began = time.monotonic()
            said = stage.at_hub("--site", SITE, "apply", desired)
            revision = stage.twin(stage.hub.api)["desired"]["revision"]
            try:
                wait_for("all is applied", lambda: stage.applied(stage.hub.api, revision), 40)
            except RigError as error:
                raise RigError(f"{error}: {stage.not_applied(stage.hub.api)}") from None
            seconds = time.monotonic() - began
            s.figure(f"revision {revision} applied and reported in {seconds:.1f} s", seconds_to_applied=round(seconds, 2))
            s.quote(f"lander apply {desired.name}", said)
            s.quote(f"lander twin {SITE}", stage.at_hub("twin", SITE), 5)

    # --- 4: store ---

    def observe(self):
        stage, tell = self.stage, self.teller
        tell.chapter("Observe", "every value durable, with unit, quality, time and its error")
        with tell.step("query", "A question by meaning is answered on the site") as s:
            def vibration():
                series = json.loads(stage.at_site("--json", "query", "--meaning", "vibration", "--last", "1m"))["series"]
                return series[0] if series and len(series[0]["samples"]) >= 20 else None
            series, _ = s.wait("vibration is stored", vibration)
            newest = series["samples"][-1]
            if not newest["quality"].startswith("Good") or series["datastream"]["unit"] != "mm/s":
                raise RigError(str(newest))
            late = age_s(newest["time"])
            s.figure(f"{newest['value']:.2f} mm/s, {late:.1f} s old", age_s=round(late, 2))
            s.quote("lander query --meaning vibration --last 1m",
                    stage.at_site("query", "--meaning", "vibration", "--last", "1m", "--limit", "4"))

    # --- 9, first half: an app while the pump's healthy minute goes by ---

    def package(self, folder):
        package = self.stage.folder / f"{folder}.lander"
        said = self.stage.at_hub("app", "pack", APPS / folder, "-o", package)
        said += self.stage.at_hub("app", "sign", package, "--key", self.stage.keys / "vendor.key")
        return package, said

    def first_app(self):
        stage, tell = self.stage, self.teller
        tell.chapter("An app", "a vendor's pipeline: signed, verified on site, bound by meaning")
        vendor, root = stage.keys / "vendor.key", stage.keys / "root.key"
        with tell.step("vendor", "The vendor makes a key; the customer's root trusts it for this app") as s:
            stage.at_hub("app", "keygen", vendor)
            said = stage.at_hub("trust", "add", "--key", root, "--vendor", "lander-examples", "--signer",
                                f"{vendor}.pub", "--packages", "pump-watch")
            s.quote("lander trust add --vendor lander-examples --packages pump-watch …", said)
        with tell.step("push", "Pump watch 1.0.0 is packed, signed and pushed to the hub") as s:
            package, said = self.package("pump-watch")
            said += stage.at_hub("app", "push", package)
            s.quote("lander app pack … && lander app sign … && lander app push …", said)
        with tell.step("flipped bit", "One flipped bit, and it is refused") as s:
            spoilt = bytearray(package.read_bytes())
            spoilt[len(spoilt) // 2] ^= 0x10
            broken = stage.folder / "flipped.lander"
            broken.write_bytes(spoilt)
            s.note(stage.at_hub.refused("app", "push", broken))
        with tell.step("unknown signer", "Signed by a stranger, and it is refused") as s:
            stage.at_hub("app", "keygen", stage.keys / "stranger.key")
            strange = stage.folder / "stranger.lander"
            stage.at_hub("app", "sign", package, "--key", stage.keys / "stranger.key", "-o", strange)
            s.note(stage.at_hub.refused("app", "push", strange))
        with tell.step("rollout", "The rollout passes the site's health gate") as s:
            began = time.monotonic()
            said = stage.at_hub("rollout", "start", "pump-watch", "1.0.0", "--sites", SITE, "--wait", timeout=120)
            s.figure(f"runs after {time.monotonic() - began:.1f} s, 20 of them the gate",
                     seconds_to_running=round(time.monotonic() - began, 1))
            s.quote(f"lander rollout start pump-watch 1.0.0 --sites {SITE} --wait", said)

    # --- 5: learn and watch ---

    def learn(self):
        stage, tell = self.stage, self.teller
        tell.chapter("Learn", "a detector of the pump's own, trained on site from its own healthy past")
        arguments = ("--asset", ASSET, "--interval", FRAME)
        with tell.step("readiness", "The site says whether it has enough healthy data") as s:
            def ready():
                answer = json.loads(stage.at_site("--json", "readiness", *arguments))
                s.progress = answer["reason"]
                return answer if answer["ready"] else None
            answer, _ = s.wait("enough healthy data", ready, 150, 1)
            s.figure(answer["reason"], rows=answer["rows_usable"])
        with tell.step("learn", "A model is trained, with its lineage") as s:
            began = time.monotonic()
            stage.at_site("learn", *arguments, "--wait")
            s.figure(f"in {time.monotonic() - began:.2f} s", train_s=round(time.monotonic() - began, 2))
            s.quote("lander model show", stage.at_site("model", "show", "--asset", ASSET), 8)
        with tell.step("promote", "An engineer promotes it from shadow to active") as s:
            said = stage.at_site("model", "promote", "--asset", ASSET)
            s.wait("the watch gives a score",
                   lambda: "watch_score" in stage.site.api.get(f"/api/v1/sites/{SITE}/models")[0])
            s.quote(f"lander model promote --asset {ASSET}", said, 2)
        with tell.step("quiet", "The healthy pump raises no alert") as s:
            raised = [a for a in stage.alerts(stage.site) if a["rule"].startswith("watch/")]
            if raised:
                raise RigError(f"{len(raised)} alerts of a healthy pump: {raised[0]['detail']}")

    # --- 6: warn ---

    def warn(self):
        stage, tell = self.stage, self.teller
        tell.chapter("Warn", "the bearing wears: who is told, when, and why")
        known = {a["id"] for a in stage.alerts(stage.site)}
        began_wall, began = time.time(), 0.0
        with tell.step("alert", "A bearing begins to wear; the site raises an alert that names the causes") as s:
            stage.inject("bearing-wear 0.7 40")
            began = time.monotonic()
            self.alert, seconds = s.wait(
                "an alert of the watch",
                lambda: stage.new_alert(stage.site, known, lambda a: a["rule"].startswith("watch/")), 60, 0.05)
            causes = ", ".join(f"{c['datastream']} {c['share'] * 100:.0f} %" for c in self.alert["causes"][:3])
            if "p1-vibration" not in causes:
                raise RigError(f"the causes do not name the vibration: {causes}")
            s.figure(f"{seconds:.1f} s after the fault began: {causes}", seconds=round(seconds, 2))
            s.quote("lander alerts", stage.at_site("alerts"))
        with tell.step("alert at hub", "The hub has it") as s:
            at_hub, _ = s.wait("the alert at the hub",
                               lambda: next((a for a in stage.alerts(stage.hub) if a["id"] == self.alert["id"]), None),
                               30, 0.02)
            seconds = time.monotonic() - began
            behind = age_s(at_hub["raised"])
            s.figure(f"{behind:.1f} s after it was raised", after_raised_s=round(behind, 2), seconds=round(seconds, 2))
        with tell.step("webhook", "The maintenance office's own program was told, by webhook") as s:
            (at, notice), _ = s.wait("the notice", lambda: next(
                ((t, n) for t, n in stage.receiver.notices
                 if n["alert"]["id"] == self.alert["id"] and n["event"]["kind"] == "raise"), None))
            s.figure(f"{at - began_wall:.1f} s after the fault began", seconds=round(at - began_wall, 2))
            s.note(f"{notice['alert']['severity']}: {notice['alert']['title']}")
        with tell.step("evidence", "The alert carries the window around it as evidence") as s:
            detail = stage.site.api.get(f"/api/v1/sites/{SITE}/alerts/{self.alert['id']}")
            points = {x["datastream"]: len(x["points"]) for x in detail["evidence"]["series"]}
            if not points or min(points.values()) < 10:
                raise RigError(f"evidence: {points}")
            s.figure(", ".join(f"{n} samples of {d}" for d, n in points.items()))
        with tell.step("acknowledge", "An operator acknowledges at the hub; the technician's site knows") as s:
            stage.at_hub("--site", SITE, "alerts", "ack", self.alert["id"], "--comment", "bearing ordered")
            _, seconds = s.wait("acknowledged at the site", lambda: next(
                a for a in stage.alerts(stage.site) if a["id"] == self.alert["id"])["acknowledged"], 30)
            s.figure(f"{seconds:.1f} s", seconds=round(seconds, 2))
        with tell.step("verdict", "The technician looks, and says so: the next training leaves that time out; the hub knows") as s:
            stage.at_site("alerts", "verdict", self.alert["id"], "true", "--note", "bearing worn, replaced")
            _, seconds = s.wait("the verdict at the hub", lambda: next(
                a for a in stage.alerts(stage.hub) if a["id"] == self.alert["id"]).get("verdict") == "true", 30)
            s.figure(f"{seconds:.1f} s", seconds=round(seconds, 2))
            s.quote("lander alerts show", stage.at_site("alerts", "show", self.alert["id"]), 14)
        stage.inject("none")  # the bearing is replaced, and cools down while the story goes on

    # --- 8: the lake ---

    def lake(self):
        stage, tell = self.stage, self.teller
        tell.chapter("The lake", "open tables at the hub, and what never left the site")
        with tell.step("sql", "The hub answers SQL over what arrived") as s:
            question = ("select datastream, unit, count(*) n, round(avg(value), 2) mean from observation "
                        "group by all order by datastream")

            def rows():
                answer = json.loads(stage.at_hub("--json", "sql", question))
                return answer if len(answer["rows"]) >= 4 else None
            answer, _ = s.wait("rows in the lake", rows, 40, 0.5)
            total = sum(int(row[2]) for row in answer["rows"])
            s.figure(f"{total} observations in {answer['ms']} ms", observations=total, sql_ms=answer["ms"])
            s.quote(f'lander sql "{question}"', stage.at_hub("sql", question), 7)
            if any(row[0] == "p1-current" for row in answer["rows"]):
                raise RigError("p1-current is in the lake though its policy says never")
        with tell.step("checksums", "Other programs read the tables: their checksums equal the site's") as s:
            same = same_in_other_programs(stage.hub.data / "lake" / "default", stage.site.api, "p1-vibration")
            s.figure(same.pop("told"), **same)
        with tell.step("audit", "What must not leave has not: the audit of the link shows so") as s:
            audit = {a["datastream"]: a for a in json.loads(stage.at_site("--json", "link", "audit"))}
            current = audit["p1-current"]
            if current["uplink"] != "never" or current["raw_sent"] or current["summaries_sent"]:
                raise RigError(f"p1-current was sent: {current}")
            if not current["observations_stored"] or not audit["p1-vibration"]["raw_sent"]:
                raise RigError(str(audit))
            s.figure(f"p1-current: {current['observations_stored']} stored, 0 sent")
            s.quote("lander link audit", stage.at_site("link", "audit"), 12)

    # --- 9, second half: an update that fails ---

    def bad_app(self):
        stage, tell = self.stage, self.teller
        tell.chapter("A bad update", "a version that shouts goes back by itself")
        with tell.step("rolled back", "Version 2 fails its health gate: the site goes back to version 1") as s:
            package, _ = self.package("pump-watch-v2-bad")
            stage.at_hub("app", "push", package)
            began = time.monotonic()
            code, said, errors = stage.at_hub.run("rollout", "start", "pump-watch", "2.0.0", "--sites", SITE, "--wait",
                                                  timeout=120)
            if code == 0:
                raise RigError(f"the bad version passed: {said}")
            s.figure(f"{time.monotonic() - began:.1f} s", seconds=round(time.monotonic() - began, 1))
            s.quote("lander rollout start pump-watch 2.0.0 --sites " + SITE + " --wait", said + errors, 6)
        with tell.step("why", "`lander twin` says why, and version 1 runs on") as s:
            def app():
                parts = stage.twin(stage.hub.api)["reported"]["components"]
                found = next(c for c in parts if c["id"] == "app/pump-watch")
                return found if found["status"] == "rolled-back" and found["running"].startswith("1.0.0") else None
            found, _ = s.wait("version 1 runs", app, 30)
            if not found["reason"]:
                raise RigError("no reason is given")
            s.note(found["reason"])

    def cleared(self):
        stage, tell = self.stage, self.teller
        tell.chapter("All well", "the new bearing has cooled down")
        with tell.step("cleared", "The first alert cleared by itself, and the hub knows") as s:
            def cleared(server):
                return not next(a for a in stage.alerts(server) if a["id"] == self.alert["id"])["active"]
            s.wait("cleared at the site", lambda: cleared(stage.site), 120, 0.3)
            s.wait("cleared at the hub", lambda: cleared(stage.hub), 30, 0.1)
