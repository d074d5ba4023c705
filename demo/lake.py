"""Whether programs that are not ours see in the lake what the site has stored."""

import json
import pathlib
import struct
import subprocess

from rig import ROOT, RigError

PYTHON = ROOT / "build" / "deps" / "venv" / "bin" / "python"
READERS = ROOT / "tests" / "lake" / "readers.py"


def readers_are_installed():
    return PYTHON.exists()


def read_by_others(tenant_folder, datastream):
    """What DuckDB and Polars see of it: tests/lake/readers.py."""
    done = subprocess.run([str(PYTHON), str(READERS), str(tenant_folder), datastream], capture_output=True, text=True,
                          timeout=120)
    if done.returncode:
        raise RigError(f"the readers failed: {done.stderr.strip()[-600:]}")
    return json.loads(done.stdout)


def rfc3339(us):
    import datetime
    time = datetime.datetime.fromtimestamp(us // 1_000_000, datetime.timezone.utc).replace(microsecond=us % 1_000_000)
    return time.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def site_checksum(site, datastream, time_min, time_max):
    """The same sums as readers.py's, over the site's own answer for [time_min, time_max]."""
    rows = bits = 0
    start = time_min
    while True:
        answer = site.get(site.of_site("/observations"), datastream=datastream, limit=100000,
                          **{"from": rfc3339(start), "to": rfc3339(time_max + 1)})
        if answer["truncated"]:
            raise RigError("more samples than one page: compare a shorter time")
        for sample in answer["series"][0]["samples"]:
            rows += 1
            bits += struct.unpack("<Q", struct.pack("<d", float(sample["value"])))[0]
        return rows, bits % 2**64


def same_in_other_programs(tenant_folder, site, datastream):
    """Figures; RigError when anybody sees something else."""
    if not readers_are_installed():
        return {"told": "skipped: ./dev setup test installs DuckDB and Polars for Python", "skipped": True}
    # One reads after the other: what is written in between is the second's only. Whoever is wrong stays so.
    for _ in range(5):
        seen = read_by_others(pathlib.Path(tenant_folder), datastream)
        polars, duckdb = seen["polars"], seen["duckdb"]
        if polars["rows"] == duckdb["rows"]:
            break
    rows, bits = site_checksum(site, datastream, duckdb["time_min"], duckdb["time_max"])
    sums = {"DuckDB": (duckdb["rows"], duckdb["value_bits"]), "Polars": (polars["rows"], polars["value_bits"]),
            "the site": (rows, bits)}
    if len(set(sums.values())) != 1:
        raise RigError(f"rows and checksums of {datastream} differ: {sums}")
    return {"told": f"DuckDB = Polars = site: {rows} rows, {bits:016x}", "rows": rows, "checksum": f"{bits:016x}"}
