"""Finish, retract and expire reports: transitions applied only if the state is still the expected one."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from fanal.accounts.domain.policy import Reason, Refused, require
from fanal.db import sql
from fanal.intake.domain.records import IDLE_LIFE, OPENING_LIFE, REPORT_STATES, ReportState
from fanal.intake.queries.envelopes import sender_of
from fanal.kernel.actors import Actor
from fanal.kernel.failpoints import failpoint
from fanal.kernel.states import TransitionRefused
from fanal.ledger import operations as ledger


def finish_report(*, actor: Actor, report_id: UUID, now: datetime) -> ReportState:
    """Finish an open report of the actor's own and queue it for the first stage; return the new state.

    Raises:
        TransitionRefused: the report is not open.
        Refused: it is another sender's report.
    """
    with transaction.atomic():
        _move(actor=actor, report_id=report_id, name="finish", now=now)
        _enqueue_stored(report_id, sender_of(actor=actor))
        ledger.record_report(actor=actor, action="report.finish", at=now, report_id=report_id)
        failpoint("finish.moved")
    failpoint("finish.committed")
    return ReportState.FINISHED


def retract_report(*, actor: Actor, report_id: UUID, now: datetime) -> ReportState:
    """Retract a report of the actor's own; its sealed bytes stay until the end of retention.

    Pending processing is cancelled, unless the report is urgent: then a person reviews it all the same.

    Raises:
        TransitionRefused: already retracted or expired.
        Refused: it is another sender's report.
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
    """Expire the overdue unfinished reports of the NCMEC-compatible API; return their ids.

    The partner API promises that an open report stays open until it is finished: those never expire. An
    expired report stays sealed until the end of retention; an urgent one goes to a person all the same.

    Raises:
        Refused: the actor may not run the stages.
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
    """Apply the transition `name`; return the state before it and whether the report is urgent.

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
