"""What the desk sees of payers: the line of a list, and one payer with all transfers and reports."""

from datetime import datetime
from uuid import UUID

from msgspec import Struct

from fanal.analyse.domain.payments import PayerScore


class PayerFilter(Struct, frozen=True, kw_only=True):
    """Which payers a list shows: None and '' stand for any."""

    suspected: bool | None = None
    typology: str = ""
    code: str = ""
    country: str = ""


class PayerLine(Struct, frozen=True, kw_only=True):
    """One payer of a desk as a list shows them; `report_id` is the report that says most of them."""

    payer: UUID
    desk_id: int
    report_id: UUID
    score: float
    typology: str
    suspected: bool
    codes: tuple[str, ...]
    countries: tuple[str, ...]
    transfers: int
    beneficiaries: int
    total: float
    first_at: datetime | None
    last_at: datetime | None
    rule_version: str
    scored_at: datetime


class Payer(Struct, frozen=True, kw_only=True):
    """One payer as known now: score, and in which report each transfer (by id) came first."""

    payer: UUID
    desk_id: int
    score: PayerScore
    report_ids: tuple[UUID, ...]
    reports: dict[UUID, UUID]
    bounded: bool
