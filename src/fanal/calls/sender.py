"""The sending loop's handle of the child process that sends alarm calls: orders in, outcomes out."""

import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Final
from uuid import UUID

from fanal.calls import sending
from fanal.calls.dispatch import CALL_SECONDS, MOST_CALLS
from fanal.calls.people import Outcome
from fanal.orient.domain.records import Call

_SPARE_SECONDS: Final = 3.0
"""A child with calls is replaced after so long without a message, or so long after their time has ended."""
_IDLE_START_SECONDS: Final = 10.0
"""Pause between two starts of a child while there is no call."""
_AT_ONCE: Final = 100
"""Maximum number of calls in one order: so many fit in the pipe without waiting for the child."""
_FORK: Final = get_context("fork")


@dataclass(slots=True)
class _Child:
    process: BaseProcess
    orders: Connection
    answers: Connection


class Sender:
    """Handle of the child process that sends the alarm calls; the child is started when it is needed.

    A child that died or hangs is replaced, and its calls count as failed.
    """

    def __init__(self) -> None:
        self._child: _Child | None = None
        self._calls: dict[UUID, tuple[Call, float]] = {}
        self._queue = list[tuple[Call, datetime]]()
        self._heard_at, self._waits = 0.0, False
        self._prepare_at = 0.0
        self._works = list[bool]()

    @property
    def calls(self) -> list[UUID]:
        """The ids of the calls passed to `start` that have no outcome yet, in that order."""
        return list(self._calls)

    @property
    def room(self) -> int:
        """The number of further calls that `start` may be given now."""
        return max(0, MOST_CALLS - len(self._calls))

    @property
    def descriptors(self) -> list[int]:
        """The file descriptors that become readable when the child answers or ends; at most one."""
        return [self._child.answers.fileno()] if self._child else []

    def start(self, calls: Sequence[Call], *, now: datetime) -> None:
        """Send calls to all people on duty; `finished` later returns their outcomes.

        `now` is the database's time, from which the date of the messages follows.
        """
        if not self._calls:
            self._heard_at = time.monotonic()
        for call in calls:
            self._calls[call.id] = (call, time.monotonic())
        self._queue += [(call, now) for call in calls]
        self._push()

    def prepare(self) -> None:
        """Start the child process before the first call, so that it looks up the mail server early."""
        now = time.monotonic()
        if self._child is None and now >= self._prepare_at:
            self._prepare_at = now + _IDLE_START_SECONDS
            self._is_ready()

    def ask(self) -> None:
        """Let the child test whether the mail server accepts its sign-in; `works` has the result later."""
        if self._is_ready():
            with contextlib.suppress(OSError):
                self._child.orders.send(None)  # type: ignore[union-attr]

    def works(self) -> list[bool]:
        """Return the results of `ask` since the last call of this method: whether the sign-in worked."""
        found, self._works = self._works, []
        return found

    def finished(self) -> list[Outcome]:
        """Return the outcomes of calls since the last call of this method; replace a dead or hung child."""
        outcomes = self._read()
        for outcome in outcomes:
            self._calls.pop(outcome.call.id, None)
        now = time.monotonic()
        late = [at for _, at in self._calls.values() if now > at + CALL_SECONDS + _SPARE_SECONDS]
        if late or (self._calls and self._child and now > self._heard_at + _SPARE_SECONDS):
            self.stop()
            outcomes += self._lose("TIMEOUT")
        elif self._calls and self._child is None:
            outcomes += self._lose("DIED")
        self._push()
        return outcomes

    def stop(self) -> None:
        """End the child; its calls stay in the outbox and are sent again."""
        if self._child:
            self._child.process.kill()
            self._child.process.join()
            self._child.process.close()
            self._child.orders.close()
            self._child.answers.close()
        self._child, self._waits = None, False

    def _read(self) -> list[Outcome]:
        outcomes = list[Outcome]()
        while self._child and self._child.answers.poll():
            try:
                answer = self._child.answers.recv()
            except (EOFError, OSError):
                self.stop()
                break
            self._heard_at = time.monotonic()
            if answer == sending.GOT:
                self._waits = False
            elif answer == sending.ALIVE:
                continue
            elif isinstance(answer, tuple):
                self._works.append(not answer[1])
            else:
                outcomes += answer
        return outcomes

    def _lose(self, failure: str) -> list[Outcome]:
        lost, self._calls, self._queue = self._calls, {}, []
        return [Outcome(call=call, failure=failure) for call, _ in lost.values()]

    def _push(self) -> None:
        """Send the next calls to the child, once it has confirmed the previous ones."""
        if not self._queue or self._waits:
            return
        if not self._is_ready():
            return
        part, self._queue = self._queue[:_AT_ONCE], self._queue[_AT_ONCE:]
        self._waits = True
        with contextlib.suppress(OSError):  # it has died, which its other end tells
            self._child.orders.send(([call for call, _ in part], part[-1][1]))  # type: ignore[union-attr]

    def _is_ready(self) -> bool:
        """Return whether a child is running; if there is none, start it if possible."""
        if self._child:
            return True
        try:
            taking, orders = _FORK.Pipe(duplex=False)
            answers, giving = _FORK.Pipe(duplex=False)
            process = _FORK.Process(target=sending.run, args=(taking, giving), daemon=True)
            process.start()
        except OSError:
            return False
        taking.close()
        giving.close()
        self._child = _Child(process, orders, answers)
        return True
