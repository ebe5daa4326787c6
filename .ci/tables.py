"""Compacts hours of records with `folder`, and reads the table as people do: with DuckDB, pyarrow and polars.

    tables.py FOLDER            FOLDER is the example of spillway-compact

Two versions of a schema: the second adds a member, and changes the type of another.
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

FIRST = [
    {"name": "at", "type": "timestamp"},
    {"name": "count", "type": "int64"},
    {"name": "price", "type": "float64"},
    {"name": "tags", "type": {"list": "string"}},
    {"name": "user", "type": {"struct": [{"name": "id", "type": "int64"}, {"name": "plan", "type": "string"}]}},
    {"name": "flags", "type": {"map": "boolean"}},
]
# `count` becomes a string: its column stays, and the member has a new one. `user` gets a member.
SECOND = [
    FIRST[0],
    {"name": "count", "type": "int64", "retired": True},
    *FIRST[2:4],
    {"name": "user", "type": {"struct": [*FIRST[4]["type"]["struct"], {"name": "country", "type": "string"}]}},
    FIRST[5],
    {"name": "count_2", "member": "count", "type": "string"},
]
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


def compacted(folder, base):
    """The start of the table's files, after compaction under both versions of the schema."""
    for dt, hour, fields in HOURS:
        write(base, dt, hour, fields is SECOND)
        table = {"version": 1, "columns": [{"name": "payload", "type": {"struct": fields}}]}
        (base / "config/tables").mkdir(parents=True, exist_ok=True)
        (base / "config/tables/clicks.json").write_text(json.dumps(table))
        subprocess.run([folder, base / "bucket", base / "config", "clicks", f"{dt}T{hour:02}"], check=True)
    return base / "bucket/lake/stream=clicks/v=1"


def with_duckdb(table):
    base = duckdb.connect()
    base.execute("SET TimeZone = 'UTC'")
    base.execute(f"CREATE VIEW t AS FROM read_parquet('{table}/*/*/*.parquet', hive_partitioning=true, union_by_name=true)")
    one = lambda query: base.execute(query).fetchone()
    assert one("SELECT count(*), count(DISTINCT id) FROM t") == (2 * RECORDS, 2 * RECORDS)
    assert one("SELECT count(*) FROM t WHERE dt = '2026-11-22' AND hour = 7") == (RECORDS,)
    assert one("SELECT count(*), sum(payload.price) FROM t WHERE payload.user.plan = 'paid' AND payload.price < 10") == (
        38, sum(2 * n / 8 for n in range(0, 80, 4) if n % 100))
    assert one("SELECT count(payload.count), count(payload.count_2), count(payload.user.country) FROM t") == 3 * (RECORDS,)
    assert one("SELECT count(*) FROM t WHERE rest->>'$.extra.n' = '990'") == (2,)
    assert one("SELECT count(*) FROM t WHERE rest->>'$.price' = 'unknown' AND payload.price IS NULL") == (20,)
    assert one("SELECT min(payload.at) FROM t")[0].astimezone(datetime.UTC).isoformat() == "2026-11-21T17:00:00.250000+00:00"
    assert one("SELECT count(*) FROM t WHERE payload.flags['new'] AND payload.tags[3] = 't0'") == (334,)


def with_pyarrow(table):
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


def with_polars(table):
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


def main(folder):
    with tempfile.TemporaryDirectory() as base:
        table = compacted(folder, Path(base))
        for read in (with_duckdb, with_pyarrow, with_polars):
            read(table)
            print(f"tables: {read.__name__[5:]} reads {2 * RECORDS} rows")


main(*sys.argv[1:])
