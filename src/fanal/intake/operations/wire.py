"""Files of an open report on the NCMEC-compatible wire: upload, then details."""

import secrets
from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db import connection, transaction

from fanal.intake.domain.records import UploadFacts
from fanal.intake.domain.states import ReportState
from fanal.intake.queries.statuses import get_statuses, sender_of
from fanal.kernel.actors import Actor
from fanal.kernel.failpoints import failpoint
from fanal.kernel.ids import new_id
from fanal.ledger import operations as ledger
from fanal.vault import operations as vault

MOST_FILES = 5_000
"""Files of one report: a sender with more opens another."""


class WireRefused(Exception):
    """The step is refused; `reason` is NO_REPORT, NO_FILE, MANY_FILES, RETRACTED, EXPIRED or FINISHED."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def upload_file(
    *, actor: Actor, report_id: UUID, name: str, chunks: Iterable[bytes], now: datetime
) -> UploadFacts:
    """Seal one file of an open report and return its facts, hashes included.

    Raises:
        WireRefused: the report is not this sender's, no longer open, or has `MOST_FILES` files.
    """
    _open_report(actor, report_id)
    if _count_files(actor, report_id) >= MOST_FILES:
        raise WireRefused("MANY_FILES")
    file_id = secrets.token_hex(16)
    # Sealed before the row: a crash in between leaves an unreferenced blob, which fsck sweeps.
    with transaction.atomic():
        sealed = vault.seal_stream(
            id=new_id(now), chunks=chunks, kind="file", owner_id=report_id, now=now
        )
        _touch(actor, report_id, now)
        facts = UploadFacts(
            file_id=file_id,
            object_id=sealed.id,
            name=name,
            size=sealed.size,
            md5=sealed.md5,
            sha1=sealed.sha1,
            sha256=sealed.sha256,
        )
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO intake_upload (report_id, file_id, position, object_id, name, size,"
                " md5, sha1, sha256) VALUES (%(report)s, %(file)s,"
                " (SELECT count(*) FROM intake_file_ids(%(report)s, %(sender)s)), %(object)s, %(name)s,"
                " %(size)s, %(md5)s, %(sha1)s, %(sha256)s)",
                {
                    "sender": sender_of(actor=actor),
                    "report": report_id,
                    "file": file_id,
                    "object": facts.object_id,
                    "name": name,
                    "size": facts.size,
                    "md5": facts.md5,
                    "sha1": facts.sha1,
                    "sha256": facts.sha256,
                },
            )
        _log(actor=actor, action="report.upload", report_id=report_id, now=now)
    failpoint("upload.committed")
    return facts


def describe_file(
    *, actor: Actor, report_id: UUID, file_id: str, details: bytes, now: datetime
) -> None:
    """Seal the details document of an uploaded file; a later document goes before the earlier ones.

    Raises:
        WireRefused: no such open report of this sender, or no such file in it.
    """
    _open_report(actor, report_id)
    with transaction.atomic():
        _touch(actor, report_id, now)
        object_id = new_id(now)
        vault.seal_batch(
            items=[
                vault.Sealable(id=object_id, plaintext=details, kind="details", owner_id=report_id)
            ],
            now=now,
        )
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT intake_describe(%s, %s, %s, %s)",
                [report_id, sender_of(actor=actor), file_id, object_id],
            )
            if not cursor.fetchone()[0]:
                raise WireRefused("NO_FILE")
        _log(actor=actor, action="report.describe", report_id=report_id, now=now)


def _count_files(actor: Actor, report_id: UUID) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM intake_file_ids(%s, %s)", [report_id, sender_of(actor=actor)]
        )
        row = cursor.fetchone()
    return int(row[0]) if row else 0


def _open_report(actor: Actor, report_id: UUID) -> None:
    found = get_statuses(sender_id=sender_of(actor=actor), report_ids=[report_id]).get(report_id)
    _require_open(found.facts.state if found else None)


def _touch(actor: Actor, report_id: UUID, now: datetime) -> None:
    """Hold the report open for this transaction and note the change: its hour starts again."""
    sender = sender_of(actor=actor)
    with connection.cursor() as cursor:
        cursor.execute("SELECT state FROM intake_hold_state(%s, %s)", [report_id, sender])
        row = cursor.fetchone()
        _require_open(row[0] if row else None)
        cursor.execute("SELECT intake_move(%s, %s, 'OPEN', 'OPEN', %s)", [report_id, sender, now])


def _require_open(state: str | None) -> None:
    if state is None:
        raise WireRefused("NO_REPORT")
    if state != ReportState.OPEN:
        raise WireRefused(state)


def _log(*, actor: Actor, action: str, report_id: UUID, now: datetime) -> None:
    ledger.record(
        actor=actor,
        action=action,
        at=now,
        objects=[ledger.ObjectRef(kind="report", id=report_id)],
    )
