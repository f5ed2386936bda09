"""`fanal import FORMAT PATH…`: submits reports in files and folders to intake; safe to repeat."""

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import click

from fanal.cli.boot import with_django
from fanal.cli.documents import require_in_force, trial
from fanal.cli.failures import tell
from fanal.cli.import_files import FoundReport, Unreadable, reason_of
from fanal.cli.sources import FORMATS, count_sources, lying_beside, passed_over, read_sources
from fanal.formats.refusal import FormatRefused
from fanal.kernel import clock
from fanal.kernel.actors import Actor, Role
from fanal.postgres import DatabaseRole

_CLEAR_LINE = "\r\033[K"
BATCH = 500
BATCH_BYTES = 16_000_000
"""Limits of a batch, in reports (`BATCH`) and in bytes, so that memory use stays constant."""


@click.command("import")
@click.argument("format_", metavar="FORMAT", type=click.Choice(sorted(FORMATS)))
@click.argument(
    "paths",
    metavar="PATH...",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, path_type=Path),
)
@click.option(
    "--partner",
    default="import",
    show_default=True,
    help="Name of the partner that sends the reports; created if missing.",
)
@trial
@with_django(DatabaseRole.APP, seals=True)
def import_(
    format_: str, paths: tuple[Path, ...], partner: str, even_if_not_in_force: bool
) -> None:
    """Import reports of FORMAT from files or folders, as if a partner had sent them.

    Reports already imported are recognised: after an interruption, run the command again.
    """
    from fanal.accounts.operations.partners import ensure_partner
    from fanal.kernel.actors import SYSTEM_PERSON, system_actor

    now = clock.now()
    require_in_force(format_, now=now, even_if_not=even_if_not_in_force)
    partner_id = ensure_partner(actor=system_actor("import"), name=partner, now=now)
    actor = Actor(person_id=SYSTEM_PERSON, roles=frozenset({Role.PARTNER}), partner_id=partner_id)
    totals = {"received": 0, "repeated": 0, "conflicts": 0, "refused": 0}
    length, beside = count_sources(format_, paths), lying_beside(format_)
    try:
        with click.progressbar(
            length=length, label=f"import {format_}", file=sys.stderr, show_pos=True,
            item_show_func=lambda rate: rate,
        ) as bar:  # fmt: skip
            started = time.monotonic()
            for batch in _batches(read_sources(format_, paths, beside=beside, now=now)):
                _receive(batch, actor=actor, totals=totals)
                rate = f"{sum(totals.values()) / (time.monotonic() - started):.1f}/s"
                bar.update(len(batch), rate)
    except BaseException:
        tell("IMPORT_CUT", received=totals["received"], repeated=totals["repeated"])
        raise
    for path in passed_over(format_, paths, beside=beside):
        tell("PASSED_OVER", path=path, format=format_)
    if not any(totals.values()):
        tell("NOTHING_FOUND", format=format_)
    click.echo(json.dumps(totals))
    if totals["refused"] or totals["conflicts"] or not any(totals.values()):
        sys.exit(2)


def _receive(
    batch: list[FoundReport | Unreadable], *, actor: Actor, totals: dict[str, int]
) -> None:
    from fanal.intake.domain.records import Outcome
    from fanal.intake.operations.receive import receive_reports

    readable = [item for item in batch if isinstance(item, FoundReport)]
    totals["refused"] += len(batch) - len(readable)
    for item in batch:
        _tell_of(item)
    submissions = [item.submission(sender_id=actor.partner_id) for item in readable]
    try:
        answers = receive_reports(actor=actor, submissions=submissions, now=clock.now())
    except FormatRefused as refusal:  # a file of the only report of this batch is damaged
        totals["refused"] += len(readable)
        _tell("NOT_BROUGHT_IN", place=readable[0].place, reason=reason_of(refusal))
        return
    for item, answer in zip(readable, answers, strict=True):
        if answer.outcome is Outcome.CREATED:
            totals["received"] += 1
        elif answer.outcome is Outcome.REPEATED:
            totals["repeated"] += 1
            if answer.added or answer.left_out:
                became = "FILES_ADDED" if answer.added else "FILES_LEFT_OUT"
                _tell(became, place=item.place, reference=item.reference)
        else:
            totals["conflicts"] += 1
            _tell("BROUGHT_IN_BEFORE", place=item.place, reference=item.reference)


def _tell_of(item: FoundReport | Unreadable) -> None:
    """Print why an item is not imported, or how many listed files of a report are not read."""
    if isinstance(item, Unreadable):
        _tell("NOT_BROUGHT_IN", place=item.place, reason=item.reason)
    elif item.untaken:
        _tell("FILES_UNTAKEN", place=item.place, count=item.untaken)


def _tell(code: str, **parameters: object) -> None:
    """Print the message of `code` on a line of its own, after clearing the progress bar."""
    click.echo(_CLEAR_LINE if sys.stderr.isatty() else "", err=True, nl=False)
    tell(code, **parameters)


def _batches(items: Iterator[FoundReport | Unreadable]) -> Iterator[list[FoundReport | Unreadable]]:
    """Yield the items in their order, in batches of at most 500 items or about 16 MB.

    A report with files is a batch of its own, because its package must still be open.
    """
    batch: list[FoundReport | Unreadable] = []
    size = 0
    for item in items:
        if isinstance(item, FoundReport) and item.files:
            if batch:
                yield batch
                batch = []
            yield [item]
            continue
        batch.append(item)
        size += len(item.body) if isinstance(item, FoundReport) else 0
        if len(batch) == BATCH or size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
