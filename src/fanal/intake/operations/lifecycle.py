"""Finish, retract and expire reports; erase their envelopes at expiry; record periodic reviews.

A transition is applied only if the report still has the state that was read before. Ids, states and
instants outlive the erasure of an envelope.
"""

import time
from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from django.db import DatabaseError, connection, transaction

from fanal.accounts.domain.policy import Reason, Refused, Resource, require, require_somewhere
from fanal.db import sql
from fanal.intake.domain.records import (
    IDLE_LIFE,
    OPENING_LIFE,
    REPORT_STATES,
    REVIEW_STATES,
    ReportState,
    ReviewState,
)
from fanal.intake.queries.envelopes import get_reports, sender_of
from fanal.intake.queries.reviews import review_state
from fanal.kernel.actors import Actor
from fanal.kernel.failpoints import failpoint
from fanal.kernel.ids import new_id
from fanal.kernel.refusal import Refusal
from fanal.kernel.states import TransitionRefused
from fanal.kernel.texts import stripped
from fanal.ledger import operations as ledger


def finish_report(*, actor: Actor, report_id: UUID, now: datetime) -> ReportState:
    """Finish an open report of the actor's own and queue it for the first stage; return FINISHED.

    Raises:
        TransitionRefused: the report is not open.
        Refused: the actor sent no such report.
    """
    with transaction.atomic():
        _move(actor=actor, report_id=report_id, name="finish", now=now)
        _enqueue_stored(report_id, sender_of(actor=actor))
        ledger.record_report(actor=actor, action="report.finish", at=now, report_id=report_id)
        failpoint("finish.moved")
    failpoint("finish.committed")
    return ReportState.FINISHED


def retract_report(*, actor: Actor, report_id: UUID, now: datetime) -> ReportState:
    """Retract a report of the actor's own, and return its new state.

    Its encrypted bytes stay until the end of retention. Pending processing is cancelled, unless the report is
    urgent: then a person reviews it all the same.

    Raises:
        TransitionRefused: already retracted or expired.
        Refused: the actor sent no such report.
    """
    with transaction.atomic():
        before, urgent = _move(actor=actor, report_id=report_id, name="retract", now=now)
        if urgent and before is ReportState.OPEN:
            _enqueue_stored(report_id, sender_of(actor=actor))
        elif not urgent:
            sql.run("SELECT intake_withdraw_work(%s, %s)", [report_id, sender_of(actor=actor)])
        ledger.record_report(actor=actor, action="report.retract", at=now, report_id=report_id)
        failpoint("finish.moved")
    return ReportState.RETRACTED


def expire_reports(*, actor: Actor, now: datetime, limit: int = 1000) -> list[UUID]:
    """Expire at most `limit` overdue unfinished reports of the NCMEC-compatible API; return their ids.

    The partner API promises that an open report stays open until it is finished: those never expire. The
    result is in no particular order. An expired report stays encrypted until the end of retention; an urgent
    one goes to a person all the same.

    Raises:
        Refused: the actor may not run the processing stages.
    """
    require(actor, "pipeline.run")
    with transaction.atomic():
        rows = sql.rows(
            "WITH over AS MATERIALIZED (SELECT id FROM intake_report WHERE state = 'OPEN'"
            " AND arrival = 'WIRE' AND changed_at <= %(idle)s AND received_at <= %(life)s"
            " LIMIT %(limit)s FOR UPDATE SKIP LOCKED)"
            " UPDATE intake_report r SET state = 'EXPIRED', changed_at = %(now)s FROM over"
            " WHERE r.id = over.id RETURNING r.id, r.urgent",
            {"now": now, "idle": now - IDLE_LIFE, "life": now - OPENING_LIFE, "limit": limit},
        )
        for report_id, urgent in rows:
            if urgent:
                _enqueue_stored(report_id, None)
        if rows:
            ledger.record_batch(
                actor=actor,
                action="report.expire",
                at=now,
                kind="report",
                items=[(row[0], b"") for row in rows],
                detail={"count": len(rows)},
            )
    return [row[0] for row in rows]


