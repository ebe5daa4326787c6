"""Runs `spillway serve` with a destination that signs, and verifies its requests with the package `standardwebhooks`.

Two keys sign, as while a partner changes its secret. A receiver with either key accepts; one with another key does not.
"""

import base64
import json
import os
import queue
import subprocess
import sys
import tempfile
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from standardwebhooks import Webhook, WebhookVerificationError

OLD, NEW, OTHER = ("whsec_" + base64.b64encode(bytes([byte]) * 32).decode() for byte in (1, 2, 3))
PATIENCE = 60


class Partner(BaseHTTPRequestHandler):
    """Answers 200 and keeps headers and body."""

    received: queue.Queue = queue.Queue()

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        self.received.put(({name.lower(): value for name, value in self.headers.items()}, body))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def configure(folder: Path, url: str):
    destination = {"url": url, "allow_private": True, "streams": ["clicks"], "sign": {"secret": "partner/key"}}
    for path, content in (("streams/clicks.json", {"table": False}), ("destinations/partner.json", destination)):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(json.dumps(content))


def post(address: str):
    """Posts a payload with characters outside of ASCII."""
    body = json.dumps([{"event": "page_view", "title": "Über uns \U0001f600"}], ensure_ascii=False).encode()
    headers = {"X-Write-Key": "local", "Content-Type": "application/json"}
    urllib.request.urlopen(urllib.request.Request(address, body, headers), timeout=PATIENCE).close()


def verify(headers: dict, body: bytes):
    for secret in (OLD, NEW):
        Webhook(secret).verify(body, headers)
    for wrong, text in ((OTHER, body), (NEW, body + b" ")):
        try:
            Webhook(wrong).verify(text, headers)
        except WebhookVerificationError:
            continue
        sys.exit("a wrong signature was accepted")


def serve(program: str, folder: Path) -> subprocess.Popen:
    free = "127.0.0.1:0"
    command = [program, "serve", "--listen", free, "--admin", free, "--s3-listen", free, "--sqs-listen", free]
    command += ["--write-key", "local", "--window", "100ms", "--config", folder / "config", "--data", folder / "data"]
    environment = {**os.environ, "SECRET_PARTNER_KEY": f"{OLD} {NEW}"}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


def main(program: str):
    partner = ThreadingHTTPServer(("127.0.0.1", 0), Partner)
    Thread(target=partner.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        configure(folder / "config", f"http://127.0.0.1:{partner.server_port}/in")
        spillway = serve(program, folder)
        try:
            first = spillway.stdout.readline()
            address = first.split(" at ")[1].strip().replace("{stream}", "clicks")
            Thread(target=spillway.stdout.read, daemon=True).start()
            post(address)
            headers, body = Partner.received.get(timeout=PATIENCE)
        finally:
            spillway.terminate()
            spillway.wait()
    verify(headers, body)
    print("standardwebhooks verified both signatures, and refused another key and another body")


main(sys.argv[1])
