"""The results of the readers of `fanal import`: a report, or an unreadable item with its reason."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import UUID

from fanal.cli.failures import words_of_refusal
from fanal.cli.unpacked import FilesBeside
from fanal.formats.refusal import FormatRefused
from fanal.intake.domain.records import Arrival, AttachedFile, Format, KeyKind, Submission


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundReport:
    """A report read from a file: its text, location and attached files.

    `place`: the location for messages; `body`: the bytes to keep; `canonical`: the bytes that identify
    its content; `reference`: its reference or file name; `enclosed`: a key that identifies its files;
    `details`: documents about its files.
    """

    place: str
    format: Format
    body: bytes
    canonical: bytes
    reference: str
    enclosed: bytes = b""
    urgent: bool = False
    language: str = ""
    details: tuple[bytes, ...] = ()
    files: tuple[AttachedFile, ...] = ()
    untaken: int = 0
    """Number of listed files in the report's folder, not read because only the document was named."""

    def submission(self, *, sender_id: UUID | None) -> Submission:
        """Return the submission for intake.

        Raises:
            ValueError: the sender is missing.
        """
        if sender_id is None:
            raise ValueError("an import has a sender")
        return Submission(
            arrival=Arrival.IMPORT,
            format=self.format,
            body=self.body,
            canonical=self.canonical,
            enclosed=self.enclosed or b"".join(self.details),
            keys=((KeyKind.REFERENCE, self.reference),),
            sender_id=sender_id,
            reference=self.reference,
            urgent=self.urgent,
            language=self.language,
            details=self.details,
            files=self.files,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """An item that could not be read: its location, and the reason."""

    place: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A file to read, and the report's name if the file is `report.xml` in a folder of its own.

    `beside` assigns the other files of a traversed folder to reports; None if the file itself was named.
    """

    path: Path
    name: str
    beside: FilesBeside | None = None


Reader = Callable[[Source, datetime], Iterator[FoundReport | Unreadable]]


def reason_of(refusal: FormatRefused | None) -> str:
    """Return the reason why a document is refused, in the user's language, with its place in the document."""
    if refusal is None:
        return "unreadable"
    said = words_of_refusal(refusal.code)
    return f"{said} ({refusal.path})" if refusal.path else said
