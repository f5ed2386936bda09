"""Record types of the retention windows for subscriber data (who was behind an address or an account)."""

from typing import ClassVar, Literal

from msgspec import Struct

from fanal.reference.records import Entry


class AskingValue(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long subscriber data can be requested, from an access provider or from the service itself.

    With `subject` ADDRESS the period starts when an IP address was used, and depends on its country; with
    ACCOUNT it starts at the receipt of the report, and depends on the service (`provider`,
    case-insensitive). Exactly one of `country` and `provider` is set.
    """

    subject: Literal["ADDRESS", "ACCOUNT"]
    length: int
    unit: Literal["DAYS", "MONTHS"]
    article: str = ""
    country: str = ""
    provider: str = ""


class Asking(Entry, frozen=True, kw_only=True):
    """A retention window for connection data or account data (one dated version)."""

    kind: ClassVar[str] = "asking"

    value: AskingValue
