"""Answers of a reporter: each is read at its own time, and no word of them stays in a finding."""

from datetime import UTC, datetime, timedelta

from fanal.analyse.analysis import ReporterAnswer, findings_of_answers
from fanal.analyse.domain.records import Because, Finding
from fanal.harmonise.domain.records import HarmonisedReport

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


def finding(code: str, *, score: float = 0.9, value: str = "", because: str = "PHRASE") -> Finding:
    stated = {"phrase": value, "chance": score, "hours_from": 3.0, "nearest": [value]}
    return Finding(
        code=code,
        category=code.partition("_")[0],
        score=score,
        value=value,
        because=Because(code=because, parameters=stated),
        rule_version="t",
        source="description#0-9",
    )


def test_the_newest_are_read_alone_and_those_before_as_one() -> None:
    seen = []

    def read(report: HarmonisedReport, at: datetime) -> list[Finding]:
        seen.append((report.description, at))
        return []

    answers = [ReporterAnswer(at=NOW + timedelta(hours=n), text=str(n)) for n in range(5)]
    assert findings_of_answers(answers, read) == []
    hours = [NOW + timedelta(hours=n) for n in (2, 3, 4)]
    assert seen == [("0\n\n1\n\n2", hours[0]), ("3", hours[1]), ("4", hours[2])]
    assert findings_of_answers((), read) == []


def test_no_word_stays() -> None:
    made = [
        finding("GROOMING_MEETING", value="a sentence"),
        finding("IMMINENCE_VICTIM_AGE", value="12"),
        finding("IMMINENCE_MEETING_PLANNED", value="a sentence", because="MEANING_SPOKEN"),
        finding("NATURE_SPAM", value="a sentence"),
        finding("TEXT_UNREAD", score=0.0),
    ]
    told, age, meant = findings_of_answers([ReporterAnswer(at=NOW, text="x")], lambda *_: made)
    kept = {"chance": 0.9, "hours_from": 3.0}
    assert (told.value, told.source, told.because.code) == ("", "answers", "ANSWERED")
    assert told.because.parameters == meant.because.parameters == kept
    assert (age.value, meant.because.code) == ("12", "MEANING_ANSWERED")
