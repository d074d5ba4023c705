#!/usr/bin/env python3
"""What a site costs and how soon it works: memory at rest and under load, time to start.

  ./dev bench site [--seconds N] [--json]

Method: the release's lander-site in a fresh folder.
  start     from exec to the first 200 of GET /healthz (HTTPS, a new connection each 2 ms), on the second and later
            starts: the first one makes keys and the first account. Median and worst of 11.
  at rest   memory 10 s after such a start: no sources, no console.
  working   100 datastreams over MQTT from a real Mosquitto, each a message of its own at 10 Hz (QoS 1, JSON); a T2+Q
            detector over 32 of them, trained through the API on an hour of the data stored before, and promoted; a
            console open (an event stream that is read, and what the console asks for: datastreams, alerts, a chart each
            5 s). Memory is sampled each second; the largest counts. Also after training, which uses more for a moment.
PSS is what the process has, shared pages divided by their users: libraries that other programs here use too count in
part. RSS counts them in full: the upper bound, where nothing else runs. "own" is anonymous memory alone, which nobody
shares and no kernel can drop. Beside it, in the same run, the same figures of the Mosquitto that carries the load.
"""
import argparse
import datetime
import http.client
import json
import math
import os
import pathlib
import random
import shutil
import signal
import socket
import ssl
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
SENSORS, HZ, MODELLED = 100, 10, 32
TRAINING_S = 3600
LIMITS = {"start_ms": 150, "rest_pss_mb": 14, "working_pss_mb": 32}
INSECURE = ssl._create_unverified_context()  # the site's certificate is its own


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def memory(pid):
    """PSS, RSS and anonymous memory in MB."""
    found = {}
    for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        name, _, rest = line.partition(":")
        if rest.endswith("kB"):
            found[name] = int(rest.split()[0]) * 1024 / 1e6
    return found["Pss"], found["Rss"], found["Pss_Anon"]


def named(what, figures):
    return dict(zip((f"{what}_pss_mb", f"{what}_rss_mb", f"{what}_own_mb"), figures))


def cpu_seconds(pid):
    """Of all threads, by the scheduler's own clock: /proc/PID/stat counts ticks, which periodic work slips between."""
    return sum(int(task.read_text().split()[0]) for task in pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat")) / 1e9


def wait_until(what, done, patience=60):
    deadline = time.monotonic() + patience
    while not done():
        if time.monotonic() > deadline:
            sys.exit(f"bench site: waited too long until {what}")
        time.sleep(0.02)


class Site:
    def __init__(self, program, folder):
        self.folder, self.port = folder, free_port()
        (folder / "cli.json").unlink(missing_ok=True)
        self.log = open(folder.parent / "site.log", "a")
        began = time.monotonic()
        self.process = subprocess.Popen(
            [program, "run", "--data", str(folder), "--listen", "127.0.0.1", "--port", str(self.port), "--name", "bench"],
            stdout=self.log, stderr=self.log)
        while not self.healthy():
            if self.process.poll() is not None:
                sys.exit(f"bench site: the site ended; see {self.log.name}")
            time.sleep(0.002)
        self.start_ms = 1e3 * (time.monotonic() - began)
        wait_until("the site has written its door", (folder / "cli.json").exists)
        self.token = json.loads((folder / "cli.json").read_text())["token"]
        self.pid = self.process.pid

    def healthy(self):
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, context=INSECURE, timeout=5)
        try:
            connection.request("GET", "/healthz")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    def ask(self, method, path, body=None):
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, context=INSECURE, timeout=60)
        try:
            connection.request(method, path, body, {"Authorization": f"Bearer {self.token}"})
            response = connection.getresponse()
            text = response.read()
            if response.status >= 300:
                sys.exit(f"bench site: {method} {path}: {response.status} {text.decode()}")
            return json.loads(text) if text else None
        finally:
            connection.close()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)
        self.log.close()


