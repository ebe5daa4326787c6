from mixpanel import Consumer, Mixpanel

from events import ONCE, RETRIED, TWICE, break_queue

CONFIGURATION


def track(numbers):
    for number in numbers:
        mixpanel.track("user-1", f"event-{number}", {"total": 24.9, "$insert_id": f"id-{number}"})


track([*ONCE, *TWICE])
track(TWICE)
break_queue()
track(RETRIED)
