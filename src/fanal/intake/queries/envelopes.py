"""Envelopes of reports within the actor's reach: by id, idempotency key, reference or number.

The holder of a report's receipt code sees its status and the conversation with the reporter.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import msgspec
from msgspec import Struct

from fanal.accounts.domain.policy import reach
from fanal.db import numbering, sql
from fanal.db.sql import uuid_array
from fanal.intake.domain.keys import key_digest
from fanal.intake.domain.number import desk_number, ids_of_number, is_number_of
from fanal.intake.domain.records import (
    Arrival,
    Followed,
    FollowedMessage,
    Format,
    KeyKind,
    ReportFacts,
    ReportState,
    Stage,
)
from fanal.kernel.actors import Actor
from fanal.kernel.numbers import Numbered, read_number, written_number

# Statuses of a sender's own reports: by database functions, so that a public node needs no right on tables.

_NOBODY = UUID(int=(1 << 128) - 1)  # zero is the public's
_COLUMNS = (
    "id, desk_id, sender_id, arrival, format, reference, wire_id, state, received_at, changed_at,"
    " urgent, is_test, language, size, correlation_id, stage, quarantined_at, signed"
)


class Status(Struct, frozen=True, kw_only=True):
    """The state of a report as shown to its sender: envelope (`facts`), signed receipt ("" without one)."""

    facts: ReportFacts
    receipt: str


def sender_of(*, actor: Actor) -> UUID | None:
    """Return the sender whose reports the actor may query and change; None (the system) means all senders.

    For an actor who is no sender, return an id under which no report was sent.
    """
    bounds = reach(actor, "report.status")
    return None if bounds.everywhere else bounds.partner_id or _NOBODY


def get_statuses(*, sender_id: UUID | None, report_ids: Sequence[UUID]) -> dict[UUID, Status]:
    """Return envelope and receipt of those of `report_ids` that `sender_id` sent, by report id.

    None as sender means all senders. Other ids have no key.
    """
    if sender_id == _NOBODY:
        return {}
    found = sql.rows(
        f"SELECT {_COLUMNS} FROM intake_statuses(%s, %s)",  # noqa: S608 - constants
        [list(report_ids), sender_id],
    )
    return {row[0]: Status(facts=read_facts(row), receipt=row[17] or "") for row in found}


def read_facts(row: tuple) -> ReportFacts:  # type: ignore[type-arg]
    """Build the envelope from the first 17 columns of a row, in the order of `_COLUMNS`."""
    (
        report_id, desk_id, sender_id, arrival, format_, reference, wire_id, state, received_at,
        changed_at, urgent, is_test, language, size, correlation_id, stage, quarantined_at,
    ) = row[:17]  # fmt: skip
    return ReportFacts(
        report_id=report_id,
        desk_id=desk_id,
        sender_id=sender_id,
        arrival=Arrival(arrival),
        format=Format(format_),
        reference=reference,
        wire_id=wire_id,
        state=ReportState(state),
        received_at=received_at,
        changed_at=changed_at,
        urgent=urgent,
        is_test=is_test,
        language=language,
        size=size,
        correlation_id=correlation_id,
        stage=None if stage is None else Stage(stage),
        quarantined_at=quarantined_at,
    )


_FACTS = (
    "SELECT r.id, r.desk_id, r.sender_id, r.arrival, r.format, r.reference, r.wire_id, r.state,"
    " r.received_at, r.changed_at, r.urgent, r.is_test, r.language, r.size, r.correlation_id,"
    " w.stage, w.quarantined_at, r.identity_id, r.erased_at, n.year, n.number"
    " FROM intake_report r LEFT JOIN intake_work w ON w.report_id = r.id"
    " LEFT JOIN intake_number n ON n.report_id = r.id"
)

# Loose index scan: one step of the primary key for each sender, however many keys it has.
_SENDERS = """
WITH RECURSIVE sender AS (
    (SELECT sender_id FROM intake_key ORDER BY sender_id LIMIT 1)
    UNION ALL
    SELECT (SELECT k.sender_id FROM intake_key k WHERE k.sender_id > sender.sender_id
            ORDER BY k.sender_id LIMIT 1)
    FROM sender WHERE sender.sender_id IS NOT NULL
)
SELECT sender_id FROM sender WHERE sender_id IS NOT NULL
"""
_BY_DIGEST = """
SELECT k.sender_id, k.digest, k.report_id
FROM intake_known(%s::uuid[], %s::text[], %s::bytea[]) k
"""


def get_reports(*, actor: Actor, report_ids: Sequence[UUID]) -> dict[UUID, ReportFacts]:
    """Return, by report id, the envelopes of the reports that the actor may reach, by desk or as sender.

    Other ids have no key.
    """
    bounds = reach(actor, "report.read")
    if not (bounds.everywhere or bounds.desk_ids):
        own = get_statuses(sender_id=sender_of(actor=actor), report_ids=report_ids)
        return {report_id: status.facts for report_id, status in own.items()}
    facts = [
        _facts(row)
        for row in sql.rows(f"{_FACTS} WHERE r.id = ANY(%s::uuid[])", [uuid_array(report_ids)])
    ]
    return {f.report_id: f for f in facts if bounds.everywhere or f.desk_id in bounds.desk_ids}


def get_by_wire_id(*, actor: Actor, wire_id: int) -> ReportFacts | None:
    """Return the actor's own report with that number on the NCMEC-compatible API (wire), or None."""
    if actor.partner_id is None:
        return None
    (report_id,) = sql.one("SELECT intake_by_wire(%s, %s)", [wire_id, actor.partner_id])
    return (
        None
        if report_id is None
        else get_reports(actor=actor, report_ids=[report_id]).get(report_id)
    )


