"""Receive a batch of reports: keys, sealed bytes, rows, receipts and ledger in one transaction.

The caller acknowledges only after this returns outside any transaction: then everything is committed.
"""

import contextlib
from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from django.db import connection, transaction

from fanal.intake.domain import receipt
from fanal.intake.domain.records import (
    Acknowledgement,
    Arrival,
    Outcome,
    Submission,
)
from fanal.intake.domain.states import ReportState, Stage
from fanal.intake.operations.keys import KeyRaced, Known, known_keys, lock_keys, store_keys
from fanal.intake.operations.lifecycle import finish_report
from fanal.intake.operations.queue import wake_workers
from fanal.kernel.actors import Actor, Role
from fanal.kernel.failpoints import failpoint
from fanal.kernel.ids import new_id
from fanal.kernel.states import TransitionRefused
from fanal.ledger import operations as ledger
from fanal.vault import keyring, operations as vault

_REPORT_COLUMNS = (
    "id, desk_id, sender_id, arrival, format, reference, wire_id, state, received_at, changed_at,"
    " object_id, identity_id, size, urgent, is_test, slow_lane, language, correlation_id"
)


class _New(msgspec.Struct, frozen=True, kw_only=True):
    """A submission that is new, with the ids it was given."""

    index: int
    submission: Submission
    report_id: UUID
    object_id: UUID
    identity_id: UUID | None
    details_ids: tuple[UUID, ...]
    wire_id: int | None
    code: str


def receive_reports(
    *, actor: Actor, submissions: Sequence[Submission], now: datetime
) -> list[Acknowledgement]:
    """Seal and acknowledge `submissions`, in order; repeats and conflicts are told, not raised.

    A single submission whose key is being handled by another request answers IN_PROGRESS.

    Raises:
        PermissionError: the actor may not deposit for that sender.
        OSError: the vault could not write; nothing was acknowledged.
    """
    for submission in submissions:
        _may_deposit(actor, submission)
    while True:
        try:
            failpoint("receive.begin")
            with transaction.atomic():
                answers = _receive(actor, submissions, now)
                failpoint("receive.stored")
        except KeyRaced:
            # Another request committed one of the keys between our look and our insert: look again.
            continue
        failpoint("receive.committed")
        return answers


def _receive(
    actor: Actor, submissions: Sequence[Submission], now: datetime
) -> list[Acknowledgement]:
    if len(submissions) == 1 and not lock_keys(submissions[0]):
        return [Acknowledgement(outcome=Outcome.IN_PROGRESS)]
    known = known_keys(submissions)
    answers: list[Acknowledgement | None] = [None] * len(submissions)
    fresh: list[_New] = []
    for index, submission in enumerate(submissions):
        found = known.find(submission)
        if found is None:
            new = _allot(index, submission, now)
            known.add(submission, new.report_id)
            fresh.append(new)
        else:
            answers[index] = _repeat(submission, found)
    store_keys(known)
    if fresh:
        signed = _store(actor, fresh, now)
        for new in fresh:
            answers[new.index] = _acknowledge(new, signed[new.report_id])
    given = [a for a in answers if a is not None]
    _finish_repeats(actor, zip(submissions, given, strict=True), now)
    return _with_earlier_state(given)


def _finish_repeats(
    actor: Actor, answered: Iterable[tuple[Submission, Acknowledgement]], now: datetime
) -> None:
    """Finish what was left open and is now handed in again as finished: it must not expire."""
    ids = {
        answer.report_id
        for submission, answer in answered
        if answer.outcome is Outcome.REPEATED and submission.finish
    }
    if not ids:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM intake_report WHERE id = ANY(%s) AND state = 'OPEN' ORDER BY id",
            [list(ids)],
        )
        waiting = [row[0] for row in cursor.fetchall()]
    for report_id in waiting:
        with contextlib.suppress(TransitionRefused):  # another request was faster
            finish_report(actor=actor, report_id=report_id, now=now)


def _may_deposit(actor: Actor, submission: Submission) -> None:
    if actor.has(Role.SYSTEM):
        return
    if actor.has(Role.PUBLIC) and submission.arrival is Arrival.FORM:
        return
    if actor.partner_id is not None and actor.partner_id == submission.sender_id:
        return
    raise PermissionError("report.deposit")


def _allot(index: int, submission: Submission, now: datetime) -> _New:
    public = submission.arrival is Arrival.FORM
    return _New(
        index=index,
        submission=submission,
        report_id=new_id(now),
        object_id=new_id(now),
        identity_id=new_id(now) if submission.identity else None,
        details_ids=tuple(new_id(now) for _ in submission.details),
        wire_id=_next_wire_id() if submission.arrival is Arrival.WIRE else None,
        code=(submission.code or receipt.new_code()) if public else "",
    )


def _next_wire_id() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('intake_wire_id_seq')")
        return int(cursor.fetchone()[0])


