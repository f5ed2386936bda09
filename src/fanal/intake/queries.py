"""The reading door of intake: envelopes, statuses, and opened bytes for those who hold the key."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import connection

from fanal.accounts.domain.policy import reach, require
from fanal.intake.domain.keys import key_digest
from fanal.intake.domain.records import (
    Arrival,
    Followed,
    FollowedMessage,
    Format,
    KeyKind,
    OpenedSubmission,
    ReportFacts,
    UploadFacts,
)
from fanal.intake.domain.states import ReportState, Stage
from fanal.kernel.actors import Actor, Role
from fanal.kernel.figures import Counted
from fanal.kernel.ids import id_bounds, lowest_id
from fanal.vault import operations as vault

_FACTS = (
    "SELECT r.id, r.desk_id, r.sender_id, r.arrival, r.format, r.reference, r.wire_id, r.state,"
    " r.received_at, r.changed_at, r.urgent, r.is_test, r.language, r.size, r.correlation_id,"
    " r.identity_id, w.stage, w.quarantined_at"
    " FROM intake_report r LEFT JOIN intake_work w ON w.report_id = r.id"
)


def get_reports(*, actor: Actor, report_ids: Sequence[UUID]) -> dict[UUID, ReportFacts]:
    """Return the envelopes of `report_ids` that the actor may reach."""
    with connection.cursor() as cursor:
        cursor.execute(f"{_FACTS} WHERE r.id = ANY(%s)", [list(report_ids)])
        facts = [_facts(row) for row in cursor.fetchall()]
    return {f.report_id: f for f in facts if _may_reach(actor, f)}


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
    """Return a page of acknowledged reports in the order received, after `after`."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"{_FACTS} WHERE r.id > %s AND (%s OR r.sender_id = %s"
            " OR (%s::uuid IS NULL AND r.desk_id = ANY(%s))) ORDER BY r.id LIMIT %s",
            [
                after or UUID(int=0), actor.has(Role.SYSTEM), actor.partner_id, actor.partner_id,
                list(actor.desk_ids), limit,
            ],
        )  # fmt: skip
        return [_facts(row) for row in cursor.fetchall()]


def get_receipts(*, actor: Actor, report_ids: Sequence[UUID]) -> dict[UUID, str]:
    """Return the signed receipts of reports that the actor may reach."""
    reachable = list(get_reports(actor=actor, report_ids=report_ids))
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT report_id, signed FROM intake_receipt WHERE report_id = ANY(%s)", [reachable]
        )
        return dict(cursor.fetchall())


def list_uploads(*, actor: Actor, report_ids: Sequence[UUID]) -> dict[UUID, list[UploadFacts]]:
    """Return the uploaded files of reports that the actor may reach, in the order of upload."""
    reachable = list(get_reports(actor=actor, report_ids=report_ids))
    uploads: dict[UUID, list[UploadFacts]] = {}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT report_id, file_id, object_id, name, size, md5, sha1, sha256, details_id"
            " FROM intake_upload WHERE report_id = ANY(%s) ORDER BY report_id, position, file_id",
            [reachable],
        )
        for report_id, file_id, object_id, name, size, md5, sha1, sha256, details in cursor:
            uploads.setdefault(report_id, []).append(
                UploadFacts(
                    file_id=file_id,
                    object_id=object_id,
                    name=name,
                    size=size,
                    md5=md5,
                    sha1=sha1,
                    sha256=sha256,
                    details_id=details,
                )
            )
    return uploads


def list_file_ids(*, actor: Actor, report_id: UUID) -> list[str]:
    """Return the ids of a report's files in the order of upload: all that a public node may read."""
    if report_id not in get_reports(actor=actor, report_ids=[report_id]):
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT file_id FROM intake_upload WHERE report_id = %s ORDER BY position, file_id",
            [report_id],
        )
        return [row[0] for row in cursor.fetchall()]


