"""Words about one's own death: what is said in earnest lifts a report, a figure of speech does not."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from fanal.analyse.analysis import Knowledge, analyse, shipped_knowledge
from fanal.analyse.domain.records import Priority
from fanal.analyse.priority.domain.rules import shipped_rules
from fanal.analyse.priority.domain.scoring import prioritise
from fanal.formats.report.records import ReportKind
from fanal.harmonise.domain.records import HarmonisedReport


@pytest.fixture(scope="module")
def knowledge() -> Knowledge:
    return shipped_knowledge()


def priority_of(text: str, knowledge: Knowledge) -> Priority:
    report = HarmonisedReport(
        report_id=UUID(int=1), reference="r", kind=ReportKind.OTHER, description=text
    )
    now = datetime(2026, 11, 24, tzinfo=UTC)
    analyses = analyse([report], knowledge)
    return prioritise([report], analyses, [], shipped_rules()[-1], now)[0]


@pytest.mark.parametrize(
    "text",
    [
        "Ma fille a dit : je vais mourir de rire",
        "mdr je vais me tuer à la tâche avec ce devoir",
        "Je vais me tuer si on perd encore ce match, lol",
        "Je vais me faire tuer par ma mère",
        "Je veux en finir avec ce dossier avant ce soir",
        "je vais mourir au prochain niveau du jeu",
        "I'm going to die of laughter",
        "I want to kill myself laughing",
        "I'm gonna die if we lose the match again, lol",
        "I want to end it with him",
    ],
)
def test_a_figure_of_speech_gives_no_points(text: str, knowledge: Knowledge) -> None:
    got = priority_of(text, knowledge)
    assert (got.score, got.floor) == (0, None)


@pytest.mark.parametrize(
    "text",
    [
        "je vais me tuer",
        "i want to end it tonight",
        "I just want to end it",
        "je suis mort de rire, mais en vrai je veux mourir",
        "I died of laughter. I want to kill myself",
        "je vais en finir avec la vie",
    ],
)
def test_words_in_earnest_reach_the_floor(text: str, knowledge: Knowledge) -> None:
    got = priority_of(text, knowledge)
    assert (got.score, got.floor, got.level) == (85, "SELF_HARM_RISK", "HIGH")


def test_a_joke_weakens_them_and_never_hides_them(knowledge: Knowledge) -> None:
    for text in ("je veux mourir. je rigole", "je veux mourir mdr", "I want to die, just kidding"):
        report = HarmonisedReport(
            report_id=UUID(int=1), reference="r", kind=ReportKind.OTHER, description=text
        )
        found = analyse([report], knowledge)[0].findings
        assert [f.code for f in found] == ["IMMINENCE_SELF_HARM"], text
        assert 0.3 <= found[0].score < 0.5
