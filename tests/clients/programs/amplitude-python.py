from threading import Semaphore

from amplitude import Amplitude, BaseEvent, Config

from events import ONCE, RETRIED, TWICE, break_queue

CONFIGURATION

delivered = Semaphore(0)
config.callback = lambda event, code, message: delivered.release()


def track(numbers):
    for number in numbers:
        client.track(BaseEvent(f"event-{number}", user_id="user-1", insert_id=f"id-{number}"))
    client.flush()
    for _ in numbers:
        assert delivered.acquire(timeout=60)


track([*ONCE, *TWICE])
track(TWICE)
break_queue()
track(RETRIED)
client.shutdown()