class Publisher:
    """MQTT 3.1.1 at QoS 1, as much of it as sending takes."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.sendall(b"\x10\x11\x00\x04MQTT\x04\x02\x00\x00\x00\x05bench")
        if self.socket.recv(4)[3] != 0:
            sys.exit("bench site: mosquitto refuses")
        self.sent = self.acknowledged = 0
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        held = 0
        try:
            while data := self.socket.recv(65536):
                held += len(data)  # nothing but acknowledgements of four bytes comes
                self.acknowledged, held = self.acknowledged + held // 4, held % 4
        except OSError:
            return  # the broker was ended

    def publish(self, topic, text):
        self.sent += 1
        body = struct.pack(">H", len(topic)) + topic + struct.pack(">H", self.sent % 65535 + 1) + text
        length, left = b"", len(body)
        while True:
            left, part = divmod(left, 128)
            length += bytes([part | (128 if left else 0)])
            if not left:
                break
        self.socket.sendall(b"\x32" + length + body)


def value(sensor, at, noise):
    """A pump's: a shared load, a lag and a level of each sensor's own, noise, a 12-bit converter."""
    load = math.sin(at / 60) + 0.4 * math.sin(at / 7.3)
    return round((5 + sensor / 10 + load * (0.5 + sensor % 7 / 10) + noise.gauss(0, 0.05)) * 400) / 400


def message(sensor, at, noise):
    stamp = datetime.datetime.fromtimestamp(at, datetime.timezone.utc).isoformat(timespec="milliseconds")
    return json.dumps({"value": value(sensor, at, noise), "time": stamp}).encode()


def topic(sensor):
    return f"plant/{sensor:03}/state".encode()


def declare(site, port):
    lines = ["sources:", f'  - {{id: broker, driver: mqtt, address: "127.0.0.1:{port}"}}', "datastreams:"]
    for sensor in range(SENSORS):
        asset = f"plant/{'line-1' if sensor < MODELLED else 'line-2'}/pump-{sensor // 8}"
        lines.append(f"  - {{id: s{sensor:03}, asset: {asset}, property: pressure, unit: bar, "
                     f'policy: {{uplink: never, max_lateness: 2h}}, '
                     f'from: {{source: broker, address: "{topic(sensor).decode()}#/value", time: /time, interval: 100ms}}}}')
    site.ask("POST", "/api/v1/sites/bench/desired?file=bench.yaml", "\n".join(lines) + "\n")
    def connected():
        return any(c["id"] == "source/broker" and c["status"] == "applied"
                   for c in site.ask("GET", "/api/v1/sites/bench/twin")["reported"]["components"])
    wait_until("the site is connected to mosquitto", connected)


def backfill(publisher, noise):
    """What the detector learns from, at 1 Hz, as a source that was cut off would send it."""
    now = time.time() - 2
    for second in range(TRAINING_S):
        for sensor in range(MODELLED):
            publisher.publish(topic(sensor), message(sensor, now - TRAINING_S + second, noise))
        wait_until("mosquitto keeps up", lambda: publisher.sent - publisher.acknowledged < 5000)
    wait_until("mosquitto has all", lambda: publisher.acknowledged == publisher.sent)


def stored(site):
    return sum(row["observations_stored"] for row in site.ask("GET", "/api/v1/sites/bench/link/audit"))


def train(site):
    job = site.ask("POST", "/api/v1/sites/bench/train", json.dumps({"asset": "plant/line-1", "last": "2h"}))["job"]
    state = {}
    def done():
        state.update(site.ask("GET", f"/api/v1/sites/bench/jobs/{job}"))
        return state["state"] != "running"
    wait_until("the detector is trained", done, 300)
    if state["state"] != "done":
        sys.exit(f"bench site: training failed: {state['reason']}")
    site.ask("POST", "/api/v1/sites/bench/models/promote", json.dumps({"asset": "plant/line-1"}))


class Console(threading.Thread):
    """What an open page does: reads the events, and asks now and then."""

    def __init__(self, site):
        super().__init__(daemon=True)
        self.site, self.events, self.stopping = site, 0, False
        threading.Thread(target=self.ask, daemon=True).start()

    def run(self):
        connection = http.client.HTTPSConnection("127.0.0.1", self.site.port, context=INSECURE, timeout=60)
        connection.request("GET", "/api/v1/events", headers={"Authorization": f"Bearer {self.site.token}"})
        response = connection.getresponse()
        while not self.stopping and (line := response.readline()):
            self.events += line.startswith(b"event:")

    def ask(self):
        while not self.stopping:
            for path in ("sites/bench", "sites/bench/datastreams", "sites/bench/alerts?state=open",
                         "sites/bench/series?datastream=s003&last=1h&points=600"):
                self.site.ask("GET", "/api/v1/" + path)
            time.sleep(5)


def work(site, publisher, broker_pid, noise, seconds):
    """All sensors at their rate; the memory meanwhile."""
    cpu, began, late, peaks = cpu_seconds(site.pid), time.time(), 0.0, []
    for tick in range(seconds * HZ):
        due = began + tick / HZ
        late = max(late, time.time() - due)
        time.sleep(max(0, due - time.time()))
        for sensor in range(SENSORS):
            publisher.publish(topic(sensor), message(sensor, due, noise))
        if tick % HZ == 0:
            peaks.append((*memory(site.pid), *memory(broker_pid)))
    spent = (cpu_seconds(site.pid) - cpu) / (time.time() - began)
    return [max(column) for column in zip(*peaks)], spent, late


def measure(program, folder, seconds):
    data, noise = folder / "site", random.Random(1)
    data.mkdir()
    Site(program, data).stop()  # the first start: keys, the first account
    out, starts = {}, []
    for _ in range(11):
        site = Site(program, data)
        starts.append(site.start_ms)
        site.stop()
    out["start_ms"], out["start_worst_ms"] = statistics.median(starts), max(starts)
    site = Site(program, data)
    time.sleep(10)
    out.update(named("rest", memory(site.pid)))

    port = free_port()
    (folder / "mosquitto.conf").write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\n")
    broker = subprocess.Popen(["mosquitto", "-c", folder / "mosquitto.conf"],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        def listens():
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port)) == 0
        wait_until("mosquitto listens", listens)
        out.update(named("mosquitto_rest", memory(broker.pid)))
        declare(site, port)
        publisher = Publisher(port)
        backfill(publisher, noise)
        wait_until("the history is stored", lambda: stored(site) >= TRAINING_S * MODELLED)
        out.update(named("history", memory(site.pid)))
        train(site)
        out.update(named("trained", memory(site.pid)))
        console = Console(site)
        console.start()
        before = stored(site)
        peaks, out["working_cpu"], out["publisher_late_s"] = work(site, publisher, broker.pid, noise, seconds)
        out.update(named("working", peaks[:3]) | named("mosquitto", peaks[3:]))
        wait_until("all is stored", lambda: stored(site) - before >= seconds * HZ * SENSORS)
        console.stopping = True
        out["observations"], out["console_events"] = seconds * HZ * SENSORS, console.events
        active = [m for m in site.ask("GET", "/api/v1/sites/bench/models") if m["active"]]
        if not active or console.events < seconds / 2:
            sys.exit("bench site: the detector or the console was not on")
        # The same data after a restart: without what training left behind.
        site.stop()
        site = Site(program, data)
        peaks, out["restarted_cpu"], _ = work(site, publisher, broker.pid, noise, max(10, seconds // 3))
        out.update(named("restarted", peaks[:3]))
        out["restart_ms"] = site.start_ms
    finally:
        broker.terminate()
        broker.wait()
        site.stop()
    return out


def show(out):
    def limit(key):
        return f"limit {LIMITS[key]}" if key in LIMITS else ""

    def ms(what, key, more=""):
        print(f"{what:48}{out[key]:8.0f} ms  {limit(key):10} {more}")

    def mb(what, key):
        print(f"{what:48}{out[key + '_pss_mb']:8.1f} MB  {limit(key + '_pss_mb'):10} "
              f"RSS {out[key + '_rss_mb']:.1f}, own {out[key + '_own_mb']:.1f}")
    ms("start to /healthz, median of 11", "start_ms", f"worst {out['start_worst_ms']:.0f}")
    ms("  with 100 datastreams, history, a detector", "restart_ms")
    mb("at rest, PSS", "rest")
    mb("100 sensors at 10 Hz, detector, console, PSS", "working")
    mb("  before: just after its history came in", "history")
    mb("  before: just after training", "trained")
    mb("  the same after a restart, no console", "restarted")
    mb("Mosquitto at rest, PSS", "mosquitto_rest")
    mb("Mosquitto under that load, history included", "mosquitto")
    print(f"processor of the site: {100 * out['working_cpu']:.1f} % of one core, without a console "
          f"{100 * out['restarted_cpu']:.1f} %")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=60, help="how long it works under load (60)")
    parser.add_argument("--program", default=str(ROOT / "build/release/bin/lander-site"))
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    if not shutil.which("mosquitto"):
        sys.exit("bench site: mosquitto is not installed: ./dev setup test")
    # Not a folder in memory: its pages would be the machine's, its flushes for nothing.
    with tempfile.TemporaryDirectory(prefix="bench-site-", dir=ROOT / "build") as folder:
        out = measure(arguments.program, pathlib.Path(folder), arguments.seconds)
    print(json.dumps(out, indent=2)) if arguments.json else show(out)
    return 0 if all(out[key] <= limit for key, limit in LIMITS.items()) else 1


if __name__ == "__main__":
    sys.exit(main())
