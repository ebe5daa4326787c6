"""Runs the template's view and stored queries over records, translated from Athena's SQL to DuckDB's.

    view.py EXPANDED            over lines defined here, including hostile ones
    view.py EXPANDED FOLDER     over the objects of a local bucket, such as data/spillway/records

EXPANDED is the output of expand.py. Fails if the view loses a record, shows one twice or changes a member.
"""

import gzip
import io
import json
import re
import sys
from pathlib import Path

import duckdb
import sqlglot
import zstandard

from odd_payloads import PAYLOADS

A_DAY = "2026-11-20"  # in the range of the stored query for copies
NOT_RECORDS = ["", "not JSON", "{", "[1]", '"text"', '{"id":7}', '{"payload":{"id":"no-0"}}']


def record(number, **members):
    start = {"id": f"0199-{number}", "stream": "clicks", "received_at": f"2026-11-21T18:39:00.{number:03}Z"}
    return json.dumps(start | members | {"payload": {"n": number, "text": "a \\ ' \" ä 😀 \u0001", "id": "not this"}})


def written_here(today):
    """Partition and line: records with and without optional members or with odd payloads, some stored twice, and lines
    that are not records."""
    dated = record(2, event_time="2026-11-21T18:38:59.5Z", source={"country": "DE"})
    records = [record(1), dated, record(3, context={"batch": [1, None]}), record(1)]
    yield from (("clicks", today, 18, line) for line in records + NOT_RECORDS)
    odd = (f'{{"id":"odd-{number}","payload":{payload}}}' for number, payload in enumerate(PAYLOADS))
    yield from (("odd", today, 18, line) for line in odd)
    yield from (("views", today, 18, record(1)), ("clicks", A_DAY, 7, record(4)), ("clicks", A_DAY, 7, record(4)))


def stored_in(folder):
    """The same from objects; the partition is in the key."""
    for path in Path(folder).rglob("*.ndjson*"):
        stream, dt, hour = re.search(r"stream=([^/]+)/dt=([^/]+)/hour=(\d+)/", path.as_posix()).groups()
        for line in io.TextIOWrapper(opened(path), encoding="utf-8", newline="\n"):
            yield stream, dt, int(hour), line.rstrip("\n")


def opened(path):
    """The bytes of an object before compression. A zstd object may have several frames."""
    match path.suffix:
        case ".zst":
            return zstandard.ZstdDecompressor().stream_reader(path.open("rb"), read_across_frames=True)
        case ".gz":
            return gzip.open(path)
        case _:
            return path.open("rb")


def duckdbs(athena):
    return sqlglot.transpile(athena, read="athena", write="duckdb")[0]


def rows_of(base, query):
    result = base.execute(query)
    names = [column[0] for column in result.description]
    return [dict(zip(names, row)) for row in result.fetchall()]


def text_of(view):
    """The query in the view's definition."""
    sub = view["Properties"]["TableInput"]["ViewOriginalText"]["Fn::Sub"][1]["View"]["Fn::Base64"]["Fn::Sub"]
    return json.loads(sub.replace("${Database}", "spillway"))["originalSql"]


def parsed(line):
    try:
        return json.loads(line)
    except ValueError:
        return None


def member(value, name):
    return value.get(name) if isinstance(value, dict) else None


def check_row(row):
    """Each column equals the member of the line."""
    value = parsed(row["line"])
    for name in ("source", "context", "payload"):
        found = parsed(row[name]) if row[name] is not None else None
        assert found == member(value, name), f"{name}: {row}"
    for name in ("id", "received_at", "event_time"):
        wanted = member(value, name)
        assert row[name] == (None if wanted is None else str(wanted)), f"{name}: {row}"


def identity(stream, dt, line):
    """The key by which the view shows a line once: a record's id, or the whole line."""
    found = member(parsed(line), "id")
    return stream, dt, line if found is None else str(found)


def main(expanded, folder=None):
    resources = json.loads(Path(expanded).read_text())["Resources"]
    base = duckdb.connect()
    # One transaction, so that the day does not change.
    base.execute("SET TimeZone = 'America/New_York'; BEGIN; CREATE SCHEMA spillway; SET schema = 'spillway'")
    [today] = base.execute("SELECT strftime(now() AT TIME ZONE 'UTC', '%Y-%m-%d')").fetchone()
    lines = list(stored_in(folder) if folder else written_here(today))
    base.execute("CREATE TABLE lines (stream VARCHAR, dt VARCHAR, hour INTEGER, line VARCHAR)")
    base.executemany("INSERT INTO lines VALUES (?, ?, ?, ?)", lines)
    base.execute(f"CREATE VIEW records AS {duckdbs(text_of(resources['RecordsView']))}")

    rows = rows_of(base, "SELECT * FROM records")
    columns = resources["RecordsView"]["Properties"]["TableInput"]["StorageDescriptor"]["Columns"]
    assert list(rows[0]) == [column["Name"] for column in columns], "the view's columns differ from those in Glue"
    for row in rows:
        check_row(row)
    shown = sorted(identity(row["stream"], row["dt"], row["line"]) for row in rows)
    wanted = sorted({identity(stream, dt, line) for stream, dt, _, line in lines})
    assert shown == wanted, "the view does not show each record once"

    latest, copies = (
        rows_of(base, duckdbs(resources[name]["Properties"]["QueryString"])) for name in ("LatestRecordsQuery", "CopiesQuery")
    )
    if not folder:
        assert [row["id"] for row in latest if row["received_at"]] == ["0199-3", "0199-2", "0199-1"]
        assert copies == [{"dt": A_DAY, "hour": 7, "lines": 2, "ids": 1}]
    print(f"{len(lines)} lines, {len(rows)} rows")


main(*sys.argv[1:])
