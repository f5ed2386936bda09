"""Reception of a batch of reports: idempotency keys, rows, receipts and ledger entry in one transaction.

The vault has written the encrypted bytes to disk before the transaction commits; after a rollback they
remain there without a row. The caller acknowledges only after `receive_reports` has returned outside any
transaction: then everything is committed.
"""

import contextlib
import hashlib
from collections.abc import Container, Iterable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from django.db import transaction

from fanal.accounts.domain import policy
from fanal.accounts.domain.policy import Resource
from fanal.accounts.operations.desks import require_open_desk
from fanal.db import sql
from fanal.intake.domain import receipt
from fanal.intake.domain.records import (
    ENTERED,
    Acknowledgement,
    Arrival,
    Outcome,
    ReportState,
    Submission,
)
from fanal.intake.operations import keys
from fanal.intake.operations.files import Addition, complete_reports, store_attached
from fanal.intake.operations.keys import (
    KeyRaced,
    Known,
    New,
    known_keys,
    lock_keys,
    reference_of,
    store_keys,
)
from fanal.intake.operations.lifecycle import finish_report
from fanal.intake.queries.envelopes import Status, get_statuses, sender_of
from fanal.kernel.actors import Actor
from fanal.kernel.failpoints import failpoint
from fanal.kernel.ids import new_id
from fanal.kernel.states import TransitionRefused
from fanal.ledger import operations as ledger
from fanal.vault import keyring
from fanal.vault.domain.records import Sealable
from fanal.vault.operations.sealing import seal_batch

# Proof-of-work challenges, each usable once.


def spend_challenge(*, actor: Actor, challenge: str, expires_at: datetime) -> bool:
    """Mark a proof-of-work challenge as used until `expires_at`; return False if it was used already.

    The public form sets such a challenge against floods of reports; `challenge` is its text.
    """
    del actor  # anybody may deposit
    digest = hashlib.sha256(challenge.encode()).digest()
    found = sql.run(
        "INSERT INTO intake_spent_challenge (digest, expires_at) VALUES (%s, %s)"
        " ON CONFLICT DO NOTHING",
        [digest, expires_at],
    )
    return bool(found)


# Refusals to a sender's programs, counted by hour, step and code.

_KEPT = timedelta(days=400)


def count_refusal(*, sender_id: UUID, step: str, code: str, now: datetime) -> None:
    """Add one to the count of refusals to a sender's program in the hour of `now` (UTC).

    `step` is the refused call (`submit`), `code` the reason; each at most 40 characters.
    """
    sql.run("SELECT intake_count_refusal(%s, %s, %s, %s)", [sender_id, now, step, code])


def forget_refusals(*, now: datetime) -> int:
    """Delete counts of refusals older than 400 days; return how many; called by the worker's schedule."""
    return sql.run("DELETE FROM intake_refusal WHERE hour < %s", [now - _KEPT])


def receive_reports(
    *, actor: Actor, submissions: Sequence[Submission], now: datetime
) -> list[Acknowledgement]:
    """Receive, encrypt (seal) and acknowledge `submissions`; return one answer for each, in order.

    Repeats and conflicts are reported as outcomes, not raised. A single submission whose idempotency key is
    being handled by another request is answered with IN_PROGRESS. If an exception is raised, nothing is
    stored.

    Raises:
        Refused: the actor may not deposit for that sender.
        Refusal: CLOSED: the desk at which a report is entered has closed.
        OSError: the vault could not write, or the node's certificate for receipts has expired.
        Exception: any exception raised by an enclosed file's stream.
    """
    for submission in submissions:
        _require_deposit(actor, submission)
    while True:
        try:
            failpoint("receive.begin")
            with transaction.atomic():
                for desk_id in sorted({s.desk_id for s in submissions if s.arrival in ENTERED}):
                    require_open_desk(desk_id=desk_id)
                answers = _receive(actor, submissions, now)
                failpoint("receive.stored")
        except KeyRaced:
            # Another request committed one of the keys between the look-up and the insert: try again.
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
    fresh: list[New] = []
    additions: dict[int, Addition] = {}
    for index, submission in enumerate(submissions):
        found = known.find(submission)
        if found is None:
            new = _allot(index, submission, now)
            known.add(submission, new.report_id)
            fresh.append(new)
        else:
            answers[index] = _repeat(submission, found)
            if found.more:
                additions[index] = Addition(report_id=found.report_id, submission=submission)
    store_keys(known)
    if fresh:
        signed = _store(actor, fresh, now)
        for new in fresh:
            answers[new.index] = _acknowledge(new, signed[new.report_id])
    given = [a for a in answers if a is not None]
    if additions:
        taken = complete_reports(actor=actor, additions=list(additions.values()), now=now)
        given = [_completed(a, taken) if i in additions else a for i, a in enumerate(given)]
    _finish_repeats(actor, zip(submissions, given, strict=True), now)
    return _with_earlier_state(submissions, given)


