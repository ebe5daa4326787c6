"""Runs programs that use client libraries against `spillway serve`, and checks what the bucket contains.

    main.py [--update] [NAME…]

Each program has a server, a key and a bucket for itself. Its configuration is a block of docs/clients.md, in which only
HOST and KEY are replaced. `programs/events.py` says what a program sends.
"""

import json
import re
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from importlib import metadata
from pathlib import Path

from bucket import Bucket
from clients import CLIENTS, IN_BROWSER
from front import Front, certificate
from page import Page
from program import Program
from server import Server

ROOT = Path(__file__).resolve().parents[2]
NODE_MODULES = ROOT / "target/clients/node/node_modules"
DOCS = ROOT / "docs/clients.md"
OUTCOME = re.compile(r"(<!-- outcome of just clients -->\n).*?(<!-- end -->)", re.DOTALL)
HEAD = "| client | requests | of them 503 | lines stored | records |\n| --- | ---: | ---: | ---: | ---: |\n"
TIMEOUT_SECONDS = 120
"""The longest that a program may take: some libraries wait several seconds between attempts."""
CONCURRENT = 3


def title(client):
    """The library with its version, and the variant."""
    gzip = ["gzip"] if "gzip" in client.variables.values() else []
    return " ".join([client.package, version(client), *client.arguments, *gzip])


def version(client):
    if client.package in IN_BROWSER:
        return "in Chromium"
    if client.program.endswith(".py"):
        return metadata.version(client.package)
    return json.loads((NODE_MODULES / client.package / "package.json").read_text())["version"]


def run(client):
    """Runs one program; returns its row of the outcome, or raises with what is wrong."""
    with ExitStack() as stack:
        # The folder of a program contains its key, so it is not the server's.
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        page = stack.enter_context(Page(folder, NODE_MODULES))
        server = stack.enter_context(Server(folder / "server", "--cors-origins", page.origin))
        pair = certificate(folder)
        front = stack.enter_context(Front(server.address, pair, server.repair))
        program = Program(client, folder, DOCS.read_text(), front.host, server.key)

        started = time.time()
        if program.is_page:
            page.break_queue, page.answers = server.break_queue, front.answers
            output = page.browse(client.program, TIMEOUT_SECONDS)
        else:
            output = program.execute(pair.certificate, NODE_MODULES, server.faults, TIMEOUT_SECONDS)
        ended = time.time()

        server.drain()
        try:
            found = Bucket(server.bucket).check(client, server.key, (started, ended))
            assert (503 in front.answers) == client.retries, "the client's requests got no 503"
        except AssertionError as error:
            raise AssertionError(f"{error}\nanswers: {front.answers}\n{output}") from error
        requests = sum(count for status, count in front.answers.items() if status != 204)
        return f"| {title(client)} | {requests} | {front.answers[503]} | {found.lines} | {found.ids} |"


def outcome(client):
    """The row, and whether the client passed."""
    try:
        return run(client), True
    except (AssertionError, subprocess.TimeoutExpired) as error:
        return f"{client.name}: {error}", False


def main(words):
    names = tuple(word for word in words if not word.startswith("--")) or ("",)
    chosen = [client for client in CLIENTS if client.name.startswith(names)]
    started = time.time()
    with ThreadPoolExecutor(CONCURRENT) as pool:
        outcomes = list(pool.map(outcome, chosen))
    rows = [row for row, _ in outcomes]
    passed = sum(good for _, good in outcomes)
    print("\n".join(rows), f"clients: {passed} of {len(chosen)} passed in {time.time() - started:.0f} s", sep="\n")
    if "--update" in words and passed == len(chosen):
        table = HEAD + "".join(f"{row}\n" for row in rows)
        DOCS.write_text(OUTCOME.sub(lambda found: found[1] + table + found[2], DOCS.read_text()))
    return passed < len(chosen) or not chosen


sys.exit(main(sys.argv[1:]))
