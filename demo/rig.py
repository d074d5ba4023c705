"""Starts, watches and stops the real programs: a broker, a hub, sites, a link that can be cut.

For the demo and for tests/scenario. Nothing here sleeps for a fixed time: whoever waits names what for,
and until when. Python's standard library only.
"""

import ctypes
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BIN = pathlib.Path(os.environ.get("LANDER_BIN", ROOT / "build" / "release" / "bin"))


class RigError(Exception):
    """Something did not come up, or did not happen in time; the text says what."""


def program(name):
    """The built program of that name, wherever its CMakeLists put it."""
    for path in [BIN / name, *sorted(BIN.parent.glob(f"examples/**/{name}"))]:
        if path.is_file() and os.access(path, os.X_OK):
            return str(path)
    raise RigError(f"{name} is not built: ./dev build")


def tool(name):
    """A program of Debian's; mosquitto stands in sbin, which is not on every user's path."""
    path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if not path:
        raise RigError(f"{name} is not installed: ./dev setup")
    return path


def free_port(preferred=0):
    """`preferred` if nobody has it, else any that is free now."""
    for port in ([preferred] if preferred else []) + [0]:
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                s.bind(("127.0.0.1", port))
                return s.getsockname()[1]
            except OSError:
                continue
    raise RigError("no port is free")


def wait_for(what, look, within=30.0, every=0.1):
    """Calls `look` until it returns something true, and returns that. What it raised last is told."""
    deadline = time.monotonic() + within
    last = None
    while True:
        try:
            found = look()
            if found:
                return found
            last = None
        except Exception as error:  # the thing looked at may not be up yet
            last = error
        if time.monotonic() >= deadline:
            raise RigError(f"{what}: not within {within:g} s" + (f" ({last})" if last else ""))
        time.sleep(every)


def accepts(port):
    with socket.create_connection(("127.0.0.1", port), timeout=1):
        return True


def _end_with_parent():
    """A test that is killed leaves nothing running: the kernel tells the child (PR_SET_PDEATHSIG)."""
    ctypes.CDLL(None, use_errno=True).prctl(1, signal.SIGTERM)


class Program:
    """One process of ours; its output goes to a log file."""

    def __init__(self, name, argv, log, env=None, before=None):
        self.name, self.argv, self.log, self.env, self.before = name, argv, pathlib.Path(log), env, before
        self.process = None
        self.start()

    def start(self):
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with open(self.log, "ab") as out:
            self.process = subprocess.Popen(
                self.argv, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                env={**os.environ, **(self.env or {})}, preexec_fn=self._prepare, start_new_session=True)

    def _prepare(self):
        _end_with_parent()
        if self.before:
            self.before()

    @property
    def pid(self):
        return self.process.pid

    def runs(self):
        return self.process.poll() is None

    def must_run(self):
        if not self.runs():
            raise RigError(f"{self.name} ended with {self.process.returncode}:\n{self.tail()}")
        return True

    def tail(self, lines=15):
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join("    | " + line for line in text.splitlines()[-lines:])

    def says(self, text):
        return self.log.exists() and text in self.log.read_text(errors="replace")

    def stop(self, within=15.0):
        """SIGTERM, and SIGKILL for one that does not go; returns the exit status."""
        if self.process and self.runs():
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(within)
            except subprocess.TimeoutExpired:
                self.kill()
        return self.process.returncode if self.process else None

    def kill(self):
        if self.runs():
            self.process.kill()
        self.process.wait()

    def memory_kb(self, field="VmRSS"):
        for line in pathlib.Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith(field + ":"):
                return int(line.split()[1])
        raise RigError(f"{self.name} has no {field}")


