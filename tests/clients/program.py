"""A program with the configuration that docs/clients.md gives it."""

import os
import re
import subprocess
import sys
from pathlib import Path

PROGRAMS = Path(__file__).resolve().parent / "programs"


class Program:
    """Writes the program, and the helpers of all programs, into a folder."""

    def __init__(self, client, folder, docs, host, key):
        self.client, self.folder = client, folder
        block = re.search(rf"```(\w+) {client.block}\n(.*?)```", docs, re.DOTALL)
        assert block, f"docs/clients.md has no block named {client.block}"
        lines = block[2].rstrip().replace("HOST", host).replace("KEY", key)
        for helper in PROGRAMS.glob("events.*"):
            (folder / helper.name).write_bytes(helper.read_bytes())
        text = (PROGRAMS / client.program).read_text()
        # The lines of a shell become the program's environment, others a part of it.
        self.has_variables = block[1] == "sh"
        assert self.has_variables or "CONFIGURATION" in text, f"{client.program}: CONFIGURATION marks the block's place"
        (folder / client.program).write_text(text.replace("CONFIGURATION", lines))
        (folder / "variables").write_text(lines if self.has_variables else "")

    @property
    def is_page(self):
        return self.client.program.endswith(".html")

    def execute(self, certificate, node_modules, faults, seconds):
        """Runs the program; returns its output."""
        runner = sys.executable if self.client.program.endswith(".py") else "node"
        words = [runner, self.folder / self.client.program, *self.client.arguments]
        words = ["bash", "-c", '. "$0" && exec "$@"', self.folder / "variables", *words]
        # The program trusts the front's certificate alone, and uses no proxy.
        trust = dict.fromkeys(("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"), str(certificate))
        ours = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        variables = ours | trust | {"NODE_PATH": str(node_modules), "FAULTS": faults} | self.client.variables
        done = subprocess.run(words, env=variables, cwd=self.folder, timeout=seconds, text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
        output = done.stdout[-3000:]
        assert done.returncode == 0, f"exit code {done.returncode}\n{output}"
        return output
