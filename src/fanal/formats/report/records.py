"""Records of the report format: one JSON shape for the partner API, JSON lines and mapped formats.

Field names and codes are public: add, never rename. Absent text is `None`, absent lists are empty tuples. In
a report that was read, every string is as the sender wrote it; on output it may be canonical or redacted.
"""

from enum import StrEnum
from typing import Literal

from msgspec import Struct, field


class ReportKind(StrEnum):
    """The kind of incident reported.

    LIVESTREAM: abuse transmitted live. ABUSE_MATERIAL: images, videos or other abuse material. SEXTORTION:
    threats to publish intimate content. NONCONSENSUAL_IMAGE: an image shared without consent. SOLICITATION: a
    sexual proposal to a minor.
    """

    GROOMING = "GROOMING"
    LIVESTREAM = "LIVESTREAM"
    ABUSE_MATERIAL = "ABUSE_MATERIAL"
    SEXTORTION = "SEXTORTION"
    NONCONSENSUAL_IMAGE = "NONCONSENSUAL_IMAGE"
    SEX_TOURISM = "SEX_TOURISM"
    TRAFFICKING = "TRAFFICKING"
    SOLICITATION = "SOLICITATION"
    OTHER = "OTHER"


class Channel(StrEnum):
    """The medium or place of a reported incident.

    GAME: an online game. METAVERSE: a virtual world. P2P: a peer-to-peer network. DARKWEB: an anonymous
    network. TRAVEL: a journey.
    """

    WEB = "WEB"
    SOCIAL = "SOCIAL"
    MESSAGING = "MESSAGING"
    GAME = "GAME"
    METAVERSE = "METAVERSE"
    P2P = "P2P"
    DARKWEB = "DARKWEB"
    EMAIL = "EMAIL"
    PHONE = "PHONE"
    TRAVEL = "TRAVEL"
    OTHER = "OTHER"


class PersonRole(StrEnum):
    """The role of a person in the incident.

    RECIPIENT: the intended recipient of a message or file, or a payee. ASSOCIATED, an account related to the
    incident or a payer, is on output only: partners may not send it.
    """

    SUSPECT = "SUSPECT"
    VICTIM = "VICTIM"
    WITNESS = "WITNESS"
    RECIPIENT = "RECIPIENT"
    REPORTER = "REPORTER"
    ASSOCIATED = "ASSOCIATED"


class PlaceRole(StrEnum):
    """Whose place a sender states: the child's, the other person's, or that of a planned meeting."""

    CHILD = "CHILD"
    PERSON = "PERSON"
    MEETING = "MEETING"


class Stated(StrEnum):
    """Answers on the public form, as codes, that affect how the desk reads the report.

    DANGER_UNKNOWN: the reporter does not know whether a child is in danger now. The others state who the
    reporter is; no code identifies anybody. Partners are not asked these questions.
    """

    DANGER_UNKNOWN = "DANGER_UNKNOWN"
    REPORTER_IS_CHILD = "REPORTER_IS_CHILD"
    REPORTER_IS_PARENT = "REPORTER_IS_PARENT"
    REPORTER_IS_PROFESSIONAL = "REPORTER_IS_PROFESSIONAL"


