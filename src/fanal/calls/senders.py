"""The child processes that send the messages of the alarm calls: one process a message.

Each is killed at its deadline: a slow mail server delays no other call.
"""

import contextlib
import hashlib
import math
import os
import secrets
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
from fanal.connectors import mail, smtp
from fanal.connectors.handover import MOST_SESSIONS
from fanal.kernel.process import die_with_parent, take_own_share
from fanal.orient.domain.clocks import UNCONFIRMED
from fanal.orient.domain.records import Call

PLACES: Final = 24
"""Messages in transit at once; calls with failed attempts take at most half of these places."""
_SPARE_SECONDS: Final = 2.0
"""Seconds beyond the connector's own deadline after which a child is killed; below the lease of a call."""
_FEW_SESSIONS, _FEWEST_SESSIONS = 2, 3
"""Most sessions of a message to addresses that an earlier one missed; least of one message among many."""
_SLOW_SECONDS, _SLOWEST_SECONDS = 24.0, 60.0
"""Deadlines of each third and sixth attempt: a slow mail server would otherwise never be in time."""
LOT: Final = 2000
"""Most calls in a single message."""
_LANGUAGES: Final = ("fr", "en")
_FORK: Final = get_context("fork")
_CODES: Final = (
    (mail.MailRefused, "SETTINGS"),
    (smtp.Unconfirmed, UNCONFIRMED),
    (smtplib.SMTPAuthenticationError, "PASSWORD"),
    (smtplib.SMTPResponseException, "REFUSED"),
    (smtplib.SMTPRecipientsRefused, "REFUSED"),
    (TimeoutError, "TIMEOUT"),
    (smtplib.SMTPServerDisconnected, "TIMEOUT"),
    (ssl.SSLError, "TLS"),
)
"""Codes of failures (`code_of`); the first that fits counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallSent:
    """The outcome of one message for the calls in `lot`: whom it reached, or the code of its failure.

    `sent` is None after a failure, `failure` is "" otherwise. `again` is set if the message went to the
    addresses that an earlier one did not reach. `left_out` are addresses that the message did not go to.
    Without calls, the mail server was only asked whether it works: `sent` is None, and `failure` is "" if it
    does.
    """

    lot: tuple[Call, ...]
    failure: str = ""
    sent: mail.Sent | None = None
    again: "AskedAgain | None" = None
    """The message was one to addresses that an earlier one did not reach."""
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedAgain:
    """A message to try again for the addresses `to`: the server refused them for now and accepted others.

    It is kept in memory only: the calls (`lot`) have reached somebody. `lost` says whether some addresses
    were refused for good; `attempts` is the number of the next attempt; `due` is an instant of the monotonic
    clock. `failure` is the code of the last attempt's failure, or empty.
    """

    lot: tuple[Call, ...]
    to: tuple[str, ...]
    lost: bool
    attempts: int
    due: float
    failure: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _CallsChild:
    lot: tuple[Call, ...]
    process: BaseProcess
    answer: Connection
    ends: float
    again: AskedAgain | None
    left_out: tuple[str, ...]


class Senders:
    """The child processes that send messages: each is a fork that sends one e-mail and returns one code."""

    def __init__(self) -> None:
        self._children: list[_CallsChild] = []
        self._unstarted: list[CallSent] = []

    def __len__(self) -> int:
        return len(self._children)

    @property
    def again(self) -> int:
        """The number of messages in transit that are a second or later attempt."""
        return sum(bool(c.again) or (bool(c.lot) and c.lot[0].attempts > 1) for c in self._children)

    @property
    def asking(self) -> list[AskedAgain]:
        """The messages in transit to addresses that an earlier one did not reach."""
        return [child.again for child in self._children if child.again]

    @property
    def calls(self) -> list[Call]:
        """The calls in transit, and those with a failure not yet returned by `finished`.

        Without those whose message goes to addresses that an earlier one did not reach.
        """
        children = [(child.lot, child.again) for child in self._children]
        unstarted = [(sent.lot, sent.again) for sent in self._unstarted]
        return [call for lot, again in (*children, *unstarted) if not again for call in lot]

    @property
    def descriptors(self) -> list[int]:
        """The file descriptors that become readable when a child answers or ends."""
        return [child.answer.fileno() for child in self._children]

    def start(
        self,
        lot: Sequence[Call],
        *,
        now: datetime,
        again: AskedAgain | None = None,
        left_out: Sequence[str] = (),
    ) -> None:
        """Send the calls of `lot` as one e-mail from a child process.

        The e-mail goes to all people on duty but those `left_out`, with `again` to the addresses named there
        in random order. Without calls (`lot` is empty) the child only signs in to the mail server. `finished`
        returns the outcome later; a failed fork counts as a failure.
        """
        calls, left_out = tuple(lot), tuple(left_out)
        to = tuple(x for x in mail.current().duty if x not in left_out) if left_out else ()
        if again:
            to = tuple(secrets.SystemRandom().sample(again.to, len(again.to)))
        how = mail.How(
            seconds=_seconds_for(calls, again),
            attempt=again.attempts + 1 if again else calls[0].attempts if calls else 1,
            sessions=self._sessions(again),
        )
        try:
            reading, writing = _FORK.Pipe(duplex=False)
            process = _FORK.Process(
                target=_send,
                args=(writing, calls, to, now, how),
                daemon=True,
            )
            process.start()
        except OSError:
            self._unstarted.append(CallSent(lot=calls, failure="MACHINE", again=again))
            return
        writing.close()
        self._children.append(
            _CallsChild(
                lot=calls,
                process=process,
                answer=reading,
                ends=time.monotonic() + how.seconds + _SPARE_SECONDS,
                again=again,
                left_out=left_out,
            )
        )

    def _sessions(self, again: AskedAgain | None) -> int:
        """Return the most sessions of the next message: all messages together should fill no mail server."""
        if again:
            return _FEW_SESSIONS
        return max(_FEWEST_SESSIONS, MOST_SESSIONS // (1 + 2 * len(self._children)))

    def finished(self) -> list[CallSent]:
        """Return the outcomes of the completed messages; kill the children past their deadline."""
        unstarted, self._unstarted = self._unstarted, []
        over = [c for c in self._children if c.answer.poll() or time.monotonic() >= c.ends]
        self._children = [child for child in self._children if child not in over]
        return [*unstarted, *(_close(child) for child in over)]

    def stop(self) -> None:
        """Kill the remaining children; their alarm calls stay in the outbox and will be sent again."""
        for child in self._children:
            _close(child)
        self._children = []


def _close(child: _CallsChild) -> CallSent:
    """Read a child's answer, end the child, and return the outcome; without an answer: TIMEOUT or DIED."""
    answer: mail.Sent | str | None = ""
    if child.answer.poll():
        with contextlib.suppress(EOFError, OSError):
            answer = child.answer.recv()
    late = time.monotonic() >= child.ends
    child.process.kill()
    child.process.join()
    child.process.close()
    child.answer.close()
    if not isinstance(answer, str):
        return CallSent(lot=child.lot, sent=answer, again=child.again, left_out=child.left_out)
    failure = answer or ("TIMEOUT" if late else "DIED")
    return CallSent(lot=child.lot, failure=failure, again=child.again)


