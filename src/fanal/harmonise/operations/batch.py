"""Reads, harmonises and stores a batch; one broken report is a failure of its own."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import transaction
from msgspec import structs

from fanal.harmonise.domain.access import require_system
from fanal.harmonise.domain.encoding import pack
from fanal.harmonise.domain.harmonise import harmonise_one
from fanal.harmonise.domain.records import HarmonisedReport, Source, SourceFile
from fanal.harmonise.domain.reporter import Identity, withhold
from fanal.harmonise.domain.search import search_words
from fanal.harmonise.domain.sightings import Failure, key_bytes
from fanal.harmonise.domain.sources.read import read_source
from fanal.harmonise.domain.times import later_than_received, until_received
from fanal.harmonise.operations.store import Prepared, store
from fanal.intake.domain.records import OpenedSubmission, ReportFacts
from fanal.kernel.actors import Actor
from fanal.kernel.ids import instant_of


def harmonise_batch(
    *, actor: Actor, sources: Sequence[Source], now: datetime
) -> tuple[list[HarmonisedReport], list[Failure]]:
    """Harmonise `sources`, store what could be read in one transaction, and return both outcomes.

    Each source is in exactly one of the two lists, in the order given. Returned reports are the clear
    ones: their reporter's identity is withheld. A report harmonised before gets its next revision.

    Raises:
        AccessRefused: the actor is not the system.
    """
    require_system(actor, "harmonise")
    prepared: list[Prepared] = []
    failures: list[Failure] = []
    for source in sources:
        outcome = _prepare(source)
        if isinstance(outcome, Failure):
            failures.append(outcome)
        else:
            prepared.append(outcome)
    with transaction.atomic():
        store(prepared, now)
    return [item.report for item in prepared], failures


def reveal_reporter(*, actor: Actor, sources: Sequence[Source]) -> dict[UUID, Identity]:
    """Return the withheld identity of each source that names its reporter.

    The caller holds the opened bytes and logs the act with its motive (decisions 8). A source that
    cannot be read is left out.

    Raises:
        AccessRefused: the actor is not the system.
    """
    require_system(actor, "reveal a reporter")
    revealed = {}
    for source in sources:
        outcome = _read(source)
        if not isinstance(outcome, Failure):
            revealed[source.report_id] = withhold(outcome)[1]
    return revealed


def source_of(*, opened: OpenedSubmission, facts: ReportFacts) -> Source:
    """Return what harmonise reads of an opened report."""
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
            )
            for upload, details, earlier in opened.files
        ),
    )


def _prepare(source: Source) -> Prepared | Failure:
    if source.desk_id is None:
        return Failure(report_id=source.report_id, code="DESK_MISSING", detail="")
    report = _read(source)
    if isinstance(report, Failure):
        return report
    try:
        clear, identity = withhold(report)
        return Prepared(
            report=clear,
            desk_id=source.desk_id,
            record=pack(clear),
            words=search_words(clear, identity),
            keys=tuple(key_bytes(s.kind, s.value).hex() for s in clear.selectors),
        )
    except Exception as error:  # noqa: BLE001 - one report must never sink its batch
        return _failure(source, error)


def _read(source: Source) -> HarmonisedReport | Failure:
    try:
        # A report's id is made from the instant it was received (decisions 1).
        received_at = source.received_at or instant_of(source.report_id)
        report = harmonise_one(source.report_id, read_source(source, received_at=received_at))
        report = later_than_received(until_received(report, received_at), received_at)
        return structs.replace(report, reference=source.reference or report.reference)
    except Exception as error:  # noqa: BLE001 - one report must never sink its batch
        return _failure(source, error)


def _failure(source: Source, error: Exception) -> Failure:
    """Name the failure by its code and kind only: an error's text may quote the report."""
    code = getattr(error, "code", None)
    return Failure(
        report_id=source.report_id,
        code=code if isinstance(code, str) else "HARMONISE_FAILED",
        detail=type(error).__name__,
    )
