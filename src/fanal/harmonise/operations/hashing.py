"""Before a report is harmonised: the fingerprints of its sealed files, each file once.

Files go from the vault to the capped children of `fanal.hashing` in pieces, and never to the disk. What is
found out is committed a few files at a time, so that a killed worker loses and repeats next to nothing.
"""

import logging
from collections.abc import Iterator, Sequence
from datetime import datetime
from uuid import UUID

from fanal.accounts.domain.policy import require
from fanal.hashing.domain.records import FileFacts, Unhashed
from fanal.hashing.pool import FileToHash, HasherAway, Pool
from fanal.intake import operations as intake_writes, queries as intake
from fanal.intake.domain.records import UploadFacts
from fanal.kernel.actors import Actor
from fanal.kernel.failpoints import failpoint
from fanal.vault import operations as vault
from fanal.vault.domain.envelope import EnvelopeRefused
from fanal.vault.packs import BlobDamaged, BlobMissing

POOL = Pool()
_AT_ONCE = 2 * POOL.size
"""At their time limit they take less than a lease of the worker."""
_OWN_FAULT = (BlobMissing, BlobDamaged, EnvelopeRefused)
log = logging.getLogger("fanal.harmonise")


def hash_files(*, actor: Actor, report_ids: Sequence[UUID], now: datetime) -> Iterator[None]:
    """Hash the files of `report_ids` that nobody has hashed; pause after every few.

    Where no child can be had at all, the files stay unhashed and their reports go on without: a later
    replay hashes them.

    Raises:
        Refused: the actor is not the system.
        KeyMissing, VaultAway: the vault does not answer; no file is to blame.
    """
    require(actor, "pipeline.run")
    waiting = intake.list_unhashed(actor=actor, report_ids=report_ids)
    for start in range(0, len(waiting), _AT_ONCE):
        try:
            _hash_some(actor, waiting[start : start + _AT_ONCE], now)
        except HasherAway as failure:
            log.error("files are not hashed: %s", failure)
            return
        failpoint("hash.committed")
        yield


def _hash_some(actor: Actor, files: Sequence[tuple[UUID, UploadFacts]], now: datetime) -> None:
    ids = [upload.object_id for _, upload in files if upload.object_id is not None]
    streams = vault.open_streams(actor=actor, object_ids=ids, now=now, purpose="hash")
    answers = POOL.hash_files(
        [
            FileToHash(
                size=streams[upload.object_id].size,
                pieces=streams[upload.object_id].pieces,
                exact=bool(upload.md5 and upload.sha1 and upload.sha256),
            )
            for _, upload in files
            if upload.object_id is not None
        ]
    )
    failpoint("hash.taken")
    found: dict[tuple[UUID, str], FileFacts] = {}
    for (report_id, upload), answer in zip(files, answers, strict=True):
        if isinstance(answer, _OWN_FAULT):
            found[report_id, upload.file_id] = FileFacts(unhashed=Unhashed.SEALED_DAMAGED)
        elif isinstance(answer, BaseException):
            raise answer
        else:
            found[report_id, upload.file_id] = answer
    intake_writes.note_hashes(actor=actor, facts=found, now=now)
