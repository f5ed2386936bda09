"""Referrals with their words and steps."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from django.db import connection
from django.db.models import QuerySet

from fanal import reference
from fanal.accounts.domain.policy import Resource, allows, reach, require
from fanal.judicial.domain.letters import referral_text
from fanal.judicial.domain.records import Facts, Referral, ReferralFile
from fanal.judicial.domain.states import ReferralState
from fanal.judicial.models import ReferralText, StoredReferral
from fanal.kernel.actors import Actor
from fanal.kernel.figures import Counted
from fanal.kernel.ids import id_bounds
from fanal.orient.domain.clocks import desk_deadline
from fanal.orient.domain.records import Basis

_BEFORE_SENDING = (ReferralState.DRAFT, ReferralState.READY)


def list_referrals(
    *,
    actor: Actor,
    states: Iterable[ReferralState] = (),
    after: UUID | None = None,
    limit: int = 50,
) -> tuple[Referral, ...]:
    """Return the referrals within the actor's reach, oldest first; all states when none is named."""
    rows = _reachable(actor)
    if wanted := list(states):
        rows = rows.filter(state__in=wanted)
    if after is not None:
        rows = rows.filter(id__gt=after)
    return tuple(_referral(row) for row in rows.order_by("id")[:limit])


def referrals_of(*, actor: Actor, report_ids: Sequence[UUID]) -> dict[UUID, tuple[Referral, ...]]:
    """Return the referrals of each report, within the actor's reach."""
    found: dict[UUID, tuple[Referral, ...]] = {}
    for row in _reachable(actor).filter(report_id__in=report_ids).order_by("report_id", "id"):
        found[row.report_id] = (*found.get(row.report_id, ()), _referral(row))
    return found


def get_referral(*, actor: Actor, referral_id: UUID) -> ReferralFile | None:
    """Return a referral with its texts and steps; None when it is out of reach.

    Once its words have expired, facts are None and the texts empty.
    """
    row = StoredReferral.objects.filter(id=referral_id).first()
    if row is None or not allows(actor, "referral.read", Resource(desk_id=row.desk_id)).allowed:
        return None
    referral = _referral(row)
    words = ReferralText.objects.filter(referral_id=row.id).first()
    facts = msgspec.json.decode(bytes(words.facts), type=Facts) if words else None
    summary = words.summary if words else ""
    return ReferralFile(
        referral=referral,
        facts=facts,
        summary=summary,
        text_fr=_text(referral, facts, summary, lang="fr"),
        text_en=_text(referral, facts, summary, lang="en"),
        steps=tuple(step.record() for step in row.steps.order_by("db_at")),
    )


def _text(referral: Referral, facts: Facts | None, summary: str, *, lang: str) -> str:
    if facts is None:
        return ""
    return referral_text(
        facts,
        referral_id=referral.id,
        body=referral.body,
        bases=referral.bases,
        summary=summary,
        catalogue=reference.load(),
        lang=lang,
    )


def _reachable(actor: Actor) -> QuerySet[StoredReferral]:
    bounds = reach(actor, "referral.read")
    rows = StoredReferral.objects.all()
    return rows if bounds.everywhere else rows.filter(desk_id__in=bounds.desk_ids)


def _referral(row: StoredReferral) -> Referral:
    state = ReferralState(row.state)
    due = None
    if state in _BEFORE_SENDING:
        due = desk_deadline(
            catalogue=reference.load(), stage="REFER", level=row.level, start=row.created_at
        )
    return Referral(
        id=row.id,
        desk_id=row.desk_id,
        report_id=row.report_id,
        decision_id=row.decision_id,
        state=state,
        body=row.body,
        bases=msgspec.json.decode(bytes(row.bases), type=tuple[Basis, ...]),
        level=row.level,
        author_id=row.author_id,
        created_at=row.created_at,
        sent_at=row.sent_at,
        due_at=due,
        outcome=row.outcome or None,
    )


def count_referrals(*, actor: Actor, since: datetime, until: datetime) -> list[Counted]:
    """Return referrals by day of their draft and by outcome, or state where none is known."""
    require(actor, "statistics.read")
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (created_at AT TIME ZONE 'Europe/Paris')::date,"
            " CASE WHEN outcome <> '' THEN outcome ELSE state END, '', count(*) FROM judicial_referral"
            " WHERE id >= %s AND id < %s AND created_at >= %s AND created_at < %s GROUP BY 1, 2",
            [*id_bounds(since, until), since, until],
        )
        return list(cursor.fetchall())


def count_unsent(*, actor: Actor) -> int:
    """Return how many referrals wait to be sent."""
    require(actor, "statistics.read")
    return StoredReferral.objects.filter(state__in=_BEFORE_SENDING).count()
