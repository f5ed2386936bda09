"""From 95 to 100 the queue is ordered by evidence: what the sender states beside what the text tells."""

from datetime import UTC, datetime
from uuid import UUID

import msgspec
import pytest

from fanal.analyse.domain.records import Analysis, Because, Finding, Priority
from fanal.analyse.priority.domain.rules import PriorityRules, shipped_rules
from fanal.analyse.priority.domain.scoring import prioritise
from fanal.formats.report.records import File, Person, PersonRole, ReportKind
from fanal.harmonise.domain.records import HarmonisedReport

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
RULES = shipped_rules()[-1]


def read(code: str, score: float, **hours: float) -> Finding:
    """Return a finding of the model."""
    return finding(code, score, Because(code="MEANING_SENTENCE", parameters={**hours}))


def phrase(code: str, score: float) -> Finding:
    return finding(code, score, Because(code="PHRASE_WRITTEN"))


def finding(code: str, score: float, because: Because) -> Finding:
    category = code.split("_", maxsplit=1)[0]
    return Finding(
        code=code, score=score, value="", because=because, rule_version="t", category=category
    )


def ranked(
    *findings: Finding,
    ticked: bool = False,
    files: tuple[File, ...] = (),
    persons: tuple[Person, ...] = (),
    kind: ReportKind = ReportKind.OTHER,
    rules: PriorityRules = RULES,
) -> Priority:
    report = HarmonisedReport(
        report_id=UUID(int=1),
        reference="r",
        kind=kind,
        emergency=ticked,
        files=files,
        persons=persons,
    )
    analysis = Analysis(report_id=UUID(int=1), findings=findings, rule_version="t")
    return prioritise([report], [analysis], [], rules, NOW)[0]


ONGOING = read("IMMINENCE_ONGOING", 0.9)
RETRACTED = read("NATURE_RETRACTED", 0.9)
BLACKMAIL = read("SEXTORTION_EXPOSURE", 0.9)


def test_the_band_of_danger_is_ordered_by_evidence() -> None:
    order = [
        ranked(ONGOING, ticked=True),
        ranked(read("IMMINENCE_ONGOING", 0.7), ticked=True),
        ranked(read("IMMINENCE_ONGOING", 0.4), ticked=True),
        ranked(read("IMMINENCE_MEETING_PLANNED", 0.3), ticked=True),
        ranked(ticked=True),
        ranked(RETRACTED, ticked=True),
    ]
    assert [(each.score, each.floor) for each in order] == [
        (100, "DANGER_CLEARLY_CONFIRMED"),
        (99, "DANGER_CONFIRMED"),
        (98, "DANGER_LIKELY_CONFIRMED"),
        (97, "DANGER_POSSIBLY_CONFIRMED"),
        (96, "DANGER_UNDISPUTED"),
        (95, "DANGER_DISPUTED"),
    ]
    assert {each.level for each in order} == {"DANGER"}


@pytest.mark.parametrize(
    ("chance", "score", "floor"),
    [
        (0.95, 100, "DANGER_READ_SURELY"),
        (0.9, 99, "DANGER_READ_CLEARLY"),
        (0.8, 98, "DANGER_READ_WELL"),
        (0.6, 97, "DANGER_READ"),
        (0.4, 0, None),
    ],
)
def test_without_a_tick_a_text_needs_five_times_the_odds(
    chance: float, score: int, floor: str | None
) -> None:
    got = ranked(read("IMMINENCE_ONGOING", chance))
    assert got.floor == floor
    assert got.score == score if floor else got.level != "DANGER"


def test_serious_facts_without_a_danger_in_the_text_are_no_evidence_of_one() -> None:
    assert ranked(BLACKMAIL, ticked=True).score == 96


def test_the_danger_learnt_and_the_codes_of_danger_count_half_each() -> None:
    told = ranked(ONGOING, read("DANGER_TOLD", 0.5), ticked=True)
    assert {p.code: p.because.parameters.get("value") for p in told.parts}["DANGER_READ"] == 0.7
    assert told.score == 99
    assert ranked(ONGOING, read("DANGER_TOLD", 0.04)).floor is None
    assert ranked(read("DANGER_TOLD", 0.9), ticked=True).score == 98
    assert ranked(read("DANGER_TOLD", 0.9)).floor is None


