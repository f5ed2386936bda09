"""`fanal bench triage-rank`: quality of the queue's order: is a child in danger first?

Labelled texts (`triage_words`) become reports, pass through harmonise, analyse and the priority rules in
memory, and are sorted as in the queue. Peers: the emergency tick alone, the phrase lists alone (without the
model that reads texts), the length of the text alone.
"""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from random import Random  # noqa: TID251 - seeded
from statistics import fmean
from uuid import UUID

import click
import msgspec
from msgspec import Struct, structs

from fanal.analyse.analysis import Knowledge, Meant, analyse, shipped_knowledge
from fanal.analyse.domain.records import Priority
from fanal.analyse.priority.domain.rules import PriorityRules, shipped_rules
from fanal.analyse.priority.domain.scoring import prioritise
from fanal.analyse.signals.reading import NoReader, TextReader, shipped_reader
from fanal.formats.report.records import Report, ReportKind
from fanal.harmonise.domain.harmonise import harmonise_one
from fanal.harmonise.domain.records import HarmonisedReport, Source
from fanal.harmonise.domain.sources.read import read_source
from fanal.kernel.ids import lowest_id
from fanal.web.public.draft import encode_report, report_of

SEED = 20_261_130
RECEIVED = datetime(2026, 11, 26, 13, tzinfo=UTC)
"""A Thursday, 14:00 in Paris."""
PARTNERS = frozenset({"moderator", "provider"})
"""Voices that report as a partner; all others use the public form."""
FIRST = 100
"""Number of reports, from the head of the queue, that nDCG considers."""
FIRST_SHARE = 0.05
ORDERS = 20
"""Orders of arrival over which each figure is averaged: the queue puts equal scores in that order."""
HIGHEST_FILLER = 2


class LabelledText(Struct, frozen=True, kw_only=True):
    """A labelled text, as its sender wrote it, in the language `lang`.

    `level` (0 to 4) is the danger as a careful reader assesses it, `ticked`: the emergency box was ticked,
    `voice` the kind of sender.
    """

    id: str
    lang: str
    text: str
    level: int
    ticked: bool
    voice: str


class Quality(Struct, frozen=True, kw_only=True):
    """Quality of an order of the queue, averaged over random orders of arrival.

    `ndcg_100`: nDCG of the first reports; `recall_level_4`: share of level 4 among the first 5 %; `level_0`:
    number of reports of level 0 among these.
    """

    ndcg_100: float
    recall_level_4: float
    level_0: float


def load_texts() -> tuple[LabelledText, ...]:
    """Return the labelled texts, in the order of the file."""
    lines = Path(__file__).with_name("triage_words").joinpath("texts.jsonl").read_bytes()
    return tuple(msgspec.json.decode(line, type=LabelledText) for line in lines.splitlines())


def draw(size: int, *, seed: int) -> list[LabelledText]:
    """Return `size` texts in random order: each once, if they fit, then texts of levels 0 to 2 repeatedly."""
    texts, dice = load_texts(), Random(seed)  # noqa: S311 - no secret
    chosen = dice.sample(texts, min(size, len(texts)))
    fillers = [text for text in texts if text.level <= HIGHEST_FILLER]
    while len(chosen) < size:
        chosen += dice.sample(fillers, min(len(fillers), size - len(chosen)))
    dice.shuffle(chosen)
    return chosen


def reports_of(texts: Sequence[LabelledText]) -> Iterator[HarmonisedReport]:
    """Yield the harmonised report of each text; its id is the lowest id of `RECEIVED` plus its position."""
    first = lowest_id(RECEIVED).int
    for place, text in enumerate(texts):
        partner = text.voice in PARTNERS
        source = Source(
            report_id=UUID(int=first + place),
            desk_id=1,
            format="report/1" if partner else "form/1",
            reference=text.id,
            body=_partner_body(text) if partner else _form_body(text),
            received_at=RECEIVED,
        )
        yield harmonise_one(source.report_id, read_source(source, received_at=RECEIVED))


def _partner_body(text: LabelledText) -> bytes:
    return msgspec.json.encode(
        Report(
            reference=text.id,
            kind=ReportKind.OTHER,
            emergency=text.ticked,
            language=text.lang,
            description=text.text,
        )
    )


def _form_body(text: LabelledText) -> bytes:
    """Return the body of the public form with this text, in French or else in English."""
    answers = {
        "danger": "YES" if text.ticked else "NO",
        "kind": ReportKind.OTHER.value,
        "description": text.text,
        "child": "ME" if text.voice == "child" else "",
    }
    language = "fr" if text.lang == "fr" else "en"
    return encode_report(report_of(answers, language=language, today=RECEIVED.date()))


def rank(
    reports: Sequence[HarmonisedReport],
    knowledge: Knowledge,
    rules: PriorityRules,
    *,
    meanings: Mapping[UUID, Meant] | None = None,
) -> list[Priority]:
    """Return the priority of each report by the product's own rules, as if it had no related reports.

    `knowledge` are the phrase lists and typologies, `rules` the priority rules, `meanings` the findings of
    the text model by report id, None for the phrase lists alone.
    """
    analyses = analyse(reports, knowledge, meanings=meanings)
    return prioritise(reports, analyses, [], rules, RECEIVED)


