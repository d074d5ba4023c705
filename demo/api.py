"""The HTTP API of site and hub (docs/api/README.md), and the `lander` command, for the demo and the scenarios."""

import http.client
import json
import pathlib
import ssl
import subprocess
import urllib.parse

from rig import RigError, program, wait_for


class ApiError(RigError):
    def __init__(self, status, body, what):
        self.status, self.body = status, body if isinstance(body, dict) else {}
        self.detail = self.body.get("detail", str(body)[:400])
        super().__init__(f"{what}: {status}: {self.detail}")


class Server:
    """One server, as whoever may read its data folder; or with `token` as somebody else."""

    def __init__(self, data, running=None, token=None):
        self.data, self.running, self.token = pathlib.Path(data), running, token
        self.context = None

    def door(self):
        return json.loads((self.data / "cli.json").read_text())

    @property
    def name(self):
        return self.door()["site"]

    def _context(self):
        if not self.context:
            # The server's own certificate is the only one trusted, as `lander` pins its key.
            pem = next(p for p in (self.data / "tls.pem", self.data / "identity" / "tls.pem") if p.exists())
            self.context = ssl.create_default_context(cafile=str(pem))
        return self.context

    def connection(self, timeout=30):
        url = urllib.parse.urlsplit(self.door()["url"])
        return http.client.HTTPSConnection(url.hostname, url.port, context=self._context(), timeout=timeout)

    def raw(self, method, path, body=None, headers=None, token=None, timeout=30):
        """(status, headers, bytes); `token` "" sends none."""
        connection = self.connection(timeout)
        try:
            send = dict(headers or {})
            token = self.token if token is None else token
            token = self.door()["token"] if token is None else token
            if token:
                send["Authorization"] = "Bearer " + token
            connection.request(method, path, body=body, headers=send)
            response = connection.getresponse()
            return response.status, response.headers, response.read()
        finally:
            connection.close()

    def call(self, method, path, body=None, token=None, query=None, timeout=30):
        """The answer's JSON; ApiError for any status from 400 on. A dict or list goes as JSON."""
        headers = {}
        if isinstance(body, (dict, list)):
            body, headers = json.dumps(body), {"Content-Type": "application/json"}
        if query:
            path += "?" + urllib.parse.urlencode(query)
        status, _, answer = self.raw(method, path, body, headers, token, timeout)
        try:
            parsed = json.loads(answer) if answer else None
        except ValueError:
            parsed = answer.decode(errors="replace")
        if status >= 400:
            raise ApiError(status, parsed, f"{method} {path}")
        return parsed

    def get(self, path, **query):
        return self.call("GET", path, query=query)

    def post(self, path, body=None, **query):
        return self.call("POST", path, body if body is not None else {}, query=query)

    def refused(self, method, path, body=None, token=None):
        """The ApiError of a call that must be refused."""
        try:
            answer = self.call(method, path, body, token)
        except ApiError as error:
            return error
        raise RigError(f"{method} {path} was not refused: {str(answer)[:200]}")

    def log_in(self, user, password):
        return self.call("POST", "/api/v1/login", {"user": user, "password": password}, token="")["token"]

    def initial_password(self, user="admin"):
        return (self.data / f"initial-{user}-password").read_text().strip()

    def health(self):
        status, _, body = self.raw("GET", "/healthz", token="", timeout=5)
        return status, json.loads(body)

    def wait_up(self, within=30, every=0.02):
        def look():
            if self.running:
                self.running.must_run()
            return self.health()[0] == 200
        try:
            return wait_for(f"{self.data.name} is up", look, within, every)
        except RigError:
            if self.running:
                self.running.must_run()
            raise

    # --- a site's own ---

    def of_site(self, path=""):
        return f"/api/v1/sites/{self.name}{path}"

    def apply(self, yaml, file="desired.yaml"):
        return self.call("POST", self.of_site(f"/desired?file={file}"), yaml)

    def alerts(self, state="open"):
        return self.get(self.of_site("/alerts"), state=state)

    def observations(self, **query):
        return self.get(self.of_site("/observations"), **query)

    def metrics(self):
        _, _, body = self.raw("GET", "/metrics", token="")
        values = {}
        for line in body.decode().splitlines():
            if line and not line.startswith("#"):
                name, _, value = line.rpartition(" ")
                values[name] = float(value)
        return values


class Lander:
    """The `lander` command. Where `at` is a data folder, `lander --at` speaks for whoever may read it."""

    def __init__(self, at=None):
        self.at = [] if at is None else ["--at", str(at)]

    def run(self, *arguments, timeout=60, stdin=None):
        """(exit status, output, errors)"""
        done = subprocess.run([program("lander"), *self.at, *map(str, arguments)], capture_output=True, text=True,
                              timeout=timeout, input=stdin)
        return done.returncode, done.stdout, done.stderr

    def __call__(self, *arguments, **more):
        code, out, errors = self.run(*arguments, **more)
        if code != 0:
            raise RigError(f"lander {' '.join(map(str, arguments))}: exit {code}: {(errors or out).strip()[:600]}")
        return out

    def refused(self, *arguments, **more):
        """What it says when it must refuse."""
        code, out, errors = self.run(*arguments, **more)
        if code == 0:
            raise RigError(f"lander {' '.join(map(str, arguments))} was not refused: {out.strip()[:200]}")
        return (errors + out).strip()