def _completed(answer: Acknowledgement, taken: Container[UUID | None]) -> Acknowledgement:
    added = answer.report_id in taken
    return msgspec.structs.replace(answer, added=added, left_out=not added)


def _finish_repeats(
    actor: Actor, answered: Iterable[tuple[Submission, Acknowledgement]], now: datetime
) -> None:
    """Finish open reports whose sender submits them again with `finish`: otherwise they could expire.

    `answered`: pairs of submission and answer; those that are no repeats are ignored.
    """
    ids = {
        answer.report_id
        for submission, answer in answered
        if answer.outcome is Outcome.REPEATED and submission.finish and answer.report_id
    }
    if not ids:
        return
    found = get_statuses(sender_id=sender_of(actor=actor), report_ids=list(ids))
    waiting = sorted(i for i, status in found.items() if status.facts.state is ReportState.OPEN)
    for report_id in waiting:
        with contextlib.suppress(TransitionRefused):  # another request was faster
            finish_report(actor=actor, report_id=report_id, now=now)


def _require_deposit(actor: Actor, submission: Submission) -> None:
    if submission.arrival in ENTERED:
        policy.require(actor, "report.enter", Resource(desk_id=submission.desk_id))
        return
    public = submission.arrival is Arrival.FORM
    policy.require(
        actor, "report.deposit", Resource(partner_id=None if public else submission.sender_id)
    )


def _allot(index: int, submission: Submission, now: datetime) -> New:
    told = submission.arrival in {Arrival.FORM, *ENTERED}
    return New(
        index=index,
        submission=submission,
        report_id=new_id(now),
        object_id=new_id(now),
        identity_id=new_id(now) if submission.identity else None,
        details_ids=tuple(new_id(now) for _ in submission.details),
        wire_id=_next_wire_id() if submission.arrival is Arrival.WIRE else None,
        code=(submission.code or receipt.new_code()) if told else "",
    )


def _next_wire_id() -> int:
    return int(sql.one("SELECT nextval('intake_wire_id_seq')")[0])


def _store(actor: Actor, fresh: Sequence[New], now: datetime) -> dict[UUID, str]:
    """Encrypt, insert and queue the new reports (`fresh`), and record them in the ledger.

    Returns the signed receipts by report id.
    """
    _seal(fresh, now)
    failpoint("receive.sealed")
    signed = {
        new.report_id: keyring.current().sign_receipt(
            report_id=new.report_id, body=new.submission.body, received_at=now
        )
        for new in fresh
    }
    keys.insert_reports(fresh, now)
    keys.insert_receipts(fresh, signed)
    keys.insert_wires(fresh)
    keys.insert_details({new.report_id: new.details_ids for new in fresh})
    store_attached(fresh, now)
    keys.enqueue(
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


def _seal(fresh: Sequence[New], now: datetime) -> None:
    items = [
        Sealable(id=n.object_id, plaintext=n.submission.body, kind="report", owner_id=n.report_id)
        for n in fresh
    ]
    items += [
        Sealable(
            id=n.identity_id, plaintext=n.submission.identity, kind="identity", owner_id=n.report_id
        )
        for n in fresh
        if n.identity_id is not None and n.submission.identity is not None
    ]
    items += [
        Sealable(id=object_id, plaintext=document, kind="details", owner_id=n.report_id)
        for n in fresh
        for object_id, document in zip(n.details_ids, n.submission.details, strict=True)
    ]
    seal_batch(items=items, now=now)


def _acknowledge(new: New, signed: str) -> Acknowledgement:
    return Acknowledgement(
        outcome=Outcome.CREATED,
        report_id=new.report_id,
        reference=reference_of(new),
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


def _with_earlier_state(
    submissions: Sequence[Submission], answers: list[Acknowledgement]
) -> list[Acknowledgement]:
    """Return `answers`, in which each answer to a repeat has its report's state and original receipt.

    `submissions` are the submissions answered, in the same order.
    """
    repeats: dict[UUID, list[UUID]] = {}
    for submission, answer in zip(submissions, answers, strict=True):
        if answer.outcome is Outcome.REPEATED and answer.report_id is not None:
            repeats.setdefault(submission.sender_id, []).append(answer.report_id)
    found: dict[UUID, Status] = {}
    for sender_id, report_ids in repeats.items():
        found |= get_statuses(sender_id=sender_id, report_ids=report_ids)
    return [
        _as_before(a, found[a.report_id])
        if a.outcome is Outcome.REPEATED and a.report_id in found
        else a
        for a in answers
    ]


def _as_before(answer: Acknowledgement, status: Status) -> Acknowledgement:
    return msgspec.structs.replace(
        answer,
        state=status.facts.state,
        reference=status.facts.reference,
        wire_id=status.facts.wire_id,
        receipt=status.receipt,
    )
