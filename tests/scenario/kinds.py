"""Waveforms, images and batches by MQTT: stored, shown, downloaded, there after a kill -9, never run in a browser."""

import base64
import hashlib
import math
import pathlib
import struct
import zlib

import scenario
from rig import wait_for

DESIRED = """
asset: acme/oslo/pump-1
sources:
  - {id: broker, driver: mqtt, address: "127.0.0.1:%d", topics: ["pump/#"]}
datastreams:
  - {id: burst, property: vibration, unit: mm/s, kind: waveform, range: [-50, 50],
     from: {source: broker, address: "pump/burst#/v", unit: m/s, time: /t, rate_hz: 1000}}
  - {id: image, property: image, kind: object, from: {source: broker, address: pump/image}}
  - {id: batch, property: batch, kind: interval, policy: {thinning: [{beyond: 365d, keep: nothing}]},
     from: {source: broker, address: "pump/batch#"}}
commit_interval: 100ms
"""


def png(side=64):
    """A small grey gradient, as a camera would send one."""
    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
    rows = b"".join(b"\0" + bytes((x + y) % 256 for x in range(side)) for y in range(side))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


class Kinds(scenario.BrokerScenario):
    DESIRED = DESIRED

    def newest(self, datastream):
        samples = self.samples(self.site, datastream=datastream)
        return samples[-1] if samples else None

    def object(self, sha256, **more):
        return self.site.api.raw("GET", self.site.api.of_site(f"/objects/{sha256}"), **more)

    def test_a_waveform_is_stored_whole_and_told_briefly(self):
        samples = [round(math.sin(i / 7) / 1000, 6) for i in range(4000)]
        self.publisher.publish("pump/burst", '{"t":"2026-01-31T12:00:00Z","v":%s}' % samples)
        wait_for("the waveform is stored", lambda: self.site.api.observations(
            datastream="burst", **{"from": "2026-01-31T11:59:00Z", "to": "2026-01-31T12:01:00Z"})["series"][0]["samples"], 20)
        [sample] = self.site.api.observations(
            datastream="burst", **{"from": "2026-01-31T11:59:00Z", "to": "2026-01-31T12:01:00Z"})["series"][0]["samples"]
        self.assertEqual(sample["time"], "2026-01-31T12:00:00Z")
        self.assertEqual(sample["value"]["rate_hz"], 1000)
        for got, sent in zip(sample["value"]["samples"], samples, strict=True):
            self.assertAlmostEqual(got, sent * 1000, places=9)
        told = {d["id"]: d for d in self.site.api.get(self.site.api.of_site("/datastreams"))}
        latest = told["burst"]["latest"]["value"]
        self.assertEqual((latest["count"], len(latest["preview"])), (4000, 96))
        self.assertEqual(told["burst"]["policy"]["uplink"], "never")
        self.assertEqual(told["batch"]["policy"]["thinning"], [{"beyond": "365d", "keep": "nothing"}])

    def test_an_image_is_kept_and_comes_back_after_kill_9(self):
        image = png()
        digest = hashlib.sha256(image).hexdigest()
        self.publisher.publish("pump/image", image)
        wait_for("the image is stored", lambda: self.newest("image"), 20)
        self.assertEqual(self.newest("image")["value"],
                         {"sha256": digest, "bytes": len(image), "media_type": "image/png"})
        self.site.kill()
        self.site.start()
        self.site.api.wait_up()
        wait_for("the site knows us again", lambda: self.object(digest)[0] != 401, 20)  # by the pass of this start
        status, headers, content = self.object(digest)
        self.assertEqual((status, content), (200, image))
        self.assertEqual(headers["Content-Type"], "image/png")
        self.assertEqual(headers["X-Content-Type-Options"], "nosniff")
        self.assertEqual(headers["Content-Disposition"], "inline")

    def test_what_is_no_image_is_never_shown_by_a_browser_and_nothing_is_told_to_strangers(self):
        page = b"<html><script>alert(1)</script>"
        self.publisher.publish("pump/image", page)
        wait_for("it is stored", lambda: self.newest("image"), 20)
        digest = hashlib.sha256(page).hexdigest()
        _, headers, content = self.object(digest)
        self.assertEqual(content, page)
        self.assertEqual(headers["Content-Type"], "text/plain")
        self.assertEqual(headers["Content-Disposition"], "attachment")
        self.assertIn("sandbox", headers["Content-Security-Policy"])
        self.assertEqual(self.object(digest, token="")[0], 401)
        self.assertEqual(self.object("0" * 64)[0], 404)
        for wrong in ("0", "x" * 64, "0" * 66, "..%2f..%2fidentity"):
            self.assertIn(self.object(wrong)[0], (400, 404, 422), wrong)

    def test_a_batch_has_a_start_an_end_and_a_label(self):
        self.publisher.publish("pump/batch", '{"start":"2026-01-31T12:00:00Z","duration_s":90,"label":"batch 7"}')
        where = {"from": "2026-01-31T11:00:00Z", "to": "2026-01-31T13:00:00Z"}
        wait_for("it is stored", lambda: self.site.api.observations(datastream="batch", **where)["series"][0]["samples"], 20)
        [sample] = self.site.api.observations(datastream="batch", **where)["series"][0]["samples"]
        self.assertEqual(sample["value"], {"end": "2026-01-31T12:01:30Z", "duration_s": 90, "label": "batch 7"})

    def test_the_command_shows_and_downloads_them(self):
        image = png(16)
        digest = hashlib.sha256(image).hexdigest()
        self.publisher.publish("pump/image", image)
        wait_for("the image is stored", lambda: self.newest("image"), 20)
        lander = scenario.Lander(self.site.data)
        self.assertIn(digest, lander("query", "--datastream", "image"))
        file = pathlib.Path(self.folder) / "image.png"
        lander("object", digest, "-o", str(file))
        self.assertEqual(file.read_bytes(), image)

    def test_they_are_offered_as_what_they_are(self):
        self.publisher.publish("pump/other", '{"rate_hz":10,"samples":[%s]}' % ",".join(map(str, range(50))))
        self.publisher.publish("pump/camera", base64.b64decode("/9j/4AAQSkZJRgAB"))

        def kinds():
            offered = self.site.api.get(self.site.api.of_site("/candidates"))
            return {c["address"]: c["kind"] for c in offered}
        wait_for("both are offered", lambda: {"pump/other#", "pump/camera"} <= kinds().keys(), 20)
        self.assertEqual(kinds()["pump/other#"], "waveform")
        self.assertEqual(kinds()["pump/camera"], "object")


if __name__ == "__main__":
    scenario.main()
