"""Everything the demo plays with: broker, pump station, hub, site, the link between them, a webhook's receiver."""

import http.server
import json
import pathlib
import shutil
import subprocess
import threading
import time

import mqtt
from api import Lander
from rig import ROOT, Rig, free_port, program, wait_for

SITE = "pump-station"
ASSET = "acme/oslo/waterworks/station-2/pump-1"
SPEED = 20  # of the pump: a minute shows it wander and warm up for twenty, which is what a detector learns from
DESIRED = ROOT / "demo" / "pump-station.yaml"


class Receiver:
    """Takes a webhook's notices, as somebody's own program would."""

    def __init__(self, port=0):
        self.notices = []
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):  # noqa: N802
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                receiver.notices.append((time.time(), json.loads(body)))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", free_port(port)), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class Stage:
    def __init__(self, folder, fixed_ports, keep=False):
        self.folder = pathlib.Path(folder)
        if not keep:
            shutil.rmtree(self.folder, ignore_errors=True)
        self.rig = Rig(self.folder)
        self.keys = self.folder / "keys"
        self.keys.mkdir(exist_ok=True)
        # The link's port stands in the site's enrolment: a second run over the same data needs the same one.
        ports = self.folder / "ports.json"
        self.ports = json.loads(ports.read_text()) if ports.exists() else {
            name: free_port(preferred if fixed_ports else 0) for name, preferred in
            {"hub": 8440, "sites": 8441, "link": 8442, "site": 8443, "mqtt": 1883, "modbus": 1502, "webhook": 0, "operator": 0}.items()}
        ports.write_text(json.dumps(self.ports))
        self.hub = self.site = self.broker = self.station = self.receiver = self.link = self.satellite = None
        self.at_hub = Lander(self.folder / "hub")
        self.at_site = Lander(self.folder / "site")

    def stop(self):
        self.rig.stop()

    # --- starting ---

    def start_broker(self):
        self.broker = self.rig.broker(self.ports["mqtt"])

    def start_station(self, seed=1):
        self.station = self.rig.run("pump-station", [
            program("pump-station"), "--modbus-port", self.ports["modbus"], "--mqtt",
            f"127.0.0.1:{self.broker.port}", "--seed", seed, "--speed", SPEED])
        wait_for("the pump station runs",
                 lambda: self.station.must_run() and self.station.says("mqtt connected"))

    def start_hub(self, late_after="12s"):
        self.hub = self.rig.hub("hub", self.ports["hub"], self.ports["sites"], late_after=late_after,
                                options=("--short-url", f"http://127.0.0.1:{self.ports['operator']}/MT"))
        self.hub.api.wait_up()
        self.satellite = self.rig.satellite(self.hub.port, self.ports["operator"], delay=1)
        self.link = self.rig.proxy(self.hub.sites_port, self.ports["link"])
        self.receiver = self.rig.add(Receiver(self.ports["webhook"]))

    def start_site(self):
        self.site = self.rig.site("site", self.ports["site"], contact_every="5s")
        self.site.api.wait_up()

    @property
    def link_url(self):
        return f"https://127.0.0.1:{self.link.port}"

    def enrol(self, token, folder="site"):
        """(exit status, what it says)"""
        done = subprocess.run([program("lander-site"), "enrol", "--data", str(self.folder / folder), "--hub",
                               self.link_url, "--token", token], capture_output=True, text=True, timeout=30)
        return done.returncode, (done.stdout + done.stderr).strip()

    # --- what a user has in a file ---

    def write(self, name, text):
        path = self.folder / name
        path.write_text(text)
        return path

    def desired_yaml(self):
        text = DESIRED.read_text().replace("127.0.0.1:1502", f"127.0.0.1:{self.ports['modbus']}")
        text = text.replace("127.0.0.1:1883", f"127.0.0.1:{self.broker.port}")
        return text + f'webhook: {{url: "http://127.0.0.1:{self.receiver.port}/alerts", least_severity: low}}\n'

    def satellite_yaml(self):
        """What an operator adds where the network may fail; a byte costs a tenth of a cent."""
        return ("carriers:\n  - id: sat\n    type: short-message\n    price: 0.001\n    bytes_a_day: 20000\n    delay: 5s\n"
                f"    settings: {{device: {self.satellite.device}, address: \"{self.satellite.imei}\"}}\n")

    # --- looking and acting ---

    def inject(self, order):
        mqtt.publish(self.broker.port, "station/inject", order)

    def twin(self, at):
        return at.get(f"/api/v1/sites/{SITE}/twin")

    def applied(self, at, revision):
        """The twin, when `at` (site or hub) says that all of this revision is applied."""
        twin = self.twin(at)
        reported = twin["reported"]
        if reported["desired_revision"] < revision or not twin["in_sync"]:
            return None
        return twin if all(c["status"] == "applied" for c in reported["components"]) else None

    def not_applied(self, at):
        return [f"{c['id']}: {c['status']}: {c['reason']}" for c in self.twin(at)["reported"]["components"]
                if c["status"] != "applied"]

    def alerts(self, server, state="all"):
        return server.api.get(f"/api/v1/sites/{SITE}/alerts", state=state)

    def new_alert(self, server, known, fits=lambda alert: True):
        return next((a for a in self.alerts(server) if a["id"] not in known and fits(a)), None)
