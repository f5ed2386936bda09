"""`fanal signals`: reads texts for signals of abuse, measures that reader on labelled texts, trains it.

`login` is that of the acting person, `code` their one-time code (default: asked on the terminal).
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

import click
import msgspec
from msgspec import Struct

from fanal import reference
from fanal.analyse.domain.records import Finding
from fanal.analyse.signals.domain.evaluation import Evaluation, Judged, evaluate
from fanal.analyse.signals.domain.event_times import Hours
from fanal.analyse.signals.domain.meaning import Label
from fanal.analyse.signals.reading import (
    NoReader,
    PhraseReader,
    Understood,
    candidate,
    shipped_reader,
    understand,
)
from fanal.cli.actors import code_option, prove, supervisor
from fanal.cli.boot import with_django
from fanal.cli.failures import LANGUAGES, CommandRefused, Failed, tell
from fanal.cli.output import print_lines
from fanal.embedding.engine import EngineMissing, TextUnembedded
from fanal.kernel import clock
from fanal.postgres import DatabaseRole

_LONGEST_LINE = 4_000_000
_ENCODER = msgspec.json.Encoder()


class _TextLine(Struct, frozen=True):
    """A line (JSON) of standard input: a `text` to read, with the `id` under which the result is printed.

    `received_at` is when the text was received (None: now). Unknown keys, such as labels, are ignored.
    """

    id: str | int
    text: str
    language: str | None = None
    received_at: datetime | None = None


_LINES = msgspec.json.Decoder(_TextLine)
_LABELS = msgspec.json.Decoder(Label)


@click.group()
def signals() -> None:
    """Read texts for signals of abuse, measure the reader on labelled texts, train its model."""


@signals.command("read")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
def read(as_json: bool) -> None:
    """Print the signals of abuse in texts from standard input, one JSON object a line.

    It has id, text and received_at (else: now). For each text, in order: its signals with engine and reason,
    the hours until an announced event, and its nature. Nothing is stored.
    """
    refused: list[int] = []
    phrases = PhraseReader()
    reader = shipped_reader()
    if isinstance(reader, NoReader):
        tell("SIGNALS_BY_PHRASES", reason=reader.detail)
    print_lines(
        _ENCODER.encode(_answer(line, read_as)) if as_json else _sentence(line, read_as).encode()
        for line in _lines(sys.stdin.buffer, refused)
        for read_as in [understand(line.text, line.received_at or clock.now(), reader, phrases)]
    )
    if refused:
        raise SystemExit(2)


@signals.command("evaluate")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
@click.option("--phrases", is_flag=True, help="Read by the phrase rules alone.")
def evaluate_(file: Path, as_json: bool, phrases: bool) -> None:
    """Measure the text reader against the labels of FILE: precision, recall, F1 by code and language.

    The calibration of its scores is printed too. FILE has one JSON object a line, as in
    `fanal/analyse/data/corpus`: id, lang, text, codes (list of signals), nature (of a text without codes,
    else null), plain (true: with the usual key words), voice (kind of writer). Nothing is stored.
    """
    reader = NoReader("ENGINE", "--phrases") if phrases else shipped_reader()
    if isinstance(reader, NoReader) and not phrases:
        tell("SIGNALS_BY_PHRASES", reason=reader.detail)
    rules, now = PhraseReader(), clock.now()
    judged = [
        Judged(
            label=label,
            found={s.code: s.score for s in read_as.signals},
            chances=read_as.chances,
            nature=read_as.nature,
        )
        for label in _labels(file)
        for read_as in [understand(label.text, now, reader, rules)]
    ]
    if not judged:
        raise CommandRefused("SIGNALS_NO_LABEL", path=file)
    result = evaluate(judged)
    print_lines(_ENCODER.encode(row) if as_json else _row(row).encode() for row in _rows(result))


@signals.command("train")
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path),
    help="Train on the corpus alone: folder for model.json and weights.bin.",
)  # fmt: skip
@click.option(
    "--as", "login", help="Train with the desk's examples too: login of the supervisor who trains."
)
@code_option
def train_(out: Path | None, login: str | None, code: str | None) -> None:
    """Train a model of the text reader, deterministically.

    With --out: on the labelled corpus, to a folder. With --as: on the corpus and the desk's examples, as a
    version that two people may activate. Known texts keep the embeddings of the shipped model. Prints the
    quality on texts of omitted authors.
    """
    if (out is None) == (login is None):
        raise click.UsageError("--out / --as")
    try:
        if login is not None:
            _train_version(login, code)
        elif out is not None:
            _train_candidate(out)
    except EngineMissing as error:
        raise Failed("SIGNALS_NO_ENGINE", detail=error) from error
    except TextUnembedded as error:
        raise Failed("SIGNALS_UNEMBEDDED", detail=error) from error


def _train_candidate(out: Path) -> None:
    """Train a model on the labelled corpus alone; write it to the folder `out` and print its quality."""
    out.mkdir(parents=True, exist_ok=True)  # first: training takes a minute
    header, weights, quality = candidate()
    (out / "weights.bin").write_bytes(weights)
    (out / "model.json").write_bytes(header)
    print_lines(_ENCODER.encode(part) for part in quality)


@with_django(DatabaseRole.WORKER)
def _train_version(login: str, code: str | None) -> None:
    """Train and store a version of the text reader with the desk's examples (judged passages).

    Print its id, version and model card. The person `login` proves it with the one-time code `code`.
    """
    from fanal.analyse.signals.operations.readers import train_version
    from fanal.analyse.signals.queries import get_reader

    actor = supervisor(login)
    prove(login, code)
    stored = get_reader(reader_id=train_version(actor=actor, now=clock.now()))
    if stored is not None and stored.card is not None:
        head = {"id": stored.id, "version": stored.version, "lost": stored.card.lost}
        print_lines(_ENCODER.encode(part) for part in (head, stored.card, *stored.card.lines))


def _lines(stream: BinaryIO, refused: list[int]) -> Iterator[_TextLine]:
    """Yield the valid lines of a stream of JSON objects, one a line.

    The numbers of the others are added to `refused`, and printed on standard error with the reason.
    """
    number = 0
    while body := stream.readline(_LONGEST_LINE + 1):
        number += 1
        whole = body.endswith(b"\n") or len(body) <= _LONGEST_LINE
        while not body.endswith(b"\n") and (rest := stream.readline(1 << 16)):
            body = rest
        if not whole:
            refused.append(number)
            tell("SIGNALS_BAD_LINE", number=number, reason=f"> {_LONGEST_LINE}")
            continue
        if body.strip():
            try:
                yield _timed(_LINES.decode(body))
            except (msgspec.MsgspecError, ValueError) as error:
                refused.append(number)
                tell("SIGNALS_BAD_LINE", number=number, reason=error)


def _timed(line: _TextLine) -> _TextLine:
    if line.received_at is not None and line.received_at.tzinfo is None:
        raise ValueError("received_at: no time zone")
    return line


def _labels(file: Path) -> Iterator[Label]:
    with file.open("rb") as stream:
        for number, body in enumerate(stream, 1):
            if body.strip():
                try:
                    yield _LABELS.decode(body)
                except (msgspec.MsgspecError, ValueError) as error:
                    raise CommandRefused("SIGNALS_BAD_LINE", number=number, reason=error) from error


def _answer(line: _TextLine, read_as: Understood) -> Mapping[str, object]:
    return {
        "id": line.id,
        "signals": [_signal(finding) for finding in read_as.signals],
        "hours_until": read_as.hours,
        "nature": read_as.nature,
    }


def _signal(finding: Finding) -> Mapping[str, object]:
    because = finding.because
    return {
        "code": finding.code,
        "score": finding.score,
        "engine": finding.rule_version,
        "because": {
            "code": because.code,
            "parameters": because.parameters,
            "segment": finding.value,
            "source": finding.source,
            **{
                lang: reference.render(because.code, because.parameters, lang) for lang in LANGUAGES
            },
        },
    }


def _sentence(line: _TextLine, read_as: Understood) -> str:
    codes = ", ".join(f"{s.code} {s.score:.2f}" for s in read_as.signals)
    return f"{line.id}  {codes or '-'}  {read_as.nature or '-'}  {_interval(read_as.hours)}"


def _interval(hours: Hours | None) -> str:
    return "-" if hours is None else f"{hours[0]:g}..{hours[1]:g} h"


def _rows(result: Evaluation) -> Iterator[Mapping[str, object]]:
    for group, counts in result.groups:
        yield {
            "group": group,
            "texts": counts.texts,
            "precision": counts.precision,
            "recall": counts.recall,
            "f1": counts.f1,
        }
    yield {"group": "plain", "texts": result.plain_texts, "with_a_code": result.plain_share}
    yield {"group": "nature", "texts": result.nature_texts, "accuracy": result.nature_right}
    for low, high, texts, mean, share in result.calibration:
        yield {
            "group": f"calibration {low:g}..{high:g}",
            "readings": texts,
            "probability": mean,
            "true": share,
        }


def _row(row: Mapping[str, object]) -> str:
    values: Sequence[str] = [f"{name} {value}" for name, value in row.items() if name != "group"]
    return f"{row['group']!s:32}" + "  ".join(values)
