"""Queries on received reports: signed receipts, files and decrypted bytes."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import chain
from uuid import UUID

from django.db import connection
from msgspec import convert

from fanal.accounts.domain.policy import Resource, reach, require
from fanal.db import sql
from fanal.db.sql import uuid_array
from fanal.hashing.domain.records import FileFacts
from fanal.intake.domain.records import OpenedSubmission, ReportFacts, UploadFacts
from fanal.intake.queries.envelopes import get_reports
from fanal.kernel.actors import Actor
from fanal.vault.domain.envelope import EnvelopeRefused
from fanal.vault.operations.opening import ObjectUnknown, open_batch
from fanal.vault.packs import BlobDamaged, BlobMissing

_LOG = logging.getLogger(__name__)


def get_receipts(*, actor: Actor, report_ids: Sequence[UUID]) -> dict[UUID, str]:
    """Return the signed receipts of the reports that the actor may reach, by report id.

    Other reports, and those without a receipt, have no key.
    """
    everywhere = reach(actor, "report.read").everywhere
    reachable = list(report_ids if everywhere else get_reports(actor=actor, report_ids=report_ids))
    found = sql.rows(
        "SELECT report_id, signed FROM intake_receipt WHERE report_id = ANY(%s::uuid[])",
        [uuid_array(reachable)],
    )
    return dict(found)


def list_uploads(*, actor: Actor, report_ids: Sequence[UUID]) -> dict[UUID, list[UploadFacts]]:
    """Return the files of the reports that the actor may reach, by report id, in the order of upload.

    Reports without files have no key.
    """
    return _uploads(get_reports(actor=actor, report_ids=report_ids))


def _uploads(
    report_ids: Iterable[UUID], *, unhashed: int | None = None
) -> dict[UUID, list[UploadFacts]]:
    uploads: dict[UUID, list[UploadFacts]] = {}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT report_id, file_id, object_id, name, size, md5, sha1, sha256, details_id,"
            " earlier_ids, hashed_at IS NOT NULL, media_type, width, height, scale, pdq, pdq_quality,"
            " frames, unhashed FROM unnest(%s::uuid[]) AS wanted (id) CROSS JOIN LATERAL"
            " (SELECT * FROM intake_upload WHERE report_id = wanted.id"
            " AND (%s::int IS NULL OR (object_id IS NOT NULL AND hashed_at IS NULL))"
            " ORDER BY position, file_id LIMIT %s) AS upload ORDER BY report_id, position, file_id",
            [uuid_array(report_ids), unhashed, unhashed],
        )
        for row in cursor:
            report_id, file_id, object_id, name, size, md5, sha1, sha256, details, earlier = row[
                :10
            ]
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
                    earlier_ids=tuple(earlier),
                    computed=_computed(row) if row[10] else None,
                )
            )
    return uploads


def _computed(row: Sequence[object]) -> FileFacts:
    _, _, _, _, size, md5, sha1, sha256 = row[:8]
    media_type, width, height, scale, pdq, quality, frames, unhashed = row[11:]
    return convert(
        {
            "media_type": media_type,
            "size": size or 0,
            "md5": md5 or "",
            "sha1": sha1 or "",
            "sha256": sha256 or "",
            "width": width,
            "height": height,
            "scale": scale,
            "pdq": pdq,
            "quality": quality,
            "frames": frames,
            "unhashed": unhashed,
        },
        FileFacts,
    )


_MOST_ANSWERS = 40
_ANSWERS = """
SELECT wanted.id, said.created_at, said.object_id FROM unnest(%s::uuid[]) AS wanted (id)
CROSS JOIN LATERAL (SELECT id, created_at, object_id FROM intake_message
    WHERE report_id = wanted.id AND NOT from_desk ORDER BY id DESC LIMIT %s) AS said