def _move(*, actor: Actor, report_id: UUID, name: str, now: datetime) -> tuple[ReportState, bool]:
    """Apply the transition `name` (such as `retract`) to a report of the actor; for the system, to any
    report.

    Returns the state before it, and whether the report is urgent.

    Raises:
        TransitionRefused: the state does not allow it, or has changed in the meantime.
        Refused: no such report of this sender.
    """
    sender = sender_of(actor=actor)
    row = sql.row("SELECT state, urgent FROM intake_hold_state(%s, %s)", [report_id, sender])
    if row is None:
        raise Refused("report.status", Reason.OUT_OF_SCOPE)
    before = ReportState(row[0])
    after = REPORT_STATES.apply(before, name)
    found = sql.one(
        "SELECT intake_move(%s, %s, %s, %s, %s)", [report_id, sender, before, after, now]
    )
    if not found[0]:
        raise TransitionRefused(REPORT_STATES.name, before, name)
    return before, bool(row[1])


def _enqueue_stored(report_id: UUID, sender_id: UUID | None) -> None:
    sql.run("SELECT intake_enqueue(%s, %s)", [report_id, sender_id])


_ERASED_AT = "SELECT erased_at FROM intake_report WHERE id = ANY(%s)"
_PATIENCE = 2.0
"""Seconds that an urgent write waits for an erasure in progress."""
_ERASING = 0x45524153
"""First key of the advisory locks of an erasure under way; the second is the hash of the report's id."""


def require_unerased(
    *, report_ids: Collection[UUID], of: str, one: bool = False, waits: bool = True
) -> None:
    """Check that reports are not erased, and lock them against erasure until the end of the transaction.

    To be called before anything is written on the reports, and before other rows of a report are locked. It
    waits for an erasure in progress; an erasure that begins later waits for this transaction. `of` is the
    kind of the refusal. With `one`, a single report that is not erased is enough, as for a record on
    several reports that expires with the last of them. Without `waits` (urgent writes) it waits for no row,
    since a public node can lock one for a minute, and for an erasure in progress two seconds at most.
    Unknown ids are not refused.

    Raises:
        Refusal: ERASED: one of them is erased (with `one`: all). BEING_ERASED: without `waits`, an erasure
            has not ended in time, and may yet be rolled back.
    """
    ids = list(report_ids)
    if waits:
        found = sql.rows(f"{_ERASED_AT} ORDER BY id FOR SHARE", [ids])
    else:
        _wait_for_erasure(ids, of)
        found = sql.rows(_ERASED_AT, [ids])
    gone = [erased_at is not None for [erased_at] in found]
    if gone and (all(gone) if one else any(gone)):
        raise Refusal(of, "ERASED")


def _wait_for_erasure(ids: Sequence[UUID], of: str) -> None:
    """Take the shared lock that excludes an erasure of these reports, until the end of the transaction.

    The lock is tried repeatedly: the error of a lock time-out would end the caller's transaction.

    Raises:
        Refusal: BEING_ERASED: an erasure in progress holds it for longer than `_PATIENCE`.
    """
    end = time.monotonic() + _PATIENCE
    while True:
        held = sql.rows(
            "SELECT pg_try_advisory_xact_lock_shared(%s, hashtext(id::text)) FROM unnest(%s::uuid[]) id",
            [_ERASING, ids],
        )
        if all(free for [free] in held):
            return
        if time.monotonic() > end:
            raise Refusal(of, "BEING_ERASED")
        time.sleep(0.05)


def lock_reports(*, actor: Actor, report_ids: Sequence[UUID], erasing: bool = False) -> None:
    """Lock reports until the end of the transaction, so that no legal hold or answer is added meanwhile.

    `erasing`: the reports are being erased. Then the call waits for emergency calls that are being opened
    on them, and later ones are refused (`require_unerased`).

    Raises:
        Refused: the actor may not run the processing stages.
    """
    require(actor, "pipeline.run")
    if erasing:
        sql.run(
            "SELECT count(pg_advisory_xact_lock(%s, hashtext(id::text)))"
            " FROM (SELECT unnest(%s::uuid[]) AS id ORDER BY id) AS one_after_the_other",
            [_ERASING, list(report_ids)],
        )
    sql.rows(
        "SELECT FROM intake_report WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE",
        [list(report_ids)],
    )


