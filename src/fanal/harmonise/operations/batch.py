"""Reads, harmonises and stores a batch; one broken report is a failure of its own."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import transaction
from msgspec import Struct, field

from fanal.harmonise.domain.access import require_system
from fanal.harmonise.domain.encoding import pack
from fanal.harmonise.domain.harmonise import harmonise_one
from fanal.harmonise.domain.records import HarmonisedReport, Source
from fanal.harmonise.domain.reporter import Identity, withhold
from fanal.harmonise.domain.search import search_words
from fanal.harmonise.domain.sightings import Failure
from fanal.harmonise.domain.sources import read_source
from fanal.harmonise.operations.store import Prepared, store
from fanal.kernel.actors import Actor


class Batch(Struct, frozen=True, kw_only=True):
    """What became of a batch: each source is in exactly one of the two lists, in the order given."""

    reports: list[HarmonisedReport] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)


class ReportsFailed(Exception):
    """Some reports of a batch could not be harmonised; the others were not stored either."""

    def __init__(self, failures: list[Failure]) -> None:
        codes = sorted({failure.code for failure in failures})
        super().__init__(f"{len(failures)} reports failed: {', '.join(codes)}")
        self.failures = failures


def harmonise_batch(
    *,
    actor: Actor,
    sources: Sequence[Source],
    now: datetime,
    failures: list[Failure] | None = None,
) -> list[HarmonisedReport]:
    """Harmonise `sources`, store the results in one transaction and return them, in order.

    A source that cannot be read is added to `failures` and the others are stored; without that list it
    stops the whole batch. A report harmonised before gets its next revision. Returned reports are the
    clear ones: their reporter's identity is withheld.

    Raises:
        AccessRefused: the actor is not the system.
        ReportsFailed: a source could not be read and `failures` was not given.
    """
    batch = harmonise_sources(actor=actor, sources=sources, now=now)
    if batch.failures and failures is None:
        raise ReportsFailed(batch.failures)
    if failures is not None:
        failures.extend(batch.failures)
    return batch.reports


def harmonise_sources(*, actor: Actor, sources: Sequence[Source], now: datetime) -> Batch:
    """Harmonise `sources`, store what could be read in one transaction, and return both lists.

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
    return Batch(reports=[item.report for item in prepared], failures=failures)


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
        )
    except Exception as error:  # noqa: BLE001 - one report must never sink its batch
        return _failure(source, error)


def _read(source: Source) -> HarmonisedReport | Failure:
    try:
        return harmonise_one(source.report_id, read_source(source))
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