ORDER BY said.id
"""


def open_answers(
    *, actor: Actor, report_ids: Sequence[UUID], now: datetime
) -> dict[UUID, list[tuple[datetime, str]]]:
    """Decrypt the reporters' answers to the desk: (instant, text) pairs, oldest first, by report id.

    Of each report the newest forty are returned; reports without any have no key. An answer whose sealed
    text is missing or damaged is left out and logged, so that its report can still be ranked.

    Raises:
        Refused: the actor is not the system; people read them on the report's page.
        KeyMissing, VaultAway: from the vault.
    """
    require(actor, "original.open", Resource(sealed=True))
    found = sql.rows(_ANSWERS, [uuid_array(report_ids), _MOST_ANSWERS])
    if not found:
        return {}
    opened = _open_whole(actor, [row[2] for row in found], now)
    answers: dict[UUID, list[tuple[datetime, str]]] = {}
    for report_id, at, object_id in found:
        if object_id in opened:
            answers.setdefault(report_id, []).append((at, opened[object_id].decode()))
    return answers


def _open_whole(actor: Actor, object_ids: Sequence[UUID], now: datetime) -> dict[UUID, bytes]:
    """Decrypt the sealed objects by id, without those that are missing or damaged, which are logged.

    All are decrypted at once; if one cannot be, each is tried alone.
    """
    try:
        return open_batch(actor=actor, object_ids=object_ids, now=now, purpose="analyse")
    except (ObjectUnknown, BlobMissing, BlobDamaged, EnvelopeRefused) as fault:
        if len(object_ids) == 1:
            _LOG.error("an answer cannot be opened (%s): %s", object_ids[0], type(fault).__name__)
            return {}
    return {i: body for one in object_ids for i, body in _open_whole(actor, [one], now).items()}


def list_unhashed(
    *, actor: Actor, report_ids: Sequence[UUID], of_each: int
) -> list[tuple[UUID, UploadFacts]]:
    """Return pairs (report id, file) of stored files not yet hashed, at most `of_each` per report.

    Round-robin order: the first file of each report precedes the second file of any, and reports are taken
    alternately from both ends of `report_ids`. So neither a report with many files nor many reports delay
    later ones.

    Raises:
        Refused: the actor is not the system.
    """
    require(actor, "pipeline.run")
    found = _uploads(report_ids, unhashed=of_each)
    ends = chain.from_iterable(zip(report_ids, reversed(report_ids), strict=True))
    order = list(dict.fromkeys(ends))
    return [
        (report_id, found[report_id][place])
        for place in range(of_each)
        for report_id in order
        if place < len(found.get(report_id, ()))
    ]


def unhashed_among(*, actor: Actor, report_ids: Sequence[UUID]) -> set[UUID]:
    """Return the ids among `report_ids` of the reports with stored files that have not been hashed.

    Raises:
        Refused: the actor is not the system.
    """
    require(actor, "pipeline.run")
    found = sql.rows(
        "SELECT DISTINCT report_id FROM intake_upload WHERE report_id = ANY(%s::uuid[])"
        " AND object_id IS NOT NULL AND hashed_at IS NULL",
        [uuid_array(report_ids)],
    )
    return {report_id for (report_id,) in found}


def list_file_ids(*, actor: Actor, report_id: UUID) -> list[str]:
    """Return the ids of a report's files in the order of upload; empty if the actor may not reach the report.

    A public node may read nothing else of them.
    """
    facts = get_reports(actor=actor, report_ids=[report_id]).get(report_id)
    if facts is None:
        return []
    return [
        row[0]
        for row in sql.rows(
            "SELECT file_id FROM intake_file_ids(%s, %s)", [report_id, facts.sender_id]
        )
    ]


def open_submissions(
    *,
    actor: Actor,
    report_ids: Sequence[UUID],
    now: datetime,
    facts: Mapping[UUID, ReportFacts] | None = None,
) -> dict[UUID, OpenedSubmission]:
    """Decrypt the sealed bytes of reports and the details documents of their files, by report id.

    Files themselves stay sealed. `facts` may hold the reports' envelopes if the caller has already read them
    (`get_reports`); reports that it lacks are left out.

    Raises:
        Refused: the actor is not the system; people open originals with a purpose and a ledger entry each.
        ObjectUnknown, KeyMissing, BlobMissing, BlobDamaged, EnvelopeRefused, VaultAway: from the vault.
    """
    require(actor, "original.open", Resource(sealed=True))
    if facts is None:
        facts = get_reports(actor=actor, report_ids=report_ids)
    known = [report_id for report_id in report_ids if report_id in facts]
    uploads = _uploads(known)
    found = sql.rows(
        "SELECT id, object_id FROM intake_report WHERE id = ANY(%s::uuid[])",
        [uuid_array(known)],
    )
    objects = dict(found)
    described = [u for files in uploads.values() for u in files if u.details_id]
    details = [i for u in described for i in (*u.earlier_ids, u.details_id) if i]
    opened = open_batch(
        actor=actor, object_ids=[*objects.values(), *details], now=now, purpose="harmonise"
    )
    return {
        report_id: OpenedSubmission(
            report_id=report_id,
            format=facts[report_id].format,
            body=opened[objects[report_id]],
            received_at=facts[report_id].received_at,
            files=tuple(
                (
                    u,
                    opened[u.details_id] if u.details_id else None,
                    tuple(opened[object_id] for object_id in u.earlier_ids),
                )
                for u in uploads.get(report_id, [])
            ),
        )
        for report_id in known
    }
