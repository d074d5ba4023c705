#!/usr/bin/env python3
"""A satellite link on one machine: an Iridium-like short-burst-data modem on a pseudo terminal, and
the operator behind it, who hands messages on by HTTP. With faults, by options and a seed.

The modem's end: open the printed device (or --link PATH) as a serial line.
The hub's end:   messages from the modem are POSTed to --hub as the operator would (a form with imei,
                 momsn, transmit_time, data in hex); messages to it are taken as a POST of a form (imei,
                 data in hex, username, password) to /MT on --port, answered "OK,ID" or "FAILED,CODE,WHY".

  satellite.py --link /tmp/sat --port 8070 --hub https://localhost:8440/link/v1/short-messages --insecure --fail 0.3 --delay 2

SIGUSR1 takes the signal away and brings it back; SIGUSR2 pulls the modem out and plugs it in again.
What happens is printed, a line each.
"""
import argparse
import datetime
import errno
import http.server
import os
import pty
import queue
import random
import select
import signal
import ssl
import sys
import threading
import time
import tty
import urllib.error
import urllib.parse
import urllib.request

MAX_MO, MAX_MT = 340, 270  # bytes of one message up, down
MAX_QUEUED = 50            # for one modem, as operators have it
OK = b"\r\nOK\r\n"


def say(*words):
    print(*words, flush=True)


def checksum(data):
    return (sum(data) & 0xFFFF).to_bytes(2, "big")


class Operator:
    """Keeps what waits for the modem; hands what it sent to the hub, again and again until it is taken."""

    def __init__(self, options):
        self.options = options
        self.waiting = queue.Queue(MAX_QUEUED)  # to the modem
        self.to_hub = queue.Queue()
        self.ring = lambda: None
        self.next_id = 1
        handler = type("Handler", (PostHandler,), {"operator": self})
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", options.port), handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        threading.Thread(target=self.deliver, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.server_port}/MT"

    def take(self, form):
        """One message for the modem; the answer's text."""
        def field(name):
            return form.get(name, [""])[0]
        options = self.options
        if options.username and (field("username"), field("password")) != (options.username, options.password):
            return "FAILED,10,Invalid login credentials"
        if field("imei") != options.imei:
            return "FAILED,11,No modem with this IMEI found on your account"
        try:
            data = bytes.fromhex(field("data"))
        except ValueError:
            return "FAILED,14,Could not decode hex data"
        if not data:
            return "FAILED,16,No data"
        if len(data) > MAX_MT:
            return "FAILED,15,Data too long"
        try:
            self.waiting.put_nowait(data)
        except queue.Full:
            return "FAILED,99,Too many messages wait"
        say("queued", len(data), "bytes for the modem")
        self.ring()
        self.next_id += 1
        return f"OK,{self.next_id}"

    def accept(self, momsn, data):
        say("sent", len(data), "bytes, momsn", momsn)
        self.to_hub.put((momsn, data))

    def deliver(self):
        while True:
            momsn, data = self.to_hub.get()
            if not self.options.hub:
                continue
            now = datetime.datetime.now(datetime.timezone.utc)
            body = urllib.parse.urlencode({
                "imei": self.options.imei, "device_type": "ROCKBLOCK", "serial": 1, "momsn": momsn,
                "transmit_time": now.strftime("%y-%m-%d %H:%M:%S"), "iridium_latitude": "0.0000",
                "iridium_longitude": "0.0000", "iridium_cep": 1, "data": data.hex()}).encode()
            for pause in (1, 2, 4, 8, 8):
                try:
                    with urllib.request.urlopen(self.options.hub, body, timeout=10, context=trust(self.options)) as answer:
                        say("the hub took momsn", momsn, answer.status)
                        break
                except (urllib.error.URLError, OSError) as error:
                    say("the hub did not take momsn", momsn, error)
                    time.sleep(pause)


class PostHandler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        size = min(int(self.headers.get("Content-Length", 0)), 16384)
        form = urllib.parse.parse_qs(self.rfile.read(size).decode("utf-8", "replace"))
        answer = self.operator.take(form).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


