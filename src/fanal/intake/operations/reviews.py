"""Acts of a review: a report is kept on, or one person proposes its end and another agrees."""

from datetime import datetime
from uuid import UUID

from django.db import DatabaseError, connection, transaction

from fanal.accounts.domain.policy import Resource, require
from fanal.intake.domain.reviews import REVIEW_STATES, ReviewState
from fanal.intake.operations.retention import require_hold
from fanal.intake.queries.reviews import review_state
from fanal.kernel.actors import Actor
from fanal.kernel.ids import new_id
from fanal.ledger import operations as ledger


class ReviewRefused(Exception):
    """A review does not wait for this act."""


def review_report(*, actor: Actor, report_id: UUID, end: bool, motive: str, now: datetime) -> UUID:
    """Record that a report is still needed, or propose its end; return the review's id.

    The end takes another person's `second_review`, and a legal hold beats it.

    Raises:
        TransitionRefused: its end was proposed or agreed already.
        Refused: the actor reviews no report of that desk.
        ValueError: no motive.
    """
    require_hold(actor, report_id)
    if not motive.strip():
        raise ValueError("a review has a motive")
    review_id = new_id(now)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [str(report_id)])
        REVIEW_STATES.apply(review_state(report_id=report_id), "end" if end else "keep")
        cursor.execute(
            "INSERT INTO intake_review (id, report_id, verdict, person_id, decided_at)"
            " VALUES (%s, %s, %s, %s, %s)",
            [review_id, report_id, "END" if end else "KEEP", actor.person_id, now],
        )
        _log(actor, report_id, move="end" if end else "keep", motive=motive, now=now)
    return review_id


def second_review(
    *, actor: Actor, review_id: UUID, agreed: bool, motive: str, now: datetime
) -> None:
    """Agree that a report ends before its date, or refuse; the next run of expiry erases it.

    Raises:
        ReviewRefused: there is no such proposal, or it was answered or replaced.
        Refused: the actor proposed it, or reviews no report of that desk.
        ValueError: no motive.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT report_id, person_id FROM intake_review WHERE id = %s", [review_id])
        row = cursor.fetchone()
    if row is None:
        raise ReviewRefused(str(review_id))
    report_id, proposer = row
    desk_id = require_hold(actor, report_id)
    require(actor, "retention.hold", Resource(desk_id=desk_id, owner_id=proposer))
    if proposer == actor.person_id:
        raise ReviewRefused(str(review_id))
    if not motive.strip():
        raise ValueError("a review has a motive")
    move = "agree" if agreed else "refuse"
    REVIEW_STATES.apply(ReviewState.END_PROPOSED, move)
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO intake_review_second"
                " (review_id, person_id, second_id, agreed, decided_at) VALUES (%s, %s, %s, %s, %s)",
                [review_id, proposer, actor.person_id, agreed, now],
            )
            _log(actor, report_id, move=move, motive=motive, now=now)
    except DatabaseError as error:  # answered or replaced in between
        raise ReviewRefused(str(review_id)) from error


def _log(actor: Actor, report_id: UUID, *, move: str, motive: str, now: datetime) -> None:
    ledger.record(
        actor=actor,
        action="report.review",
        at=now,
        objects=[ledger.ObjectRef(kind="report", id=report_id)],
        detail={"move": move},
        motive=motive,
    )
