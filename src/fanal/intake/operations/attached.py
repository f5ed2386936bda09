"""Files that come together with their report: streamed into the vault in the report's own transaction."""

import secrets
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import connection

from fanal.intake.domain.records import AttachedFile
from fanal.intake.operations.rows import New
from fanal.kernel.ids import new_id
from fanal.vault import operations as vault

_INSERT = (
    "INSERT INTO intake_upload (report_id, file_id, position, object_id, name, size, md5, sha1, sha256)"
    " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)"
)


def store_attached(fresh: Sequence[New], now: datetime) -> None:
    """Seal the files of new reports and insert their rows; what fails here undoes their reports too.

    Sealed bytes that no committed row points to are swept at night.

    Raises:
        OSError: the vault could not write.
        Exception: whatever the stream of a file raises.
    """
    for new in fresh:
        store_files(new.report_id, new.submission.files, first=len(new.submission.details), now=now)


def store_files(
    report_id: UUID, files: Sequence[AttachedFile], *, first: int, now: datetime
) -> None:
    """Seal files of one report at the places from `first` on; raises as `store_attached`."""
    for position, file in enumerate(files, start=first):
        _store(report_id, file, position=position, now=now)


def _store(report_id: UUID, file: AttachedFile, *, position: int, now: datetime) -> None:
    sealed = vault.seal_stream(
        id=new_id(now), chunks=file.chunks(), kind="file", owner_id=report_id, now=now
    )
    with connection.cursor() as cursor:
        cursor.execute(
            _INSERT,
            (
                *(report_id, secrets.token_hex(16), position, sealed.id, file.name),
                *(sealed.size, sealed.md5, sealed.sha1, sealed.sha256),
            ),
        )
