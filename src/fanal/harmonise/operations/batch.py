"""Batch harmonisation: hash files, read, harmonise and store reports; a broken report fails alone."""

import logging
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from django.db import transaction
from msgspec import structs

from fanal.accounts.domain.policy import require
from fanal.harmonise.domain.computed import with_computed
from fanal.harmonise.domain.harmonise import harmonise_one
from fanal.harmonise.domain.records import HarmonisedReport, Source, SourceFile, pack
from fanal.harmonise.domain.redaction.reporter import Identity, withhold
from fanal.harmonise.domain.redaction.search import search_words
from fanal.harmonise.domain.sightings import Failure, key_bytes
from fanal.harmonise.domain.sources.building import Draft
from fanal.harmonise.domain.sources.read import read_source
from fanal.harmonise.domain.values.times import later_than_received, until_received
from fanal.harmonise.operations.store import Prepared, store
from fanal.hashing.domain.records import FileFacts, Unhashed
from fanal.hashing.pool import FileToHash, HasherAway, Pool
from fanal.intake.domain.records import OpenedSubmission, ReportFacts, UploadFacts
from fanal.intake.operations.files import note_hashes
from fanal.intake.queries.files import list_unhashed
from fanal.kernel.actors import Actor
from fanal.kernel.failpoints import failpoint
from fanal.kernel.ids import instant_of
from fanal.vault.domain.envelope import EnvelopeRefused
from fanal.vault.operations.opening import open_streams
from fanal.vault.packs import BlobDamaged, BlobMissing

# Hashing of a report's encrypted files before its harmonisation, each file once.
#
# Files stream from the vault to the resource-limited child processes of `fanal.hashing`, never to the disk.
# Results are committed a few files at a time, so that a killed worker repeats almost nothing.

POOL = Pool()
_AT_ONCE = 2 * POOL.size
_OF_EACH = 8
"""Files of each report in one query: at their time limit they take less than the worker's lease."""
_OWN_FAULT = (BlobMissing, BlobDamaged, EnvelopeRefused)
log = logging.getLogger("fanal.harmonise")


def hash_files(*, actor: Actor, report_ids: Sequence[UUID], now: datetime) -> Iterator[set[UUID]]:
    """Hash the unhashed files of `report_ids`; after each committed group, yield the ids of its reports.

    Iterate to the end: the work is done while iterating. If no child process can be started, log an error and
    end: the files stay unhashed, their reports are harmonised without these hashes, and a replay hashes them.

    Raises:
        Refused: the actor is not the system.
        KeyMissing, VaultAway: the vault does not answer; the files are not at fault.
        ObjectUnknown, EnvelopeRefused: a file was erased, or its wrapped key altered.
    """
    require(actor, "pipeline.run")
    while waiting := list_unhashed(actor=actor, report_ids=report_ids, of_each=_OF_EACH):
        for start in range(0, len(waiting), _AT_ONCE):
            some = waiting[start : start + _AT_ONCE]
            try:
                _hash_some(actor, some, now)
            except HasherAway as failure:
                log.error("files are not hashed: %s", failure)
                return
            failpoint("hash.committed")
            yield {report_id for report_id, _ in some}


def _hash_some(actor: Actor, files: Sequence[tuple[UUID, UploadFacts]], now: datetime) -> None:
    ids = [upload.object_id for _, upload in files if upload.object_id is not None]
    streams = open_streams(actor=actor, object_ids=ids, now=now, purpose="hash")
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
    note_hashes(actor=actor, facts=found, now=now)


A = TypeVar("A")
B = TypeVar("B")


def harmonise_batch(
    *, actor: Actor, sources: Sequence[Source], now: datetime
) -> tuple[list[HarmonisedReport], list[Failure]]:
    """Harmonise `sources`, store the readable ones in one transaction, and return (reports, failures).

    Each source gives an entry in exactly one of the two lists, in the order given. The returned reports lack
    their reporter's identity (`reporter.withhold`). A report harmonised before gets its next revision.

    Raises:
        Refused: the actor is not the system.
    """
    require(actor, "pipeline.run")
    outcomes = _prepare(sources)
    prepared = [outcome for outcome in outcomes if isinstance(outcome, Prepared)]
    with transaction.atomic():
        store(prepared, now)
    failures = [outcome for outcome in outcomes if isinstance(outcome, Failure)]
    return [item.report for item in prepared], failures