def test_what_is_learnt_of_an_event_that_is_over_or_far_away_does_not_count() -> None:
    over = read("IMMINENCE_MEETING_PLANNED", 0.9, hours_from=-60, hours_to=-50)
    assert ranked(over, read("DANGER_TOLD", 0.9), ticked=True).score == 96
    assert ranked(over, ONGOING, read("DANGER_TOLD", 0.9), ticked=True).score == 100


@pytest.mark.parametrize("code", ["SPAM", "TEST", "QUESTION", "RETRACTED", "OFF_TOPIC", "INNOCENT"])
def test_whatever_the_text_is_a_stated_danger_stays_in_its_band(code: str) -> None:
    against = [read(f"NATURE_{code}", 1.0), phrase("IMMINENCE_AGE_STATED", 0.5)]
    got = ranked(*against, ticked=True)
    assert got.score == 95
    assert "CHILD_IN_DANGER" in {part.code for part in got.parts}


def meeting(nature: float, because: str = "MEANING_SENTENCE") -> Finding:
    """Return a meeting of today, told by a segment that has this nature."""
    told = read("IMMINENCE_MEETING_PLANNED", 0.95, hours_from=3, hours_to=4, nature=nature)
    return msgspec.structs.replace(
        told, because=Because(code=because, parameters=told.because.parameters)
    )


def test_other_words_of_the_same_text_lower_no_danger_that_a_part_of_it_tells() -> None:
    alone = ranked(meeting(0.1), read("DANGER_TOLD", 0.8))
    for other in ("INNOCENT", "OFF_TOPIC", "QUESTION", "SPAM", "INFORMATIONAL"):
        beside = ranked(meeting(0.1), read("DANGER_TOLD", 0.8), read(f"NATURE_{other}", 0.9))
        assert beside.score >= 97, other
        assert (
            ranked(meeting(0.9), read("DANGER_TOLD", 0.1), read(f"NATURE_{other}", 0.9)).score < 95
        )
    assert alone.score == 99
    older = read("IMMINENCE_MEETING_PLANNED", 0.95)  # of a reader that stated no nature of the part
    assert ranked(older, read("DANGER_TOLD", 0.1), read("NATURE_INNOCENT", 0.9)).score < 95


@pytest.mark.parametrize("nature", ["TEST", "RETRACTED"])
def test_what_takes_a_text_back_takes_all_of_it_back_but_no_later_answer(nature: str) -> None:
    """Whoever tried the form, or took a report back, may be in danger later."""
    taken_back, learnt = read(f"NATURE_{nature}", 0.9), read("DANGER_TOLD", 0.8)
    assert ranked(meeting(0.1), learnt, taken_back).score < 95
    assert ranked(meeting(0.1, "MEANING_ANSWERED"), learnt, taken_back).score == 98


def test_the_row_of_a_disputed_danger_asks_to_look() -> None:
    disputed = ranked(RETRACTED, ticked=True)
    rule = next(rule for rule in RULES.rule if rule.code == disputed.floor)
    assert rule.name("en") == "Danger stated, not borne out by the text: check"
    assert (
        rule.name("fr")
        == "Danger déclaré, que le texte ne confirme pas\N{NO-BREAK SPACE}: à vérifier"
    )


def test_words_of_danger_outweigh_the_nature_of_a_ticked_text() -> None:
    got = ranked(ONGOING, read("NATURE_QUESTION", 0.5), ticked=True)
    assert got.score >= 96


