"""A small MQTT 3.1.1 publisher, so that a test knows which messages the broker has acknowledged."""

import socket
import struct
import threading
import time

from rig import RigError


def _text(data):
    data = data.encode() if isinstance(data, str) else data
    return struct.pack(">H", len(data)) + data


def _packet(head, body):
    length, size = b"", len(body)
    while True:
        size, low = divmod(size, 128)
        length += bytes([low | (0x80 if size else 0)])
        if not size:
            return bytes([head]) + length + body


class Publisher:
    """QoS 1; `window` messages at most wait for the broker's acknowledgement."""

    def __init__(self, port, client_id="publisher", window=200):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=20)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.window, self.next_id = window, 1
        self.waiting, self.changed = {}, threading.Condition()
        self.acknowledged = 0
        self.broken = None
        self.socket.sendall(_packet(0x10, _text("MQTT") + b"\x04\x02" + struct.pack(">H", 0) + _text(client_id)))
        answer = self._exactly(4)
        if answer[0] != 0x20 or answer[3] != 0:
            raise RigError(f"the broker refused the publisher: {answer.hex()}")
        threading.Thread(target=self._read, daemon=True).start()

    def _exactly(self, size):
        data = b""
        while len(data) < size:
            more = self.socket.recv(size - len(data))
            if not more:
                raise OSError("the broker closed the connection")
            data += more
        return data

    def _read(self):
        try:
            while True:
                head, size = self._exactly(2)
                body = self._exactly(size)  # what a publisher gets is short
                if head >> 4 != 4:
                    continue
                with self.changed:
                    self.waiting.pop(struct.unpack(">H", body[:2])[0], None)
                    self.acknowledged += 1
                    self.changed.notify_all()
        except OSError as error:
            with self.changed:
                self.broken = error
                self.changed.notify_all()

    def publish(self, topic, payload, qos=1):
        payload = payload.encode() if isinstance(payload, str) else payload
        if qos == 0:
            self.socket.sendall(_packet(0x30, _text(topic) + payload))
            return
        with self.changed:
            while len(self.waiting) >= self.window and not self.broken:
                if not self.changed.wait(20):
                    raise RigError("the broker does not acknowledge")
            if self.broken:
                raise RigError(f"the broker is gone: {self.broken}")
            message, self.next_id = self.next_id, self.next_id % 65535 + 1
            self.waiting[message] = True
        self.socket.sendall(_packet(0x32, _text(topic) + struct.pack(">H", message) + payload))

    def flush(self, within=30):
        """Until the broker has acknowledged everything."""
        deadline = time.monotonic() + within
        with self.changed:
            while self.waiting and not self.broken and time.monotonic() < deadline:
                self.changed.wait(0.5)
            if self.waiting:
                raise RigError(f"{len(self.waiting)} messages are not acknowledged by the broker")

    def close(self):
        self.socket.close()


def publish(port, topic, payload, qos=1):
    """One message, acknowledged."""
    publisher = Publisher(port, f"once-{time.monotonic_ns()}")
    publisher.publish(topic, payload, qos)
    publisher.flush()
    publisher.close()
