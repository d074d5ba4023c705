#!/usr/bin/env python3
"""Bytes a sample of the site's chunks and of their rivals, on public data: ./dev bench chunks [FOLDER_OF_DATA] [--json]
[--set NAME]...

A sample is one value of one series with its time; a blank cell is no sample. Series of one run (a file, a well's event, an
engine, a card) share their times; every rival may use that: it is measured with one wide file a run, one wide file a
set, and one long file a set, and its best is shown. Rivals' files hold no qualities, ours do. bench_chunks does our
chunks and Gorilla, and compares everything it decodes."""
import argparse
import array
import csv
import datetime
import json
import pathlib
import sqlite3
import struct
import subprocess
import sys
import tempfile
import time

import duckdb
import pyarrow
import pyarrow.parquet

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROGRAM = ROOT / "build/release/bench/bench_chunks"
LEVELS = (3, 19)
UTC = datetime.timezone.utc


# ---------------------------------------------------------------- the sets: runs of (times, {series: values or None})

def micros(text):
    return int(datetime.datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000


def table(path, delimiter, stamp, leave):
    with open(path, newline="") as file:
        rows = csv.reader(file, delimiter=delimiter)
        names = next(rows)
        rows = list(rows)
    at = names.index(stamp)
    rows.sort(key=lambda row: row[at])  # texts of one form: by time; a few of NAB's step back
    columns = {name: [float(row[i]) if row[i] else None for row in rows]
               for i, name in enumerate(names) if i != at and name not in leave}
    return [micros(row[at][:19]) for row in rows], columns


def skab(folder):
    return [table(path, ";", "datetime", ("anomaly", "changepoint")) for path in sorted(folder.glob("*/*.csv"))]


def three_w(folder):
    return [table(path, ",", "timestamp", ("class",)) for path in sorted(folder.glob("*/*.csv"))]


def nab(folder):
    return [table(path, ",", "timestamp", ()) for path in sorted(folder.glob("*/*.csv"))]


def cmapss(folder):
    runs = []
    for path in sorted([*folder.glob("train_*.txt"), *folder.glob("test_*.txt")]):
        engines = {}
        for line in path.read_text().splitlines():
            unit, cycle, *rest = line.split()
            engines.setdefault(unit, []).append((int(cycle) * 1_000_000, [float(text) for text in rest]))
        for rows in engines.values():
            runs.append(([at for at, _ in rows], {f"c{i}": [row[i] for _, row in rows] for i in range(len(rows[0][1]))}))
    return runs


def dynacards(folder):
    runs = []
    for line in (folder / "cards.ts").read_text().splitlines():
        if not line or line[0] in "#@":
            continue
        load, position, _ = line.split(":")
        values = {"load": [float(text) for text in load.split(",")],
                  "position": [float(text) for text in position.split(",")]}
        runs.append(([i * 20_000 for i in range(len(values["load"]))], values))  # the data has no times: 50 Hz
    return runs


SETS = {"skab": skab, "3w": three_w, "nab": nab, "cmapss": cmapss, "dynacards": dynacards}


def series_of(runs):
    for times, columns in runs:
        for values in columns.values():
            pairs = [(at, value) for at, value in zip(times, values) if value is not None]
            if pairs:
                yield array.array("q", [at for at, _ in pairs]), array.array("d", [value for _, value in pairs])


# ---------------------------------------------------------------- ours

def ours(series, folder):
    data, chunks = folder / "series", folder / "chunks"
    with open(data, "wb") as out:
        for times, values in series:
            out.write(struct.pack("<Q", len(times)))
            times.tofile(out)
            values.tofile(out)
    told = json.loads(subprocess.run([PROGRAM, data, chunks], check=True, capture_output=True).stdout)
    for page in (4096, 16384):
        told[f"sqlite_{page}"] = in_sqlite(series, chunks, folder / f"chunks-{page}.db", page)
    return told


def in_sqlite(series, chunks, path, page):
    stored = chunks.read_bytes()
    base = sqlite3.connect(path)
    base.execute(f"PRAGMA page_size={page}")
    base.execute("CREATE TABLE chunk(series INTEGER, first INTEGER, last INTEGER, samples INTEGER, bytes BLOB)")
    at = 0
    for key, (times, _) in enumerate(series):
        for begin in range(0, len(times), 4096):
            part = times[begin:begin + 4096]
            size = struct.unpack_from("<Q", stored, at)[0]
            base.execute("INSERT INTO chunk VALUES(?,?,?,?,?)",
                         (key, part[0], part[-1], len(part), stored[at + 8:at + 8 + size]))
            at += 8 + size
    base.execute("CREATE INDEX place ON chunk(series, first)")
    base.commit()
    base.execute("VACUUM")
    base.close()
    return path.stat().st_size


# ---------------------------------------------------------------- rivals: each a list of tables, one file for each

def wide_runs(runs):
    return [pyarrow.table({"time": pyarrow.array(times, pyarrow.int64()),
                           **{name: pyarrow.array(values, pyarrow.float64()) for name, values in columns.items()}})
            for times, columns in runs]


def wide_set(tables):
    numbered = [one.add_column(0, "run", pyarrow.array([i] * len(one), pyarrow.int32()))
                for i, one in enumerate(tables)]
    return [pyarrow.concat_tables(numbered, promote_options="default")]


def long_set(series):
    keys, times, values = array.array("i"), array.array("q"), array.array("d")
    for key, (own_times, own_values) in enumerate(series):
        keys.extend([key] * len(own_times))
        times.extend(own_times)
        values.extend(own_values)
    make = lambda kind, data: pyarrow.Array.from_buffers(kind, len(data), [None, pyarrow.py_buffer(data)])
    return [pyarrow.table({"series": make(pyarrow.int32(), keys), "time": make(pyarrow.int64(), times),
                           "value": make(pyarrow.float64(), values)})]


def pyarrow_ways(names):
    numbers = [name for name in names if name not in ("time", "run", "series")]
    split = {"use_dictionary": False, "column_encoding": {
        **{name: "DELTA_BINARY_PACKED" for name in names if name not in numbers},
        **{name: "BYTE_STREAM_SPLIT" for name in numbers}}}
    some = {"use_dictionary": numbers, "column_encoding": {
        name: "DELTA_BINARY_PACKED" for name in names if name not in numbers}}
    return {"dictionary": {"use_dictionary": True}, "delta, dictionary": some, "delta, byte stream split": split,
            "plain": {"use_dictionary": False}}


class Best:
    def __init__(self, only=None):
        self.only = only  # the one way to try: level 19 takes the best of level 3, or this would run for hours
        self.bytes = self.how = self.write = self.read = None

    def wants(self, how):
        return self.only in (None, how)

    def offer(self, size, how, write, read):
        if self.bytes is None or size < self.bytes:
            self.bytes, self.how, self.write, self.read = size, how, write, read


def timed(action):
    begin = time.process_time()
    result = action()
    return time.process_time() - begin, result


def with_pyarrow(tables, layout, level, folder, best):
    for way, options in pyarrow_ways(tables[0].column_names).items():
        if not best.wants(f"{layout}, {way}"):
            continue
        paths = [folder / f"{i}.parquet" for i in range(len(tables))]

        def write():
            for one, path in zip(tables, paths):
                known = dict(options)
                if "column_encoding" in known:
                    known["column_encoding"] = {k: v for k, v in known["column_encoding"].items()
                                                if k in one.column_names}
                if isinstance(known["use_dictionary"], list):
                    known["use_dictionary"] = [k for k in known["use_dictionary"] if k in one.column_names]
                pyarrow.parquet.write_table(one, path, compression="zstd", compression_level=level,
                                            write_statistics=False, store_schema=False, row_group_size=1 << 20, **known)

        spent, _ = timed(write)
        read, _ = timed(lambda: [pyarrow.parquet.read_table(path, use_threads=False) for path in paths])
        best.offer(sum(path.stat().st_size for path in paths), f"{layout}, {way}", spent, read)


def with_duckdb(tables, layout, level, folder, best):
    for version in ("V1", "V2"):
        if not best.wants(f"{layout}, {version}"):
            continue
        base = duckdb.connect(config={"threads": 1})
        paths = [folder / f"{i}.duck.parquet" for i in range(len(tables))]

        def write():
            for one, path in zip(tables, paths):
                base.register("one", one)
                base.execute(f"COPY one TO '{path}' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL {level}, "
                             f"PARQUET_VERSION {version}, ROW_GROUP_SIZE 1000000)")

        spent, _ = timed(write)
        read, _ = timed(lambda: [base.execute(f"SELECT * FROM '{path}'").to_arrow_table() for path in paths])
        best.offer(sum(path.stat().st_size for path in paths), f"{layout}, {version}", spent, read)


def with_duckdb_file(tables, layout, folder, best):
    if len(tables) > 1:
        return  # a file a run: a quarter of a megabyte each, whatever is in it
    path = folder / "own.duckdb"
    path.unlink(missing_ok=True)

    def write():
        base = duckdb.connect(str(path), config={"threads": 1})
        base.register("one", tables[0])
        base.execute("CREATE TABLE kept AS SELECT * FROM one")
        base.execute("CHECKPOINT")
        base.close()

    spent, _ = timed(write)
    base = duckdb.connect(str(path), config={"threads": 1})
    read, _ = timed(lambda: base.execute("SELECT * FROM kept").to_arrow_table())
    base.close()
    best.offer(path.stat().st_size, layout, spent, read)


def raw(series, level, best):
    codec = pyarrow.Codec("zstd", level)
    rows = []
    for times, values in series:
        both = array.array("q", bytes(16 * len(times)))
        both[0::2], both[1::2] = times, array.array("q", values.tobytes())
        rows.append(both.tobytes())
    if best.wants("each series"):
        spent, packed = timed(lambda: [codec.compress(one, asbytes=True) for one in rows])
        read, _ = timed(lambda: [codec.decompress(one, len(whole), asbytes=True) for one, whole in zip(packed, rows)])
        best.offer(sum(map(len, packed)), "each series", spent, read)
    if best.wants("whole set"):
        all_rows = b"".join(rows)
        spent, whole = timed(lambda: codec.compress(all_rows, asbytes=True))
        read, _ = timed(lambda: codec.decompress(whole, len(all_rows), asbytes=True))
        best.offer(len(whole), "whole set", spent, read)
    return best


# ---------------------------------------------------------------- one set

def measure(name, folder):
    runs = SETS[name](folder)
    series = list(series_of(runs))
    samples = sum(len(times) for times, _ in series)
    with tempfile.TemporaryDirectory(prefix="lander-chunks-") as scratch:
        scratch = pathlib.Path(scratch)
        told = ours(series, scratch)
        if told["samples"] != samples:
            sys.exit(f"bench chunks: {told['samples']} samples instead of {samples}")
        layouts = {"wide file a run": wide_runs(runs)}
        layouts["wide file"] = wide_set(layouts["wide file a run"])
        layouts["long file"] = long_set(series)
        lines = [("chunks", told["chunk_bytes"], f"{told['chunks']} of them", told["encode_per_s"], told["decode_per_s"]),
                 ("chunks in SQLite, pages of 16 KiB", told["sqlite_16384"], "", None, None),
                 ("chunks in SQLite, pages of 4 KiB", told["sqlite_4096"], "", None, None),
                 ("Gorilla", told["gorilla_bytes"], "a stream a series", told["gorilla_encode_per_s"], None)]
        ways = {}
        for level in LEVELS:
            for what, write in (("Parquet by pyarrow", with_pyarrow), ("Parquet by DuckDB", with_duckdb)):
                best = Best(ways.get(what))
                for layout, tables in layouts.items():
                    write(tables, layout, level, scratch, best)
                ways[what] = best.how
                lines.append((f"{what}, zstd {level}", best.bytes, best.how, samples / best.write, samples / best.read))
        best = Best()
        for layout, tables in layouts.items():
            with_duckdb_file(tables, layout, scratch, best)
        lines.append(("DuckDB's own file", best.bytes, best.how, samples / best.write, samples / best.read))
        for level in LEVELS:
            best = raw(series, level, Best(ways.get("raw")))
            ways["raw"] = best.how
            lines.append((f"16 bytes each, zstd {level}", best.bytes, best.how, samples / best.write, samples / best.read))
    return {"set": name, "series": len(series), "samples": samples,
            "lines": [{"what": what, "bytes": size, "bytes_per_sample": size / samples, "how": how,
                       "encode_per_s": encode, "decode_per_s": decode} for what, size, how, encode, decode in lines]}


def show(told):
    print(f"\n{told['set']}: {told['samples']:,} samples in {told['series']:,} series")
    print(f"  {'':36}{'bytes/sample':>13}{'encode M/s':>12}{'decode M/s':>12}  best of its ways")
    for line in told["lines"]:
        speeds = ["" if line[key] is None else f"{line[key] / 1e6:.1f}" for key in ("encode_per_s", "decode_per_s")]
        print(f"  {line['what']:36}{line['bytes_per_sample']:>13.3f}{speeds[0]:>12}{speeds[1]:>12}  {line['how']}", flush=True)


def main():
    parser = argparse.ArgumentParser(prog="./dev bench chunks", description=__doc__)
    parser.add_argument("folder", nargs="?", type=pathlib.Path, default=ROOT.parent / "shared/data")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--set", action="append", choices=SETS, dest="sets")
    asked = parser.parse_args()
    if not asked.folder.is_dir():
        sys.exit(f"bench chunks: there is no {asked.folder}; name the folder that holds {', '.join(SETS)}")
    results = []
    for name in asked.sets or SETS:
        if not (asked.folder / name).is_dir():
            print(f"bench chunks: {name} is not in {asked.folder}: left out", file=sys.stderr)
            continue
        results.append(measure(name, asked.folder / name))
        if not asked.json:
            show(results[-1])
    if asked.json:
        print(json.dumps(results))


main()