class Proxy:
    """The link between site and hub, to be cut: a TCP forwarder. While it is cut nobody answers."""

    def __init__(self, target_port, port=0):
        self.target = target_port
        self.port = free_port(port)
        self.lock = threading.Lock()
        self.pairs = set()
        self.listener = None
        self.up = 0  # bytes towards the target since the start
        self.restore()

    def restore(self):
        with self.lock:
            if self.listener:
                return
            listener = socket.socket()
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("127.0.0.1", self.port))
            listener.listen(64)
            self.listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def cut(self):
        with self.lock:
            listener, self.listener = self.listener, None
            pairs, self.pairs = self.pairs, set()
        if listener:
            # close() alone leaves a thread that is in accept() holding the port
            try:
                listener.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            listener.close()
        for pair in pairs:
            self._close(pair)

    stop = cut

    @staticmethod
    def _close(pair):
        for s in pair:
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            s.close()

    def _accept(self, listener):
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(("127.0.0.1", self.target), timeout=5)
                far.settimeout(None)
            except OSError:
                near.close()
                continue
            pair = (near, far)
            with self.lock:
                if self.listener is not listener:
                    self._close(pair)
                    return
                self.pairs.add(pair)
            threading.Thread(target=self._pump, args=(near, far, pair, True), daemon=True).start()
            threading.Thread(target=self._pump, args=(far, near, pair, False), daemon=True).start()

    def _pump(self, source, sink, pair, upwards):
        try:
            while data := source.recv(65536):
                if upwards:
                    self.up += len(data)
                sink.sendall(data)
        except OSError:
            pass
        with self.lock:
            self.pairs.discard(pair)
        self._close(pair)


class Rig:
    """A folder and what runs in it; as a context manager it leaves nothing running."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.parts = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def add(self, part):
        self.parts.append(part)
        return part

    def stop(self):
        while self.parts:
            self.parts.pop().stop()

    def run(self, name, argv, **more):
        return self.add(Program(name, [str(a) for a in argv], self.folder / "logs" / f"{name}.log", **more))

    def proxy(self, target_port, port=0):
        return self.add(Proxy(target_port, port))

    def broker(self, port=0, name="mosquitto"):
        """A real Mosquitto with a queue that holds what a site that is down has missed."""
        port = free_port(port)
        config = self.folder / f"{name}.conf"
        config.write_text(
            f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\n"
            "max_queued_messages 1000000\nmax_inflight_messages 1000\nlog_dest stderr\n")
        broker = self.run(name, [tool("mosquitto"), "-c", config])
        broker.port = port
        wait_for("mosquitto listens", lambda: broker.must_run() and accepts(port))
        return broker

    def satellite(self, hub_port, port=0, delay=0.0):
        """examples/satellite.py: a modem at .device of number .imei, and its operator at .url, who knows the hub's certificate."""
        port, imei, device = free_port(port), "300234010753370", self.folder.resolve() / "modem"
        modem = self.run("satellite", [
            sys.executable, "-B", ROOT / "examples" / "satellite.py", "--link", device, "--imei", imei, "--port", port,
            "--hub", f"https://localhost:{hub_port}/link/v1/short-messages", "--delay", delay],
            env={"SSL_CERT_FILE": str(self.folder / "hub" / "identity" / "tls.pem")})
        modem.device, modem.imei, modem.url = device, imei, f"http://127.0.0.1:{port}/MT"
        wait_for("the modem is there", lambda: modem.must_run() and device.exists())
        return modem

    def hub(self, name="hub", port=0, sites_port=0, flush_every="2s", late_after="45s", options=(), **more):
        from api import Server
        data = self.folder / name
        port, sites_port = free_port(port), free_port(sites_port)
        hub = self.run(name, [
            program("lander-hub"), "run", "--data", data, "--listen", "127.0.0.1", "--port", port, "--sites-port",
            sites_port, "--public-name", "localhost", "--flush-every", flush_every, "--late-after", late_after,
            *options],
            **more)
        hub.data, hub.port, hub.sites_port = data, port, sites_port
        hub.api = Server(data, hub)
        return hub

    def site(self, name="site", port=0, contact_every="20s", log=None, sticks=None, **more):
        """A site on the folder `name`; enrolled before, it is the site of its enrolment. Sticks come under `sticks`."""
        from api import Server
        data = self.folder / name
        port = free_port(port)
        site = self.run(log or name, [
            program("lander-site"), "run", "--data", data, "--listen", "127.0.0.1", "--port", port, "--name", data.name,
            "--contact-every", contact_every, "--sticks", sticks or self.folder / "media"], **more)
        site.data, site.port = data, port
        site.api = Server(data, site)
        return site