@pytest.mark.parametrize(
    ("finding", "floor"),
    [
        (read("IMMINENCE_MEETING_PLANNED", 0.9, hours_from=20, hours_to=30), "DANGER_READ_CLEARLY"),
        (read("LIVESTREAM_SCHEDULED_SHOW", 0.9, hours_from=4, hours_to=9), "DANGER_READ_CLEARLY"),
        (read("SEXTORTION_COUNTDOWN", 0.9, hours_from=0, hours_to=24), "DANGER_READ_CLEARLY"),
        (read("IMMINENCE_SELF_HARM", 0.9, hours_from=2, hours_to=10), "DANGER_READ_CLEARLY"),
        (read("IMMINENCE_MEETING_PLANNED", 0.9), "DANGER_READ_WELL"),
        (read("IMMINENCE_MEETING_PLANNED", 0.9, hours_from=73, hours_to=100), None),
        (read("IMMINENCE_MEETING_PLANNED", 0.9, hours_from=-90, hours_to=-60), None),
        (read("GROOMING_MEETING", 0.9), None),
        (read("IMMINENCE_SELF_HARM", 0.9, hours_from=80, hours_to=200), "DANGER_READ"),
        (phrase("IMMINENCE_ONGOING", 0.9), None),
    ],
)
def test_an_event_counts_by_the_time_that_the_text_tells(
    finding: Finding, floor: str | None
) -> None:
    assert ranked(finding).floor == floor


def test_an_event_fixed_for_later_is_acted_on_the_same_day_and_one_of_the_past_is_not() -> None:
    later = ranked(read("IMMINENCE_MEETING_PLANNED", 0.9, hours_from=100, hours_to=124))
    over = ranked(read("IMMINENCE_MEETING_PLANNED", 0.9, hours_from=-60, hours_to=-50))
    assert [part.code for part in later.parts][:1] == ["EVENT_READ"]
    assert over.parts == ()


def test_several_doubtful_dangers_make_a_likely_one() -> None:
    weak = [read("IMMINENCE_ONGOING", 0.4), read("SEXTORTION_COUNTDOWN", 0.5)]
    assert ranked(weak[0]).floor is None
    assert ranked(*weak).floor == "DANGER_READ"


def test_another_nature_lowers_what_a_text_tells() -> None:
    assert ranked(read("IMMINENCE_ONGOING", 0.7), read("NATURE_INFORMATIONAL", 0.8)).score < 95


def test_a_text_that_is_no_account_of_facts_falls_unless_it_holds_a_signal_or_files() -> None:
    spam = read("NATURE_SPAM", 0.9)
    suspect = Person(role=PersonRole.SUSPECT, emails=("a@b.test",))
    alone = ranked(spam, kind=ReportKind.SEXTORTION, persons=(suspect,))
    assert alone.score == 25 + 6 - 27
    signal = phrase("GROOMING_SECRECY", 0.7)
    assert ranked(spam, signal, kind=ReportKind.SEXTORTION).score == 25
    assert ranked(spam, kind=ReportKind.SEXTORTION, files=(File(sha256="0" * 64),)).score == 25


def test_without_a_model_only_the_tick_reaches_the_band() -> None:
    assert ranked(phrase("IMMINENCE_AGE_STATED", 0.5), ticked=True).score == 96
    assert ranked(phrase("IMMINENCE_ONGOING", 0.9), ticked=True).score == 96
    assert ranked(phrase("IMMINENCE_ONGOING", 0.9)).level != "DANGER"


def test_a_rule_set_older_than_the_model_ranks_as_before() -> None:
    older = next(rules for rules in shipped_rules() if rules.version == "priority/2026-11-25")
    told = [ONGOING, BLACKMAIL, read("IMMINENCE_SELF_HARM", 1.0), read("NATURE_SPAM", 0.9)]
    assert ranked(*told, rules=older).score == 0
    assert ranked(*told, ticked=True, rules=older).score == 95


def test_each_point_names_its_evidence() -> None:
    got = ranked(ONGOING, BLACKMAIL, ticked=True)
    told = {part.code: part.because.parameters.get("value") for part in got.parts}
    assert told["DANGER_CLEARLY_CONFIRMED"] == told["DANGER_READ"] == 0.9
    assert told["EXTORTION_READ"] == 0.9
    assert round(sum(part.points for part in got.parts), 2) == got.score