def get_by_key(*, actor: Actor, kind: KeyKind, key: str) -> ReportFacts | None:
    """Return the report received under an idempotency key of the actor; None if unknown or no partner.

    `kind` says whether `key` is the key of a request, the sender's reference or the public form's draft id.
    """
    if actor.partner_id is None:
        return None
    report_id = find_key(sender_id=actor.partner_id, kind=kind, key=key)
    return (
        None
        if report_id is None
        else get_reports(actor=actor, report_ids=[report_id]).get(report_id)
    )


def find_key(*, sender_id: UUID, kind: KeyKind, key: str) -> UUID | None:
    """Return the id of the report received under an idempotency key of a sender, or None.

    A live report takes precedence over a test report. `kind` says whether `key` is the key of a request, the
    sender's reference or the public form's draft id.
    """
    digests = [
        key_digest(sender_id=sender_id, kind=kind, key=key, is_test=is_test, earlier=earlier)
        for is_test in (False, True)
        for earlier in (False, True)
    ]
    given = sql.rows(
        "SELECT digest, report_id FROM intake_known(%s, %s, %s)",
        [[sender_id] * len(digests), [str(kind)] * len(digests), digests],
    )
    found = {bytes(digest): report_id for digest, report_id in given}
    return next((found[digest] for digest in digests if digest in found), None)


def find_references(*, actor: Actor, reference: str, sender_id: UUID | None = None) -> list[UUID]:
    """Return the ids of the reports with a sender's reference, at most one for each sender that used it, in
    no order.

    A partner searches its own reports only; the desk searches those of `sender_id`, or (None) every
    sender's. A live report takes precedence over a test with the same reference.
    """
    bounds = reach(actor, "report.read")
    if not (bounds.everywhere or bounds.desk_ids):
        sender_id = sender_of(actor=actor)
    senders = _senders() if sender_id is None else [sender_id]
    # A live report takes precedence over a test report with the same reference.
    wanted = [
        (
            sender,
            key_digest(
                sender_id=sender,
                kind=KeyKind.REFERENCE,
                key=reference,
                is_test=is_test,
                earlier=earlier,
            ),
        )
        for sender in senders
        for is_test in (False, True)
        for earlier in (False, True)
    ]
    kinds = [KeyKind.REFERENCE.value] * len(wanted)
    found = {
        (row[0], bytes(row[1])): row[2]
        for row in sql.rows(_BY_DIGEST, [[s for s, _ in wanted], kinds, [d for _, d in wanted]])
    }
    first: dict[UUID, UUID] = {}
    for key in wanted:
        if key in found:
            first.setdefault(key[0], found[key])
    return list(get_reports(actor=actor, report_ids=list(first.values())))


def _senders() -> list[UUID]:
    return [row[0] for row in sql.rows(_SENDERS)]


def numbers_of(*, report_ids: Collection[UUID]) -> dict[UUID, str]:
    """Return by report id the numbers (`R-2026-0042`) of those reports that the session may see.

    Other ids have no key.
    """
    return numbering.numbers_of(numbering.REPORTS, report_ids)