def lock_to_erase(*, actor: Actor, report_ids: Sequence[UUID]) -> list[UUID]:
    """Lock reports for their erasure, as `lock_reports` does with `erasing`; return those that were free.

    The call waits for nothing: a report on which somebody is writing is not locked, and is left for the
    next run, so that it does not delay the others. Call this in a transaction. The result is in no
    particular order.

    Raises:
        Refused: the actor may not run the processing stages.
    """
    require(actor, "pipeline.run")
    wanted = list(report_ids)
    whole = False
    while wanted and not whole:
        with transaction.atomic():
            free = _lock_free(wanted)
            whole = len(free) == len(wanted)
            transaction.set_rollback(not whole)  # which also unlocks the others
        wanted = free
    return wanted


def _lock_free(report_ids: Sequence[UUID]) -> list[UUID]:
    """Lock those of the reports whose row and erasure lock nobody else holds; return their ids."""
    rows = sql.rows(
        "SELECT id FROM intake_report WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE SKIP LOCKED",
        [list(report_ids)],
    )
    free = sql.rows(
        "SELECT id FROM unnest(%s::uuid[]) AS id"
        " WHERE pg_try_advisory_xact_lock(%s, hashtext(id::text))",
        [[row[0] for row in rows], _ERASING],
    )
    return [row[0] for row in free]


def forget_reports(*, actor: Actor, report_ids: Sequence[UUID], now: datetime) -> int:
    """Erase the sender's data in the envelopes of expired reports; return the number of newly erased ones.

    Ids, states and instants stay, and keyed digests, so that a repeat is still recognised. Names and hashes
    of files are emptied; conversations, queue rows and lifted holds are deleted. The vault erases the sealed
    bytes. The caller has excluded reports under a legal hold.

    Raises:
        Refused: the actor may not run the processing stages.
    """
    require(actor, "pipeline.run")
    ids = list(report_ids)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM intake_message WHERE report_id = ANY(%s)", [ids])
        cursor.execute("DELETE FROM intake_work WHERE report_id = ANY(%s)", [ids])
        # Only lifted holds remain here; the ledger records who placed and lifted them.
        cursor.execute("DELETE FROM intake_hold WHERE report_id = ANY(%s)", [ids])
        cursor.execute(
            "UPDATE intake_upload SET name = '', md5 = NULL, sha1 = NULL, sha256 = NULL, pdq = NULL,"
            " pdq_quality = NULL, frames = '{}'"
            " WHERE report_id = ANY(%s)",
            [ids],
        )
        cursor.execute(
            "UPDATE intake_report SET reference = id::text, language = '', correlation_id = '',"
            " identity_id = NULL, erased_at = %s WHERE id = ANY(%s) AND erased_at IS NULL",
            [now, ids],
        )
        return int(cursor.rowcount)


def forget_messages(
    *, actor: Actor, report_ids: Sequence[UUID], but: Sequence[UUID] = ()
) -> list[UUID]:
    """Delete the conversations of reports with their reporters; return the ids of the deleted messages, in
    no order.

    The caller has the vault erase the sealed texts. `but` are ids of sealed texts (`object_id`) whose
    messages are kept.

    Raises:
        Refused: the actor may not run the processing stages.
    """
    require(actor, "pipeline.run")
    found = sql.rows(
        "DELETE FROM intake_message WHERE report_id = ANY(%s) AND object_id <> ALL(%s::uuid[])"
        " RETURNING id",
        [list(report_ids), list(but)],
    )
    return [row[0] for row in found]


def forget_identities(
    *, actor: Actor, report_ids: Sequence[UUID], but: Sequence[UUID] = ()
) -> None:
    """Remove from reports the reference to their reporter's sealed identity, which the vault has erased.

    `but` are ids of sealed identities that were not erased: their references are kept.

    Raises:
        Refused: the actor may not run the processing stages.
    """
    require(actor, "pipeline.run")
    sql.run(
        "UPDATE intake_report SET identity_id = NULL"
        " WHERE id = ANY(%s) AND identity_id <> ALL(%s::uuid[])",
        [list(report_ids), list(but)],
    )


