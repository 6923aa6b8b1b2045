"""Waiting for something to become true: with a deadline, never by a fixed sleep."""

import time


class Timeout(Exception):
    """What was waited for did not happen in time."""


def wait_until(predicate, timeout, what, interval=0.02):
    """Calls `predicate` until it answers something true and returns that; raises Timeout naming `what`."""
    deadline = time.monotonic() + timeout
    while True:
        answer = predicate()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise Timeout(f"not within {timeout:g} s: {what}")
        time.sleep(interval)
