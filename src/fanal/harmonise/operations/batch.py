"""Reads, harmonises and stores a batch; one broken report is a failure of its own."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from django.db import transaction
from msgspec import structs

from fanal.accounts.domain.policy import require
from fanal.harmonise.domain.computed import with_computed
from fanal.harmonise.domain.encoding import pack
from fanal.harmonise.domain.harmonise import harmonise_one
from fanal.harmonise.domain.records import HarmonisedReport, Source, SourceFile
from fanal.harmonise.domain.reporter import Identity, withhold
from fanal.harmonise.domain.search import search_words
from fanal.harmonise.domain.sightings import Failure, key_bytes
from fanal.harmonise.domain.sources.draft import Draft
from fanal.harmonise.domain.sources.read import read_source
from fanal.harmonise.domain.times import later_than_received, until_received
from fanal.harmonise.operations.store import Prepared, store
from fanal.intake.domain.records import OpenedSubmission, ReportFacts
from fanal.kernel.actors import Actor
from fanal.kernel.ids import instant_of

A = TypeVar("A")
B = TypeVar("B")


def harmonise_batch(
    *, actor: Actor, sources: Sequence[Source], now: datetime
) -> tuple[list[HarmonisedReport], list[Failure]]:
    """Harmonise `sources`, store what could be read in one transaction, and return both outcomes.

    Each source is in exactly one of the two lists, in the order given. Returned reports are the clear
    ones: their reporter's identity is withheld. A report harmonised before gets its next revision.

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
    """Return the withheld identity of each source that names its reporter.

    The caller holds the opened bytes and logs the act with its motive (decisions 8). A source that
    cannot be read is left out.

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
                computed=upload.computed,
            )
            for upload, details, earlier in opened.files
        ),
    )


def _prepare(sources: Sequence[Source]) -> list[Prepared | Failure]:
    """Return each source ready to be written, or why it is not."""
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
    # A report's id is made from the instant it was received (decisions 1).
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
    """Take one step with the whole batch: a sixth faster than all steps with each report.

    What has failed before stays a failure; one broken report never sinks its batch.
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
    """Name the failure by its code and kind only: an error's text may quote the report."""
    code = getattr(error, "code", None)
    return Failure(
        report_id=source.report_id,
        code=code if isinstance(code, str) else "HARMONISE_FAILED",
        detail=type(error).__name__,
    )
