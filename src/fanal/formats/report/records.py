"""Records of the report format: one JSON shape for the partner API, JSON lines and mapped formats.

Field names and codes are public (`report-format`): add, never rename. Optional text is `None` when
absent; lists are empty tuples. Every string is the reporter's own, byte for byte.
"""

from enum import StrEnum
from typing import Literal

from msgspec import Struct, field


class ReportKind(StrEnum):
    """What is reported, in the reporter's words mapped to nine kinds."""

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
    """Where it happened."""

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
    """The part a person plays. ASSOCIATED appears on output only."""

    SUSPECT = "SUSPECT"
    VICTIM = "VICTIM"
    WITNESS = "WITNESS"
    RECIPIENT = "RECIPIENT"
    REPORTER = "REPORTER"
    ASSOCIATED = "ASSOCIATED"


class Stated(StrEnum):
    """What a reporter answered on the public form that changes how the desk reads the rest.

    No code of it names anybody. Not a field of the format: partners have no such questions.
    """

    DANGER_UNKNOWN = "DANGER_UNKNOWN"
    REPORTER_IS_CHILD = "REPORTER_IS_CHILD"


class _Part(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Base of every part: immutable, absent fields omitted, unknown fields refused."""


class Place(_Part, frozen=True, kw_only=True, gc=False):
    """A place: ISO 3166-1 alpha-2 country, locality, postcode."""

    country: str | None = None
    locality: str | None = None
    postcode: str | None = None


class Message(_Part, frozen=True, kw_only=True, gc=False):
    """One message of a conversation."""

    speaker: str | None = None
    at: str | None = None
    text: str | None = None


class Handle(_Part, frozen=True, kw_only=True, gc=False):
    """A name on a service."""

    value: str
    platform: str | None = None


class Account(_Part, frozen=True, kw_only=True, gc=False):
    """A payment account."""

    value: str
    kind: Literal["IBAN", "WALLET", "CARD_TOKEN"]


class IpSighting(_Part, frozen=True, kw_only=True, gc=False):
    """An IP address, the source port and the instant (RFC 3339) it was seen."""

    value: str
    port: int | None = None
    at: str | None = None


class Person(_Part, frozen=True, kw_only=True):
    """A person of the report, as far as known. `type` is the source's word for one that the source adds."""

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
    """A class given by somebody, in a named scheme."""

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
    """A file of the report by its facts; never its bytes. Hashes are lower-case hexadecimal."""

    name: str | None = None
    sha256: str | None = None
    sha1: str | None = None
    md5: str | None = None
    pdq: str | None = None
    classification: Classification | None = None
    seen_by_provider: bool | None = None
    publicly_available: bool | None = None


class Payment(_Part, frozen=True, kw_only=True, gc=False):
    """One payment; `amount` is a decimal number as text.

    On output only: the operator's `reference`, and the places in `persons` of who paid and who was paid.
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
    """A report as a partner sends it. Only `reference` and `kind` are required."""

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


class FormAnswers(Report, frozen=True, kw_only=True):
    """A report as the public form writes it, with what only the form asks."""

    stated: tuple[Stated, ...] = ()
