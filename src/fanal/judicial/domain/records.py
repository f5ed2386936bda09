"""What goes through the doors of judicial: referrals, facts, steps, and a recorded decision."""

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from msgspec import Struct

from fanal.casework.domain.records import ActStep
from fanal.judicial.domain.states import ReferralState
from fanal.orient.domain.records import Basis


class ReferralOutcome(StrEnum):
    """What became of a referral, as the authority said."""

    PROSECUTED = "PROSECUTED"
    CONVICTED = "CONVICTED"
    DISMISSED = "DISMISSED"
    JOINED = "JOINED"
    TRANSFERRED = "TRANSFERRED"


class ReferralFacts(Struct, frozen=True, kw_only=True):
    """What a referral says of a report, by values: codes, days and counts, and the selectors by role.

    `selectors` are (role, kind, value), without repeats and without any value of the reporter's.
    """

    report_id: UUID
    kind: str
    channel: str | None
    platform: str | None
    first_day: date | None
    last_day: date | None
    country: str | None
    locality: str | None
    victims: int
    victim_ages: tuple[int, ...]
    suspects: int
    files: int
    addresses: tuple[str, ...]
    selectors: tuple[tuple[str, str, str], ...]


class ReferralDocument(Struct, frozen=True, kw_only=True):
    """What a revision of a referral says: the facts as drafted, and the officer's account of them."""

    facts: ReferralFacts
    summary: str = ""


class Referral(Struct, frozen=True, kw_only=True):
    """A referral as lists show it. `due_at` is the desk's own delay before sending."""

    id: UUID
    desk_id: int
    report_id: UUID
    decision_id: UUID
    state: ReferralState
    body: str
    bases: tuple[Basis, ...]
    level: str
    author_id: UUID
    created_at: datetime
    sent_at: datetime | None
    due_at: datetime | None
    outcome: str | None


class ReferralFile(Struct, frozen=True, kw_only=True):
    """A referral with its words and steps; `facts` and texts are gone once expired."""

    referral: Referral
    facts: ReferralFacts | None
    summary: str
    text_fr: str
    text_en: str
    steps: tuple[ActStep, ...]
