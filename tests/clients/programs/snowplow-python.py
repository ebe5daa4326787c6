from threading import Semaphore

from snowplow_tracker import Emitter, StructuredEvent, Tracker

from events import ONCE, RETRIED, TWICE, break_queue

CONFIGURATION

delivered = Semaphore(0)
emitter.on_success = lambda events: delivered.release(len(events))


def track(numbers):
    for number in numbers:
        tracker.track(StructuredEvent("shop", f"event-{number}"))
    tracker.flush()
    for _ in numbers:
        assert delivered.acquire(timeout=60)


track([*ONCE, *TWICE])
break_queue()
track(RETRIED)