def read(reports: Sequence[HarmonisedReport], reader: TextReader) -> dict[UUID, Meant]:
    """Return the model's findings of each report, by report id, as in the analyse stage.

    A repeated text is read once.
    """
    found: dict[str | None, Meant] = {}
    for report in reports:
        if report.description not in found:
            found[report.description] = Meant(
                version=reader.version,
                findings=tuple(reader.findings(report, received_at=RECEIVED)),
            )
    return {report.report_id: found[report.description] for report in reports}


def judge(levels: Sequence[int], scores: Sequence[float], *, seed: int) -> Quality:
    """Return the quality of the order of reports by falling score; equal scores are in order of arrival.

    `levels` are the true levels of the reports, `scores` their scores, both in the same order. `seed` sets
    the random orders of arrival over which the quality is averaged.
    """
    dice, places = Random(seed), list(range(len(levels)))  # noqa: S311 - no secret
    found: list[tuple[float, float, int]] = []
    for _ in range(ORDERS):
        dice.shuffle(places)
        order = [levels[place] for place in sorted(places, key=lambda each: -scores[each])]
        first = order[: math.ceil(FIRST_SHARE * len(order))]
        gain = _gain(order) / (_gain(sorted(levels, reverse=True)) or 1.0)
        found.append((gain, first.count(4) / max(1, levels.count(4)), first.count(0)))
    gains, recalls, nothings = zip(*found, strict=True)
    return Quality(
        ndcg_100=round(fmean(gains), 4),
        recall_level_4=round(fmean(recalls), 4),
        level_0=round(fmean(nothings), 2),
    )


def _gain(order: Sequence[int]) -> float:
    """Return the discounted cumulative gain (DCG) of the first `FIRST` levels, each worth 2 ** level - 1."""
    return sum(
        float(2**level - 1) / math.log2(place + 2) for place, level in enumerate(order[:FIRST])
    )


def measure(size: int, *, seed: int) -> dict[str, object]:
    """Return the quality of the queue's order on `size` labelled texts, for the product and for its peers.

    Keys: the fields of `Quality`, versions of rules and text model, numbers of texts by level and by score of
    95 or more; `peers` has the fields of `Quality` by name of the method. `seed` sets the choice and order of
    the texts.
    """
    texts = draw(size, seed=seed)
    levels, reports = [text.level for text in texts], list(reports_of(texts))
    knowledge, rules = shipped_knowledge(), shipped_rules()[-1]
    reader = shipped_reader()
    meanings = None if isinstance(reader, NoReader) else read(reports, reader)
    scores = [p.score for p in rank(reports, knowledge, rules, meanings=meanings)]
    peers: dict[str, list[float]] = {
        "phrases_alone": [float(p.score) for p in rank(reports, knowledge, rules)],
        "tick_alone": [float(text.ticked) for text in texts],
        "length_alone": [float(len(text.text)) for text in texts],
    }
    return {
        "bench": "triage-rank",
        "size": size,
        "rules": rules.version,
        "knowledge": knowledge.version,
        "reader": None if isinstance(reader, NoReader) else reader.version,
        "level_4": levels.count(4),
        "possible_recall_level_4": round(_possible(levels), 4),
        **structs.asdict(judge(levels, scores, seed=seed)),
        "level_4_at_95": _share(levels, scores, level=4, least=95),
        "level_4_unticked_at_95": _share(
            [-1 if text.ticked else text.level for text in texts], scores, level=4, least=95
        ),
        "level_0_at_95": sum(
            level == 0 and score >= 95 for level, score in zip(levels, scores, strict=True)
        ),
        "peers": {
            name: structs.asdict(judge(levels, values, seed=seed)) for name, values in peers.items()
        },
    }


def _possible(levels: Sequence[int]) -> float:
    """Return the highest possible recall of level 4 within the first 5 % of the queue."""
    room = math.ceil(FIRST_SHARE * len(levels))
    return min(1.0, room / max(1, levels.count(4)))


def _share(levels: Sequence[int], scores: Sequence[float], *, level: int, least: int) -> float:
    reached = [score >= least for each, score in zip(levels, scores, strict=True) if each == level]
    return round(sum(reached) / max(1, len(reached)), 4)


@click.command("triage-rank")
@click.option(
    "--size",
    type=click.IntRange(min=100),
    default=2_000,
    show_default=True,
    help="Number of reports (SIZE); above 700, texts of levels 0 to 2 come again.",
)
@click.option("--seed", type=int, default=SEED, show_default=True, help="Seed of the draw.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def triage_rank(size: int, seed: int, as_json: bool) -> None:
    """Rank SIZE labelled reports as the queue does and judge the order: nDCG, recall of level 4, level 0.

    All in memory: no database and no keys are used.
    """
    result = measure(size, seed=seed)
    if as_json:
        click.echo(json.dumps(result))
    else:
        for key, value in result.items():
            click.echo(f"{key}: {value}")
