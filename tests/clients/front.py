"""TLS in front of the server, because some libraries only send to https. It counts answers by their status."""

import asyncio
import re
import ssl
import subprocess
import threading
from collections import Counter, namedtuple

STATUS = re.compile(rb"HTTP/1\.1 (\d{3})")
Pair = namedtuple("Pair", "certificate key")


def certificate(folder):
    """A certificate for this machine, and its key."""
    pair = Pair(folder / "certificate.pem", folder / "certificate.key")
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    subprocess.run(["openssl", "req", "-x509", *curve, "-nodes", "-days", "2", *names, "-out", pair.certificate,
                    "-keyout", pair.key], check=True, capture_output=True)
    return pair


class Front:
    """Passes connections on to an address. Calls `on_refusal` when the first 503 has passed."""

    def __init__(self, address, pair, on_refusal):
        self.backend, self.on_refusal, self.answers = address.rsplit(":", 1), on_refusal, Counter()
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(*pair)
        self.loop = asyncio.new_event_loop()

    def __enter__(self):
        serving = asyncio.start_server(self.connect, "127.0.0.1", 0, ssl=self.context)
        self.listener = self.loop.run_until_complete(serving)
        self.host = f"127.0.0.1:{self.listener.sockets[0].getsockname()[1]}"
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        self.listener.close()
        self.loop.run_until_complete(asyncio.sleep(0))
        self.loop.close()

    async def connect(self, reader, writer):
        from_server, to_server = await asyncio.open_connection(*self.backend)
        await asyncio.gather(self.copy(reader, to_server), self.copy(from_server, writer, self.count))

    async def copy(self, reader, writer, see=None):
        try:
            while data := await reader.read(1 << 16):
                if see:
                    await see(data)
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        writer.close()

    async def count(self, data):
        """Counts an answer by its status. Each begins a read, because clients wait for one before the next request."""
        if status := STATUS.match(data):
            self.answers[int(status[1])] += 1
            if status[1] == b"503":
                await asyncio.to_thread(self.on_refusal)
