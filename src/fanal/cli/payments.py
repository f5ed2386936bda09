"""`fanal payments`: risk scores of payers in a file of transfers, on this machine only: nothing is stored."""

import json
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import click

from fanal.analyse.payments.domain.indicators import load_typologies
from fanal.analyse.payments.domain.scoring import PayerScore, score_payers, told
from fanal.analyse.payments.domain.transfers import Paid, paid_in
from fanal.cli.failures import CommandRefused, tell
from fanal.cli.import_files import reason_of
from fanal.cli.sources import cut
from fanal.formats.iso20022.stream import kind_of
from fanal.formats.refusal import FormatRefused
from fanal.formats.report.read import MAX_BYTES, read_lines, read_report
from fanal.formats.transfer import PayerPart
from fanal.formats.transfers import is_transfers
from fanal.harmonise.domain.harmonise import harmonise_one
from fanal.harmonise.domain.records import Source
from fanal.harmonise.domain.sources.building import Draft
from fanal.harmonise.domain.sources.read import read_source
from fanal.harmonise.domain.sources.report import draft_of
from fanal.intake.domain.records import Format
from fanal.kernel import clock

_START = 65_536
_NOBODY = UUID(int=0)


@click.group()
def payments() -> None:
    """Score the payers in files of bank transfers by typologies: patterns of payments that suggest abuse."""


@payments.command("score")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
def score(file: Path, as_json: bool) -> None:
    """Print a risk score of each payer in FILE, the highest first.

    FILE is the CSV of an operator, pacs.008, camt.053, or reports as JSON lines. Each indicator has its
    reason in both languages and its transfers. Nothing is stored or sent, and no score is a decision.
    """
    typologies = load_typologies()
    refused = 0
    transfers: list[Paid] = []
    for item in _drafts(file):
        if isinstance(item, Draft):
            transfers += paid_in(harmonise_one(_NOBODY, item), typologies.rates)
        else:
            refused += 1
            tell("NOT_BROUGHT_IN", place=item[0], reason=item[1])
    if not transfers:
        raise CommandRefused("NO_TRANSFER", path=file)
    for found in score_payers(transfers, typologies):
        click.echo(json.dumps(told(found), ensure_ascii=False) if as_json else _line(found))
    if refused:
        raise SystemExit(2)


def _line(found: PayerScore) -> str:
    name = found.sender.shown or found.sender.key
    codes = ", ".join(point.code for point in found.points)
    return f"{found.score:.2f}  {found.typology or '-':12}{len(found.transfers):4}  {name}  {codes}"


def _drafts(path: Path) -> Iterator[Draft | tuple[str, str]]:
    """Yield the reports in a file of bank transfers or of reports, as drafts: not harmonised yet.

    For an unreadable one, yield (location, reason) instead.
    """
    with path.open("rb") as stream:
        start = stream.read(_START)
    kind = kind_of(start)
    try:
        if kind is not None:
            yield from _parts(path, Format(kind))
        elif is_transfers(start):
            yield from _parts(path, Format.TRANSFERS)
        else:
            yield from _lines(path)
    except FormatRefused as refusal:
        yield str(path), reason_of(refusal)


def _parts(path: Path, format_: Format) -> Iterator[Draft | tuple[str, str]]:
    now = clock.now()
    for item in cut(path, format_):
        if isinstance(item, PayerPart):
            source = Source(
                report_id=_NOBODY, format=format_.value, body=item.body, reference=item.reference
            )
            yield read_source(source, received_at=now)
        else:
            yield f"{path}:{item.line}", reason_of(item.refusal)


def _lines(path: Path) -> Iterator[Draft | tuple[str, str]]:
    """Yield the reports of a JSON Lines file, or of a multi-line JSON file, as drafts: not harmonised yet.

    For an unreadable line, yield (location, reason) instead. A multi-line file holds a single report.
    """
    if path.stat().st_size <= MAX_BYTES:
        try:
            yield draft_of(read_report(path.read_bytes()))
        except FormatRefused:
            pass
        else:
            return
    with path.open("rb") as stream:
        for line in read_lines(stream):
            if line.report is None:
                yield f"{path}:{line.number}", reason_of(line.refusal)
            else:
                yield draft_of(line.report)
