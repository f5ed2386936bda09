"""Status of a report for the holder of its receipt code, and the conversation with the reporter."""

from datetime import datetime
from uuid import UUID

from fanal.db import sql
from fanal.intake.domain.records import Followed, FollowedMessage
from fanal.intake.domain.states import ReportState
from fanal.intake.queries.envelopes import get_reports
from fanal.kernel.actors import Actor


def follow(*, actor: Actor, lookup_hash: bytes) -> Followed | None:
    """Return status and messages of the report whose receipt code has this look-up hash; None if unknown."""
    del actor  # the code is the only authorisation
    row = sql.row(
        "SELECT id, state, received_at, in_progress, signed FROM intake_follow(%s)",
        [lookup_hash],
    )
    if row is None:
        return None
    found = sql.rows(
        "SELECT id, from_desk, created_at, object_id, NULL, for_reporter"
        " FROM intake_conversation(%s)",
        [lookup_hash],
    )
    messages = tuple(map(_message, found))
    return Followed(
        report_id=row[0],
        state=ReportState(row[1]),
        received_at=row[2],
        in_progress=row[3],
        signed=row[4],
        messages=messages,
    )


def list_messages(*, actor: Actor, report_id: UUID) -> tuple[FollowedMessage, ...]:
    """Return the conversation with the reporter of a report of the actor's desks, oldest first."""
    if report_id not in get_reports(actor=actor, report_ids=[report_id]):
        return ()
    found = sql.rows(
        "SELECT id, from_desk, created_at, object_id, author_id, for_reporter"
        " FROM intake_message WHERE report_id = %s ORDER BY id",
        [report_id],
    )
    return tuple(map(_message, found))


def is_reachable(*, actor: Actor, report_id: UUID) -> bool:
    """Return whether the reporter of a report holds a receipt code, and so can receive messages.

    The caller has checked the actor's right.
    """
    del actor
    row = sql.row(
        "SELECT public_key IS NOT NULL FROM intake_receipt WHERE report_id = %s", [report_id]
    )
    return row is not None and bool(row[0])


def _message(row: tuple[UUID, bool, datetime, UUID, UUID | None, bytes | None]) -> FollowedMessage:
    return FollowedMessage(
        message_id=row[0],
        from_desk=row[1],
        created_at=row[2],
        object_id=row[3],
        author_id=row[4],
        for_reporter=None if row[5] is None else bytes(row[5]),
    )
