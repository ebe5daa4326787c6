"""What the bucket contains after a program."""

import base64
import json
import re
from collections import defaultdict, namedtuple
from datetime import datetime

from programs.events import ONCE, RETRIED, TWICE

Found = namedtuple("Found", "lines ids")
NAME = re.compile(r"\bevent-(\d+)\b")


class Bucket:
    def __init__(self, folder):
        self.files = {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    def check(self, client, key, period):
        """Checks all records; returns the numbers of lines and ids."""
        self.check_secrets(key)
        records = [json.loads(line) for line in self.lines()]
        by_number = defaultdict(list)
        for record in records:
            by_number[number_of(record)].append(record)
            check_time(record, client, period)
        assert sorted(by_number) == [*ONCE, *TWICE, *RETRIED], f"events {sorted(by_number)} are stored"
        for number, copies in sorted(by_number.items()):
            ids = {record["id"] for record in copies}
            assert len(ids) == 1, f"event {number} has the ids {ids}"
        lines = {number: len(copies) for number, copies in by_number.items()}
        assert all(lines[number] == 1 for number in ONCE), f"an event is stored twice: {lines}"
        assert all(lines[number] == 1 + client.twice for number in TWICE), f"not sent again: {lines}"
        # The first batch is stored in spite of its 503, so its retry is a copy.
        assert any(lines[number] > 1 for number in RETRIED) == client.retries, f"not retried: {lines}"
        return Found(len(records), len(by_number))

    def lines(self):
        for path, content in self.files.items():
            assert path.parts[0] == "records", f"{path} is stored"
            yield from content.decode().splitlines()

    def check_secrets(self, key):
        forms = [key, base64.b64encode(f"{key}:".encode()).decode()]
        for path, content in self.files.items():
            for form in forms:
                assert form not in str(path) and form.encode() not in content, f"{path} contains the key"


def number_of(record):
    """The number of the event that a record is for."""
    numbers = {int(number) for number in NAME.findall(json.dumps(record["payload"]))}
    assert len(numbers) == 1, f"a record has the events {numbers}: {record}"
    return numbers.pop()


def check_time(record, client, period):
    """The client's clock is this machine's; some clients send whole seconds."""
    if not client.dated:
        return
    assert "event_time" in record, f"a record has no time: {record}"
    # Python reads at most six digits of a second before 3.11.
    text = re.sub(r"(\.\d{6})\d+", r"\1", record["event_time"]).replace("Z", "+00:00")
    time = datetime.fromisoformat(text).timestamp()
    assert int(period[0]) <= time <= period[1], f"the time is not the event's: {record}"
