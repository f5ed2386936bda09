"""The test message by which an administrator checks the mail settings, and its result as a code."""

import re
import smtplib
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from fanal import reference
from fanal.connectors.mail import Mailer, MailFault, MailRefused, Reached, Sent
from fanal.connectors.smtp import Unconfirmed

_LANGUAGES: Final = ("fr", "en")
_STATUS: Final = re.compile(rb"\s*([245]\.[0-9]{1,3}\.[0-9]{1,3})\b")
"""Enhanced status code at the start of a reply (RFC 3463)."""


class TrialResult(StrEnum):
    """The result of sending a test message, as a code for the page that shows it.

    ACCEPTED: the server accepted all addresses. SOME: it accepted some of them. LEFT: no server is
    configured, and the message is in the folder. NOBODY: there is no address to send to. SETTINGS: the
    server's URL is invalid. NO_TLS: the server offers no encryption. BAD_TLS: its certificate or encryption
    is not accepted. SIGN_IN: it refuses the password. REFUSED: it refuses the sender, all addresses or the
    message. UNCONFIRMED: it received the message and did not confirm it. SILENT: it did not answer in time,
    or closed the connection. UNREACHABLE: no connection. STALE: the request waited too long for the worker,
    and nothing was sent.
    """

    ACCEPTED = "ACCEPTED"
    SOME = "SOME"
    LEFT = "LEFT"
    NOBODY = "NOBODY"
    SETTINGS = "SETTINGS"
    NO_TLS = "NO_TLS"
    BAD_TLS = "BAD_TLS"
    SIGN_IN = "SIGN_IN"
    REFUSED = "REFUSED"
    UNCONFIRMED = "UNCONFIRMED"
    SILENT = "SILENT"
    UNREACHABLE = "UNREACHABLE"
    STALE = "STALE"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialOutcome:
    """The result of sending a test message, with the codes of the server's reply.

    `reply` is the SMTP reply code, 0 without one. `status` is the enhanced status code such as "5.7.8" (RFC
    3463), "" without. The text of the reply is not kept: it may hold addresses.
    """

    result: TrialResult
    reply: int = 0
    status: str = ""


def send_trial(mailer: Mailer, *, to: Sequence[str], message_id: str, now: datetime) -> Sent:
    """Send one message, marked as a test, in French and English; return which recipients (`to`) it reached.

    `mailer` holds the mail settings. `message_id` must be the same at each attempt, so that a repeated
    delivery is recognised.

    Raises:
        MailRefused: no recipient, an invalid server URL, or a remote server without TLS.
        OSError, smtplib.SMTPException: not accepted in time.
    """
    return mailer.send(
        to=to,
        subject=reference.render("TRIAL_SUBJECT", {}, _LANGUAGES[0], kind="mail"),
        text="\n\n".join(reference.render("TRIAL", {}, x, kind="mail") for x in _LANGUAGES),
        message_id=message_id,
        now=now,
    )


def try_mail(mailer: Mailer, *, to: Sequence[str], message_id: str, now: datetime) -> TrialOutcome:
    """Send one test message to the addresses `to`; return the result, also of a failure.

    `mailer` holds the mail settings; `message_id` is that of the message.
    """
    if not to:
        return TrialOutcome(result=TrialResult.NOBODY)
    try:
        sent = send_trial(mailer, to=to, message_id=message_id, now=now)
    except (OSError, ValueError) as failure:  # SMTPException is an OSError
        return _outcome_of(failure, mailer)
    results = {Reached.ALL: TrialResult.ACCEPTED, Reached.SOME: TrialResult.SOME}
    return TrialOutcome(result=results.get(sent.reached, TrialResult.LEFT))


_RESULTS: Final[tuple[tuple[type[Exception], TrialResult], ...]] = (
    (smtplib.SMTPAuthenticationError, TrialResult.SIGN_IN),
    (smtplib.SMTPResponseException, TrialResult.REFUSED),
    (smtplib.SMTPRecipientsRefused, TrialResult.REFUSED),
    (Unconfirmed, TrialResult.UNCONFIRMED),
    (smtplib.SMTPServerDisconnected, TrialResult.SILENT),
    (ssl.SSLError, TrialResult.BAD_TLS),
    (TimeoutError, TrialResult.SILENT),
    (MailRefused, TrialResult.NO_TLS),
)
"""Results by kind of failure, special ones first; any other is UNREACHABLE."""


def _outcome_of(failure: Exception, mailer: Mailer) -> TrialOutcome:
    result = next(
        (result for kind, result in _RESULTS if isinstance(failure, kind)), TrialResult.UNREACHABLE
    )
    if result is TrialResult.NO_TLS and MailFault.SERVER_REFUSED in mailer.lacks():
        result = TrialResult.SETTINGS
    code, text = _reply_in(failure)
    found = _STATUS.match(text)
    return TrialOutcome(result=result, reply=code, status=found.group(1).decode() if found else "")


def _reply_in(failure: Exception) -> tuple[int, bytes]:
    """Return the server's reply that a failure holds: code and text; 0 and nothing without one."""
    reply: tuple[int, bytes | str] = (0, b"")
    if isinstance(failure, smtplib.SMTPRecipientsRefused):
        reply = next(iter(failure.recipients.values()), reply)
    elif isinstance(failure, smtplib.SMTPResponseException):
        reply = failure.smtp_code, failure.smtp_error
    code, text = reply
    return int(code), text.encode() if isinstance(text, str) else text