def open_submissions(
    *, actor: Actor, report_ids: Sequence[UUID], now: datetime
) -> dict[UUID, OpenedSubmission]:
    """Open the sealed bytes of reports, with the details documents of their files.

    Raises:
        PermissionError: only the system, or a person through a journaled act, may open.
    """
    if not actor.has(Role.SYSTEM):
        raise PermissionError("report.open")
    facts = get_reports(actor=actor, report_ids=report_ids)
    uploads = list_uploads(actor=actor, report_ids=list(facts))
    with connection.cursor() as cursor:
        cursor.execute("SELECT id, object_id FROM intake_report WHERE id = ANY(%s)", [list(facts)])
        objects = dict(cursor.fetchall())
    details = [u.details_id for files in uploads.values() for u in files if u.details_id]
    opened = vault.open_batch(
        actor=actor, object_ids=[*objects.values(), *details], now=now, purpose="harmonise"
    )
    return {
        report_id: OpenedSubmission(
            report_id=report_id,
            format=fact.format,
            body=opened[objects[report_id]],
            received_at=fact.received_at,
            files=tuple(
                (u, opened[u.details_id] if u.details_id else None)
                for u in uploads.get(report_id, [])
            ),
        )
        for report_id, fact in facts.items()
    }


def follow(*, actor: Actor, lookup_hash: bytes) -> Followed | None:
    """Return what the holder of a receipt code may know; None when no report has it."""
    del actor  # whoever holds the code may follow
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT r.id, r.state, r.received_at, w.report_id IS NOT NULL, c.signed"
            " FROM intake_receipt c JOIN intake_report r ON r.id = c.report_id"
            " LEFT JOIN intake_work w ON w.report_id = r.id WHERE c.lookup_hash = %s",
            [lookup_hash],
        )
        row = cursor.fetchone()
    if row is None:
        return None
    return Followed(
        report_id=row[0],
        state=ReportState(row[1]),
        received_at=row[2],
        in_progress=row[3],
        signed=row[4],
        messages=_messages(row[0]),
    )


def list_messages(*, actor: Actor, report_id: UUID) -> tuple[FollowedMessage, ...]:
    """Return the conversation with the reporter of a report of the actor's desks, oldest first."""
    reachable = get_reports(actor=actor, report_ids=[report_id])
    return _messages(report_id) if report_id in reachable else ()


def is_reachable(*, actor: Actor, report_id: UUID) -> bool:
    """Return whether the reporter can be asked: they hold a receipt code."""
    del actor
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT public_key IS NOT NULL FROM intake_receipt WHERE report_id = %s", [report_id]
        )
        row = cursor.fetchone()
    return row is not None and bool(row[0])


def _messages(report_id: UUID) -> tuple[FollowedMessage, ...]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, from_desk, created_at, object_id, author_id, for_reporter"
            " FROM intake_message WHERE report_id = %s ORDER BY id",
            [report_id],
        )
        return tuple(
            FollowedMessage(
                message_id=row[0],
                from_desk=row[1],
                created_at=row[2],
                object_id=row[3],
                author_id=row[4],
                for_reporter=None if row[5] is None else bytes(row[5]),
            )
            for row in cursor.fetchall()
        )


def list_expired(
    *, actor: Actor, before: datetime, identities: bool = False, limit: int = 500
) -> list[UUID]:
    """Return reports received before `before` that nothing holds and that are not erased yet.

    With `identities`, those that still have a sealed identity of their reporter.
    """
    if not actor.has(Role.SYSTEM):
        raise PermissionError("report.erase")
    wanted = "r.identity_id IS NOT NULL" if identities else "r.erased_at IS NULL"
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT r.id FROM intake_report r WHERE r.id < %s AND {wanted}"  # noqa: S608
            " AND NOT EXISTS (SELECT FROM intake_hold h"
            " WHERE h.report_id = r.id AND h.lifted_at IS NULL) ORDER BY r.id LIMIT %s",
            [lowest_id(before), limit],
        )
        return [row[0] for row in cursor.fetchall()]


def list_urgent_work(*, actor: Actor) -> list[tuple[UUID, int]]:
    """Return (report, desk) of every report in the queue in which somebody is in danger.

    Quarantined ones too: what a stage cannot read may not silence the alarm.
    """
    if not actor.has(Role.SYSTEM):
        raise PermissionError("queue")
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT w.report_id, r.desk_id FROM intake_work w JOIN intake_report r"
            " ON r.id = w.report_id WHERE w.urgent ORDER BY w.report_id"
        )
        return list(cursor.fetchall())


