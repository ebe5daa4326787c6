"""Tests the page of `spillway serve` in a headless Chromium.

    page.py [--screenshot FILE]

Starts target/debug/spillway and a partner, posts documents, and checks that the page shows the counts of `GET /status`,
that its switches inject faults, that it works by keyboard, on a phone and in the dark, and that it logs no error. Leaves
screenshots in target/page. With --screenshot it also runs for a minute under load and writes the picture of the README.
"""

import argparse
import http.client
import json
import random
import re
import shutil
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from chromium import Chromium

ROOT = Path(__file__).resolve().parent.parent
PROGRAM, PICTURES = ROOT / "target/debug/spillway", ROOT / "target/page"
DOCUMENTS = 120
ESCAPE, ENTER, SPACE = ("Escape", 27), ("Enter", 13, "\r"), (" ", 32, " ")


class Spillway:
    """A process of `spillway` whose first lines have been read."""

    def __init__(self, arguments, last_line):
        self.process = subprocess.Popen([PROGRAM, *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.banner = ""
        while last_line not in self.banner:
            line = self.process.stdout.readline()
            assert line, f"spillway {arguments[0]} ended: {self.banner}"
            self.banner += line
        threading.Thread(target=lambda: [None for _ in self.process.stdout], daemon=True).start()

    def address(self, before):
        return re.search(re.escape(before) + r"\s*http://([0-9.:]+)", self.banner)[1]

    def end(self):
        self.process.terminate()
        self.process.wait(60)


def get(address, path):
    connection = http.client.HTTPConnection(address, timeout=30)
    connection.request("GET", path)
    return json.loads(connection.getresponse().read())


def start(folder):
    """A partner, and a server with a destination and tables."""
    partner = Spillway(["receive", "--port", "0", "--quiet"], "http://")
    shutil.copytree(ROOT / "config/streams", folder / "config/streams")
    shutil.copytree(ROOT / "config/tables", folder / "config/tables")
    (folder / "config/destinations").mkdir()
    destination = {"url": f"http://{partner.address('')}/events", "allow_private": True, "streams": ["clicks"], "format": "records"}
    (folder / "config/destinations/partner.json").write_text(json.dumps(destination))
    free = [argument for flag in ["--listen", "--admin", "--s3-listen", "--sqs-listen"] for argument in [flag, "127.0.0.1:0"]]
    server = Spillway(["serve", *free, "--config", folder / "config", "--data", folder / "data", "--write-key", "local"], "curl -i")
    return partner, server


def post(address, numbers, pause, stop=None):
    """Posts documents; one in ten has a payload that is rejected, one in thirty a wrong key."""
    connection, chance = http.client.HTTPConnection(address, timeout=30), random.Random(7)
    for number in numbers:
        if stop is not None and stop.is_set():
            return
        payloads = [{"event": "page_view", "page": chance.randrange(99)} for _ in range(chance.randint(5, 15))]
        payloads += [42] if number % 10 == 9 else []
        headers = {"X-Write-Key": "wrong" if number % 30 == 20 else "local", "Content-Type": "application/json"}
        connection.request("POST", f"/v1/streams/{'clicks' if number % 3 else 'telemetry'}", json.dumps(payloads), headers)
        connection.getresponse().read()
        time.sleep(pause(number))


def shown(browser, name):
    """The number in a place of the page."""
    text = browser.evaluate(f"document.querySelector('[data-v={name}]').textContent")
    return int(text.replace(",", "")) if re.fullmatch("[0-9,]+", text) else None


def check_counts(browser, admin):
    """The page shows the counts of the status, once everything is stored."""
    names = {"accepted": "l_accepted", "stored": "l_stored", "kept": "l_kept", "rejected": "rejected", "withheld": "withheld",
             "objects": "objects", "quarantined": "quarantined", "dead_lettered": "dead", "queued": "queued", "in_flight": "in_flight"}

    def same():
        status = get(admin, "/status")
        differing = {name: (status[name], shown(browser, place)) for name, place in names.items() if status[name] != shown(browser, place)}
        is_settled = status["stored"] == status["accepted"] > 0 and status["queued"] + status["in_flight"] == 0
        return is_settled and not differing

    browser.until("the page shows the counts of the status", same, 60)
    status = get(admin, "/status")
    answers = sum(shown(browser, name) for name in ["ok", "refused", "failed"])
    assert answers == status["requests"] == DOCUMENTS, (answers, status)
    streams = browser.evaluate("[...document.querySelectorAll('#streams tr')].map((row) => [...row.children].map((cell) => cell.textContent))")
    stored = {name: int(stored.replace(",", "")) for name, _, stored, *_ in streams}
    assert set(stored) == {"clicks", "telemetry"} and sum(stored.values()) == status["stored"], (streams, status)
    partner = "[...document.querySelectorAll('#partners dd')].map((value) => value.textContent)"
    sent = lambda: f"{get(admin, '/status')['destinations'][0]['sent']:,}"
    browser.until("the partner got its records", lambda: browser.evaluate(partner)[:3] == ["0", "–", sent()] and sent() == f"{stored['clicks']:,}")
    reasons = browser.evaluate("[...document.querySelectorAll('#refusals b')].map((reason) => reason.textContent)")
    assert set(reasons) == {"not_an_object", "unauthorized"}, reasons


def check_record(browser):
    """A record is shown whole by keyboard, and only then."""
    browser.until("records are listed", lambda: browser.evaluate("document.querySelectorAll('#records button').length > 5"))
    assert "page_view" not in browser.evaluate("document.body.innerText"), "no payload is shown unasked"
    name = browser.evaluate("document.querySelector('#records button').focus(); document.activeElement.textContent")
    browser.press(*ENTER)
    text = "document.getElementById('record-text').textContent"
    browser.until("the record is shown", lambda: "page_view" in browser.evaluate(text))
    assert json.loads(browser.evaluate(text))["id"] == name
    browser.press(*ESCAPE)
    browser.until("the record is closed", lambda: not browser.evaluate("document.getElementById('record').open"))
    assert browser.evaluate("document.activeElement.textContent") == name, "the focus returns"
    return name


def check_faults(browser, admin):
    """A switch sets and removes a fault by keyboard; a bad rate is an error that says so."""
    switch = "document.getElementById('fault-s3.latency')"
    for expected in [{"s3.latency": "0.2:200ms"}, {}]:
        browser.evaluate(f"{switch}.focus()")
        browser.press(*SPACE)
        browser.until(f"the faults are {expected}", lambda: get(admin, "/faults")["faults"] == expected)
    browser.evaluate(f"{switch}.closest('.fault').querySelector('[type=text]').value = '7'; {switch}.click()")
    error = "document.getElementById('fault-error').textContent"
    browser.until("the error is shown", lambda: "must be from 0 to 1" in browser.evaluate(error))
    assert get(admin, "/faults")["faults"] == {}
    browser.evaluate("document.getElementById('no-faults').click()")
    browser.until("the error is gone", lambda: browser.evaluate(error) == "")


def check_ledger(browser, admin):
    """The ledger by id adds up."""
    browser.evaluate("document.getElementById('count').click()")
    counted = "document.getElementById('counted').innerText"
    browser.until("the ledger", lambda: "no record is lost" in browser.evaluate(counted))
    assert f"{get(admin, '/status')['accepted']:,}" in browser.evaluate(counted)


def check_find(browser, name):
    """`find` shows the object and the line of a record, and what is wrong with a malformed id."""
    found = "document.getElementById('found').innerText"
    for text, pattern in [(name, r"stored\s+records/\S+\s+line \d+"), ("no id", "`no id`")]:
        browser.evaluate(f"document.getElementById('find-id').value = '{text}'; document.querySelector('#find button').click()")
        browser.until(f"an answer for {text}", lambda: re.search(pattern, browser.evaluate(found)))


def check_looks(browser):
    """Readable in both schemes, on a phone too; every control has a name."""
    tree = browser.call("Accessibility.getFullAXTree")["nodes"]
    controls = [node for node in tree if node.get("role", {}).get("value") in ("button", "textbox", "switch")]
    assert len(controls) > 40 and all(node["name"]["value"] for node in controls), "every control has a name"
    for name, width, height, dark in [("light", 1320, 940, False), ("dark", 1320, 940, True), ("phone", 390, 844, False)]:
        browser.show(width, height, dark)
        assert browser.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{name}: it scrolls sideways"
        for element in ["h2", "dt", "dd", "#streams td", "#records button", ".detail"]:
            contrast = browser.evaluate(CONTRAST % element)
            assert contrast >= 4.5, f"{name}: {element} has a contrast of {contrast:.1f}"
        browser.evaluate("scrollTo(0, 0)")
        browser.screenshot(PICTURES / f"{name}.png")
    browser.show(1320, 940, False)


# The contrast of an element's text with the card behind it, by WCAG 2.
CONTRAST = """(() => {
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const light = (colour) => {
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data].map((v) => (v / 255 <= 0.03928 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const element = document.querySelector('%s');
  const pair = [light(getComputedStyle(element).color), light(getComputedStyle(element.closest('.card')).backgroundColor)].sort();
  return (pair[1] + 0.05) / (pair[0] + 0.05);
})()"""


def check_long_run(browser):
    """A page does not grow with the number of snapshots."""
    size = "[document.querySelectorAll('*').length, points.length]"
    browser.evaluate("for (let more = 0; more < 700; more++) receive({ ...last, time: last.time + 1000 })")
    before = browser.evaluate(size)
    browser.evaluate("for (let more = 0; more < 1000; more++) receive({ ...last, time: last.time + 1000 })")
    assert browser.evaluate(size) == before and before[1] == 600, before


def take_picture(browser, server, path):
    """The picture of the README: a minute of load that rises and falls."""
    stop = threading.Event()
    pause = lambda number: 0.006 + 0.008 * abs((number // 40) % 16 - 8) / 8
    load = threading.Thread(target=post, args=(server.address("documents at"), range(10**9), pause, stop))
    load.start()
    browser.call("Page.reload")
    time.sleep(60)
    browser.evaluate("scrollTo(0, 0)")
    browser.screenshot(path)
    stop.set()
    load.join()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--screenshot")
    arguments = parser.parse_args()
    PICTURES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, Chromium() as browser:
        partner, server = start(Path(folder))
        try:
            admin = server.address("page")
            browser.show(1320, 940, False)
            browser.call("Page.navigate", url=f"http://{admin}/")
            browser.until("the page is live", lambda: browser.evaluate("document.getElementById('state')?.textContent") == "live")
            post(server.address("documents at"), range(DOCUMENTS), lambda _: 0.02)
            check_counts(browser, admin)
            name = check_record(browser)
            check_faults(browser, admin)
            check_find(browser, name)
            check_ledger(browser, admin)
            check_looks(browser)
            if arguments.screenshot:
                take_picture(browser, server, arguments.screenshot)
            # The server refuses the bad rate and the malformed id with 400, which browsers log.
            errors = [error for error in browser.errors() if not re.search(r"400 \(Bad Request\) \S+/f(aults|ind)", str(error))]
            assert not errors, errors
            foreign = [url for url in browser.requested() if not url.startswith((f"http://{admin}/", "data:"))]
            assert not foreign, foreign
            check_long_run(browser)
            server.end()
            browser.until("the page says that the server is gone", lambda: "does not answer" in browser.evaluate("document.getElementById('state').textContent"))
        finally:
            for process in [server, partner]:
                process.process.kill()
    print("the page shows the counts of the status, works by keyboard, on a phone and in the dark, and logs no error")


if __name__ == "__main__":
    main()
