"""Runs the documented queries over a bucket of odd payloads, and compares every payload that they show.

    readers.py duckdb    every SQL block of the documentation that calls read_json
    readers.py spark     every Python block that calls spark.read

Fails if a query fails, loses a record, shows one twice, or shows a payload that differs from the stored one.
"""

import gzip
import json
import re
import sys
import tempfile
from pathlib import Path

import zstandard

from odd_payloads import PAYLOADS

PAGES = ("README.md", "docs/operate.md")
# What the documentation calls the bucket.
BUCKETS = ("data/spillway", "s3://BUCKET", "s3a://BUCKET")
MEMBERS = ("stream", "dt", "hour", "id", "received_at", "event_time", "source", "context", "payload")
DATED = '"event_time":"2026-11-21T18:38:59.123456789Z",'
OPTIONAL = ("", DATED + '"source":{"country":"DE"},', '"context":{"batch":[1,null],"Batch":2},')


def record(number, payload):
    """A line as deliver stores it; some lines have the optional members."""
    optional = OPTIONAL[number % len(OPTIONAL)]
    start = f'"id":"0199-{number}","stream":"clicks","received_at":"2026-11-21T18:39:00.{number:03}Z"'
    return f'{{{start},{optional}"payload":{payload}}}\n'.encode()


def write_bucket(root):
    """Objects of every compression; those of zstd have several frames, those of gzip several members. The last object is
    a copy of another one, as after a repeated delivery."""
    lines = [record(number, payload) for number, payload in enumerate(PAYLOADS)]
    zstd, packed = zstandard.ZstdCompressor().compress, gzip.compress
    objects = {
        "one.ndjson.zst": zstd(b"".join(lines[0::4])),
        "frames.ndjson.zst": b"".join(map(zstd, lines[1::4])),
        "members.ndjson.gz": b"".join(map(packed, lines[2::4])),
        "plain.ndjson": b"".join(lines[3::4]),
        "copy.ndjson.zst": zstd(b"".join(lines[1::4])),
    }
    for hour, (name, content) in enumerate(objects.items(), start=7):
        # The copy is in the hour of the object that it repeats.
        place = root / "records" / "stream=clicks" / "dt=2026-11-21" / f"hour={8 if 'copy' in name else hour:02}"
        place.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(content)


def blocks(language, needle):
    """The code blocks of a language in the documentation that contain a text, with their page."""
    for page in PAGES:
        for block in re.findall(rf"^```{language}\n(.*?)^```", Path(page).read_text(), re.MULTILINE | re.DOTALL):
            if needle in block:
                yield page, block


def over(root, block):
    for bucket in BUCKETS:
        block = block.replace(bucket + "/", f"{root}/")
    return block


def with_duckdb(root):
    import duckdb

    for page, block in blocks("sql", "read_json("):
        base = duckdb.connect()
        base.execute(over(root, block))
        base.execute(f"SELECT {', '.join(MEMBERS)} FROM records")
        yield page, base.fetchall()


def with_spark(root):
    from pyspark.sql import SparkSession

    local = {"spark.ui.enabled": "false", "spark.driver.bindAddress": "127.0.0.1", "spark.driver.host": "127.0.0.1"}
    spark = SparkSession.builder.master("local[2]").config(map=local).getOrCreate()
    for page, block in blocks("python", "spark.read"):
        names = {"spark": spark}
        exec(over(root, block), names)
        yield page, [tuple(row) for row in names["records"].select(*MEMBERS).collect()]


def exact(text):
    """The value of a JSON text with every member, repeated ones included, and numbers as they are written."""
    number = lambda digits: ("number", digits)  # noqa: E731
    return text and json.loads(text, object_pairs_hook=tuple, parse_int=number, parse_float=number)


def rounded(text):
    """The same with the fractions as 64-bit floats, as DuckDB shows them; it shows -0 as 0."""
    return text and json.loads(text, object_pairs_hook=tuple, parse_float=float)


def check(page, rows, value):
    shown = sorted(int(row[3].removeprefix("0199-")) for row in rows)
    assert shown == list(range(len(PAYLOADS))), f"{page}: the query does not show each record once"
    for stream, dt, hour, id, received_at, event_time, source, context, payload in rows:
        number = int(id.removeprefix("0199-"))
        assert (stream, str(dt), hour) == ("clicks", "2026-11-21", 7 + number % 4), f"{page}: {id}: {stream} {dt} {hour}"
        assert str(received_at).replace("T", " ").startswith("2026-11-21 18:39:00"), f"{page}: {id}: {received_at}"
        line = json.loads(record(number, "null"))
        seconds = str(event_time).replace("T", " ")[:19] if event_time else None
        assert seconds == ("2026-11-21 18:38:59" if "event_time" in line else None), f"{page}: {id}: {event_time}"
        for name, found in (("source", source), ("context", context)):
            assert json.loads(found or "null") == line.get(name), f"{page}: {id}: {name}: {found}"
        assert value(payload) == value(PAYLOADS[number]), f"{page}: {PAYLOADS[number][:200]} became {payload[:200]}"


def main(reader):
    run, value = {"duckdb": (with_duckdb, rounded), "spark": (with_spark, exact)}[reader]
    assert len(PAYLOADS) == len(set(PAYLOADS)) >= 64
    with tempfile.TemporaryDirectory() as folder:
        write_bucket(Path(folder))
        results = list(run(folder))
    assert results, f"no page documents a query for {reader}"
    for page, rows in results:
        check(page, rows, value)
        print(f"{page}: {reader} shows {len(rows)} odd payloads")


main(*sys.argv[1:])
