"""Compacts hours of records with `folder`, and reads the table as people do.

    tables.py FOLDER SPILLWAY READER…   FOLDER is the example of spillway-compact

Each reader counts, filters by members of members, reads only the files of an hour, and reads `rest`.

Two versions of a schema: the second adds a member, and changes the type of another. `spillway check --update-tables`
writes their columns, and `spillway table` the view of DuckDB.
"""

import datetime
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

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


def record(n, dt, hour, second):
    start = {"id": f"{'s' if second else 'f'}-{n}", "stream": "clicks", "received_at": f"{dt}T{hour:02}:39:00.123Z"}
    return json.dumps(start | {"payload": payload(n, second)})


def write(base, dt, hour, second):
    """Ten objects, of which one is stored twice."""
    folder = base / f"bucket/records/stream=clicks/dt={dt}/hour={hour:02}"
    folder.mkdir(parents=True)
    step = RECORDS // 10
    for name in range(11):
        first = name % 10 * step
        lines = "".join(record(n, dt, hour, second) + "\n" for n in range(first, first + step))
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
    import duckdb

    base = duckdb.connect()
    base.execute("SET TimeZone = 'UTC'")
    bucket, config = table.parents[2], table.parents[3] / "config"
    command = [spillway, "table", "clicks", "--engine", "duckdb", "--config", config]
    view = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    base.execute(view.replace("s3://BUCKET/", f"{bucket}/"))
    one = lambda query: base.execute(query).fetchone()
    assert one("SELECT count(*), count(DISTINCT id) FROM clicks") == (2 * RECORDS, 2 * RECORDS)
    of_an_hour = "SELECT count(*) FROM clicks WHERE dt = '2026-11-22' AND hour = 7"
    assert one(of_an_hour) == (RECORDS,)
    [_, plan] = one(f"EXPLAIN ANALYZE {of_an_hour}")
    assert "Files: 1/2" in plan or "Total Files Read: 1" in plan, plan
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


def without_the_first_hour(table):
    """The table with a first hour that nobody can read: whoever asks for the second must not look."""
    damaged = table.parent / "damaged"
    shutil.copytree(table, damaged)
    min(damaged.rglob("*.parquet")).write_bytes(b"damaged")
    return damaged


def with_pyarrow(table, _):
    import pyarrow.dataset
    import pyarrow.parquet

    newest = pyarrow.parquet.read_schema(max(table.rglob("*.parquet")))
    parts = pyarrow.dataset.partitioning(flavor="hive")
    schema = newest.append(pyarrow.field("dt", "string")).append(pyarrow.field("hour", "int32"))
    files = pyarrow.dataset.dataset(table, schema=schema, partitioning=parts)
    assert files.count_rows() == 2 * RECORDS
    field = pyarrow.dataset.field
    found = files.to_table(columns={"plan": field("payload", "user", "plan")}, filter=field("dt") == "2026-11-22")
    assert found["plan"].to_pylist().count("paid") == RECORDS // 4
    damaged = pyarrow.dataset.dataset(without_the_first_hour(table), schema=schema, partitioning=parts)
    assert damaged.count_rows(filter=field("dt") == "2026-11-22") == RECORDS
    cheap = (field("payload", "user", "plan") == "paid") & (field("payload", "price") < 10)
    assert files.count_rows(filter=cheap) == 38
    [row] = files.to_table(filter=field("id") == "f-100").to_pylist()
    assert json.loads(row["rest"]) == {"price": "unknown", "extra": {"n": 100}}
    assert row["payload"]["user"] == {"id": 100, "plan": "paid", "country": None}


def with_polars(table, _):
    import polars

    newest = max(table.rglob("*.parquet"))
    options = {"missing_columns": "insert", "extra_columns": "ignore"}
    options["cast_options"] = polars.ScanCastOptions(missing_struct_fields="insert")
    options |= {"hive_partitioning": True, "schema": polars.read_parquet_schema(newest)}
    frame = polars.scan_parquet(table / "**/*.parquet", **options)
    plan = polars.col("payload").struct.field("user").struct.field("plan")
    assert frame.select(polars.len()).collect().item() == 2 * RECORDS
    assert frame.filter(plan == "paid").select(polars.len()).collect().item() == RECORDS // 2
    country = polars.col("payload").struct.field("user").struct.field("country")
    assert frame.select(country.count()).collect().item() == RECORDS
    extra = polars.col("rest").str.json_path_match("$.extra.n")
    assert frame.filter(extra == "990").select(polars.len()).collect().item() == 2
    damaged = polars.scan_parquet(without_the_first_hour(table) / "**/*.parquet", **options)
    of_the_day = damaged.filter(polars.col("dt").cast(polars.String) == "2026-11-22").select(polars.len())
    assert of_the_day.collect().item() == RECORDS


