"""Runs a query of DuckDB on several sources, and prints what each took and read: query.py ENDPOINT SOURCES

ENDPOINT is an S3 that counts; SOURCES is a JSON list of table functions.
"""

import importlib.resources
import json
import statistics
import sys
import time
import urllib.request

import duckdb

REPEATS = 3
# More than there are cores: most of them wait for S3.
THREADS = 16
QUERY = "SELECT count(*), avg(payload.temperature_c) FROM {} WHERE payload.network.type = 'wifi'"


def connected(endpoint):
    base = duckdb.connect(config={"threads": THREADS})
    extension = importlib.resources.files("duckdb_extension_httpfs") / f"extensions/v{duckdb.__version__}"
    base.execute(f"LOAD '{extension / 'httpfs.duckdb_extension'}'")
    host = endpoint.removeprefix("http://")
    secret = f"TYPE s3, KEY_ID 'x', SECRET 'x', REGION 'eu-west-1', ENDPOINT '{host}', URL_STYLE 'path', USE_SSL false"
    base.execute(f"CREATE SECRET ({secret})")
    return base


def counts(endpoint):
    """What S3 counted since the last call."""
    with urllib.request.urlopen(f"{endpoint}/counts") as answer:
        return json.load(answer)


def measured(endpoint, source):
    """Each time with a new connection, which knows nothing of the files."""
    seconds = []
    for _ in range(REPEATS):
        base = connected(endpoint)
        counts(endpoint)
        start = time.perf_counter()
        rows, average = base.execute(QUERY.format(source)).fetchone()
        seconds.append(time.perf_counter() - start)
        read = counts(endpoint)
    return {
        "rows": rows,
        "average": average,
        "seconds": statistics.median(seconds),
        "requests": read["gets"] + read["heads"] + read["lists"],
        "bytes": read["bytes"],
    }


endpoint, sources = sys.argv[1:]
json.dump([measured(endpoint, source) for source in json.loads(sources)], sys.stdout)
