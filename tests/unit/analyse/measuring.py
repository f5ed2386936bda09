"""Counts what the analysis finds in labelled dialogues: right, wrong and missed, by category.

`python -m tests.unit.analyse.measuring` prints the table of `docs/explanation/signals.md`.
"""

import tomllib
from collections import Counter
from collections.abc import Set
from pathlib import Path
from uuid import UUID

from fanal.analyse.analysis import Knowledge, analyse, shipped_knowledge
from fanal.formats.report.records import Message, ReportKind
from fanal.harmonise.domain.records import HarmonisedReport

SETS = ("dialogues", "held_out")


class Figures:
    """What was found of what was expected."""

    def __init__(self) -> None:
        self._right, self._wrong, self._missed = Counter[str](), Counter[str](), Counter[str]()

    def add(self, *, expected: Set[str], found: Set[str]) -> None:
        """Count one dialogue."""
        self._right.update(expected & found)
        self._wrong.update(found - expected)
        self._missed.update(expected - found)

    def codes(self) -> list[str]:
        """Return every category that was expected or found."""
        return sorted({*self._right, *self._wrong, *self._missed})

    def of(self, code: str) -> tuple[int, int, int]:
        """Return right, wrong and missed of a category."""
        return self._right[code], self._wrong[code], self._missed[code]

    def total(self) -> tuple[int, int, int]:
        """Return right, wrong and missed of all categories."""
        return self._right.total(), self._wrong.total(), self._missed.total()

    def cells(self, code: str | None = None) -> str:
        """Return precision and recall as two cells of a table: right of all found, of all expected."""
        right, wrong, missed = self.total() if code is None else self.of(code)
        return f"{right}/{right + wrong} | {right}/{right + missed}"

    def told(self) -> str:
        """Return the figures as lines."""
        rows = [(code, self.cells(code)) for code in self.codes()] + [("all", self.cells())]
        return "".join(f"\n{code:28} {cells}" for code, cells in rows) + "\n"


def measure(name: str, knowledge: Knowledge) -> Figures:
    """Return the figures of one set."""
    figures = Figures()
    text = (Path(__file__).parent / f"{name}.toml").read_text("utf-8")
    for dialogue in tomllib.loads(text)["dialogue"]:
        (analysis,) = analyse([_report(dialogue)], knowledge)
        figures.add(
            expected=set(dialogue["expect"]), found={finding.code for finding in analysis.findings}
        )
    return figures


def _report(dialogue: dict[str, object]) -> HarmonisedReport:
    lines = [str(line).split(": ", 1) for line in dialogue.get("lines", [])]  # type: ignore[attr-defined]
    return HarmonisedReport(
        report_id=UUID(int=0),
        reference="r",
        kind=ReportKind.OTHER,
        description=dialogue.get("description"),  # type: ignore[arg-type]
        conversation=tuple(Message(speaker=who, text=text) for who, text in lines),
    )


def _table() -> str:
    tuned, unseen = (measure(name, shipped_knowledge()) for name in SETS)
    codes = sorted({*tuned.codes(), *unseen.codes()})
    rows = [f"| `{code}` | {tuned.cells(code)} | {unseen.cells(code)} |" for code in codes]
    return "\n".join([*rows, f"| **all** | {tuned.cells()} | {unseen.cells()} |"])


if __name__ == "__main__":
    print(_table())
