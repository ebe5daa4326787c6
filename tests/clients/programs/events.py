"""The numbers of the ten events that each program sends, and the switch for SQS."""

import os
import urllib.request

ONCE, TWICE, RETRIED = range(5), range(5, 7), range(7, 10)
"""Sent once; sent twice with the same ids, where the library lets its caller choose them; sent while SQS fails."""


def break_queue():
    """From now on SQS stores messages but answers with an error, until a request has got 503."""
    fault = b'{"faults":{"sqs.lost_answer":"1"}}'
    request = urllib.request.Request(os.environ["FAULTS"], fault, method="PUT")
    urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10).read()
