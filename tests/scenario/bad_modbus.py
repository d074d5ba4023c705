"""Modbus peers that are absent, slow, reset, or answer with exceptions and nonsense; others go on."""

import socket
import struct
import threading

import scenario
from rig import free_port, wait_for


class Peer:
    """A Modbus TCP device that misbehaves in one way."""

    def __init__(self, way):
        self.way, self.asked = way, 0
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(8)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self):
        self.way = "gone"
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        try:
            while True:
                head = b""
                while len(head) < 12:
                    more = client.recv(12 - len(head))
                    if not more:
                        return
                    head += more
                self.asked += 1
                transaction, _, _, unit, function, _, count = struct.unpack(">HHHBBHH", head)
                values = b"".join(struct.pack(">f", 21.5) for _ in range((count + 1) // 2))[:2 * count]
                good = struct.pack(">HHHBBB", transaction, 0, 3 + len(values), unit, function, len(values)) + values
                if self.way == "good":
                    client.sendall(good)
                elif self.way == "exception":
                    client.sendall(struct.pack(">HHHBBB", transaction, 0, 3, unit, function | 0x80, 2))
                elif self.way == "reset":
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    return
                elif self.way == "nonsense":
                    client.sendall(bytes([0xFF]) * 300)
                elif self.way == "nan":
                    values = struct.pack(">I", 0x7FC00000) * ((count + 1) // 2)
                    client.sendall(good[:9] + values[:2 * count])
                # "silent": takes the question and says nothing
        except OSError:
            pass
        finally:
            client.close()


class BadModbus(scenario.Scenario):
    def test_a_peer_that_misbehaves_is_told_of_and_the_others_go_on(self):
        ways = ["good", "exception", "reset", "nonsense", "silent", "nan"]
        peers = {way: self.rig.add(Peer(way)) for way in ways}
        absent = free_port()
        ports = {**{way: peer.port for way, peer in peers.items()}, "absent": absent}
        site = self.rig.site("site")
        site.api.wait_up()
        sources = "".join(f'  - {{id: {way}, driver: modbus, address: "127.0.0.1:{port}", poll_interval: 100ms}}\n'
                          for way, port in ports.items())
        streams = "".join(
            f'  - {{id: t-{way}, asset: acme/{way}, property: temperature, unit: Cel, '
            f'from: {{source: {way}, address: "1/input/0:f32", interval: 100ms}}}}\n' for way in ports)
        site.api.apply(f"sources:\n{sources}datastreams:\n{streams}commit_interval: 100ms\n")

        def component(way):
            parts = site.api.get(site.api.of_site("/twin"))["reported"]["components"]
            return next(c for c in parts if c["id"] == f"source/{way}")

        wait_for("the good one delivers", lambda: len(self.samples(site, datastream="t-good")) > 10, 20)
        for way in ("exception", "reset", "nonsense", "silent", "absent"):
            with self.subTest(way):
                found = wait_for(f"{way} is told", lambda: component(way)["status"] != "applied" and component(way),
                                 20)
                self.assertTrue(found["reason"])
                self.tell(f"{way}: {found['status']}: {found['reason']}")
        self.assertEqual(component("good")["status"], "applied")

        # NaN is stored as what it is: no value that anybody would compute with.
        found = wait_for("NaN arrives", lambda: self.samples(site, datastream="t-nan"), 10)
        self.assertTrue(all(s["quality"].startswith("Bad") for s in found), found[:3])

        # While five are broken the good one keeps its rate, and the site its health.
        before = len(self.samples(site, datastream="t-good"))
        wait_for("the good one goes on", lambda: len(self.samples(site, datastream="t-good")) > before + 20, 15)
        self.assertEqual(site.api.health()[0], 200)

        # A peer that comes to its senses is taken again without anybody's doing.
        for way in ("exception", "reset", "nonsense", "silent"):
            peers[way].way = "good"
        for way in ("exception", "reset", "nonsense", "silent"):
            wait_for(f"{way} recovers", lambda: component(way)["status"] == "applied", 40)
        self.assertGreaterEqual(site.stop(), 0)


if __name__ == "__main__":
    scenario.main()