def _send(
    answer: Connection,
    lot: tuple[Call, ...],
    to: tuple[str, ...],
    now: datetime,
    how: mail.How,
) -> None:
    """Send one message for the calls in `lot` in this child process, write the outcome to `answer`, and exit.

    Recipients are the addresses `to`, or all people on duty if there are none. The outcome is a `mail.Sent`,
    None where there was nothing to send, or the code of a failure. The exit closes no inherited database
    session: that would end the parent's.
    """
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    die_with_parent()
    take_own_share()
    try:
        if lot:
            answer.send(_deliver(lot, to, now, how))
        else:
            mail.current().ask()
            answer.send(None)
    except Exception as failure:  # noqa: BLE001 - after any failure the call is tried again
        answer.send(code_of(failure))
    finally:
        os._exit(0)  # the child must not end the parent's database session


def _deliver(lot: tuple[Call, ...], to: tuple[str, ...], now: datetime, how: mail.How) -> mail.Sent:
    """Send the e-mail for the calls in `lot`: references of reports and the place to look, no content.

    Recipients are the addresses `to`, or all people on duty if there are none. Returns whom it reached.

    Raises:
        Exception: any failure of the mail server or its settings (see `code_of`).
    """
    mailer = mail.current()
    code = "ALARM_ESCALATED" if lot[0].escalated else "ALARM_RAISED"
    name = f"{lot[0].alarm_id}.{code.lower()}"
    parameters = {"reference": str(lot[0].report_id), "count": str(len(lot))}
    listed: list[str] = []
    if len(lot) > 1:
        # The message id depends on all calls: another lot with the same first call is another message.
        name = f"{_name_of(lot)}.{code.lower()}"
        code, listed = f"{code}_MANY", ["\n".join(str(call.report_id) for call in lot)]
    words = [reference.render(code, parameters, x, kind="mail") for x in _LANGUAGES]
    return mailer.send(
        to=to or mailer.duty,
        subject=reference.render(f"{code}_SUBJECT", parameters, _LANGUAGES[0], kind="mail"),
        text="\n\n".join([*words, *listed]),
        message_id=name,
        now=now,
        how=how,
    )


def _seconds_for(lot: Sequence[Call], again: AskedAgain | None) -> float:
    """Return the deadline in seconds of the message for the calls in `lot`: longer at some later attempts.

    A server that had the last message and did not confirm it gets time to confirm the copy. `again` is the
    retry that the message belongs to, None for another.
    """
    if not lot:
        return mail.SEND_SECONDS
    if again and again.failure != UNCONFIRMED:
        # Short: a new call to the same addresses may wait for its end.
        return mail.SEND_SECONDS if again.attempts % 6 else _SLOW_SECONDS
    attempts = again.attempts if again else lot[0].attempts
    unconfirmed = (again.failure if again else lot[0].failure) == UNCONFIRMED
    if attempts % 6 == 0 or (unconfirmed and attempts > 2):
        return _SLOWEST_SECONDS
    return _SLOW_SECONDS if attempts % 3 == 0 or unconfirmed else mail.SEND_SECONDS


def _name_of(lot: tuple[Call, ...]) -> str:
    return hashlib.sha256(b"".join(sorted(call.alarm_id.bytes for call in lot))).hexdigest()[:32]


def lots_of(calls: Sequence[Call], *, places: int) -> Iterator[tuple[Call, ...]]:
    """Yield groups of calls, one a message: single calls while places suffice, else a few large groups.

    A message contains either first or escalated calls. `places` is the number of free child processes: calls
    take about an eighth of them, single while these suffice, else in groups of at most `LOT` calls. Several
    alarms at once thus become a few messages: later calls still find a place, the people on duty and their
    mail server are not overwhelmed, and few processes are forked.
    """
    few = max(1, places // 8)
    for escalated in (False, True):
        same = [call for call in calls if call.escalated is escalated]
        size = max(1, min(LOT, math.ceil(len(calls) / few)))
        for first in range(0, len(same), size):
            yield tuple(same[first : first + size])


def code_of(failure: Exception) -> str:
    """Return the code of a failed delivery (labels of kind `call_failure`), AWAY for an unknown failure."""
    return next((code for kind, code in _CODES if isinstance(failure, kind)), "AWAY")