class Modem:
    """Answers AT commands on a pseudo terminal. The main thread's, but for ring()."""

    def __init__(self, options, operator):
        self.options, self.operator = options, operator
        self.random = random.Random(options.seed)
        self.signal = not options.no_signal
        self.plugged, self.master = False, None
        self.momsn, self.mtmsn = 1, 1
        self.reset()
        operator.ring = self.ring
        self.plug_in()

    def reset(self):
        self.echo, self.alerts = True, False
        self.mo, self.mt = b"", b""
        self.line, self.binary = b"", None  # binary: how many bytes of SBDWB are still to come

    # ------------------------------------------------------------ the device

    def plug_in(self):
        self.master, self.slave = pty.openpty()
        tty.setraw(self.slave)
        path = os.ttyname(self.slave)
        if self.options.link:
            new = self.options.link + ".new"
            if os.path.lexists(new):
                os.unlink(new)
            os.symlink(path, new)
            os.replace(new, self.options.link)
        self.plugged = True
        self.reset()
        say("modem at", self.options.link or path)

    def pull_out(self):
        self.plugged = False
        if self.options.link:
            os.unlink(self.options.link)
        os.close(self.slave)
        os.close(self.master)
        say("modem pulled out")

    def toggle_plug(self, *_):
        self.pull_out() if self.plugged else self.plug_in()

    def toggle_signal(self, *_):
        self.signal = not self.signal
        say("signal" if self.signal else "no signal")

    def ring(self):
        if self.plugged and self.alerts and self.signal:
            say("ring")
            self.write(b"\r\nSBDRING\r\n")

    def write(self, data):
        if self.options.garble and self.random.random() < 0.1:
            data = bytearray(data)
            for _ in range(1 + len(data) // 20):  # bytes are lost, or changed
                at = self.random.randrange(len(data)) if data else 0
                if self.random.random() < 0.5:
                    del data[at:at + 1]
                elif data:
                    data[at] = self.random.randrange(256)
        try:
            os.write(self.master, bytes(data))
        except OSError:
            pass  # pulled out meanwhile

    def run(self):
        while True:
            if not self.plugged:
                time.sleep(0.05)
                continue
            try:
                if not select.select([self.master], [], [], 0.2)[0]:
                    continue
                data = os.read(self.master, 4096)
            except OSError as error:
                if error.errno not in (errno.EIO, errno.EBADF):
                    raise
                time.sleep(0.05)
                continue
            for byte in data:
                self.take(bytes([byte]))

    # ------------------------------------------------------------ commands

    def take(self, byte):
        if self.binary is not None:
            self.line += byte
            if len(self.line) == self.binary:
                self.end_write()
            return
        if self.echo:
            self.write(byte)
        if byte not in b"\r\n":
            self.line = (self.line + byte)[-256:]
        elif self.line:
            command, self.line = self.line.decode("ascii", "replace").strip().upper(), b""
            self.command(command)

    def command(self, command):
        if command in ("ATE0", "ATE1"):
            self.echo = command == "ATE1"
        elif command == "AT+CGSN":
            self.write(b"\r\n" + self.options.imei.encode() + b"\r\n")
        elif command in ("AT+CSQ", "AT+CSQF"):
            self.write(b"\r\n+CSQ:%d\r\n" % (4 if self.signal else 0))
        elif command in ("AT+SBDMTA=0", "AT+SBDMTA=1"):
            self.alerts = command.endswith("1")
            say("ring alerts", "on" if self.alerts else "off")
        elif command.startswith("AT+SBDWB="):
            return self.begin_write(command[9:])
        elif command in ("AT+SBDIX", "AT+SBDIXA"):
            self.session()
        elif command == "AT+SBDRB":
            self.write(len(self.mt).to_bytes(2, "big") + self.mt + checksum(self.mt))
        elif command in ("AT+SBDD0", "AT+SBDD1", "AT+SBDD2"):
            self.mo = b"" if command[-1] in "02" else self.mo
            self.mt = b"" if command[-1] in "12" else self.mt
            self.write(b"\r\n0\r\n")
        elif command != "AT":
            return self.write(b"\r\nERROR\r\n")
        return self.write(OK)

    def begin_write(self, length):
        if not length.isdigit() or not 1 <= int(length) <= MAX_MO:
            return self.write(b"\r\n3\r\n" + OK)
        self.binary = int(length) + 2
        return self.write(b"\r\nREADY\r\n")

    def end_write(self):
        data, given = self.line[:-2], self.line[-2:]
        self.line, self.binary = b"", None
        if checksum(data) == given:
            self.mo = data
            self.write(b"\r\n0\r\n" + OK)
        else:
            self.write(b"\r\n2\r\n" + OK)

    def session(self):
        say("session begins")
        time.sleep(self.options.delay)
        mo_status, mt_status, mtmsn, length = 0, 0, 0, 0
        if not self.signal:
            mo_status, mt_status = 32, 2
        elif self.random.random() < self.options.fail:
            mo_status, mt_status = self.random.choice((10, 13, 17, 18, 35)), 2
        if mo_status:
            say("session failed,", mo_status)
        else:
            if self.mo:
                self.operator.accept(self.momsn, self.mo)
            try:
                self.mt = self.operator.waiting.get_nowait()
                mt_status, mtmsn, length = 1, self.mtmsn, len(self.mt)
                self.mtmsn = (self.mtmsn + 1) & 0xFFFF
                say("received", length, "bytes, mtmsn", mtmsn)
            except queue.Empty:
                self.mt = b""
        waiting = self.operator.waiting.qsize()
        self.write(b"\r\n+SBDIX: %d, %d, %d, %d, %d, %d\r\n" % (mo_status, self.momsn, mt_status, mtmsn, length, waiting))
        if mo_status == 0:
            self.momsn = (self.momsn + 1) & 0xFFFF


def trust(options):
    """How the hub's certificate is looked at; nothing: as the system does."""
    return ssl._create_unverified_context() if options.insecure else None


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--link", help="symbolic link to the modem's device")
    parser.add_argument("--imei", default="300234010753370", help="the modem's number (%(default)s)")
    parser.add_argument("--port", type=int, default=0, help="of the operator; 0: any, it is printed")
    parser.add_argument("--hub", help="URL that messages from the modem are POSTed to")
    parser.add_argument("--insecure", action="store_true", help="take whatever certificate the hub shows")
    parser.add_argument("--username", default="", help="that a POST to the modem must name; empty: anyone may")
    parser.add_argument("--password", default="")
    parser.add_argument("--fail", type=float, default=0, metavar="SHARE", help="of sessions that fail, 0 to 1")
    parser.add_argument("--delay", type=float, default=0, metavar="SECONDS", help="that a session takes")
    parser.add_argument("--garble", action="store_true", help="loses and changes bytes of the modem's answers")
    parser.add_argument("--no-signal", action="store_true", help="begins without a satellite in sight")
    parser.add_argument("--seed", type=int, default=1, help="of the faults (%(default)s)")
    return parser.parse_args()


def main():
    options = parse_arguments()
    operator = Operator(options)
    modem = Modem(options, operator)
    signal.signal(signal.SIGUSR1, modem.toggle_signal)
    signal.signal(signal.SIGUSR2, modem.toggle_plug)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    say("operator at", operator.url)
    try:
        modem.run()
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
