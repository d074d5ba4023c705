"""Reads a tenant's folder of the lake with programs that are not ours, and prints what they see.

    python readers.py FOLDER [DATASTREAM]
    python readers.py FILE.parquet

FOLDER is <data>/lake/<tenant>, an absolute path. One JSON object a reader ("polars": deltalake's log
reader and Polars; "duckdb": DuckDB's Parquet reader over the files that deltalake names;
"clickhouse": chdb's own reader of Delta tables). The checksums do not depend on the order of rows:
sums modulo 2^64 of the bits of doubles and of integers, weighted bytes of texts. With DATASTREAM
only its rows are counted. Of one FILE, with nothing else of the lake at hand: what it says of itself,
by each of three readers. Writes nothing.
"""

import json
import os
import sys

import chdb
import duckdb
import polars
import pyarrow
import pyarrow.compute
import pyarrow.ipc
import pyarrow.parquet
from deltalake import DeltaTable

COLUMNS = ["site", "datastream", "asset", "unit", "time", "value", "value_integer", "value_text"]


def bits(column):
    """The sum of the 64-bit patterns of a column without nulls, modulo 2^64."""
    chunks = pyarrow.chunked_array([column]) if isinstance(column, pyarrow.Array) else column
    total = 0
    for chunk in chunks.chunks:
        whole = pyarrow.concat_arrays([chunk.drop_null()])  # no offset: view() keeps the buffer
        total += sum(whole.view(pyarrow.uint64()).to_pylist())
    return total % 2**64


def letters(column):
    """The sum over all texts of (position from 1) * byte, modulo 2^64."""
    texts = (text.encode() for text in column.drop_null().to_pylist())
    return sum(sum(i * byte for i, byte in enumerate(text, 1)) for text in texts) % 2**64


def checksum(table):
    times = table["time"].cast(pyarrow.timestamp("us", tz="UTC")).cast(pyarrow.int64())
    return {
        "rows": table.num_rows,
        "value_bits": bits(table["value"]),
        "integer_bits": bits(table["value_integer"]),
        "texts": letters(table["value_text"].cast(pyarrow.string())),
        "time_min": pyarrow.compute.min(times).as_py(),
        "time_max": pyarrow.compute.max(times).as_py(),
        "assets": sorted(set(table["asset"].drop_null().to_pylist())),
        "units": sorted(set(table["unit"].drop_null().to_pylist())),
    }


def clickhouse(path, datastream):
    os.chdir("/")  # it reads local files below its folder only
    where = "" if datastream is None else "WHERE datastream = {datastream:String}"
    query = f"SELECT {', '.join(COLUMNS)} FROM deltaLakeLocal('{path}') {where} " \
        "SETTINGS output_format_arrow_string_as_string = 1"
    answer = chdb.query(query, "Arrow", params=datastream and {"datastream": datastream})
    return pyarrow.ipc.open_file(pyarrow.py_buffer(answer.bytes())).read_all()


def one_file(path):
    by_arrow = pyarrow.parquet.read_schema(path).metadata
    by_polars = polars.read_parquet_metadata(path)
    by_duckdb = dict(duckdb.execute(
        "SELECT decode(key), decode(value) FROM parquet_kv_metadata(?)", [path]).fetchall())
    seen = {}
    for key in ("lander", "lander.datastreams"):
        texts = {by_arrow[key.encode()].decode(), by_polars[key], by_duckdb[key]}
        assert len(texts) == 1, f"the readers do not agree on {key}"
        seen[key] = json.loads(texts.pop())
    frame = polars.read_parquet(path)
    seen["columns"] = frame.columns
    seen["units"] = sorted(set(frame["unit"].drop_nulls()))
    seen["assets"] = sorted(set(frame["asset"].drop_nulls()))
    json.dump(seen, sys.stdout)


def main(folder, datastream=None):
    if folder.endswith(".parquet"):
        return one_file(folder)
    path = f"{folder}/observation"
    log = DeltaTable(path)
    frame = polars.scan_delta(path).select(COLUMNS)
    session = duckdb.connect()
    session.execute("SET TimeZone='UTC'")
    relation = session.read_parquet(log.file_uris()).select(*COLUMNS)
    if datastream is not None:
        frame = frame.filter(polars.col("datastream") == datastream)
        relation = relation.filter(
            duckdb.ColumnExpression("datastream") == duckdb.ConstantExpression(datastream)
        )
    tables = {}
    for name in ("summary", "alert_event", "datastream", "site"):
        tables[name] = DeltaTable(f"{folder}/{name}").to_pyarrow_table().num_rows
    result = {
        "version": log.version(),
        "tables": tables,
        "polars": checksum(frame.collect().to_arrow()),
        "duckdb": checksum(relation.to_arrow_table()),
        "clickhouse": checksum(clickhouse(path, datastream)),
    }
    json.dump(result, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
