"""Mail to the desk's own people: by SMTP, or into a folder where none is set.

Nothing of a report's content goes by mail: a reference and an address of the desk, no more.
"""

import smtplib
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email import policy
from email.headerregistry import BaseHeader, HeaderRegistry
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit

_TIMEOUT = 5.0


class _Headers(HeaderRegistry):
    """The library's kinds of headers, each made a class once.

    By itself it makes a class for every header of every message. Classes stand in cycles and wait for the
    collector: a worker that tells of a thousand alarms held thirty megabytes of them.
    """

    def __init__(self) -> None:
        super().__init__()
        self._made: dict[str, type[BaseHeader]] = {}

    def __getitem__(self, name: str) -> type[BaseHeader]:
        kind = name.lower()
        if kind not in self._made:
            self._made[kind] = super().__getitem__(kind)
        return self._made[kind]


_POLICY = policy.default.clone(header_factory=_Headers())


@dataclass(frozen=True, slots=True, kw_only=True)
class Mailer:
    """Where mail goes. An empty `url` leaves it in `folder`, one file a message."""

    url: str
    sender: str
    duty: tuple[str, ...]
    folder: Path

    def send(
        self, *, to: Sequence[str], subject: str, text: str, message_id: str, now: datetime
    ) -> None:
        """Send one message; `message_id` is stable, so that a second delivery is recognised.

        Raises:
            OSError, smtplib.SMTPException: it was not taken over; try again.
        """
        message = EmailMessage(policy=_POLICY)
        message["From"], message["To"] = self.sender, ", ".join(to)
        message["Subject"], message["Date"] = subject, format_datetime(now)
        message["Message-ID"] = f"<{message_id}@{self.sender.rpartition('@')[2]}>"
        message.set_content(text)
        if self.url:
            self._deliver(message)
        else:
            self._leave(message, message_id)

    def _deliver(self, message: EmailMessage) -> None:
        url = urlsplit(self.url)
        host = url.hostname or "localhost"
        server: smtplib.SMTP
        if url.scheme == "smtps":
            context = ssl.create_default_context()
            server = smtplib.SMTP_SSL(host, url.port or 465, timeout=_TIMEOUT, context=context)
        else:
            server = smtplib.SMTP(host, url.port or 25, timeout=_TIMEOUT)
        with server:
            if url.scheme == "smtp" and server.has_extn("starttls"):
                server.starttls(context=ssl.create_default_context())
            if url.username:
                server.login(unquote(url.username), unquote(url.password or ""))
            server.send_message(message)

    def _leave(self, message: EmailMessage, message_id: str) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        unfinished = self.folder / f".{message_id}.tmp"
        unfinished.write_bytes(message.as_bytes())
        unfinished.rename(self.folder / f"{message_id}.eml")


_installed: list[Mailer] = []


def install(mailer: Mailer) -> None:
    """Make `mailer` that of this process."""
    _installed[:] = [mailer]


def current() -> Mailer:
    """Return the installed mailer."""
    return _installed[0]
