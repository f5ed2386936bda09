"""Records on payers for the desk's pages: a line of a list, and a payer with all transfers and reports."""

from datetime import datetime
from uuid import UUID

from msgspec import Struct

from fanal.analyse.payments.domain.scoring import PayerScore


class PayerFilter(Struct, frozen=True, kw_only=True):
    """Filter of a list of payers; None and '' mean any.

    `code` is a payment indicator, `country` that of a beneficiary. `suspected`: whether the score reaches the
    typology's threshold; `typology` is its code.
    """

    suspected: bool | None = None
    typology: str = ""
    code: str = ""
    country: str = ""


class PayerLine(Struct, frozen=True, kw_only=True):
    """A payer of a desk in a list; `report_id` is the report with the most details about the payer.

    `payer` is the digest `PayingParty.id`; `codes` are the payment indicators found.
    """

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
    """A payer with the present score; `reports` maps each transfer id to its first report.

    `report_ids`: the reports from which it was scored, newest first. `bounded`: their limit was reached,
    so that older reports may be missing.
    """

    payer: UUID
    desk_id: int
    score: PayerScore
    report_ids: tuple[UUID, ...]
    reports: dict[UUID, UUID]
    bounded: bool
