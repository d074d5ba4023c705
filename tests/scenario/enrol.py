"""Who gets in: tokens, certificates, tenants, roles."""

import base64
import http.client
import ssl
import subprocess
import time

import scenario
from fleet import Fleet
from rig import program, tool, wait_for


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def with_another_secret(token):
    """A token that is well formed and nobody's: docs/formats/trust.md."""
    head, text = token.split(".", 1)
    raw = bytearray(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    raw[10] ^= 1  # within the 32 bytes of the secret
    raw[-4:] = crc32c(raw[:-4]).to_bytes(4, "little")
    return head + "." + base64.urlsafe_b64encode(bytes(raw)).decode().rstrip("=")


class Enrol(scenario.Scenario):
    def test_a_used_wrong_altered_or_expired_token_is_refused_with_the_reason(self):
        fleet = Fleet(self.rig)
        token = fleet.token("north")
        altered = token[:40] + ("x" if token[40] != "x" else "y") + token[41:]
        for wrong, reason in ((altered, "altered"), (token[:50], "(?i)cut|short|token"), ("lander1.", "(?i)token|cut"),
                              ("hello", "(?i)token"), (with_another_secret(token), "(?i)wrong|not")):
            code, said = fleet.enrol("nobody", wrong)
            self.assertEqual(code, 1, said)
            self.assertRegex(said, reason)
            self.tell(said)
        code, said = fleet.enrol("north", token)
        self.assertEqual(code, 0, said)
        code, said = fleet.enrol("thief", token)
        self.assertEqual(code, 1)
        self.assertIn("was used at", said)
        short = fleet.token("south", "1s")
        began = time.monotonic()
        wait_for("the token's end", lambda: time.monotonic() - began > 1.3)
        code, said = fleet.enrol("south", short)
        self.assertEqual(code, 1)
        self.assertIn("expired at", said)
        # A new token replaces the old one, also before it was used.
        first, second = fleet.token("east"), fleet.token("east")
        self.assertEqual(fleet.enrol("east1", first)[0], 1)
        self.assertEqual(fleet.enrol("east2", second)[0], 0)

    def test_a_site_does_not_talk_to_a_hub_whose_key_its_token_does_not_name(self):
        fleet = Fleet(self.rig)
        token = fleet.token("north")
        other = self.rig.hub("impostor")
        other.api.wait_up()
        code, said = fleet.enrol("north", token, port=other.sites_port)
        self.assertEqual(code, 1)
        self.tell(said)
        self.assertRegex(said, "(?i)key|pin")
        self.assertEqual(fleet.enrol("north", token)[0], 0)  # and the token is still good

    def test_the_sites_port_wants_the_certificate_of_an_enrolled_site(self):
        fleet = Fleet(self.rig)
        site = fleet.site("north")
        context = ssl.create_default_context(cafile=str(fleet.hub.data / "identity" / "tls.pem"))

        def post(context):
            connection = http.client.HTTPSConnection("127.0.0.1", fleet.hub.sites_port, context=context, timeout=10)
            connection.request("POST", "/b", b"\1\0\0\0\x80", {"Content-Type": "application/cbor"})
            response = connection.getresponse()
            return response.status, response.read().decode()

        status, said = post(context)
        self.assertEqual(status, 401, said)
        key, pem = self.folder / "stranger.key", self.folder / "stranger.pem"
        subprocess.run([tool("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-subj", "/CN=default\\/north", "-keyout", key, "-out", pem, "-days", "2"], check=True,
                       capture_output=True)
        context.load_cert_chain(pem, key)
        status, said = post(context)
        self.assertEqual(status, 403, said)
        self.tell(said)
        # A removed site's key is refused from now on, and it is told why.
        fleet.lander("site", "remove", "north")
        reason = wait_for("north is refused", lambda: site.api.get(site.api.of_site("/link"))["reason"], 30)
        self.assertRegex(reason, "403|401|enrol")

    def test_another_tenant_sees_nothing_not_even_that_it_exists(self):
        # The second tenant is made while the hub is down, as `lander-hub add-tenant` asks.
        fleet = Fleet(self.rig)
        fleet.site("north")
        fleet.hub.stop()
        subprocess.run([program("lander-hub"), "add-tenant", "rival", "--data", fleet.hub.data], check=True,
                       capture_output=True)
        fleet.hub.start()
        hub = fleet.hub.api
        hub.wait_up()
        rival = hub.log_in("admin-rival", hub.initial_password("admin-rival"))
        self.assertEqual(hub.call("GET", "/api/v1/sites", token=rival), [])
        self.assertEqual(hub.call("GET", "/api/v1/alerts", token=rival), [])
        self.assertEqual([a["user"] for a in hub.call("GET", "/api/v1/accounts", token=rival)], ["admin-rival"])
        for method, path, body in (("GET", "", None), ("GET", "/twin", None), ("GET", "/alerts", None),
                                   ("GET", "/datastreams", None), ("GET", "/series?datastream=level", None),
                                   ("GET", "/models", None), ("DELETE", "", None),
                                   ("POST", "/desired", b"commit_interval: 2s\n"),
                                   ("POST", "/alerts/x/events", {"kind": "acknowledge"})):
            theirs = hub.refused(method, "/api/v1/sites/north" + path, body, token=rival)
            nobodys = hub.refused(method, "/api/v1/sites/nobody" + path, body, token=rival)
            self.assertEqual((theirs.status, nobodys.status), (404, 404), f"{method} {path}")
            self.assertEqual(theirs.detail.replace("north", "?"), nobodys.detail.replace("nobody", "?"))
        theirs, nobodys = (hub.refused("POST", "/api/v1/rollouts", {"app": "x", "version": "1.0.0", "sites": [site]},
                                       token=rival) for site in ("north", "nobody"))
        self.assertEqual(theirs.detail.replace("north", "?"), nobodys.detail.replace("nobody", "?"))
        answer = hub.raw("POST", "/api/v1/sql", b'{"sql":"select * from read_parquet(\'../default/*/*.parquet\')"}', token=rival)
        self.assertGreaterEqual(answer[0], 400)
        wait_for("north is back at the hub that was restarted", lambda: fleet.of("north")["presence"] == "on-time", 40)

    def test_a_role_that_may_only_look_changes_nothing_at_the_hub(self):
        fleet = Fleet(self.rig)
        fleet.site("north")
        hub = fleet.hub.api
        hub.post("/api/v1/accounts", {"user": "vera", "password": "only for looking", "role": "viewer"})
        hub.post("/api/v1/accounts", {"user": "tom", "password": "hands on tools", "role": "technician"})
        vera, tom = hub.log_in("vera", "only for looking"), hub.log_in("tom", "hands on tools")
        hub.call("GET", "/api/v1/sites/north/twin", token=vera)
        for token in (vera, tom):
            for method, path, body in (("POST", "/api/v1/sites", {"site": "x"}), ("DELETE", "/api/v1/sites/north", None),
                                       ("POST", "/api/v1/sites/north/desired", b"commit_interval: 2s\n"),
                                       ("POST", "/api/v1/packages", b"x"), ("PUT", "/api/v1/trust", b"x"),
                                       ("POST", "/api/v1/rollouts", {"app": "x", "version": "1", "sites": ["north"]}),
                                       ("GET", "/api/v1/accounts", None)):
                self.assertEqual(hub.refused(method, path, body, token=token).status, 403, f"{method} {path}")
        event = ("POST", "/api/v1/sites/north/alerts/x/events", {"kind": "acknowledge"})
        self.assertEqual(hub.refused(*event, token=vera).status, 403)
        self.assertEqual(hub.refused(*event, token=tom).status, 404)  # he may, there is none


if __name__ == "__main__":
    scenario.main()