class _Part(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Base of every part of a report: immutable, absent fields omitted, unknown fields refused."""


class Place(_Part, frozen=True, kw_only=True, gc=False):
    """A place: ISO 3166-1 alpha-2 country, locality, postcode.

    A part that is not stated is None.
    """

    country: str | None = None
    locality: str | None = None
    postcode: str | None = None


class StatedPlace(_Part, frozen=True, kw_only=True, gc=False):
    """The place of the child, of the other person or of a planned meeting, each part if stated.

    `at` is the time of a meeting: an RFC 3339 date-time or a date. A meeting without any part is planned, and
    neither its place nor its time is known.
    """

    role: PlaceRole
    country: str | None = None
    locality: str | None = None
    postcode: str | None = None
    at: str | None = None


class Message(_Part, frozen=True, kw_only=True, gc=False):
    """One message of a conversation: who wrote it, when (RFC 3339), and its text, each if stated."""

    speaker: str | None = None
    at: str | None = None
    text: str | None = None


class Handle(_Part, frozen=True, kw_only=True, gc=False):
    """A user name on a service (`platform`, None if unknown)."""

    value: str
    platform: str | None = None


class Account(_Part, frozen=True, kw_only=True, gc=False):
    """A payment account of a person: an IBAN, a cryptocurrency wallet or a token of a payment card."""

    value: str
    kind: Literal["IBAN", "WALLET", "CARD_TOKEN"]


class IpSighting(_Part, frozen=True, kw_only=True, gc=False):
    """An IP address with its source port and the instant (RFC 3339) of its use.

    Port and instant are None if not stated.
    """

    value: str
    port: int | None = None
    at: str | None = None


class Person(_Part, frozen=True, kw_only=True):
    """A person of the report with what the sender states: names, dates, contact, accounts, addresses.

    Values are as the sender wrote them. `devices` are device identifiers (IMEI, MAC address); `type` is the
    source's own term for an ASSOCIATED person. `handles` are user names, `ips` uses of IP addresses.
    """

    role: PersonRole
    name: str | None = None
    birth_date: str | None = None
    age: int | None = None
    country: str | None = None
    postcode: str | None = None
    handles: tuple[Handle, ...] = ()
    emails: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()
    accounts: tuple[Account, ...] = ()
    ips: tuple[IpSighting, ...] = ()
    devices: tuple[str, ...] = ()
    type: str | None = None


class Classification(_Part, frozen=True, kw_only=True, gc=False):
    """The class of a file (`code`) in a named classification scheme, as the sender states it."""

    scheme: Literal[
        "NCMEC",
        "COPINE",
        "INTERPOL",
        "VICS-FR",
        "VICS-US",
        "VICS-UK",
        "VICS-DEFAULT",
        "VICS-CUSTOM",
    ]
    code: str


class File(_Part, frozen=True, kw_only=True):
    """The metadata of a file of the report, never its bytes.

    Hashes are hexadecimal: lower case on output, as the sender wrote them in a report that was read.
    `seen_by_provider`: the provider's staff has viewed the content; None if not stated. `publicly_available`:
    anybody could see it, None if not stated.
    """

    name: str | None = None
    sha256: str | None = None
    sha1: str | None = None
    md5: str | None = None
    pdq: str | None = None
    classification: Classification | None = None
    seen_by_provider: bool | None = None
    publicly_available: bool | None = None


class Payment(_Part, frozen=True, kw_only=True, gc=False):
    """One payment in a report; `amount` is a decimal number as text, `label` the text that came with it.

    `sender` and `beneficiary` are payer and payee as stated, `operator` is the payment service, `currency` an
    ISO 4217 code, `beneficiary_country` an ISO 3166-1 code, `at` an RFC 3339 date-time or a date. Values that
    are not stated are None.

    On output only: the operator's `reference`, and the indices of payer and payee in `persons`.
    """

    at: str | None = None
    amount: str | None = None
    currency: str | None = None
    sender: str | None = None
    beneficiary: str | None = None
    beneficiary_country: str | None = None
    label: str | None = None
    operator: str | None = None
    reference: str | None = None
    sender_person: int | None = None
    beneficiary_person: int | None = None


class Report(_Part, frozen=True, kw_only=True):
    """A report as partners send it: the incident, its persons, files and payments.

    Only `reference`, the sender's own id of the report, and `kind` are mandatory.

    `occurred_at` and `occurred_until` bound the facts (RFC 3339 or a date), `channel` is their medium,
    `platform` the service, `place` where they happened. `emergency`: a child is in danger now. `language` is
    that of the texts (BCP 47), `description` the sender's text, `conversation` messages in order, `urls` are
    the addresses of the content. `places` are those of the child, of the other person and of a planned
    meeting. Values that are not stated are None or ().
    """

    reference: str
    kind: ReportKind
    emergency: bool = False
    occurred_at: str | None = None
    occurred_until: str | None = None
    language: str | None = None
    channel: Channel | None = None
    platform: str | None = None
    place: Place | None = None
    urls: tuple[str, ...] = ()
    description: str | None = None
    conversation: tuple[Message, ...] = ()
    persons: tuple[Person, ...] = ()
    files: tuple[File, ...] = ()
    payments: tuple[Payment, ...] = field(default_factory=tuple)
    places: tuple[StatedPlace, ...] = ()


class FormAnswers(Report, frozen=True, kw_only=True):
    """A report from the public form, with the codes of the answers that only the form asks for (`stated`)."""

    stated: tuple[Stated, ...] = ()
