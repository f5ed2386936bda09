"""Causes of the failures that put reports in quarantine; a page says by the cause what a person can do."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Final

from msgspec import Struct

from fanal.formats.refusal import DocumentFault
from fanal.intake.domain.records import Stage


class QuarantineCause(StrEnum):
    """What failed: the sender's DOCUMENT, computing TIME, a missing DESK, the VAULT, or the PROGRAM."""

    DOCUMENT = "DOCUMENT"
    TIME = "TIME"
    DESK = "DESK"
    VAULT = "VAULT"
    PROGRAM = "PROGRAM"


_NAMED: Final[Mapping[str, QuarantineCause]] = {
    "WORKER_DIED": QuarantineCause.TIME,
    "DEADLINE": QuarantineCause.TIME,
    "DESK_MISSING": QuarantineCause.DESK,
    "BlobMissing": QuarantineCause.VAULT,
    "BlobDamaged": QuarantineCause.VAULT,
    "EnvelopeRefused": QuarantineCause.VAULT,
    "ObjectUnknown": QuarantineCause.VAULT,
}
_FAULTS: Final = frozenset(str(fault) for fault in DocumentFault)


def cause_of(error: str) -> QuarantineCause:
    """Return the cause of a failure code; an unknown code, such as a class of errors, is the program's."""
    if error in _FAULTS:
        return QuarantineCause.DOCUMENT
    return _NAMED.get(error, QuarantineCause.PROGRAM)


class QuarantineGroup(Struct, frozen=True, kw_only=True):
    """The reports in quarantine with the same failure code (`error`) at the same stage.

    `reports` is their number, `urgent` that of the urgent ones; `since` is when the first was quarantined.
    """

    error: str
    stage: Stage
    reports: int
    urgent: int
    since: datetime

    @property
    def cause(self) -> QuarantineCause:
        """The cause of the failure (`cause_of`), by which the page says what a person can do."""
        return cause_of(self.error)
