"""One child process a message, ended at its deadline: a slow mail server keeps no other call waiting."""

import contextlib
import os
import signal
import smtplib
import ssl
import time
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
_LANGUAGES: Final = ("fr", "en")
_FORK: Final = get_context("fork")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What became of one attempt: how it was delivered, or the code of what failed."""

    call: Call
    delivery: Delivery | None = None
    failure: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Child:
    call: Call
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
        return sum(child.call.attempts > 1 for child in self._children)

    @property
    def calls(self) -> list[Call]:
        """Return the calls on their way."""
        return [child.call for child in self._children]

    @property
    def descriptors(self) -> list[int]:
        """Return what becomes readable when a child answers or dies."""
        return [child.answer.fileno() for child in self._children]

    def start(self, call: Call, *, now: datetime) -> None:
        """Send a call in a child of its own."""
        reading, writing = _FORK.Pipe(duplex=False)
        process = _FORK.Process(target=_send, args=(writing, call, now), daemon=True)
        process.start()
        writing.close()
        ends = time.monotonic() + DEADLINE_SECONDS
        self._children.append(_Child(call=call, process=process, answer=reading, ends=ends))

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
        return Sent(call=child.call, delivery=Delivery(answer))
    return Sent(call=child.call, failure=answer or ("TIMEOUT" if late else "DIED"))


def _send(answer: Connection, call: Call, now: datetime) -> None:
    """Send one call in this child, answer with a code, and leave nothing of the parent's to be closed."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    die_with_parent()
    try:
        answer.send(str(_deliver(call, now)))
    except Exception as failure:  # noqa: BLE001 - whatever went wrong, the call is tried again
        answer.send(code_of(failure))
    finally:
        os._exit(0)  # the database session of the parent is not the child's to end


def _deliver(call: Call, now: datetime) -> Delivery:
    """Send a reference and where to look, nothing of the report itself."""
    mailer = mail.current()
    code = "ALARM_ESCALATED" if call.escalated else "ALARM_RAISED"
    parameters = {"reference": str(call.report_id)}
    accepted = mailer.send(
        to=mailer.duty,
        subject=reference.render(f"{code}_SUBJECT", parameters, _LANGUAGES[0], kind="mail"),
        text="\n\n".join(reference.render(code, parameters, x, kind="mail") for x in _LANGUAGES),
        message_id=f"{call.alarm_id}.{code.lower()}",
        now=now,
    )
    return Delivery.SENT if accepted else Delivery.LEFT


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
