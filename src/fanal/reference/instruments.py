"""Record types of the legal texts under which providers report to the desk."""

from typing import ClassVar, Literal

from fanal.reference.records import Entry, Strict


class InstrumentValue(Strict, frozen=True, kw_only=True):
    """A legal text: its article on reports, its status, and the report format made for it.

    The dates of the entry are those of the status: when a text enters into force, the entry PROPOSED is
    closed and an entry IN_FORCE begins.
    """

    article: str
    status: Literal["PROPOSED", "IN_FORCE"]
    format: str


class Instrument(Entry, frozen=True, kw_only=True):
    """A legal text under which providers report to the desk (one dated version)."""

    kind: ClassVar[str] = "instrument"

    value: InstrumentValue
