"""Files of a report: enclosed, added later, or uploaded over the NCMEC-compatible API; results of hashing."""

import secrets
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from django.db import connection, transaction
from msgspec import Struct

from fanal.accounts.domain.policy import require
from fanal.db import sql
from fanal.hashing.domain.records import FileFacts
from fanal.intake.domain.keys import fingerprint_of
from fanal.intake.domain.records import AttachedFile, ReportState, Stage, Submission, UploadFacts
from fanal.intake.operations import keys
from fanal.intake.operations.keys import New, enclose
from fanal.intake.queries.envelopes import get_statuses, sender_of
from fanal.kernel.actors import Actor
from fanal.kernel.failpoints import failpoint
from fanal.kernel.ids import new_id
from fanal.kernel.refusal import Refusal
from fanal.ledger import operations as ledger
from fanal.vault.domain.records import Sealable
from fanal.vault.operations.sealing import seal_batch, seal_stream

# Files enclosed with their report: streamed into the vault in the report's own transaction.

_INSERT = (
    "INSERT INTO intake_upload (report_id, file_id, position, object_id, name, size, md5, sha1, sha256)"
    " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)"
)


def store_attached(fresh: Sequence[New], now: datetime) -> None:
    """Store the files enclosed with new reports (`fresh`), in the transaction that inserts the reports.

    Their bytes are encrypted (sealed) into the vault, their rows inserted. Their positions follow those of
    the files of which the report has only details. On an error the reports are rolled back too; encrypted
    bytes without a committed row are removed at night.

    Raises:
        OSError: the vault could not write.
        Exception: any exception raised by a file's stream.
    """
    for new in fresh:
        store_files(new.report_id, new.submission.files, first=len(new.submission.details), now=now)


def store_files(
    report_id: UUID, files: Sequence[AttachedFile], *, first: int, now: datetime
) -> None:
    """Encrypt files of one report into the vault and insert their rows, at the positions from `first` on.

    Raises:
        OSError: the vault could not write.
        Exception: any exception raised by a file's stream.
    """
    for position, file in enumerate(files, start=first):
        _store(report_id, file, position=position, now=now)


def _store(report_id: UUID, file: AttachedFile, *, position: int, now: datetime) -> None:
    sealed = seal_stream(
        id=new_id(now), chunks=file.chunks(), kind="file", owner_id=report_id, now=now
    )
    sql.run(
        _INSERT,
        (
            *(report_id, secrets.token_hex(16), position, sealed.id, file.name),
            *(sealed.size, sealed.md5, sealed.sha1, sealed.sha256),
        ),
    )


# Files that arrive after their report: the same document again, now with its files.
#
# They become part of the report as if they had come with it, once, and it passes through the stages again.

# Retracted, expired and erased reports keep only the files that they had.
_HOLD = (
    "SELECT (SELECT count(*) FROM intake_upload u WHERE u.report_id = r.id) FROM intake_report r"
    " WHERE r.id = %s AND r.state IN ('OPEN', 'FINISHED') AND r.erased_at IS NULL FOR UPDATE OF r"
)
# A worker processing the report right now read it without the files: end its lease here.
_AGAIN = """
INSERT INTO intake_work (report_id, stage, urgent, slow_lane)
SELECT id, %s, urgent, slow_lane FROM intake_report WHERE id = %s AND state = 'FINISHED' AND NOT is_test
ON CONFLICT (report_id) DO UPDATE SET stage = EXCLUDED.stage, attempts = 0, quarantined_at = NULL,
    error = '', lease_token = NULL, lease_until = NULL, not_before = now()
"""


class Addition(Struct, frozen=True, kw_only=True):
    """A repeated submission that encloses the files missing from its report."""

    report_id: UUID
    submission: Submission


def complete_reports(*, actor: Actor, additions: Sequence[Addition], now: datetime) -> set[UUID]:
    """Add missing files to reports in the caller's transaction; return the ids of the reports that took them.

    `additions`: repeated submissions with these files. Retracted, expired and erased reports accept none. A
    changed report passes through the stages again if it is finished and no test.

    Raises:
        KeyRaced: another request added files first; the caller compares again whether they are the same.
        OSError: the vault could not write.
        Exception: any exception raised by a file's stream.
    """
    return {each.report_id for each in additions if _complete(actor, each, now)}


def _complete(actor: Actor, addition: Addition, now: datetime) -> bool:
    report_id, submission = addition.report_id, addition.submission
    held = sql.row(_HOLD, [report_id])
    if held is None:
        return False
    enclose(report_id, fingerprint_of(submission.canonical, submission.enclosed))
    details = [(new_id(now), document) for document in submission.details]
    seal_batch(
        items=[
            Sealable(id=object_id, plaintext=document, kind="details", owner_id=report_id)
            for object_id, document in details
        ],
        now=now,
    )
    first = int(held[0])
    keys.insert_details({report_id: [object_id for object_id, _ in details]}, first=first)
    store_files(report_id, submission.files, first=first + len(details), now=now)
    sql.run(_AGAIN, [Stage.HARMONISE, report_id])
    ledger.record_report(
        actor=actor,
        action="report.upload",
        at=now,
        report_id=report_id,
        detail={"files": len(details) + len(submission.files), "arrival": submission.arrival},
    )
    return True


# Files of an open report on the NCMEC-compatible API: upload, then details.