def require_hold(actor: Actor, report_id: UUID) -> int:
    """Check that the actor may place legal holds on a report, which includes reviews; return its desk's id.

    Raises:
        Refused: the report is out of the actor's reach, or the actor has no right to place holds.
    """
    require_somewhere(actor, "retention.hold")
    facts = get_reports(actor=actor, report_ids=[report_id]).get(report_id)
    if facts is None:
        raise Refused("retention.hold", Reason.OUT_OF_SCOPE)
    require(actor, "retention.hold", Resource(desk_id=facts.desk_id))
    return facts.desk_id


# Review of reports: a report is kept, or a person proposes to end it and a second person approves.


def review_report(*, actor: Actor, report_id: UUID, end: bool, motive: str, now: datetime) -> UUID:
    """Record that a report is still needed, or (`end`) propose its early erasure; return the review's id.

    Early erasure requires approval by a second person (`second_review`); a legal hold takes precedence.

    Raises:
        Refusal: ERASED (the report is erased).
        TransitionRefused: early erasure has already been proposed or approved.
        Refused: the actor may not review reports of that desk.
        MotiveMissing: the reason (`motive`) is empty.
    """
    require_hold(actor, report_id)
    if not stripped(motive):
        raise ledger.MotiveMissing("a review has a motive")
    review_id = new_id(now)
    with transaction.atomic():
        require_unerased(report_ids=[report_id], of="review")
        sql.run("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [str(report_id)])
        REVIEW_STATES.apply(review_state(report_id=report_id), "end" if end else "keep")
        sql.run(
            "INSERT INTO intake_review (id, report_id, verdict, person_id, decided_at)"
            " VALUES (%s, %s, %s, %s, %s)",
            [review_id, report_id, "END" if end else "KEEP", actor.person_id, now],
        )
        _reviews_log(actor, report_id, move="end" if end else "keep", motive=motive, now=now)
    return review_id


def second_review(
    *, actor: Actor, review_id: UUID, agreed: bool, motive: str, now: datetime
) -> None:
    """Approve (`agreed`) or refuse, as the second person, the proposed early erasure of a report.

    `review_id` is the proposal, `motive` the reason. After approval the next expiry run erases the report,
    unless it is under a legal hold, or an answer of its reporter still awaits a person.

    Raises:
        Refusal: NOT_WAITING (there is no such proposal, it was answered or replaced, or the actor made it),
            ERASED (the report is erased).
        Refused: the actor may not review reports of that desk.
        MotiveMissing: the reason (`motive`) is empty.
    """
    row = sql.row("SELECT report_id, person_id FROM intake_review WHERE id = %s", [review_id])
    if row is None:
        raise Refusal("review", "NOT_WAITING", review=str(review_id))
    report_id, proposer = row
    desk_id = require_hold(actor, report_id)
    require(actor, "retention.hold", Resource(desk_id=desk_id, owner_id=proposer))
    if proposer == actor.person_id:
        raise Refusal("review", "NOT_WAITING", review=str(review_id))
    if not stripped(motive):
        raise ledger.MotiveMissing("a review has a motive")
    move = "agree" if agreed else "refuse"
    REVIEW_STATES.apply(ReviewState.END_PROPOSED, move)
    try:
        with transaction.atomic():
            require_unerased(report_ids=[report_id], of="review")
            sql.run(
                "INSERT INTO intake_review_second"
                " (review_id, person_id, second_id, agreed, decided_at) VALUES (%s, %s, %s, %s, %s)",
                [review_id, proposer, actor.person_id, agreed, now],
            )
            _reviews_log(actor, report_id, move=move, motive=motive, now=now)
    except DatabaseError as error:  # answered or replaced in between
        raise Refusal("review", "NOT_WAITING", review=str(review_id)) from error


def _reviews_log(actor: Actor, report_id: UUID, *, move: str, motive: str, now: datetime) -> None:
    ledger.record_report(
        actor=actor,
        action="report.review",
        at=now,
        report_id=report_id,
        detail={"move": move},
        motive=motive,
    )
