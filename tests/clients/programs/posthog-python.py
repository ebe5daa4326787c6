from uuid import NAMESPACE_URL, uuid5

from posthog import Posthog

from events import ONCE, RETRIED, TWICE, break_queue

CONFIGURATION


def capture(numbers):
    for number in numbers:
        identity = str(uuid5(NAMESPACE_URL, str(number)))
        posthog.capture(f"event-{number}", distinct_id="user-1", properties={"total": 24.9}, uuid=identity)
    posthog.flush()


capture([*ONCE, *TWICE])
capture(TWICE)
break_queue()
capture(RETRIED)
posthog.shutdown()
