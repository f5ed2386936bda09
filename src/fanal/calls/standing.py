"""State of a process that sends alarm calls: whether its messages arrive. If not, another process sends."""

import time
from typing import Final

_FIRST_SECONDS: Final = 5.0
_LONGEST_SECONDS: Final = 300.0
"""Longest time between two tests whether the mail server works again."""


class Standing:
    """Whether this process can deliver alarm calls, judged by the outcome of its own messages.

    It can until a message fails, and again once one is accepted. In between another process sends; this one
    tests the sign-in at its mail server now and then (`is_to_ask`). After a successful test it may try one
    alarm call (`may_try`), whose success proves that it can. `configured`: this process has a mail server.
    """

    def __init__(self, *, configured: bool) -> None:
        self.configured = configured
        self._failing = self.may_try = False
        self._failures, self._ask_at = 0, 0.0

    @property
    def reaches(self) -> bool:
        """Whether this process has a mail server, and its last message was accepted (or none sent)."""
        return self.configured and not self._failing

    def delivered(self) -> None:
        """Record that the mail server accepted a message: this process can deliver alarm calls again."""
        self._failing = self.may_try = False
        self._failures = 0

    def failed(self) -> None:
        """Record that a message failed: the mail server is tested later, each time after a longer pause."""
        if not self._failing or self.may_try:
            self._wait()
        self._failing, self.may_try = True, False

    def is_to_ask(self) -> bool:
        """Return whether it is time to test the sign-in at the mail server; report the result to `answered`.

        A true result also starts the pause before the next test.
        """
        if not self._failing or self.may_try or time.monotonic() < self._ask_at:
            return False
        self._wait()
        return True

    def answered(self, *, works: bool) -> None:
        """Record the result of a test of the mail server: with `works`, one call may be tried (`may_try`)."""
        self.may_try = works and self._failing

    def _wait(self) -> None:
        pause = min(_FIRST_SECONDS * 2.0 ** min(self._failures, 10), _LONGEST_SECONDS)
        self._failures += 1
        self._ask_at = time.monotonic() + pause
