"""Sends events in the mode that the argument names. The library neither sends messages nor makes batches."""

import sys
from datetime import datetime, timezone

import requests
from cloudevents.core.bindings.http import HTTPMessage, to_binary_event, to_structured_event
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from events import ONCE, RETRIED, TWICE

CONFIGURATION


def event(number):
    attributes = {"id": f"event-{number}", "source": "/shop", "type": "shop.order", "specversion": "1.0"}
    return CloudEvent(attributes | {"time": datetime.now(timezone.utc)}, {"total": 24.9})


def batch(events):
    body = b"[" + b",".join(JSONFormat().write(event) for event in events) + b"]"
    return HTTPMessage({"content-type": "application/cloudevents-batch+json"}, body)


def messages(numbers):
    events = [event(number) for number in numbers]
    match sys.argv[1]:
        case "structured":
            return map(to_structured_event, events)
        case "binary":
            return map(to_binary_event, events)
        case "batched":
            return [batch(events)]


for numbers in ([*ONCE, *TWICE], TWICE, RETRIED):
    for message in messages(numbers):
        send(message).raise_for_status()
