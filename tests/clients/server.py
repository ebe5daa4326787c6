"""`spillway serve` with one key, and streams that accept every preset."""

import json
import os
import re
import signal
import subprocess
import threading
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SPILLWAY = ROOT / "target/debug/spillway"
STREAMS = ["clicks", "telemetry", "orders", "logs"]
START_SECONDS, DRAIN_SECONDS = 60, 90
# Requests give up early, so that the 503s of a broken queue come early.
SETTINGS = {"COMPRESSION": "none", "INGEST_CALL_TIMEOUT_MS": "600", "INGEST_CALL_TRIES": "2"}


class Server:
    """A running server. `drain` ends it after everything is in the bucket."""

    def __init__(self, folder, *flags):
        self.folder, self.bucket = folder, folder / "data/spillway"
        (folder / "config/streams").mkdir(parents=True)
        presets = sorted(path.stem for path in (ROOT / "functions/ingest/presets").glob("*.json"))
        for stream in STREAMS:
            (folder / f"config/streams/{stream}.json").write_text(json.dumps({"accept": presets}))
        made = subprocess.run([SPILLWAY, "key", "new", "--name", "client", "--streams", ",".join(STREAMS)],
                              check=True, capture_output=True, text=True).stdout
        self.key = re.search(r"^key.* (\S+)$", made, re.MULTILINE)[1]
        entry = re.search(r"^entry of keys.json +(.*)$", made, re.MULTILINE)[1]
        (folder / "config/keys.json").write_text(f'{{"keys":[{entry}]}}')
        places = [f"--{name}=127.0.0.1:0" for name in ("listen", "admin", "s3-listen", "sqs-listen")]
        places += [f"--data={folder / 'data'}", f"--config={folder / 'config'}", "--ingest-timeout=2s"]
        self.errors = (folder / "errors").open("w+")
        self.process = subprocess.Popen([SPILLWAY, "serve", *places, *flags], text=True, env=os.environ | SETTINGS,
                                        stdout=subprocess.PIPE, stderr=self.errors)

    def __enter__(self):
        # A server that never prints its banner is killed, which ends the output.
        late = threading.Timer(START_SECONDS, self.process.kill)
        late.start()
        banner = ""
        while "curl" not in banner:
            line = self.process.stdout.readline()
            assert line, f"spillway serve did not start: {banner}{self.read_errors()}"
            banner += line
        late.cancel()
        self.address = re.search(r"http://([\d.:]+)/v1", banner)[1]
        self.faults = re.search(r"http://\S+/status", banner)[0].replace("/status", "/faults")
        self.output = []
        self.reader = threading.Thread(target=lambda: self.output.extend(self.process.stdout), daemon=True)
        self.reader.start()
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def break_queue(self):
        """As events.py does it."""
        self.set_faults(b'{"faults":{"sqs.lost_answer":"1"}}')

    def repair(self):
        """Ends all faults."""
        self.set_faults(b'{"faults":{}}')

    def set_faults(self, plan):
        request = urllib.request.Request(self.faults, plan, method="PUT")
        urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10).read()

    def drain(self):
        """Ends the server, and checks that its ledger holds."""
        self.process.send_signal(signal.SIGINT)
        code = self.process.wait(DRAIN_SECONDS)
        self.reader.join()
        assert code == 0, f"spillway serve ended with {code}: {''.join(self.output)}{self.read_errors()}"

    def read_errors(self):
        self.errors.seek(0)
        return self.errors.read()
