"""Texts under which providers report to the desk, with their status."""

from typing import ClassVar, Literal

from fanal.reference.records import Entry, Strict


class InstrumentValue(Strict, frozen=True, kw_only=True):
    """What a whole text is to the desk: its article on reports, its status, and the format made for it.

    The dates of the entry are those of its status: a text that enters into force closes the entry that
    says PROPOSED and opens one that says IN_FORCE.
    """

    article: str
    status: Literal["PROPOSED", "IN_FORCE"]
    format: str


class Instrument(Entry, frozen=True, kw_only=True):
    """A text under which somebody reports to the desk, one version."""

    kind: ClassVar[str] = "instrument"

    value: InstrumentValue
