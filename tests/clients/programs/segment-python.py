import segment.analytics

from events import ONCE, RETRIED, TWICE, break_queue

CONFIGURATION


def track(numbers):
    for number in numbers:
        segment.analytics.track("user-1", f"event-{number}", {"total": 24.9}, message_id=f"id-{number}")
    segment.analytics.flush()


track([*ONCE, *TWICE])
track(TWICE)
break_queue()
track(RETRIED)
