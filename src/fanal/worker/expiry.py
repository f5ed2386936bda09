"""Expiry across the stages (decisions 24): what is due by its retention class and held by nobody is erased.

Due dates are pure functions of stored instants: a run that was missed is made up by the next one, and a
run after `fanal restore` erases again what a backup brought back.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from django.db import transaction

from fanal import reference
from fanal.analyse import operations as analyse
from fanal.crosscheck import operations as crosscheck
from fanal.deconfliction import operations as deconfliction
from fanal.harmonise import operations as harmonise
from fanal.intake import operations as intake, queries as intaken
from fanal.kernel.actors import Actor
from fanal.kernel.calendar import add_months, paris_day
from fanal.ledger import operations as ledger
from fanal.orient import operations as orient, queries as oriented
from fanal.vault import operations as vault
from fanal.vault.domain.records import IDENTITY_KINDS

_BATCH = 500
_MONTHS = {"MONTHS": 1, "YEARS": 12}


class Eraser(StrEnum):
    """What applies a retention class."""

    REPORT = "REPORT"
    """`erase_reports`, at the end of REPORT_SEALED: these classes last as long, or longer."""
    IDENTITY = "IDENTITY"
    MESSAGES = "MESSAGES"
    JOB = "JOB"
    """A job of its own in the schedule: motives of the journal, spent proofs of work."""
    REVIEW = "REVIEW"
    """Nothing is erased by itself: only ids, digests and structured rows stay, or a person reviews them."""


ERASERS: Mapping[str, Eraser] = {
    "REPORT_SEALED": Eraser.REPORT,
    "HARMONISED": Eraser.REPORT,
    "ANALYSIS": Eraser.REPORT,
    "LINKS": Eraser.REPORT,
    "PROPOSAL": Eraser.REPORT,
    "DECISION_REASON": Eraser.REPORT,
    "IDEMPOTENCY": Eraser.REPORT,
    "REPORTER_IDENTITY": Eraser.IDENTITY,
    "REPORTER_ADDRESS": Eraser.IDENTITY,
    "MESSAGES": Eraser.MESSAGES,
    "LEDGER_MOTIVE": Eraser.JOB,
    "CHALLENGES": Eraser.JOB,
    "DECISION": Eraser.REVIEW,
    "MEASURE": Eraser.REVIEW,
    "REFERRAL": Eraser.REVIEW,
    "REFERRAL_WORDS": Eraser.REVIEW,
    "LEDGER": Eraser.REVIEW,
    "ERASURES": Eraser.REVIEW,
    "RULES": Eraser.REVIEW,
    "LISTS": Eraser.REVIEW,
    "PEOPLE": Eraser.REVIEW,
}
"""Which eraser applies each class of the reference data; a test holds the two equal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expired:
    """How many reports, reporters' identities and conversations a run erased."""

    reports: int
    identities: int
    conversations: int


def expire(*, actor: Actor, now: datetime) -> Expired:
    """Erase everything that is due at `now`; legal holds beat expiry."""
    identities = _expire_identities(actor, now)
    conversations = _expire_messages(actor, now)
    reports, before = 0, horizon(Eraser.REPORT, now)
    while due := intaken.list_expired(actor=actor, before=before, limit=_BATCH):
        erase_reports(actor=actor, report_ids=due, now=now)
        reports += len(due)
    return Expired(reports=reports, identities=identities, conversations=conversations)


def _expire_identities(actor: Actor, now: datetime) -> int:
    """Erase who reported, and from where: one sealed object, so the shorter class decides."""
    total, before = 0, horizon(Eraser.IDENTITY, now)
    while due := intaken.list_expired(actor=actor, before=before, identities=True, limit=_BATCH):
        with transaction.atomic():
            vault.erase(
                actor=actor, owner_ids=due, now=now, kinds=sorted(IDENTITY_KINDS), motive="expiry"
            )
            intake.forget_identities(actor=actor, report_ids=due)
        total += len(due)
    return total


def _expire_messages(actor: Actor, now: datetime) -> int:
    """Erase conversations silent since the horizon, of reports on which the desk has decided."""
    total, after, before = 0, None, horizon(Eraser.MESSAGES, now)
    while silent := intaken.list_silent(actor=actor, before=before, after=after, limit=_BATCH):
        after = silent[-1]
        settled = oriented.list_settled(actor=actor, report_ids=silent)
        due = [report_id for report_id in silent if report_id in settled]
        with transaction.atomic():
            vault.erase(actor=actor, owner_ids=due, now=now, kinds=["message"], motive="expiry")
            intake.forget_messages(actor=actor, report_ids=due)
        total += len(due)
    return total


def erase_reports(*, actor: Actor, report_ids: Sequence[UUID], now: datetime) -> None:
    """Erase reports in every stage: keys, selectors, search index, texts; ids and digests stay."""
    with transaction.atomic():
        vault.erase(actor=actor, owner_ids=report_ids, now=now, motive="expiry")
        harmonise.erase(actor=actor, report_ids=report_ids)
        analyse.erase(actor=actor, report_ids=report_ids, now=now)
        crosscheck.erase(actor=actor, report_ids=report_ids)
        deconfliction.erase(actor=actor, report_ids=report_ids)
        orient.erase(actor=actor, report_ids=report_ids)
        intake.forget_reports(actor=actor, report_ids=report_ids, now=now)
        ledger.record_batch(
            actor=actor,
            action="report.erase",
            at=now,
            kind="report",
            items=[(report_id, b"") for report_id in report_ids],
            detail={"count": len(report_ids)},
        )


def horizon(eraser: Eraser, now: datetime) -> datetime:
    """Return the instant before which what an eraser erases is due: its shortest class decides.

    Raises:
        LookupError: a class is not in force, or counts in days.
    """
    return max(_due_before(code, now) for code, by in ERASERS.items() if by is eraser)


def _due_before(code: str, now: datetime) -> datetime:
    """Return the instant before which what began is due under a retention class."""
    today = paris_day(now)
    entry = reference.load().by_code(reference.Retention, code, today)
    if entry is None:
        raise LookupError(f"no retention class {code} in force")
    if entry.value.unit == "DAYS":
        raise LookupError(f"{code} counts in months or years")
    months = entry.value.length * _MONTHS[entry.value.unit]
    day = add_months(today, -months)
    return datetime(day.year, day.month, day.day, tzinfo=now.tzinfo)
