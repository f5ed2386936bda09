"""What becomes of a call to the duty people, and when a failed one is tried again."""

from datetime import timedelta
from enum import StrEnum
from typing import Final

LONGEST_WAIT: Final = timedelta(seconds=60)
MAX_ATTEMPTS: Final = 600
"""Some ten hours at the longest wait: by then a shift has changed, and every look at the desk has told."""
_FIRST_SECONDS: Final = 2.0


class Delivery(StrEnum):
    """How a call ended."""

    SENT = "SENT"
    """A mail server accepted the message."""
    LEFT = "LEFT"
    """No mail server is set: the message lies in a folder, and nobody was called."""
    GIVEN_UP = "GIVEN_UP"
    ANSWERED = "ANSWERED"
    """Somebody took the alarm before the call was accepted."""


def wait_after(*, attempts: int, jitter: float) -> timedelta:
    """Return how long to wait after a number of failed attempts: exponential backoff with jitter.

    The wait lies between half and the whole of 2, 4, 8 … seconds, at most 60; `jitter` goes from 0 to 1.
    """
    seconds = min(_FIRST_SECONDS * 2.0 ** min(attempts - 1, 10), LONGEST_WAIT.total_seconds())
    return timedelta(seconds=seconds * (0.5 + 0.5 * jitter))