def report_number(*, report_id: UUID) -> str:
    """Return a report's number; the earlier desk number where the session may not see the report."""
    return numbers_of(report_ids=[report_id]).get(report_id) or desk_number(report_id)


def find_desk_number(*, actor: Actor, number: str) -> list[UUID]:
    """Return the ids of the reports that a number such as `R-2026-0042` denotes and that the actor may
    reach.

    The earlier desk number (`7KM-3QP-9XD`) is found too; two reports rarely share one. The result is in no
    particular order, and empty if the text is no number.
    """
    if given := numbering.ids_of_number(numbering.REPORTS, number):
        return list(get_reports(actor=actor, report_ids=given))
    bounds = ids_of_number(number)
    if bounds is None:
        return []
    found = sql.rows(
        "SELECT id FROM intake_report WHERE id >= %s AND id < %s ORDER BY id", list(bounds)
    )
    near = [report_id for (report_id,) in found]
    named = [i for i in near if is_number_of(number, i)]
    return list(get_reports(actor=actor, report_ids=named))


class Named(NamedTuple):
    """Reports that a typed text names.

    `both`: the text is the number of a report, and a sender's reference of another.
    """

    report_ids: list[UUID]
    both: bool


def find_named(*, actor: Actor, text: str) -> Named:
    """Return the reports that a text names, as a number or as a sender's reference, and that the actor may
    reach.

    A sender may choose any text as its reference, also one that is the number of a report. A complete
    number (`R-2026-0042`, or the earlier `7KM-3QP-9XD`) therefore names only the report with that number.
    If the actor may not reach that report, or it does not exist yet, the new form names none and the
    earlier form may name a reference. A number without its letter (`42/2026`) names the report with that
    number and those with that reference.
    """
    numbered = find_desk_number(actor=actor, number=text)
    referenced = find_references(actor=actor, reference=text)
    both = bool(numbered) and not set(referenced) <= set(numbered)
    typed = read_number(text)
    whole = typed is not None and typed.kind is Numbered.REPORT
    if whole or (numbered and (typed is None or typed.is_whole)):
        return Named(numbered, both)
    return Named(list(dict.fromkeys((*numbered, *referenced))), both)


def find_wire_number(*, actor: Actor, wire_id: int) -> UUID | None:
    """Return the id of the report with this number on the NCMEC-compatible API, of any sender.

    None if there is none within the actor's reach.
    """
    row = sql.row("SELECT report_id FROM intake_wire WHERE wire_id = %s", [wire_id])
    return None if row is None else next(iter(get_reports(actor=actor, report_ids=[row[0]])), None)


def list_reports(*, actor: Actor, after: UUID | None, limit: int) -> list[ReportFacts]:
    """Return a page of the reports of the actor's desks in order of receipt; ids greater than `after`.

    At most `limit`; `after` is the last id of the previous page, None for the first page.
    """
    bounds = reach(actor, "report.read")
    found = sql.rows(
        f"{_FACTS} WHERE r.id > %s AND (%s OR r.desk_id = ANY(%s)) ORDER BY r.id LIMIT %s",
        [after or UUID(int=0), bounds.everywhere, list(bounds.desk_ids), limit],
    )
    return [_facts(row) for row in found]


def _facts(row: tuple) -> ReportFacts:  # type: ignore[type-arg]
    facts = read_facts(row)
    identity_id, erased_at, year, number = row[17:]
    given = "" if number is None else written_number(Numbered.REPORT, year, number)
    return msgspec.structs.replace(
        facts, identity_id=identity_id, erased_at=erased_at, number=given
    )


def follow(*, actor: Actor, lookup_hash: bytes) -> Followed | None:
    """Return status and messages of the report whose receipt code has this look-up hash; None if unknown.

    The hash is that of `receipt.lookup_hash`.
    """
    del actor  # the code is the only authorisation
    row = sql.row(
        "SELECT id, state, received_at, in_progress, signed, voice_digest FROM intake_follow(%s)",
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
        voice_digest=bytes(row[5] or b""),
        messages=messages,
    )


def list_messages(*, actor: Actor, report_id: UUID) -> tuple[FollowedMessage, ...]:
    """Return the conversation with a report's reporter, oldest first; empty if the report is out of reach."""
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
