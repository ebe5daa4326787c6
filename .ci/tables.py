"""Compacts hours of records with `folder`, and reads the table as people do: with DuckDB, pyarrow and polars.

    tables.py FOLDER SPILLWAY   FOLDER is the example of spillway-compact

Two versions of a schema: the second adds a member, and changes the type of another. `spillway check --update-tables`
writes their columns, and `spillway table` the view of DuckDB.
"""

import datetime
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import duckdb
import polars
import pyarrow.dataset
import pyarrow.parquet
import zstandard

FIRST = {
    "at": {"type": "string", "format": "date-time"},
    "count": {"type": "integer"},
    "price": {"type": "number"},
    "tags": {"type": "array", "items": {"type": "string"}},
    "user": {"type": "object", "properties": {"id": {"type": "integer"}, "plan": {"enum": ["free", "paid"]}}},
    "flags": {"type": "object", "additionalProperties": {"type": "boolean"}},
}
# `count` becomes a string: its column stays, and the member has a new one. `user` gets a member.
SECOND = FIRST | {
    "count": {"type": "string"},
    "user": {"type": "object", "properties": FIRST["user"]["properties"] | {"country": {"type": "string"}}},
}
HOURS = [("2026-11-21", 18, FIRST), ("2026-11-22", 7, SECOND)]
RECORDS = 1_000


def payload(n, second):
    """Every tenth has a member that is not declared, and every hundredth a value of another type."""
    value = {
        "at": f"2026-11-21T18:{n % 60:02}:00.25+01:00",
        "count": str(n) if second else n,
        "price": n / 8,
        "tags": ["x", None, f"t{n % 3}"],
        "user": {"id": n, "plan": "free" if n % 4 else "paid"} | ({"country": "DE"} if second else {}),
        "flags": {"new": n % 2 == 0},
    }
    return value | ({"extra": {"n": n}} if n % 10 == 0 else {}) | ({"price": "unknown"} if n % 100 == 0 else {})


def record(n, second):
    start = {"id": f"{'s' if second else 'f'}-{n}", "stream": "clicks", "received_at": "2026-11-21T18:39:00.123Z"}
    return json.dumps(start | {"payload": payload(n, second)})


def write(base, dt, hour, second):
    """Ten objects, of which one is stored twice."""
    folder = base / f"bucket/records/stream=clicks/dt={dt}/hour={hour:02}"
    folder.mkdir(parents=True)
    step = RECORDS // 10
    for name in range(11):
        first = name % 10 * step
        lines = "".join(record(n, second) + "\n" for n in range(first, first + step))
        (folder / f"{name:032x}.ndjson.zst").write_bytes(zstandard.compress(lines.encode()))


def compacted(folder, spillway, base):
    """The start of the table's files, after compaction under both versions of the schema."""
    config = base / "config"
    (config / "streams").mkdir(parents=True)
    for dt, hour, properties in HOURS:
        write(base, dt, hour, properties is SECOND)
        (config / "streams/clicks.json").write_text(json.dumps({"schema": {"properties": properties}}))
        subprocess.run([spillway, "check", "--update-tables", "--config", config], check=True)
        subprocess.run([folder, base / "bucket", config, "clicks", f"{dt}T{hour:02}"], check=True)
    return base / "bucket/lake/stream=clicks/v=1"


def with_duckdb(table, spillway):
    """Through the printed view."""
    base = duckdb.connect()
    base.execute("SET TimeZone = 'UTC'")
    bucket, config = table.parents[2], table.parents[3] / "config"
    command = [spillway, "table", "clicks", "--engine", "duckdb", "--config", config]
    view = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    base.execute(view.replace("s3://BUCKET/", f"{bucket}/"))
    one = lambda query: base.execute(query).fetchone()
    assert one("SELECT count(*), count(DISTINCT id) FROM clicks") == (2 * RECORDS, 2 * RECORDS)
    assert one("SELECT count(*) FROM clicks WHERE dt = '2026-11-22' AND hour = 7") == (RECORDS,)
    paid = "payload.user.plan = 'paid' AND payload.price < 10"
    assert one(f"SELECT count(*), sum(payload.price) FROM clicks WHERE {paid}") == (
        38, sum(2 * n / 8 for n in range(0, 80, 4) if n % 100))
    counts = "count(payload.count), count(payload.count_2), count(payload.user.country)"
    assert one(f"SELECT {counts} FROM clicks") == 3 * (RECORDS,)
    assert one("SELECT count(*) FROM clicks WHERE rest->>'$.extra.n' = '990'") == (2,)
    assert one("SELECT count(*) FROM clicks WHERE rest->>'$.price' = 'unknown' AND payload.price IS NULL") == (20,)
    [earliest] = one("SELECT min(payload.at) FROM clicks")
    assert earliest.astimezone(datetime.UTC).isoformat() == "2026-11-21T17:00:00.250000+00:00"
    assert one("SELECT count(*) FROM clicks WHERE payload.flags['new'] AND payload.tags[3] = 't0'") == (334,)


def with_pyarrow(table, _):
    newest = pyarrow.parquet.read_schema(max(table.rglob("*.parquet")))
    parts = pyarrow.dataset.partitioning(flavor="hive")
    files = pyarrow.dataset.dataset(table, schema=newest.append(pyarrow.field("dt", "string")).append(
        pyarrow.field("hour", "int32")), partitioning=parts)
    assert files.count_rows() == 2 * RECORDS
    field = pyarrow.dataset.field
    found = files.to_table(columns={"plan": field("payload", "user", "plan")}, filter=field("dt") == "2026-11-22")
    assert found["plan"].to_pylist().count("paid") == RECORDS // 4
    [row] = files.to_table(filter=field("id") == "f-100").to_pylist()
    assert json.loads(row["rest"]) == {"price": "unknown", "extra": {"n": 100}}
    assert row["payload"]["user"] == {"id": 100, "plan": "paid", "country": None}


def with_polars(table, _):
    newest = max(table.rglob("*.parquet"))
    options = {"missing_columns": "insert", "extra_columns": "ignore"}
    frame = polars.scan_parquet(
        table / "**/*.parquet", hive_partitioning=True, schema=polars.read_parquet_schema(newest), **options,
        cast_options=polars.ScanCastOptions(missing_struct_fields="insert"),
    )
    plan = polars.col("payload").struct.field("user").struct.field("plan")
    assert frame.select(polars.len()).collect().item() == 2 * RECORDS
    assert frame.filter(plan == "paid").select(polars.len()).collect().item() == RECORDS // 2
    country = polars.col("payload").struct.field("user").struct.field("country")
    assert frame.select(country.count()).collect().item() == RECORDS


def main(folder, spillway):
    with tempfile.TemporaryDirectory() as base:
        table = compacted(folder, spillway, Path(base))
        for read in (with_duckdb, with_pyarrow, with_polars):
            read(table, spillway)
            print(f"tables: {read.__name__[5:]} reads {2 * RECORDS} rows")


main(*sys.argv[1:])
