"""Runs programs that use client libraries against `spillway serve`, and checks what the bucket contains.

    main.py [--update] [NAME…]

Each program has a server, a key and a bucket for itself. Its configuration is the block of docs/clients.md with its name;
only HOST and KEY are replaced. `events.py` says what a program sends.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

from bucket import Bucket, Expected
from front import Front, certificate
from page import browse
from server import Server

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = Path(__file__).resolve().parent / "programs"
NODE_MODULES = ROOT / "target/clients/node/node_modules"
PAGE = ROOT / "docs/clients.md"
BLOCK = r"```(\w+) {name}\n(.*?)```"
OUTCOME = re.compile(r"(<!-- outcome of just clients -->\n).*?(<!-- end -->)", re.DOTALL)
TIMEOUT_SECONDS = 120
"""The longest that a program may take. OpenTelemetry's exporters and Amplitude wait several seconds between attempts."""
CONCURRENT = 3


@dataclass
class Client:
    program: str
    package: str
    arguments: list = field(default_factory=list)
    variables: dict = field(default_factory=dict)
    expected: Expected = field(default_factory=Expected)

    @property
    def title(self):
        compressed = ["gzip"] if "gzip" in self.variables.values() else []
        return " ".join([self.package, version(self.package), *self.arguments, *compressed])

    @property
    def name(self):
        return "-".join([self.program.rsplit(".", 1)[0], *self.arguments])


OTLP_GZIP = {"OTEL_EXPORTER_OTLP_COMPRESSION": "gzip"}
CLIENTS = [
    Client("segment-python.py", "segment-analytics-python"),
    Client("segment-node.cjs", "@segment/analytics-node"),
    Client("rudder-python.py", "rudder-sdk-python"),
]


def version(package):
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return json.loads((NODE_MODULES / package / "package.json").read_text())["version"]


def configuration(client, host, key):
    """The language and the lines of the client's block, with a host and a key."""
    name = client.program.rsplit(".", 1)[0]
    found = re.search(BLOCK.format(name=name), PAGE.read_text(), re.DOTALL)
    assert found, f"docs/clients.md has no block named {name}"
    return found[1], found[2].replace("HOST", host).replace("KEY", key).rstrip()


def command(client, folder, language, lines):
    """Writes the program with its configuration into a folder; returns the command that runs it."""
    for helper in PROGRAMS.glob("events.*"):
        (folder / helper.name).write_bytes(helper.read_bytes())
    text = (PROGRAMS / client.program).read_text()
    in_program = language not in ("sh", "html")
    assert ("CONFIGURATION" in text) == in_program, f"{client.program}: CONFIGURATION marks the place of the block"
    program = folder / client.program
    program.write_text(text.replace("CONFIGURATION", lines))
    runner = [sys.executable] if program.suffix == ".py" else ["node"]
    words = [*runner, program, *client.arguments]
    if in_program:
        return words
    (folder / "configuration").write_text(lines)
    return ["bash", "-c", '. "$0" && exec "$@"', folder / "configuration", *words]


def environment(client, server, certificate_file):
    """The variables of a program: it trusts the front's certificate alone, and uses no proxy."""
    ours = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    trust = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS")
    theirs = dict.fromkeys(trust, str(certificate_file)) | {"NODE_PATH": str(NODE_MODULES), "FAULTS": server.faults}
    return ours | theirs | client.variables


def run(client):
    """Runs one program; returns its row of the outcome, or raises with what is wrong."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pair = certificate(folder)
        with Server(folder / "server") as server, Front(server.address, pair, server.repair) as front:
            language, lines = configuration(client, front.host, server.key)
            words, variables = command(client, folder, language, lines), environment(client, server, pair.certificate)
            started = time.time()
            # The folder of a program contains its key, so it is not the server's.
            done = subprocess.run(words, env=variables, cwd=folder, timeout=TIMEOUT_SECONDS, text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            ended = time.time()
            output = f"{done.stdout[-3000:]}\nanswers: {front.answers}"
            assert done.returncode == 0, f"exit code {done.returncode}\n{output}"
            server.drain()
        try:
            found = Bucket(server.bucket).check(client.expected, server.key, (started, ended))
            assert (503 in front.answers) == client.expected.retries, "the client got no 503"
        except AssertionError as error:
            raise AssertionError(f"{error}\n{output}") from error
    return f"| {client.title} | {sum(front.answers.values())} | {front.answers[503]} | {found.lines} | {found.ids} |"


def outcome(client):
    """The row, and whether the client passed."""
    try:
        return run(client), True
    except (AssertionError, subprocess.TimeoutExpired) as error:
        return f"{client.title}: {error}", False


def update(rows):
    table = "| client | requests | of them 503 | lines stored | records |\n| --- | ---: | ---: | ---: | ---: |\n"
    PAGE.write_text(OUTCOME.sub(lambda found: found[1] + table + "\n".join(rows) + "\n" + found[2], PAGE.read_text()))


def main(words):
    names = tuple(word for word in words if not word.startswith("--")) or ("",)
    chosen = [client for client in CLIENTS if client.name.startswith(names)]
    with ThreadPoolExecutor(CONCURRENT) as pool:
        outcomes = list(pool.map(outcome, chosen))
    for row, _ in outcomes:
        print(row)
    passed = sum(good for _, good in outcomes)
    print(f"clients: {passed} of {len(chosen)} passed")
    if passed < len(chosen) or not chosen:
        return 1
    if "--update" in words:
        update([row for row, _ in outcomes])
    return 0


sys.exit(main(sys.argv[1:]))