MOST_FILES = 5_000
"""Largest number of files of one report: a sender with more opens another report."""


def upload_file(
    *, actor: Actor, report_id: UUID, name: str, chunks: Iterable[bytes], now: datetime
) -> UploadFacts:
    """Encrypt one file of an open report into the vault and return its facts, including hashes.

    `name` is the sender's name of the file, `chunks` its bytes.

    Raises:
        Refusal: NO_REPORT (the actor sent no such report); the report's state, if it is no longer open;
            MANY_FILES (it has `MOST_FILES` files already).
        OSError: the vault could not write.
        Exception: any exception raised by `chunks`.
    """
    _open_report(actor, report_id)
    if _count_files(actor, report_id) >= MOST_FILES:
        raise Refusal("wire", "MANY_FILES")
    file_id = secrets.token_hex(16)
    # Seal before inserting the row: a crash in between leaves an unreferenced object, which fsck sweeps.
    with transaction.atomic():
        sealed = seal_stream(
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
        sql.run(
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
        ledger.record_report(actor=actor, action="report.upload", at=now, report_id=report_id)
    failpoint("upload.committed")
    return facts


def describe_file(
    *, actor: Actor, report_id: UUID, file_id: str, details: bytes, now: datetime
) -> None:
    """Store the details document of an uploaded file, encrypted, as its provider sent it (`details`).

    It replaces earlier documents, which are kept. The report's hour until expiry starts again, and the
    ledger gets an entry. The content of the document is not checked here.

    Raises:
        Refusal: NO_REPORT (the actor sent no such report); the report's state, if it is no longer open;
            NO_FILE (it has no such file).
        OSError: the vault could not write.
    """
    _open_report(actor, report_id)
    with transaction.atomic():
        _touch(actor, report_id, now)
        object_id = new_id(now)
        seal_batch(
            items=[Sealable(id=object_id, plaintext=details, kind="details", owner_id=report_id)],
            now=now,
        )
        found = sql.one(
            "SELECT intake_describe(%s, %s, %s, %s)",
            [report_id, sender_of(actor=actor), file_id, object_id],
        )
        if not found[0]:
            raise Refusal("wire", "NO_FILE")
        ledger.record_report(actor=actor, action="report.describe", at=now, report_id=report_id)


def _count_files(actor: Actor, report_id: UUID) -> int:
    row = sql.row(
        "SELECT count(*) FROM intake_file_ids(%s, %s)", [report_id, sender_of(actor=actor)]
    )
    return int(row[0]) if row else 0


def _open_report(actor: Actor, report_id: UUID) -> None:
    found = get_statuses(sender_id=sender_of(actor=actor), report_ids=[report_id]).get(report_id)
    _require_open(found.facts.state if found else None)


def _touch(actor: Actor, report_id: UUID, now: datetime) -> None:
    """Lock the open report for this transaction and record the change, which restarts its hour until
    expiry.

    An unfinished report expires an hour after its last change (`expires_at`).

    Raises:
        Refusal: NO_REPORT (the actor sent no such report); the report's state, if it is no longer open.
    """
    sender = sender_of(actor=actor)
    row = sql.row("SELECT state FROM intake_hold_state(%s, %s)", [report_id, sender])
    _require_open(row[0] if row else None)
    sql.run("SELECT intake_move(%s, %s, 'OPEN', 'OPEN', %s)", [report_id, sender, now])


def _require_open(state: str | None) -> None:
    if state is None:
        raise Refusal("wire", "NO_REPORT")
    if state != ReportState.OPEN:
        raise Refusal("wire", state)


# Results of the desk's hasher on sealed files: stored once, never changed.


def note_hashes(*, actor: Actor, facts: Mapping[tuple[UUID, str], FileFacts], now: datetime) -> int:
    """Store the results of hashing (`facts`), by (report id, file id), and return the number of new ones.

    One transaction; if any result is new, with a ledger entry, which holds the reports and a digest of them.
    Existing results of a file are kept. Exact hashes are only filled in where the upload had none.

    Raises:
        Refused: the actor is not the system.
    """
    require(actor, "pipeline.run")
    with transaction.atomic(), connection.cursor() as cursor:
        new: dict[UUID, list[FileFacts]] = {}
        for (report_id, file_id), found in facts.items():
            cursor.execute(
                "UPDATE intake_upload SET hashed_at = %s, media_type = %s, width = %s, height = %s,"
                " scale = %s, pdq = %s, pdq_quality = %s, frames = %s, unhashed = %s,"
                " md5 = coalesce(md5, nullif(%s, '')), sha1 = coalesce(sha1, nullif(%s, '')),"
                " sha256 = coalesce(sha256, nullif(%s, ''))"
                " WHERE report_id = %s AND file_id = %s AND hashed_at IS NULL",
                [
                    *(now, found.media_type, found.width, found.height, found.scale),
                    *(found.pdq, found.quality, list(found.frames), found.unhashed),
                    *(found.md5, found.sha1, found.sha256, report_id, file_id),
                ],
            )
            if cursor.rowcount:
                new.setdefault(report_id, []).append(found)
        if new:
            ledger.record_batch(
                actor=actor,
                action="report.hash",
                at=now,
                kind="report",
                items=[(report_id, msgspec.json.encode(found)) for report_id, found in new.items()],
                detail={"files": sum(map(len, new.values()))},
            )
    return sum(map(len, new.values()))
