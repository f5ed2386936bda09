"""The reporter's answers to the desk, read like the report's own text; findings on them keep no words.

A finding lives as long as the report's, the conversation ends earlier: what is kept is the signal, its score
and the times it states.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from msgspec import Struct

from fanal.analyse.domain.records import Because, Finding
from fanal.formats.report.records import ReportKind
from fanal.harmonise.domain.records import HarmonisedReport
from fanal.kernel.ids import lowest_id

_ALONE = 2
_KEPT = ("chance", "count", "hours_from", "hours_to", "nature")
_MODEL = "MEANING"


class Answer(Struct, frozen=True, kw_only=True):
    """An answer of a reporter to the desk: when it was sent, and its text."""

    at: datetime
    text: str


def findings_of_answers(
    answers: Sequence[Answer], read: Callable[[HarmonisedReport, datetime], Iterable[Finding]]
) -> list[Finding]:
    """Return the findings that `read` makes in a reporter's answers, oldest first, without their words.

    `read` takes a report with the text as its description, and the instant from which times that it states
    are counted. The newest answers are read one by one, those before them as one text of the last instant
    among them. What a text is (`NATURE_…`) is left out: it says nothing of the report.
    """
    found = []
    for at, text in _texts(answers):
        report = HarmonisedReport(
            report_id=lowest_id(at), reference="", kind=ReportKind.OTHER, description=text
        )
        found += [_without_words(f) for f in read(report, at) if f.score and f.category != "NATURE"]
    return found


def _texts(answers: Sequence[Answer]) -> list[tuple[datetime, str]]:
    before, alone = answers[:-_ALONE], answers[-_ALONE:]
    texts = [(before[-1].at, "\n\n".join(answer.text for answer in before))] if before else []
    return texts + [(answer.at, answer.text) for answer in alone]


def _without_words(finding: Finding) -> Finding:
    model = finding.because.code.startswith(_MODEL)
    stated = finding.because.parameters
    return Finding(
        code=finding.code,
        category=finding.category,
        score=finding.score,
        value=finding.value if finding.value.isdigit() else "",  # an age, a number of signals
        because=Because(
            code="MEANING_ANSWERED" if model else "ANSWERED",
            parameters={name: stated[name] for name in _KEPT if name in stated},
        ),
        rule_version=finding.rule_version,
        source="answers",
    )
