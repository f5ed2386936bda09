"""Envelopes of reports within the actor's reach, by id, key, reference or number."""

from collections.abc import Sequence
from uuid import UUID

import msgspec
from django.db import connection

from fanal.accounts.domain.policy import reach
from fanal.intake.domain.keys import key_digest
from fanal.intake.domain.records import KeyKind, ReportFacts
from fanal.intake.queries.statuses import get_statuses, read_facts, sender_of
from fanal.kernel.actors import Actor

_FACTS = (
    "SELECT r.id, r.desk_id, r.sender_id, r.arrival, r.format, r.reference, r.wire_id, r.state,"
    " r.received_at, r.changed_at, r.urgent, r.is_test, r.language, r.size, r.correlation_id,"
    " w.stage, w.quarantined_at, r.identity_id"
    " FROM intake_report r LEFT JOIN intake_work w ON w.report_id = r.id"
)


def get_reports(*, actor: Actor, report_ids: Sequence[UUID]) -> dict[UUID, ReportFacts]:
    """Return the envelopes of `report_ids` that the actor may reach: by desk, or as their sender."""
    bounds = reach(actor, "report.read")
    if not (bounds.everywhere or bounds.desk_ids):
        own = get_statuses(sender_id=sender_of(actor), report_ids=report_ids)
        return {report_id: status.facts for report_id, status in own.items()}
    with connection.cursor() as cursor:
        cursor.execute(f"{_FACTS} WHERE r.id = ANY(%s)", [list(report_ids)])
        facts = [_facts(row) for row in cursor.fetchall()]
    return {f.report_id: f for f in facts if bounds.everywhere or f.desk_id in bounds.desk_ids}


def get_by_wire_id(*, actor: Actor, wire_id: int) -> ReportFacts | None:
    """Return the actor's own wire report of that number; another sender's does not exist for it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT report_id FROM intake_wire WHERE wire_id = %s AND sender_id = %s",
            [wire_id, actor.partner_id],
        )
        row = cursor.fetchone()
    return None if row is None else get_reports(actor=actor, report_ids=[row[0]]).get(row[0])


def get_by_key(*, actor: Actor, kind: KeyKind, key: str) -> ReportFacts | None:
    """Return what became of a key of the actor's own, for the report's life."""
    if actor.partner_id is None:
        return None
    report_id = find_key(sender_id=actor.partner_id, kind=kind, key=key)
    return (
        None
        if report_id is None
        else get_reports(actor=actor, report_ids=[report_id]).get(report_id)
    )


def find_key(*, sender_id: UUID, kind: KeyKind, key: str) -> UUID | None:
    """Return the report that a sender's key belongs to; a test report only where no live one has it."""
    digests = [
        key_digest(sender_id=sender_id, kind=kind, key=key, is_test=is_test)
        for is_test in (False, True)
    ]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT digest, report_id FROM intake_key"
            " WHERE sender_id = %s AND kind = %s AND digest = ANY(%s)",
            [sender_id, kind, digests],
        )
        found = {bytes(digest): report_id for digest, report_id in cursor.fetchall()}
    return next((found[digest] for digest in digests if digest in found), None)


def find_references(*, actor: Actor, reference: str, sender_id: UUID | None = None) -> list[UUID]:
    """Return the reports that carry a sender's reference, one for each sender that used it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT sender_id FROM intake_key WHERE kind = 'REFERENCE'"
            if sender_id is None
            else "SELECT %s::uuid",
            None if sender_id is None else [sender_id],
        )
        senders = [row[0] for row in cursor.fetchall()]
    found = (
        find_key(sender_id=sender, kind=KeyKind.REFERENCE, key=reference) for sender in senders
    )
    ids = [report_id for report_id in found if report_id is not None]
    return list(get_reports(actor=actor, report_ids=ids))


def find_wire_number(*, actor: Actor, wire_id: int) -> UUID | None:
    """Return the report of a wire number, whoever sent it (for the desk and commands)."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT report_id FROM intake_wire WHERE wire_id = %s", [wire_id])
        row = cursor.fetchone()
    return None if row is None else next(iter(get_reports(actor=actor, report_ids=[row[0]])), None)


def list_reports(*, actor: Actor, after: UUID | None, limit: int) -> list[ReportFacts]:
    """Return a page of acknowledged reports of the actor's desks in the order received, after `after`."""
    bounds = reach(actor, "report.read")
    with connection.cursor() as cursor:
        cursor.execute(
            f"{_FACTS} WHERE r.id > %s AND (%s OR r.desk_id = ANY(%s)) ORDER BY r.id LIMIT %s",
            [after or UUID(int=0), bounds.everywhere, list(bounds.desk_ids), limit],
        )
        return [_facts(row) for row in cursor.fetchall()]


def _facts(row: tuple) -> ReportFacts:  # type: ignore[type-arg]
    return msgspec.structs.replace(read_facts(row), identity_id=row[17])
