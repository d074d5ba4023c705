#!/usr/bin/env python3
"""Real power cuts: what the store acknowledged is there after each, on a real kernel and file system.

  ./dev bench powercut [--cuts 200] [--seed N] [--json]      needs root: it mounts a FUSE file system

Method: a machine of its own (user-mode-linux: Debian's kernel, ext4 with its defaults, barriers on) whose disk is a file in
bench/volatile_disk.py: a disk with a volatile cache. In it bench_powercut_writer commits to the store as fast as it can and says
each acknowledgement on the console. At a random moment, now and then while it boots or recovers, the machine is killed and
the disk keeps only what was flushed, with any sectors of the rest. The next boot's writer reads everything and compares it
with what was acknowledged: every commit whole, once, in samples of three kinds, records, items and plots; then it goes on.
Control, in the same run: the same with a disk whose flushes lie must lose something, or the test could not fail.
"""
import argparse
import json
import os
import pathlib
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from volatile_disk import VolatileDisk  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parent.parent
WRITER = ROOT / "build/release/bench/bench_powercut_writer"
DISK_MB = 64
BOOT_LIMIT_S = 120
CONTROL_CUTS = 10

INIT = """#!/bin/sh
PATH=/usr/sbin:/usr/bin:/sbin:/bin
mount -t proc proc /proc
insmod /usr/lib/uml/modules/$(uname -r)/kernel/drivers/block/loop.ko
mount -t hostfs none /media -o $lander_disk && losetup /dev/loop0 /media/disk
mount -t ext4 /dev/loop0 /mnt || { echo "VIOLATION ext4 does not mount"; sleep 1000; }
echo MOUNTED
exec $lander_writer /mnt $lander_known
"""


class Machine:
    """One boot; what it says is read by a thread of its own."""

    WRITER, INIT = WRITER, INIT

    def __init__(self, disk, folder, known):
        self.disk, self.acknowledged, self.state, self.violation = disk, known, None, None
        self.said = []
        self.working = threading.Event()
        mount = folder / "disk"
        mount.mkdir(exist_ok=True)
        disk.attach(str(mount))
        init = folder / "init"
        init.write_text(self.INIT)
        init.chmod(0o755)
        self.process = subprocess.Popen(
            ["linux.uml", "mem=128M", f"lander_disk={mount}", "rootfstype=hostfs", "rootflags=/", "ro", f"init={init}", "con=null",
             "con0=null,fd:1", "quiet", f"umid=lander-{os.getpid()}", f"uml_dir={folder}/uml/", f"lander_writer={self.WRITER}",
             f"lander_known={','.join(map(str, known)) if isinstance(known, tuple) else known}"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True)
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def hear(self, line):
        """True: it is one that only this kind of machine says."""
        return False

    def read(self):
        for line in self.process.stdout:
            line = line.decode(errors="replace").strip()
            if self.hear(line):
                continue
            if not line.endswith(("\0",)) and (found := re.fullmatch(r"ACK (\d+)", line)):
                self.acknowledged = max(self.acknowledged, int(found[1]))
            elif found := re.fullmatch(r"STATE (\d+)", line):
                self.state = int(found[1])
                self.acknowledged = max(self.acknowledged, self.state)
                self.working.set()
            elif "VIOLATION" in line:
                self.violation = line
                self.working.set()
            else:
                self.said = self.said[-40:] + [line]
        self.working.set()

    def cut(self):
        def kill():
            os.killpg(self.process.pid, signal.SIGKILL)
        self.disk.cut(kill)
        self.process.wait()
        self.reader.join()


def format_disk(folder):
    image = folder / "image"
    with open(image, "wb") as file:
        file.truncate(DISK_MB << 20)
    subprocess.run(["mke2fs", "-q", "-F", "-t", "ext4", str(image)], check=True)
    return image.read_bytes()


def run(cuts, seed, folder, lies, tell):
    chance = random.Random(seed)
    disk = VolatileDisk(format_disk(folder), seed, lies)
    known, result = 0, {"cuts": 0, "early": 0, "acknowledged": 0, "violations": []}
    while result["cuts"] < cuts + 1:  # the last boot only looks
        machine = Machine(disk, folder, known)
        last = result["cuts"] == cuts
        early = not last and known > 0 and chance.random() < 0.1
        if early:  # in the boot, the journal's replay, the log's recovery
            machine.working.wait(chance.uniform(0.3, 3))
        else:
            machine.working.wait(BOOT_LIMIT_S)
            if machine.state is None and machine.violation is None:
                machine.violation = "VIOLATION it does not come up: " + " | ".join(machine.said[-5:])
            elif not last and machine.violation is None:
                time.sleep(chance.uniform(0.02, 1.2))
        machine.cut()
        result["early"] += early and machine.state is None
        if machine.violation:
            result["violations"].append(machine.violation)
            return result | {"acknowledged": machine.acknowledged}
        known = machine.acknowledged
        if last:
            break
        result["cuts"] += 1
        tell(f"{result['cuts']} of {cuts} cuts, {known} commits acknowledged")
    return result | {"acknowledged": known, "flushes": disk.flushes, "sectors_lost": disk.dropped,
                     "sectors_kept_unflushed": disk.kept}


def main():
    parser = argparse.ArgumentParser(description="real power cuts, in user-mode-linux")
    parser.add_argument("--cuts", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("powercut: run as root: it mounts a FUSE file system for the disk")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="lander-powercut-"))

    def tell(text):
        if sys.stderr.isatty():
            print(f"\r{text}\x1b[K", end="", file=sys.stderr, flush=True)

    try:
        began = time.monotonic()
        result = run(options.cuts, options.seed, folder, False, tell)
        result["seconds"] = round(time.monotonic() - began)
        control = run(CONTROL_CUTS, options.seed, folder, True, tell)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    result["processor_s"] = round(used.ru_utime + used.ru_stime)
    result["control"] = control
    tell("")
    found_out = bool(control["violations"])
    if options.json:
        print(json.dumps(result, indent=2))
    else:
        print(f"{result['cuts']} power cuts ({result['early']} before the writer worked) in {result['seconds']} s")
        print(f"commits acknowledged: {result['acknowledged']}; violations: {len(result['violations'])}")
        print(f"flushes: {result.get('flushes')}; unflushed sectors lost: {result.get('sectors_lost')}, "
              f"kept: {result.get('sectors_kept_unflushed')}")
        print(f"control, a disk that lies: {control['violations'] or 'NOT found out'} after {control['cuts'] + 1} cuts")
    for violation in result["violations"]:
        print(violation)
    return 0 if found_out and not result["violations"] else 1


if __name__ == "__main__":
    sys.exit(main())
