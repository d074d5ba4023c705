"""For `./dev bench courier --cuts N`: a stick with a real FAT is pulled out of a real kernel N times while a pickup runs."""
import pathlib
import random
import re
import subprocess
import sys
import tempfile
import time

import powercut
from volatile_disk import VolatileDisk

STICK_MB = 16
BOOT_LIMIT_S = 120
CONTROL_CUTS = 20


class Stick(powercut.Machine):
    """One boot: mounts the FAT, examines it, picks up until it is cut."""

    WRITER = powercut.ROOT / "build/release/bench/bench_courier_writer"
    INIT = """#!/bin/sh
PATH=/usr/sbin:/usr/bin:/sbin:/bin
mount -t proc proc /proc
M=/usr/lib/uml/modules/$(uname -r)/kernel
for m in drivers/block/loop fs/fat/fat fs/fat/vfat fs/nls/nls_cp437 fs/nls/nls_ascii; do insmod $M/$m.ko; done
mount -t hostfs none /media -o $lander_disk && losetup /dev/loop0 /media/disk
mount -t vfat -o iocharset=ascii /dev/loop0 /mnt || { echo "VIOLATION FAT does not mount"; sleep 1000; }
exec $lander_writer /mnt $lander_known
"""

    def hear(self, line):
        if found := re.fullmatch(r"ACK (\d+) (\d+)", line):
            self.acknowledged = (int(found[1]), int(found[2]))
        elif found := re.fullmatch(r"DROP (\d+)", line):
            self.acknowledged = (int(found[1]) + 1, 0)
        elif found := re.fullmatch(r"STATE (\d+)", line):
            self.state = int(found[1])
            self.working.set()
        else:
            return False
        return True


def run(cuts, seed, folder, lies):
    chance = random.Random(seed)
    image = folder / "image"
    with open(image, "wb") as file:
        file.truncate(STICK_MB << 20)
    subprocess.run(["mkfs.vfat", "-F", "16", str(image)], check=True, stdout=subprocess.DEVNULL)
    disk = VolatileDisk(image.read_bytes(), seed, lies)
    known, violations, done = (1, 0), [], 0
    while done < cuts + 1:  # the last boot only looks
        machine = Stick(disk, folder, known)
        machine.working.wait(BOOT_LIMIT_S)
        if machine.state is None and machine.violation is None:
            machine.violation = "VIOLATION it does not come up: " + " | ".join(machine.said[-5:])
        elif done < cuts and machine.violation is None:
            time.sleep(chance.uniform(0.01, 0.8))
        machine.cut()
        if machine.violation:
            violations.append(machine.violation)
            if not lies:
                break
        known, done = machine.acknowledged, done + 1
        if lies and violations:
            break
        print(f"\r{done} of {cuts} cuts, round {known[0]}", end="", file=sys.stderr)
    print(file=sys.stderr)
    return {"cuts": min(done, cuts), "rounds": known[0], "violations": violations, "flushes": disk.flushes,
            "sectors_lost": disk.dropped}


def main(cuts, seed=1):
    with tempfile.TemporaryDirectory(prefix="lander-courier-") as folder:
        out = run(cuts, seed, pathlib.Path(folder), False)
        control = run(CONTROL_CUTS, seed, pathlib.Path(folder), True)
    print(f"{out['cuts']} cuts, {out['rounds']} pickups completed, {out['sectors_lost']} sectors lost: "
          f"{len(out['violations'])} violations")
    print(f"control, a stick that lies about flushes: {control['violations'] or 'NOT found out'}")
    for line in out["violations"]:
        print(line)
    return 0 if control["violations"] and not out["violations"] else 1
