"""Expiry across the stages (decisions 24): what is due by its retention class and held by nobody is erased.

Due dates are pure functions of stored instants: a run that was missed is made up by the next one, and a
run after `fanal restore` erases again what a backup brought back.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction

from fanal import reference
from fanal.analyse import operations as analyse
from fanal.crosscheck import operations as crosscheck
from fanal.harmonise import operations as harmonise
from fanal.intake import operations as intake, queries as intaken
from fanal.kernel.actors import Actor
from fanal.kernel.calendar import add_months, paris_day
from fanal.ledger import operations as ledger
from fanal.orient import operations as orient
from fanal.vault import operations as vault
from fanal.vault.domain.records import IDENTITY_KINDS

_BATCH = 500
_MONTHS = {"MONTHS": 1, "YEARS": 12}


@dataclass(frozen=True, slots=True, kw_only=True)
class Expired:
    """How many reports and how many reporters' identities a run erased."""

    reports: int
    identities: int


def expire(*, actor: Actor, now: datetime) -> Expired:
    """Erase everything that is due at `now`; legal holds beat expiry."""
    reports = identities = 0
    before = _horizon("REPORTER_IDENTITY", now)
    while due := intaken.list_expired(actor=actor, before=before, identities=True, limit=_BATCH):
        with transaction.atomic():
            vault.erase(
                actor=actor, owner_ids=due, now=now, kinds=sorted(IDENTITY_KINDS), motive="expiry"
            )
            intake.forget_identities(actor=actor, report_ids=due)
        identities += len(due)
    before = _horizon("REPORT_SEALED", now)
    while due := intaken.list_expired(actor=actor, before=before, limit=_BATCH):
        erase_reports(actor=actor, report_ids=due, now=now)
        reports += len(due)
    return Expired(reports=reports, identities=identities)


def erase_reports(*, actor: Actor, report_ids: Sequence[UUID], now: datetime) -> None:
    """Erase reports in every stage: keys, selectors, search index, texts; ids and digests stay."""
    with transaction.atomic():
        vault.erase(actor=actor, owner_ids=report_ids, now=now, motive="expiry")
        harmonise.erase(actor=actor, report_ids=report_ids)
        analyse.erase(actor=actor, report_ids=report_ids, now=now)
        crosscheck.erase(actor=actor, report_ids=report_ids, now=now)
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


def _horizon(code: str, now: datetime) -> datetime:
    """Return the instant before which what was received is due under a retention class."""
    today = paris_day(now)
    entry = reference.load().by_code(reference.Retention, code, today)
    if entry is None:
        raise LookupError(f"no retention class {code} in force")
    if entry.value.unit == "DAYS":
        raise LookupError(f"{code} counts in months or years")
    months = entry.value.length * _MONTHS[entry.value.unit]
    day = add_months(today, -months)
    return datetime(day.year, day.month, day.day, tzinfo=now.tzinfo)