def _store(actor: Actor, fresh: Sequence[_New], now: datetime) -> dict[UUID, str]:
    """Seal, insert and log the new reports; return the signed receipt of each."""
    _seal(fresh, now)
    failpoint("receive.sealed")
    signed = {
        new.report_id: keyring.current().sign_receipt(
            report_id=new.report_id, body=new.submission.body, received_at=now
        )
        for new in fresh
    }
    with connection.cursor() as cursor:
        with cursor.copy(f"COPY intake_report ({_REPORT_COLUMNS}) FROM STDIN") as copy:
            for new in fresh:
                copy.write_row(_report_row(new, now))
        with cursor.copy(
            "COPY intake_receipt (report_id, lookup_hash, public_key, signed) FROM STDIN"
        ) as copy:
            for new in fresh:
                public = receipt.public_part(new.code) if new.code else None
                copy.write_row(
                    (
                        new.report_id,
                        public.lookup_hash if public else None,
                        public.public_key if public else None,
                        signed[new.report_id],
                    )
                )
        wires = [n for n in fresh if n.wire_id is not None]
        if wires:
            cursor.executemany(
                "INSERT INTO intake_wire (wire_id, sender_id, report_id) VALUES (%s, %s, %s)",
                [(n.wire_id, n.submission.sender_id, n.report_id) for n in wires],
            )
    _describe(fresh)
    enqueue(
        [
            (n.report_id, n.submission)
            for n in fresh
            if n.submission.finish and not n.submission.is_test
        ]
    )
    ledger.record_batch(
        actor=actor,
        action="report.collect",
        at=now,
        kind="report",
        items=[(n.report_id, n.submission.body) for n in fresh],
        detail={"arrival": fresh[0].submission.arrival, "count": len(fresh)},
    )
    return signed


def enqueue(items: Sequence[tuple[UUID, Submission]]) -> None:
    """Put finished reports at the first stage and wake the workers at commit."""
    if not items:
        return
    with (
        connection.cursor() as cursor,
        cursor.copy("COPY intake_work (report_id, stage, urgent, slow_lane) FROM STDIN") as copy,
    ):
        for report_id, submission in items:
            copy.write_row((report_id, Stage.HARMONISE, submission.urgent, submission.slow_lane))
    wake_workers()


def _seal(fresh: Sequence[_New], now: datetime) -> None:
    items = [
        vault.Sealable(
            id=n.object_id, plaintext=n.submission.body, kind="report", owner_id=n.report_id
        )
        for n in fresh
    ]
    items += [
        vault.Sealable(
            id=n.identity_id, plaintext=n.submission.identity, kind="identity", owner_id=n.report_id
        )
        for n in fresh
        if n.identity_id is not None and n.submission.identity is not None
    ]
    items += [
        vault.Sealable(id=object_id, plaintext=document, kind="details", owner_id=n.report_id)
        for n in fresh
        for object_id, document in zip(n.details_ids, n.submission.details, strict=True)
    ]
    vault.seal_batch(items=items, now=now)


def _describe(fresh: Sequence[_New]) -> None:
    """Note the files that are known by their details only."""
    rows = [
        (n.report_id, object_id.hex, position, object_id)
        for n in fresh
        for position, object_id in enumerate(n.details_ids)
    ]
    if not rows:
        return
    with (
        connection.cursor() as cursor,
        cursor.copy(
            "COPY intake_upload (report_id, file_id, position, details_id) FROM STDIN"
        ) as copy,
    ):
        for row in rows:
            copy.write_row(row)


def _report_row(new: _New, now: datetime) -> tuple[object, ...]:
    s = new.submission
    return (
        new.report_id,
        s.desk_id,
        s.sender_id,
        s.arrival,
        s.format,
        _reference(new),
        new.wire_id,
        ReportState.FINISHED if s.finish else ReportState.OPEN,
        now,
        now,
        new.object_id,
        new.identity_id,
        len(s.body),
        s.urgent,
        s.is_test,
        s.slow_lane,
        s.language,
        s.correlation_id,
    )


def _reference(new: _New) -> str:
    """Return the sender's reference; what has none of its own is known by its wire number or id."""
    if new.submission.reference:
        return new.submission.reference
    return str(new.wire_id) if new.wire_id is not None else str(new.report_id)


def _acknowledge(new: _New, signed: str) -> Acknowledgement:
    return Acknowledgement(
        outcome=Outcome.CREATED,
        report_id=new.report_id,
        reference=_reference(new),
        state=ReportState.FINISHED if new.submission.finish else ReportState.OPEN,
        wire_id=new.wire_id,
        receipt=signed,
        code=new.code,
    )


def _repeat(submission: Submission, found: Known) -> Acknowledgement:
    return Acknowledgement(
        outcome=Outcome.REPEATED if found.same_body else Outcome.CONFLICT,
        report_id=found.report_id,
        reference=submission.reference,
    )


def _with_earlier_state(answers: list[Acknowledgement]) -> list[Acknowledgement]:
    """Fill in state and receipt of repeats: both are what they were for the first delivery."""
    repeats = [a.report_id for a in answers if a.outcome is Outcome.REPEATED]
    if not repeats:
        return answers
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT r.id, r.state, r.reference, r.wire_id, c.signed FROM intake_report r"
            " JOIN intake_receipt c ON c.report_id = r.id WHERE r.id = ANY(%s)",
            [repeats],
        )
        rows = {row[0]: row for row in cursor.fetchall()}
    return [
        msgspec.structs.replace(
            a,
            state=ReportState(rows[a.report_id][1]),
            reference=rows[a.report_id][2],
            wire_id=rows[a.report_id][3],
            receipt=rows[a.report_id][4],
        )
        if a.outcome is Outcome.REPEATED and a.report_id in rows
        else a
        for a in answers
    ]