def reveal_reporter(*, actor: Actor, sources: Sequence[Source]) -> dict[UUID, Identity]:
    """Return the reporter's identity in each readable source, by report id.

    The identity is empty if the source names no reporter; unreadable sources are omitted. The caller holds
    the decrypted bytes and records the access with its purpose.

    Raises:
        Refused: the actor is not the system.
    """
    require(actor, "pipeline.run")
    return {
        report.report_id: withhold(report)[1]
        for report in _read(sources, sources)
        if not isinstance(report, Failure)
    }


def source_of(*, opened: OpenedSubmission, facts: ReportFacts) -> Source:
    """Build the input of harmonisation from a decrypted submission and the envelope of its report.

    `opened` are its bytes, format and files, `facts` the metadata from its receipt.
    """
    return Source(
        report_id=opened.report_id,
        desk_id=facts.desk_id,
        reference=facts.reference,
        format=opened.format,
        body=opened.body,
        received_at=opened.received_at,
        files=tuple(
            SourceFile(
                file_id=upload.file_id,
                name=upload.name,
                details=details,
                earlier=earlier,
                sha256=upload.sha256,
                sha1=upload.sha1,
                md5=upload.md5,
                size=upload.size,
                computed=upload.computed,
            )
            for upload, details, earlier in opened.files
        ),
    )


def _prepare(sources: Sequence[Source]) -> list[Prepared | Failure]:
    """Read, harmonise and encode stored reports (`sources`: the bytes and format of each).

    Return for each, in the given order, a `Prepared`, or a `Failure` (code `DESK_MISSING` if no desk was
    assigned).
    """
    deskless = [
        source
        if source.desk_id is not None
        else Failure(report_id=source.report_id, code="DESK_MISSING", detail="")
        for source in sources
    ]
    withheld = _each(sources, _read(sources, deskless), lambda _, report: withhold(report))
    records = _each(sources, withheld, lambda _, parts: (parts, pack(parts[0])))
    return _each(sources, records, _prepared)


def _prepared(source: Source, made: tuple[tuple[HarmonisedReport, Identity], bytes]) -> Prepared:
    (clear, identity), record = made
    return Prepared(
        report=clear,
        desk_id=source.desk_id or 0,
        record=record,
        words=search_words(clear, identity),
        keys=tuple([key_bytes(s.kind, s.value) for s in clear.selectors]),
    )


def _read(
    sources: Sequence[Source], readable: Sequence[Source | Failure]
) -> list[HarmonisedReport | Failure]:
    # A report's id contains the instant of its reception.
    received = {s.report_id: s.received_at or instant_of(s.report_id) for s in sources}
    drafts = _each(
        sources, readable, lambda s, _: read_source(s, received_at=received[s.report_id])
    )

    def harmonised(source: Source, draft: Draft) -> HarmonisedReport:
        at = received[source.report_id]
        if source.files:
            draft = with_computed(draft, source.files)
        report = harmonise_one(source.report_id, draft)
        report = later_than_received(until_received(report, at), at)
        return structs.replace(report, reference=source.reference or report.reference)

    return _each(sources, drafts, harmonised)


def _each(
    sources: Sequence[Source], given: Sequence[A | Failure], step: Callable[[Source, A], B]
) -> list[B | Failure]:
    """Apply `step` to each source and the value given for it; return the results, in order.

    A `Failure` of an earlier step is passed on unchanged; an exception of this step becomes the `Failure`
    of that report alone. One step is applied to the whole batch before the next, which is faster than all
    steps for each report.
    """
    outcomes: list[B | Failure] = []
    for source, one in zip(sources, given, strict=True):
        if isinstance(one, Failure):
            outcomes.append(one)
            continue
        try:
            outcomes.append(step(source, one))
        except Exception as error:  # noqa: BLE001 - any error is this report's own
            outcomes.append(_failure(source, error))
    return outcomes


def _failure(source: Source, error: Exception) -> Failure:
    """Return the `Failure` of a stored report (`source`), with error code and exception class only.

    The error's text is left out, since it may quote the report.
    """
    code = getattr(error, "code", None)
    return Failure(
        report_id=source.report_id,
        code=code if isinstance(code, str) else "HARMONISE_FAILED",
        detail=type(error).__name__,
    )
