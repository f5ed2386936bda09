"""Readable numbers: `R-2026-0042` is a report, `D-2026-0143` a dossier, `M-2026-0007` an official act.

The year is that of receipt (reports) or opening, in Europe/Paris. The count starts at 1 each year, for all
desks together (ADR 0080). PostgreSQL gives the numbers; this module writes and parses them.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Numbered(StrEnum):
    """The kinds of numbered objects, by the letter of their numbers: reports, dossiers, official acts."""

    REPORT = "R"
    DOSSIER = "D"
    ACT = "M"


@dataclass(frozen=True, slots=True, kw_only=True)
class TypedNumber:
    """The number of a report, dossier or act as a person types it.

    `kind` is None without a letter (`42/2026`); `number` is the count within the `year`.
    """

    kind: Numbered | None
    year: int
    number: int

    @property
    def is_whole(self) -> bool:
        """Whether the number has its letter (`R-2026-0042`).

        Then it takes precedence over a sender's reference of the same text.
        """
        return self.kind is not None

    def may_be(self, kind: Numbered) -> bool:
        """Return whether this can be the number of an object of that kind."""
        return self.kind in {None, kind}


_FULL_WIDTH: Final = {0xFEE0 + plain: plain for plain in range(0x21, 0x7F)}
_PLAIN: Final = _FULL_WIDTH | str.maketrans(dict.fromkeys("‐‑‒–—−", "-"))
_AROUND: Final = "()[]{}<>«»“”\"'.,;: "
"""Signs around a number that is copied out of a sentence."""
_YEAR_FIRST: Final = re.compile(r"([RDM])[-/. ]*(2[0-9]{3})[-/. ]+([0-9]{1,9})", re.IGNORECASE)
_YEAR_LAST: Final = re.compile(r"([RDM]?)[-. ]*([0-9]{1,9}) *[/-] *(2[0-9]{3})", re.IGNORECASE)
_DIGITS: Final = 4


def written_number(kind: Numbered, year: int, number: int) -> str:
    """Return a number as it is shown: letter, year, and at least four digits, such as `R-2026-0042`."""
    return f"{kind}-{year}-{number:0{_DIGITS}d}"


def read_number(text: str) -> TypedNumber | None:
    """Return the number in a text that a person typed; None if the text is no number.

    Case, missing zeros, and spaces, dots or slashes for hyphens do not matter: `r 2026 42`, `R-2026-0042`.
    The year may come last (`42/2026`), then also without a letter. Full-width letters and digits are read;
    brackets, quotation marks and a final dot around the number are left out.
    """
    plain = " ".join(text.translate(_PLAIN).split()).strip(_AROUND)
    if found := _YEAR_FIRST.fullmatch(plain):
        letter, year, number = found.groups()
    elif found := _YEAR_LAST.fullmatch(plain):
        letter, number, year = found.groups()
    else:
        return None
    if not int(number):
        return None
    kind = Numbered(letter.upper()) if letter else None
    return TypedNumber(kind=kind, year=int(year), number=int(number))
