"""A disk with a volatile write cache, as a file that another program opens: FUSE, spoken by hand.

What was written is lost at a cut unless a flush (fsync) came after it; of the rest any sectors survive, in any order.
A disk that lies answers flushes at once, and really keeps what is older than a third of a second.
"""
import ctypes
import os
import random
import struct
import threading
import time

SECTOR = 512
LIES_S = 0.3
LIBC = ctypes.CDLL(None, use_errno=True)
LOOKUP, FORGET, GETATTR, SETATTR, OPEN, READ, WRITE, STATFS, RELEASE, FSYNC, FLUSH, INIT = (
    1, 2, 3, 4, 14, 15, 16, 17, 18, 20, 25, 26)
OPENDIR, RELEASEDIR, INTERRUPT, BATCH_FORGET = 27, 29, 36, 42
ENOENT, EIO, ENOSYS = 2, 5, 38
DIRECT_IO = 1
MOUNT_FLAGS, FORCE_DETACH = 2 | 4, 1 | 2  # nosuid, nodev


class VolatileDisk:
    def __init__(self, image, seed, lies=False):
        self.data = bytearray(image)
        self.random = random.Random(seed)
        self.lies = lies
        self.unsynced = []  # (offset, before, after, when)
        self.dropped = self.kept = self.flushes = 0  # sectors, sectors, calls
        self.lock = threading.Lock()
        self.folder = self.thread = self.fd = None

    # --- the cache

    def write(self, offset, after):
        with self.lock:
            end = offset + len(after)
            self.unsynced.append((offset, bytes(self.data[offset:end]), after, time.monotonic()))
            self.data[offset:end] = after

    def flush(self):
        with self.lock:
            self.flushes += 1
            if not self.lies:
                self.unsynced.clear()
            else:  # keep the list short: what is old stays
                old = time.monotonic() - 10 * LIES_S
                self.unsynced = [w for w in self.unsynced if w[3] >= old]

    def lose(self):
        writes, self.unsynced = self.unsynced, []
        for offset, before, _, _ in reversed(writes):
            self.data[offset:offset + len(before)] = before
        now, share, mode = time.monotonic(), self.random.random(), self.random.randrange(3)
        for offset, before, after, when in writes:
            for at in range(0, len(after), SECTOR):
                if self.lies:
                    keep = now - when > LIES_S  # in order: the file system stays whole
                elif mode == 0:
                    keep = False
                else:
                    keep = self.random.random() < (share if mode == 1 else 0.9)
                piece = after[at:at + SECTOR]
                if keep:
                    self.data[offset + at:offset + at + len(piece)] = piece
                    self.kept += 1
                else:
                    self.dropped += 1

    # --- the file

    def attach(self, folder):
        """The disk as folder/disk."""
        self.folder = folder
        self.frozen = False
        self.waiting = []
        self.fd = os.open("/dev/fuse", os.O_RDWR)
        options = f"fd={self.fd},rootmode=40000,user_id=0,group_id=0".encode()
        if LIBC.mount(b"disk", os.fsencode(folder), b"fuse", MOUNT_FLAGS, options) != 0:
            error = ctypes.get_errno()
            raise OSError(error, f"mounting a FUSE disk (needs root): {os.strerror(error)}")
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()
        return os.path.join(folder, "disk")

    def cut(self, kill):
        """Answers nothing any more, lets `kill` end who uses it, and loses what a cut loses."""
        with self.lock:
            self.frozen = True
        kill()
        LIBC.umount2(os.fsencode(self.folder), FORCE_DETACH)
        self.thread.join()
        os.close(self.fd)
        self.lose()

    def serve(self):
        while True:
            try:
                request = os.read(self.fd, 1 << 20 | 4096)
            except OSError as error:
                if error.errno in (ENOENT, 4):  # taken back, interrupted
                    continue
                return  # ENODEV: detached
            _, opcode, unique, node = struct.unpack_from("<IIQQ", request)
            answer = self.answer(opcode, node, request[40:])
            with self.lock:
                if self.frozen:
                    continue
            if answer is None:
                continue
            error, body = answer
            try:
                os.write(self.fd, struct.pack("<IiQ", 16 + len(body), -error, unique) + body)
            except OSError:
                pass  # it is gone, and so is who asked

    def attributes(self, node):
        folder = node == 1
        size = 0 if folder else len(self.data)
        mode = 0o40755 if folder else 0o100600
        return struct.pack("<6Q10I", node, size, size // SECTOR, 0, 0, 0, 0, 0, 0, mode, 1, 0, 0, 0, 4096, 0)

    def answer(self, opcode, node, body):
        if opcode == INIT:
            return 0, struct.pack("<4IHHIIHHIIH22x", 7, 31, 1 << 17, 0, 16, 12, 1 << 17, 1, 32, 0, 0, 0, 0)
        if opcode == LOOKUP:
            if body.rstrip(b"\0") != b"disk":
                return ENOENT, b""
            return 0, struct.pack("<4QII", 2, 0, 3600, 3600, 0, 0) + self.attributes(2)
        if opcode in (GETATTR, SETATTR):
            return 0, struct.pack("<QII", 3600, 0, 0) + self.attributes(node)
        if opcode in (OPEN, OPENDIR):
            return 0, struct.pack("<QII", 1, DIRECT_IO, 0)
        if opcode == READ:
            _, offset, size = struct.unpack_from("<QQI", body)
            return 0, bytes(self.data[offset:offset + size])
        if opcode == WRITE:
            _, offset, size = struct.unpack_from("<QQI", body)
            if not self.frozen:
                self.write(offset, body[40:40 + size])
            return 0, struct.pack("<II", size, 0)
        if opcode == FSYNC:
            if not self.frozen:
                self.flush()
            return 0, b""
        if opcode in (RELEASE, FLUSH, RELEASEDIR):
            return 0, b""
        if opcode == STATFS:
            return 0, bytes(80)
        if opcode in (FORGET, BATCH_FORGET, INTERRUPT):
            return None
        return ENOSYS, b""
