"""One child process a message, ended at its deadline: a slow mail server keeps no other call waiting."""

import contextlib
import hashlib
import math
import os
import signal
import smtplib
import ssl
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Final

from fanal import reference
from fanal.connectors import mail
from fanal.kernel.parent import die_with_parent
from fanal.orient.domain.calls import Delivery
from fanal.orient.domain.records import Call

PLACES: Final = 24
"""Messages on their way at once; calls that failed before take half of these places at most."""
DEADLINE_SECONDS: Final = 10.0
"""After which a child is killed: beyond the connector's own deadline, and below the lease of a call."""
LOT: Final = 2000
"""Calls that one message tells of at most."""
_LANGUAGES: Final = ("fr", "en")
_FORK: Final = get_context("fork")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What became of one message: how it was delivered, or the code of what failed."""

    lot: tuple[Call, ...]
    delivery: Delivery | None = None
    failure: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Child:
    lot: tuple[Call, ...]
    process: BaseProcess
    answer: Connection
    ends: float


class Senders:
    """The children at work; each inherits this process as it is and answers with one code."""

    def __init__(self) -> None:
        self._children: list[_Child] = []

    def __len__(self) -> int:
        return len(self._children)

    @property
    def again(self) -> int:
        """Return how many places calls of a second or later attempt take."""
        return sum(child.lot[0].attempts > 1 for child in self._children)

    @property
    def calls(self) -> list[Call]:
        """Return the calls on their way."""
        return [call for child in self._children for call in child.lot]

    @property
    def descriptors(self) -> list[int]:
        """Return what becomes readable when a child answers or dies."""
        return [child.answer.fileno() for child in self._children]

    def start(self, lot: Sequence[Call], *, now: datetime) -> None:
        """Send calls by one message, in a child of its own."""
        reading, writing = _FORK.Pipe(duplex=False)
        process = _FORK.Process(target=_send, args=(writing, tuple(lot), now), daemon=True)
        process.start()
        writing.close()
        ends = time.monotonic() + DEADLINE_SECONDS
        self._children.append(_Child(lot=tuple(lot), process=process, answer=reading, ends=ends))

    def finished(self) -> list[Sent]:
        """Return what became of the calls that are over; a child past its deadline is killed."""
        over = [c for c in self._children if c.answer.poll() or time.monotonic() >= c.ends]
        self._children = [child for child in self._children if child not in over]
        return [_close(child) for child in over]

    def stop(self) -> None:
        """Kill the children that are left: their calls go out again."""
        for child in self._children:
            _close(child)
        self._children = []


def _close(child: _Child) -> Sent:
    """Take a child's answer and its process away; one without an answer was too slow, or died."""
    answer = ""
    if child.answer.poll():
        with contextlib.suppress(EOFError, OSError):
            answer = str(child.answer.recv())
    late = time.monotonic() >= child.ends
    child.process.kill()
    child.process.join()
    child.process.close()
    child.answer.close()
    if answer in set(Delivery):
        return Sent(lot=child.lot, delivery=Delivery(answer))
    return Sent(lot=child.lot, failure=answer or ("TIMEOUT" if late else "DIED"))


def _send(answer: Connection, lot: tuple[Call, ...], now: datetime) -> None:
    """Send one message in this child, answer with a code, and leave nothing of the parent's to be closed."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    die_with_parent()
    try:
        answer.send(str(_deliver(lot, now)))
    except Exception as failure:  # noqa: BLE001 - whatever went wrong, the call is tried again
        answer.send(code_of(failure))
    finally:
        os._exit(0)  # the database session of the parent is not the child's to end


def _deliver(lot: tuple[Call, ...], now: datetime) -> Delivery:
    """Send references and where to look, nothing of the reports themselves."""
    mailer = mail.current()
    code = "ALARM_ESCALATED" if lot[0].escalated else "ALARM_RAISED"
    name = f"{lot[0].alarm_id}.{code.lower()}"
    parameters = {"reference": str(lot[0].report_id), "count": str(len(lot))}
    listed: list[str] = []
    if len(lot) > 1:
        # Named by what it holds: another lot that begins with the same call is another message.
        name = f"{_name_of(lot)}.{code.lower()}"
        code, listed = f"{code}_MANY", ["\n".join(str(call.report_id) for call in lot)]
    words = [reference.render(code, parameters, x, kind="mail") for x in _LANGUAGES]
    accepted = mailer.send(
        to=mailer.duty,
        subject=reference.render(f"{code}_SUBJECT", parameters, _LANGUAGES[0], kind="mail"),
        text="\n\n".join([*words, *listed]),
        message_id=name,
        now=now,
    )
    return Delivery.SENT if accepted else Delivery.LEFT


def _name_of(lot: tuple[Call, ...]) -> str:
    return hashlib.sha256(b"".join(sorted(call.alarm_id.bytes for call in lot))).hexdigest()[:32]


def lots_of(calls: Sequence[Call], *, places: int) -> Iterator[tuple[Call, ...]]:
    """Yield the calls of each message: one a call while places abound, else in at most half of the places.

    A flood of alarms becomes some long messages: the call that comes after it finds a place, and duty
    people, and their mail server, are not drowned.
    """
    half = max(1, places // 2)
    for escalated in (False, True):
        same = [call for call in calls if call.escalated is escalated]
        size = 1 if len(calls) <= half else min(LOT, math.ceil(len(calls) / half))
        for first in range(0, len(same), size):
            yield tuple(same[first : first + size])


def code_of(failure: Exception) -> str:
    """Return the code of what kept a message from being accepted (labels of kind `call_failure`)."""
    if isinstance(failure, mail.MailRefused):
        return "SETTINGS"
    if isinstance(failure, smtplib.SMTPAuthenticationError):
        return "PASSWORD"
    if isinstance(failure, smtplib.SMTPResponseException | smtplib.SMTPRecipientsRefused):
        return "REFUSED"
    if isinstance(failure, TimeoutError | smtplib.SMTPServerDisconnected):
        return "TIMEOUT"
    if isinstance(failure, ssl.SSLError):
        return "TLS"
    return "AWAY"
