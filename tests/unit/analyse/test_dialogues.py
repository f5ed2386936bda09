"""Precision and recall of text signals on neutral labelled dialogues, printed and held above a floor."""

import sys
import tomllib
from collections import Counter
from pathlib import Path
from uuid import UUID

import pytest

from fanal.analyse.domain.analysis import Knowledge, analyse, shipped_knowledge
from fanal.analyse.domain.records import Finding
from fanal.formats.report.records import Message, ReportKind
from fanal.harmonise.domain.records import HarmonisedReport

DIALOGUES = tomllib.loads((Path(__file__).parent / "dialogues.toml").read_text("utf-8"))["dialogue"]
UNMEASURED = {
    "GROOMING_PATTERN",
    "IMMINENCE_VICTIM_AGE",
    "IMMINENCE_AGE_STATED",
    "IMMINENCE_ONGOING",
}
FLOOR = 0.9


@pytest.fixture(scope="module")
def knowledge() -> Knowledge:
    return shipped_knowledge()


def report_of(dialogue: dict[str, object]) -> HarmonisedReport:
    lines = [str(line).split(": ", 1) for line in dialogue.get("lines", [])]  # type: ignore[attr-defined]
    return HarmonisedReport(
        report_id=UUID(int=0),
        reference="r",
        kind=ReportKind.OTHER,
        description=dialogue.get("description"),  # type: ignore[arg-type]
        conversation=tuple(Message(speaker=who, text=text) for who, text in lines),
    )


def found_in(dialogue: dict[str, object], knowledge: Knowledge) -> tuple[Finding, ...]:
    return analyse([report_of(dialogue)], knowledge)[0].findings


def test_holds_precision_and_recall_per_category(knowledge: Knowledge) -> None:
    right: Counter[str] = Counter()
    missed: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    notes = []
    for dialogue in DIALOGUES:
        expected = set(dialogue["expect"])
        found = {f.code for f in found_in(dialogue, knowledge)} - UNMEASURED
        right.update(expected & found)
        missed.update(expected - found)
        wrong.update(found - expected)
        if expected != found:
            notes.append((dialogue["name"], "missed", expected - found, "wrong", found - expected))
    told = [""]
    for code in sorted(right | missed | wrong):
        precision = right[code] / max(1, right[code] + wrong[code])
        recall = right[code] / max(1, right[code] + missed[code])
        told.append(f"{code:32} precision {precision:.2f}  recall {recall:.2f}")
    sys.stdout.write("\n".join([*told, *map(str, notes), ""]))
    for code in right | missed | wrong:
        assert right[code] >= FLOOR * (right[code] + wrong[code]), code
        assert right[code] >= FLOOR * (right[code] + missed[code]), code