def with_iceberg(table, _):
    """Adds the files to an Iceberg table by hours, without rewriting them; the second has more columns."""
    import pyarrow.parquet
    from pyiceberg.catalog.sql import SqlCatalog
    from pyiceberg.transforms import HourTransform

    base = table.parent
    catalog = SqlCatalog("local", uri=f"sqlite:///{base}/catalog.db", warehouse=f"file://{base}/warehouse")
    catalog.create_namespace("lake")
    first, second = sorted(table.rglob("*.parquet"))
    iceberg = catalog.create_table("lake.clicks", schema=pyarrow.parquet.read_schema(first))
    with iceberg.update_spec() as change:
        change.add_field("received_at", HourTransform(), "received_hour")
    iceberg.add_files([str(first)])
    with iceberg.update_schema() as change:
        change.union_by_name(pyarrow.parquet.read_schema(second))
    iceberg.add_files([str(second)])
    rows = lambda where: iceberg.scan(row_filter=where).to_arrow()
    assert iceberg.scan().count() == 2 * RECORDS
    of_an_hour = "received_at >= '2026-11-22T07:00:00+00:00'"
    assert [task.file.file_path for task in iceberg.scan(row_filter=of_an_hour).plan_files()] == [str(second)]
    assert rows(of_an_hour).num_rows == RECORDS
    [row] = rows("id = 'f-100'").to_pylist()
    assert json.loads(row["rest"]) == {"price": "unknown", "extra": {"n": 100}}
    assert row["payload"]["user"] == {"id": 100, "plan": "paid", "country": None}
    paid = [row["user"]["plan"] for row in rows("id is not null")["payload"].to_pylist()].count("paid")
    assert paid == RECORDS // 2


def with_spark(table, _):
    from pyspark.sql import SparkSession

    local = {"spark.ui.enabled": "false", "spark.driver.bindAddress": "127.0.0.1", "spark.driver.host": "127.0.0.1"}
    builder = SparkSession.builder.master("local[1]").config("spark.sql.session.timeZone", "UTC")
    for name, value in local.items():
        builder = builder.config(name, value)
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    merged = spark.read.option("mergeSchema", "true").parquet(str(table))
    merged.createOrReplaceTempView("clicks")
    one = lambda query: tuple(spark.sql(query).first())
    assert one("SELECT count(*), count(DISTINCT id) FROM clicks") == (2 * RECORDS, 2 * RECORDS)
    paid = "payload.user.plan = 'paid' AND payload.price < 10"
    assert one(f"SELECT count(*), sum(payload.price) FROM clicks WHERE {paid}") == (
        38, sum(2 * n / 8 for n in range(0, 80, 4) if n % 100))
    counts = "count(payload.count), count(payload.count_2), count(payload.user.country)"
    assert one(f"SELECT {counts} FROM clicks") == 3 * (RECORDS,)
    assert one("SELECT count(*) FROM clicks WHERE get_json_object(rest, '$.extra.n') = '990'") == (2,)
    assert one("SELECT count(*) FROM clicks WHERE payload.flags['new'] AND payload.tags[2] = 't0'") == (334,)
    assert one("SELECT CAST(min(payload.at) AS STRING) FROM clicks") == ("2026-11-21 17:00:00.25",)
    damaged = spark.read.schema(merged.schema).parquet(str(without_the_first_hour(table)))
    assert damaged.where("dt = '2026-11-22' AND hour = 7").count() == RECORDS
    spark.stop()


READERS = {name[5:]: read for name, read in list(globals().items()) if name.startswith("with_")}


def main(folder, spillway, *readers):
    for reader in readers:
        with tempfile.TemporaryDirectory() as base:
            table = compacted(folder, spillway, Path(base))
            READERS[reader](table, spillway)
            print(f"tables: {reader} reads {2 * RECORDS} rows")


main(*sys.argv[1:])
