import logging

from splunk_handler import SplunkHandler, force_flush

from events import ONCE, RETRIED, TWICE, break_queue

CONFIGURATION

logger = logging.getLogger("shop")
logger.addHandler(handler)


def log(numbers):
    for number in numbers:
        logger.warning("event-%s", number)
    force_flush()


log([*ONCE, *TWICE])
break_queue()
log(RETRIED)
