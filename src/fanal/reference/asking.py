"""Shape of the rules that say how long the owner of an address or of an account can be asked for."""

from typing import ClassVar, Literal

from msgspec import Struct

from fanal.reference.records import Entry


class AskingValue(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long somebody can still say who was behind a value: an access provider, or the service itself.

    `subject` ADDRESS counts from the instant an IP address was used, by its country; ACCOUNT from the receipt
    of the report, by the service (`provider`, compared without case). Exactly one of both is named.
    """

    subject: Literal["ADDRESS", "ACCOUNT"]
    length: int
    unit: Literal["DAYS", "MONTHS"]
    article: str = ""
    country: str = ""
    provider: str = ""


class Asking(Entry, frozen=True, kw_only=True):
    """Until when connection data or an account's data can be asked for, one version."""

    kind: ClassVar[str] = "asking"

    value: AskingValue