def count_work() -> dict[str, int]:
    """Return how many reports wait at each stage, and how many are quarantined."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT CASE WHEN quarantined_at IS NULL THEN stage ELSE 'QUARANTINE' END, count(*)"
            " FROM intake_work GROUP BY 1"
        )
        return dict(cursor.fetchall())


def count_received(*, actor: Actor, since: datetime, until: datetime) -> list[Counted]:
    """Return acknowledged reports by day, arrival and emergency: no test, none retracted."""
    require(actor, "statistics.read")
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (received_at AT TIME ZONE 'Europe/Paris')::date, arrival,"
            " CASE WHEN urgent THEN 'URGENT' ELSE 'ORDINARY' END, count(*) FROM intake_report WHERE id >= %s"
            " AND id < %s AND received_at >= %s AND received_at < %s AND state = 'FINISHED'"
            " AND NOT is_test GROUP BY 1, 2, 3",
            [*id_bounds(since, until), since, until],
        )
        return list(cursor.fetchall())


def list_quarantine(*, actor: Actor, limit: int) -> list[tuple[ReportFacts, str]]:
    """Return quarantined reports of the actor's desks with the code of what failed, oldest first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT report_id, error FROM intake_work WHERE quarantined_at IS NOT NULL"
            " ORDER BY quarantined_at LIMIT %s",
            [limit],
        )
        errors = dict(cursor.fetchall())
    facts = get_reports(actor=actor, report_ids=list(errors))
    return [(facts[report_id], error) for report_id, error in errors.items() if report_id in facts]


def _may_reach(actor: Actor, facts: ReportFacts) -> bool:
    if actor.has(Role.SYSTEM):
        return True
    if actor.partner_id is not None:
        return facts.sender_id == actor.partner_id
    return facts.desk_id in actor.desk_ids


def _facts(row: tuple[object, ...]) -> ReportFacts:
    (
        report_id, desk_id, sender_id, arrival, format_, reference, wire_id, state, received_at,
        changed_at, urgent, is_test, language, size, correlation_id, identity_id, stage, quarantined,
    ) = row  # fmt: skip
    return ReportFacts(
        report_id=report_id,  # type: ignore[arg-type]
        desk_id=desk_id,  # type: ignore[arg-type]
        sender_id=sender_id,  # type: ignore[arg-type]
        arrival=Arrival(str(arrival)),
        format=Format(str(format_)),
        reference=str(reference),
        wire_id=wire_id,  # type: ignore[arg-type]
        state=ReportState(str(state)),
        received_at=received_at,  # type: ignore[arg-type]
        changed_at=changed_at,  # type: ignore[arg-type]
        urgent=bool(urgent),
        is_test=bool(is_test),
        language=str(language),
        size=size,  # type: ignore[arg-type]
        correlation_id=str(correlation_id),
        identity_id=identity_id,  # type: ignore[arg-type]
        stage=None if stage is None else Stage(str(stage)),
        quarantined_at=quarantined,  # type: ignore[arg-type]
    )


_LAST = UUID(int=2**128 - 1)


def list_sent(
    *, actor: Actor, state: ReportState | None = None, before: UUID | None = None, limit: int = 50
) -> list[ReportFacts]:
    """Return a page of the actor's own reports, newest first, older than `before`, in one state if asked."""
    sender = reach(actor, "report.status").partner_id
    if sender is None:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM intake_report WHERE sender_id = %s AND id < %s"
            " AND (%s = '' OR state = %s) ORDER BY id DESC LIMIT %s",
            [sender, before or _LAST, state or "", state or "", limit],
        )
        ids = [row[0] for row in cursor.fetchall()]
    found = get_reports(actor=actor, report_ids=ids)
    return [found[report_id] for report_id in ids if report_id in found]


def count_sent(*, actor: Actor) -> dict[ReportState, int]:
    """Return how many reports of the actor's own stand in each state, tests left out."""
    sender = reach(actor, "report.status").partner_id
    counts = dict.fromkeys(ReportState, 0)
    if sender is None:
        return counts
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT state, count(*) FROM intake_report WHERE sender_id = %s AND NOT is_test"
            " GROUP BY state",
            [sender],
        )
        return counts | {ReportState(state): n for state, n in cursor.fetchall()}
