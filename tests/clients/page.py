"""A page in headless Chromium, of another origin than the server's."""

import shutil
import subprocess
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
TYPES = {".html": "text/html; charset=utf-8", ".js": "text/javascript"}
# The certificate of the front is not in the browser's store. Containers have no user namespaces for a sandbox.
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
         "--disable-background-networking", "--ignore-certificate-errors", "--no-proxy-server",
         "--enable-logging=stderr"]


class Page:
    """Serves a program's folder, and node_modules. A page calls it to break the queue and to finish."""

    def __init__(self, folder, node_modules):
        self.folder, self.node_modules = folder, node_modules
        self.break_queue, self.answers, self.finished, self.error = None, {}, threading.Event(), None
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (Handler,), {"page": self}))
        self.origin = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def browse(self, name, seconds):
        """Opens a page until it finishes; returns its console."""
        browser = next(filter(None, map(shutil.which, BROWSERS)), None)
        assert browser, f"none of {', '.join(BROWSERS)} is installed"
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile, tempfile.TemporaryFile("w+") as log:
            words = [browser, *FLAGS, f"--user-data-dir={profile}", f"{self.origin}/{name}"]
            process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=log)
            finished = self.finished.wait(seconds)
            process.terminate()
            process.wait(30)
            log.seek(0)
            output = "\n".join(line for line in log.read().splitlines() if "CONSOLE" in line)
        assert finished, f"the page did not finish in time; it got {self.answers}\n{output}"
        assert not self.error, f"{self.error}\n{output}"
        return output

    def call(self, path, body):
        match path:
            case "/break":
                self.break_queue()
            case "/answered":
                return str(self.answers[200])
            case "/finish":
                self.error = body
                self.finished.set()
        return ""


class Handler(BaseHTTPRequestHandler):
    page = None

    def do_GET(self):
        modules = self.path.removeprefix("/node_modules/")
        path = self.page.folder / self.path[1:] if modules == self.path else self.page.node_modules / modules
        if path.is_file():
            self.answer(path.read_bytes(), TYPES.get(path.suffix, "application/octet-stream"))
        else:
            self.send_error(404)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.answer(self.page.call(self.path, body).encode(), "text/plain")

    def answer(self, body, media_type):
        self.send_response(200)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass
