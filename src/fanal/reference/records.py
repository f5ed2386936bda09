"""Record types of reference entries: the fields of each kind of law or table, and their sources.

Every entry is dated (half-open interval), sourced, labelled in both languages, and carries a confidence: how
well its text was verified. Field names are those of the TOML files. Among them are the legal texts under
which providers report to the desk, and the retention windows for subscriber data (who was behind an address
or an account).
"""

from datetime import date
from typing import ClassVar, Literal

from msgspec import Struct

Language = Literal["fr", "en"]
Confidence = Literal["H", "M", "L"]


class Strict(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of all records of reference files: immutable; an unknown key is refused with its path."""


class Text(Strict, frozen=True, kw_only=True):
    """A text in French (`fr`) and English (`en`)."""

    fr: str
    en: str

    def of(self, lang: str) -> str:
        """Return the text in `lang`; any language except English falls back to French."""
        return self.en if lang.startswith("en") else self.fr


class SourceNote(Strict, frozen=True, kw_only=True):
    """The source of a rule: its `title`, address (`url`) and the date of consultation (`retrieved_on`).

    `note` states the parts that were not read.
    """

    title: str
    retrieved_on: date
    url: str = ""
    note: str = ""


class Entry(Strict, frozen=True, kw_only=True):
    """A dated version of a rule: the fields that all kinds of reference data share.

    `id` and `code` name the rule, in all its versions. It is in force from `in_force_from` to before
    `in_force_to` (None: still in force). `confidence` H: the official text was read; M: a secondary source;
    L: deduced. `read_from` is the first day for which the text read is known to apply, None for the first day
    in force. `source` are the texts consulted, `note` a remark.
    """

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
        """The id of this version: the id of the rule and the first day in force."""
        return f"{self.id}@{self.in_force_from.isoformat()}"

    def unchecked(self, on: date) -> bool:
        """Return whether the official text in force on that day remains to be read by a person.

        That is so unless `confidence` is H, and on days before `read_from`, the first day for which the text
        that was read is known to apply.
        """
        return self.confidence != "H" or (self.read_from is not None and on < self.read_from)

    def in_force(self, on: date) -> bool:
        """Return whether the version is in force on that day (first day included, last excluded)."""
        return self.in_force_from <= on and (self.in_force_to is None or on < self.in_force_to)


class Degree(Strict, frozen=True, kw_only=True):
    """An aggravated form of an offence: its place in the article (`code`), its label and its maximum penalty.

    `max_prison_years` is None for `life` (life imprisonment) or a fine alone; `fine_euros` is None without a
    fine.
    """

    code: str
    label: Text
    max_prison_years: int | None = None
    life: bool = False
    fine_euros: int | None = None


class OffenceValue(Strict, frozen=True, kw_only=True):
    """An article that defines an offence, with its penalty and legal consequences.

    `nature` is the class of the offence (crime or délit). `limitation` has every possible reading of the
    limitation period (two where the text is ambiguous); `max_prison_years` is None for life or for a fine
    alone; amounts are in euros. `procedure_706_47`: whether the procedure of article 706-47 of the Code de
    procédure pénale applies. `extraterritorial` names the articles that extend it beyond the territory,
    `measures` the articles that allow an administrative measure against it. `victim_under`: it exists only if
    the victim is under this age. `degrees` are its aggravated forms.
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
    """An offence of a legal code, in one dated version; `value` holds its penalty and consequences."""

    kind: ClassVar[str] = "offence"

    value: OffenceValue


class MeasureValue(Strict, frozen=True, kw_only=True):
    """An administrative or judicial measure: article, kind (`track`), addressees, requirements.

    `addressees` are the codes of those to whom it may be sent. `target` is the object that it names: an exact
    address (URL), a host name, or a search result. `needs` lists the codes of the facts to prove before it
    may be drafted, `remedies` those of the legal remedies, `offences` those for which it exists.
    `recipient_notice`: the content provider must be informed.
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
    """A measure that a law allows, in one dated version; `value` holds its conditions."""

    kind: ClassVar[str] = "measure"

    value: MeasureValue


class MeasureClockValue(Strict, frozen=True, kw_only=True):
    """A legal delay of a removal request: the instant that starts it, its length, and its effect (`bound`).

    `article` is the legal text, `start` the code of the instant. `unit` HOURS is elapsed time; DAYS, WEEKS
    and MONTHS are counted in Europe/Paris. AT_MOST is a deadline, AT_LEAST a wait, EVERY an interval.
    `suspendable`: force majeure or a request for clarification suspends it.
    """

    article: str
    start: str
    length: int
    unit: Literal["HOURS", "DAYS", "WEEKS", "MONTHS"]
    bound: Literal["AT_MOST", "AT_LEAST", "EVERY"]
    suspendable: bool = False


class MeasureClock(Entry, frozen=True, kw_only=True):
    """A legal delay (`value`) of a measure, such as 24 hours for removal, in one dated version."""

    kind: ClassVar[str] = "measure_clock"

    value: MeasureClockValue


class BodyValue(Strict, frozen=True, kw_only=True):
    """A public authority that may be competent or must be informed; `role` is its role towards the desk.

    `replaces` lists the codes of the authorities whose tasks it took over.
    """

    role: Literal[
        "OFFICE", "AUTHORITY", "PROSECUTOR", "PLATFORM", "INTERNATIONAL", "EMERGENCY", "COURT"
    ]
    replaces: tuple[str, ...] = ()


class Body(Entry, frozen=True, kw_only=True):
    """A public authority or organisation, in one dated version; `label` is its name, `value` its role."""

    kind: ClassVar[str] = "body"

    value: BodyValue


class EmergencyNumberValue(Strict, frozen=True, kw_only=True):
    """A telephone number of emergency services.

    `countries`: the countries (ISO 3166-1 alpha-2) in which it is dialled; empty: wherever no entry names the
    country. `silent`: it is for people who cannot make a voice call.
    """

    number: str
    countries: tuple[str, ...] = ()
    silent: bool = False


class EmergencyNumber(Entry, frozen=True, kw_only=True):
    """A number that the desk dials, or passes on, for a child in danger, in one dated version.

    `value` holds the number and where it applies.
    """

    kind: ClassVar[str] = "emergency_number"

    value: EmergencyNumberValue


class RoutingValue(Strict, frozen=True, kw_only=True):
    """A step of the order by which a competent authority is proposed: if `when` is true, propose `body`.

    `body` is the authority's code, `article` the legal text, if any. The first true step, from the lowest
    `rank`, gives the preferred authority. `when`: a child is in danger now (DANGER_NOW); the suspect, or a
    victim, is in France; everybody located is abroad; nobody is located.
    """

    rank: int
    when: Literal["DANGER_NOW", "SUSPECT_IN_FRANCE", "VICTIM_IN_FRANCE", "ABROAD", "NOBODY_LOCATED"]
    body: str
    article: str = ""


class Routing(Entry, frozen=True, kw_only=True):
    """A step of the order in which competent authorities are proposed for a report, in one dated version.

    `value` holds its rank, condition and authority.
    """

    kind: ClassVar[str] = "routing"

    value: RoutingValue


class ClockValue(Strict, frozen=True, kw_only=True):
    """The desk's own delay for a stage of a report or removal request, by priority level.

    `length` is in `unit`: elapsed time, or working days in Europe/Paris. Stages: claim a report (TAKE),
    decide on it (DECIDE), approve a measure by a second person (SECOND), send it (SEND), refer a report to
    the judicial authority (REFER), acknowledge or escalate an alarm, answer (ANSWER), remind (REMIND), call
    the people on duty (CALL).
    """

    stage: Literal[
        "TAKE",
        "DECIDE",
        "SECOND",
        "SEND",
        "REFER",
        "ACKNOWLEDGE",
        "ESCALATE",
        "ANSWER",
        "REMIND",
        "CALL",
    ]
    level: Literal["DANGER", "HIGH", "NORMAL", "LOW"]
    length: int
    unit: Literal["SECONDS", "MINUTES", "HOURS", "WORKING_DAYS"]


class Clock(Entry, frozen=True, kw_only=True):
    """A delay that the desk sets for itself, for a stage of its work, in one dated version.

    `value` holds the stage, the priority level and the length.
    """

    kind: ClassVar[str] = "clock"

    value: ClockValue


class QualificationValue(Strict, frozen=True, kw_only=True):
    """The conditions under which the offence of `article` may apply to a report; all that are set must hold.

    `kinds` and `signals` hold if the report has one of them (signals are codes of findings); `material`
    requires a file or address known or classified as abuse material, `payment` a payment. `victim_under`
    excludes the offence if the ages of all victims are known and reach it; with `victim_age_known` a known
    age must be below it. `because` is the code of the reason.
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
    """A rule of the desk that proposes an offence for a report (qualification), in one dated version.

    `value` holds the offence's article and the conditions.
    """

    kind: ClassVar[str] = "qualification"

    value: QualificationValue


class ListBasisValue(Strict, frozen=True, kw_only=True):
    """The legal text under which a list of known material is kept or was received: its `article`."""

    article: str


class ListBasis(Entry, frozen=True, kw_only=True):
    """A legal basis for keeping or receiving lists of known abuse material, in one dated version.

    `value` names the legal text.
    """

    kind: ClassVar[str] = "list_basis"

    value: ListBasisValue


class MaterialRuleValue(Strict, frozen=True, kw_only=True):
    """Thresholds for lists of known material: match-rate circuit breaker, and votes on list entries.

    Circuit breaker: an entry that matches `matches` different reports within `window_hours`, and
    `share_percent` of all reports analysed in that time, is suspended; after a supervisor released it, it is
    not suspended again for `rest_hours`. Votes: the balance is the votes against an entry less those for it.
    From `weakening_votes`, a match keeps `weakened_percent` of its score; from `silencing_votes`, none.
    """

    matches: int
    share_percent: int
    window_hours: int
    rest_hours: int
    weakening_votes: int
    silencing_votes: int
    weakened_percent: int


class MaterialRule(Entry, frozen=True, kw_only=True):
    """The desk's thresholds (`value`) for matches with lists of known material, in one dated version."""

    kind: ClassVar[str] = "material_rule"

    value: MaterialRuleValue


class RetentionValue(Strict, frozen=True, kw_only=True):
    """A retention period: how long after `start` (an instant in the life of the data) they are kept.

    `length` is in `unit`. Every `review_months`, if any, a person reviews whether they are still needed.
    `hold` lists the codes of causes that suspend the expiry. `action` is the form of erasure: of encryption
    keys, of rows, or of everything except a digest. `tables` are the database tables concerned.
    """

    start: Literal["RECEIVED", "DECIDED", "CLOSED", "LAST_USED", "ENDED", "RECORDED"]
    length: int
    unit: Literal["DAYS", "MONTHS", "YEARS"]
    review_months: int | None = None
    hold: tuple[str, ...] = ()
    action: Literal["ERASE_KEYS", "DELETE", "KEEP_DIGEST"] = "DELETE"
    tables: tuple[str, ...]


class Retention(Entry, frozen=True, kw_only=True):
    """A retention class: how long a kind of data is kept (`value`), in one dated version."""

    kind: ClassVar[str] = "retention"

    value: RetentionValue


class InstrumentValue(Strict, frozen=True, kw_only=True):
    """A legal text under which providers report: its article, status, and the report `format` made for it.

    The dates of the entry are those of the status: when a text enters into force, the entry PROPOSED is
    closed and an entry IN_FORCE begins.
    """

    article: str
    status: Literal["PROPOSED", "IN_FORCE"]
    format: str


class Instrument(Entry, frozen=True, kw_only=True):
    """A legal text under which providers report to the desk, such as article 18 DSA, in one dated version.

    `value` holds its article, its status and the format of reports.
    """

    kind: ClassVar[str] = "instrument"

    value: InstrumentValue


class AskingValue(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The period in which subscriber data can be requested from an access provider or from a service.

    `subject` ADDRESS: the subscriber behind an IP address; the period starts when the address was used, and
    depends on the `country`. ACCOUNT: the holder of an account; it starts at the receipt of the report, and
    depends on the service (`provider`, case-insensitive). Exactly one of `country` and `provider` is set.
    `length` is in `unit`; `article` is the legal text, if any.
    """

    subject: Literal["ADDRESS", "ACCOUNT"]
    length: int
    unit: Literal["DAYS", "MONTHS"]
    article: str = ""
    country: str = ""
    provider: str = ""


class Asking(Entry, frozen=True, kw_only=True):
    """How long providers keep connection data or account data (`AskingValue`), in one dated version."""

    kind: ClassVar[str] = "asking"

    value: AskingValue


class ProtectedNameValue(Strict, frozen=True, kw_only=True):
    """Host names whose blocking needs the approval of a third person, in ASCII form (A-labels, RFC 5890).

    `category` is the reason of the protection. `covers` NAME: the names, and the names above them in the DNS;
    BELOW: also every name below them.
    """

    category: Literal["STATE", "CHILD_PROTECTION", "INFRASTRUCTURE", "SHARED_HOST", "PLATFORM"]
    covers: Literal["NAME", "BELOW"]
    names: tuple[str, ...]


class ProtectedName(Entry, frozen=True, kw_only=True):
    """A group of protected host names (`value`), in one dated version.

    An unchecked group (`Entry.unchecked`) protects like a checked one.
    """

    kind: ClassVar[str] = "protected_name"

    value: ProtectedNameValue


class SearchServiceValue(Strict, frozen=True, kw_only=True):
    """A search engine or directory (`category`) to which a dereferencing may be notified.

    `host` is the host name of its pages.
    """

    category: Literal["SEARCH_ENGINE", "DIRECTORY"]
    host: str


class SearchService(Entry, frozen=True, kw_only=True):
    """A search engine or directory, in one dated version; `value` holds its category and host.

    An unchecked one (`Entry.unchecked`) only suggests its name: a person gives its contact point.
    """

    kind: ClassVar[str] = "search_service"

    value: SearchServiceValue
