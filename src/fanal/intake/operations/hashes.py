"""What the desk's hasher found out about sealed files: noted once, never changed."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

import msgspec
from django.db import connection, transaction

from fanal.accounts.domain.policy import require
from fanal.hashing.domain.records import FileFacts
from fanal.kernel.actors import Actor
from fanal.ledger import operations as ledger


def note_hashes(*, actor: Actor, facts: Mapping[tuple[UUID, str], FileFacts], now: datetime) -> int:
    """Store what was found out about files, by (report, file id); return how many were new.

    One transaction, one ledger entry with the reports and a digest of the facts. A file that was noted
    before keeps what was noted. Exact hashes fill only what the upload left open.

    Raises:
        Refused: only the system hashes.
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
