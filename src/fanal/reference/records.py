"""Shapes of reference entries: what each kind of law or table says, and where it was read.

Every entry is dated (half-open), sourced, labelled in both languages, and carries the confidence with
which its text was read. Field names are those of the TOML files.
"""

from datetime import date
from typing import ClassVar, Literal

from msgspec import Struct

Language = Literal["fr", "en"]
Confidence = Literal["H", "M", "L"]


class Strict(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of what is read: immutable, unknown keys refused with their path."""


class Text(Strict, frozen=True, kw_only=True):
    """The same words in both languages."""

    fr: str
    en: str

    def of(self, lang: str) -> str:
        """Return the words in `lang`; any language but English falls back on French."""
        return self.en if lang.startswith("en") else self.fr


class SourceNote(Strict, frozen=True, kw_only=True):
    """Where a rule was read, and when; `note` says what was not."""

    title: str
    retrieved_on: date
    url: str = ""
    note: str = ""


class Entry(Strict, frozen=True, kw_only=True):
    """One dated version of one rule: what every kind has in common."""

    kind: ClassVar[str] = "entry"

    id: str
    code: str
    label: Text
    in_force_from: date
    in_force_to: date | None = None
    confidence: Confidence
    read_from: date | None = None
    source: tuple[SourceNote, ...]
    note: Text | None = None

    @property
    def entry_id(self) -> str:
        """The name of this version: the id and the day from which it is in force."""
        return f"{self.id}@{self.in_force_from.isoformat()}"

    def unchecked(self, on: date) -> bool:
        """Return whether nobody has read the official text that held on that day.

        `read_from` is the first day for which the text read is known to hold: before, its start is deduced.
        """
        return self.confidence != "H" or (self.read_from is not None and on < self.read_from)

    def in_force(self, on: date) -> bool:
        """Return whether the version holds on that day (first day included, last excluded)."""
        return self.in_force_from <= on and (self.in_force_to is None or on < self.in_force_to)


class Degree(Strict, frozen=True, kw_only=True):
    """An aggravated form of an offence: its place in the article, when it applies, its maximum."""

    code: str
    label: Text
    max_prison_years: int | None = None
    life: bool = False
    fine_euros: int | None = None


class OffenceValue(Strict, frozen=True, kw_only=True):
    """What an article punishes and what follows from it.

    `limitation` holds every reading (two where the letter is ambiguous); `max_prison_years` is None for
    life or for a fine alone; amounts are euros. `extraterritorial` names the articles that extend it
    beyond the territory, `measures` those that allow an administrative measure on its ground.
    """

    article: str
    nature: Literal["CRIME", "DELIT"]
    limitation: tuple[str, ...]
    max_prison_years: int | None = None
    life: bool = False
    fine_euros: int | None = None
    procedure_706_47: Literal["YES", "NO", "UNSURE"] = "UNSURE"
    extraterritorial: tuple[str, ...] = ()
    measures: tuple[str, ...] = ()
    victim_under: int | None = None
    degrees: tuple[Degree, ...] = ()


class Offence(Entry, frozen=True, kw_only=True):
    """An offence of a code, one version."""

    kind: ClassVar[str] = "offence"

    value: OffenceValue


class MeasureValue(Strict, frozen=True, kw_only=True):
    """An administrative or judicial measure: its article, addressees and what it needs.

    `target` is what it names: an exact address, a host name, or a search result. `needs` lists the
    codes of what must be proved before it may be drafted.
    """

    article: str
    track: Literal["REMOVAL", "BLOCKING", "DEREFERENCING", "MIRROR", "ORDER"]
    addressees: tuple[str, ...]
    target: Literal["URL", "HOST", "RESULT"]
    needs: tuple[str, ...] = ()
    offences: tuple[str, ...] = ()
    remedies: tuple[str, ...] = ()
    recipient_notice: bool = False


class MeasureRule(Entry, frozen=True, kw_only=True):
    """A measure that a text allows, one version."""

    kind: ClassVar[str] = "measure"

    value: MeasureValue


class MeasureClockValue(Strict, frozen=True, kw_only=True):
    """A delay of a measure: from which recorded instant, how long, and what it allows or obliges.

    `unit` HOURS counts elapsed time; DAYS, WEEKS and MONTHS count in Europe/Paris.
    """

    article: str
    start: str
    length: int
    unit: Literal["HOURS", "DAYS", "WEEKS", "MONTHS"]
    bound: Literal["AT_MOST", "AT_LEAST", "EVERY"]
    suspendable: bool = False


class MeasureClock(Entry, frozen=True, kw_only=True):
    """A legal delay of a measure, one version."""

    kind: ClassVar[str] = "measure_clock"

    value: MeasureClockValue


class BodyValue(Strict, frozen=True, kw_only=True):
    """A body that may be competent or must be told; `role` is what it is to the desk."""

    role: Literal[
        "OFFICE", "AUTHORITY", "PROSECUTOR", "PLATFORM", "INTERNATIONAL", "EMERGENCY", "COURT"
    ]
    replaces: tuple[str, ...] = ()


class Body(Entry, frozen=True, kw_only=True):
    """A public body, one version."""

    kind: ClassVar[str] = "body"

    value: BodyValue


class RoutingValue(Strict, frozen=True, kw_only=True):
    """A step of the routing order: when `when` holds, `body` is proposed; the lowest `rank` first."""

    rank: int
    when: Literal["DANGER_NOW", "SUSPECT_IN_FRANCE", "VICTIM_IN_FRANCE", "ABROAD", "NOBODY_LOCATED"]
    body: str
    article: str = ""


class Routing(Entry, frozen=True, kw_only=True):
    """A step of the routing order, one version."""

    kind: ClassVar[str] = "routing"

    value: RoutingValue


class ClockValue(Strict, frozen=True, kw_only=True):
    """The desk's own delay for a level: minutes elapsed, or working days in Europe/Paris."""

    stage: Literal[
        "TAKE", "DECIDE", "SECOND", "SEND", "REFER", "ACKNOWLEDGE", "ESCALATE", "ANSWER", "REMIND"
    ]
    level: Literal["DANGER", "HIGH", "NORMAL", "LOW"]
    length: int
    unit: Literal["SECONDS", "MINUTES", "HOURS", "WORKING_DAYS"]


class Clock(Entry, frozen=True, kw_only=True):
    """A delay that the desk sets itself, one version."""

    kind: ClassVar[str] = "clock"

    value: ClockValue


class QualificationValue(Strict, frozen=True, kw_only=True):
    """When an article is a candidate: every condition that is stated must hold.

    `kinds` and `signals` hold when the report has one of them (signals are codes of findings);
    `material` asks for a file or address known or classified as abuse material. `victim_under` drops the
    candidate when every victim's age is known and reaches it. `because` is the reason's code.
    """

    article: str
    kinds: tuple[str, ...] = ()
    signals: tuple[str, ...] = ()
    material: bool = False
    payment: bool = False
    victim_under: int | None = None
    victim_age_known: bool = False
    because: str


class Qualification(Entry, frozen=True, kw_only=True):
    """A qualification rule of the desk, one version."""

    kind: ClassVar[str] = "qualification"

    value: QualificationValue


class ListBasisValue(Strict, frozen=True, kw_only=True):
    """The text under which a list of known material is held or was received."""

    article: str


class ListBasis(Entry, frozen=True, kw_only=True):
    """A legal basis that a list may name, one version."""

    kind: ClassVar[str] = "list_basis"

    value: ListBasisValue


class MaterialRuleValue(Strict, frozen=True, kw_only=True):
    """What known material is worth.

    An entry that `matches` different reports meet within `window_hours`, and `share_percent` of all that
    were analysed in them, is set aside; one that a supervisor released is not for `rest_hours`. Votes
    against an entry are those down less those up: from `weakening_votes` a match keeps `weakened_percent`
    of its score, from `silencing_votes` nothing.
    """

    matches: int
    share_percent: int
    window_hours: int
    rest_hours: int
    weakening_votes: int
    silencing_votes: int
    weakened_percent: int


class MaterialRule(Entry, frozen=True, kw_only=True):
    """The desk's rule for known material, one version."""

    kind: ClassVar[str] = "material_rule"

    value: MaterialRuleValue


class RetentionValue(Strict, frozen=True, kw_only=True):
    """How long data of a class stay: from which instant, how long, when reviewed, what suspends expiry."""

    start: Literal["RECEIVED", "DECIDED", "CLOSED", "LAST_USED", "ENDED", "RECORDED"]
    length: int
    unit: Literal["DAYS", "MONTHS", "YEARS"]
    review_months: int | None = None
    hold: tuple[str, ...] = ()
    action: Literal["ERASE_KEYS", "DELETE", "KEEP_DIGEST"] = "DELETE"
    tables: tuple[str, ...]


class Retention(Entry, frozen=True, kw_only=True):
    """A retention class, one version."""

    kind: ClassVar[str] = "retention"

    value: RetentionValue
