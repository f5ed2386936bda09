"""Points, floors, levels and dry runs."""

from datetime import UTC, datetime, timedelta
from importlib import resources
from uuid import UUID

import pytest
from hypothesis import given, strategies as st
from msgspec import structs

from fanal.analyse.domain.records import Analysis, Because, Finding, KinFacts
from fanal.analyse.priority.domain.rules import read_rules, shipped_rules, write_rules
from fanal.analyse.priority.domain.scoring import dry_run, prioritise
from fanal.formats.report.records import (
    Classification,
    File,
    IpSighting,
    Person,
    PersonRole,
    PlaceRole,
    ReportKind,
    Stated,
    StatedPlace,
)
from fanal.harmonise.domain.harmonise import harmonise_one
from fanal.harmonise.domain.records import Extra, HarmonisedReport, Source, SourceFile
from fanal.harmonise.domain.sources.building import Draft
from fanal.harmonise.domain.sources.read import read_source
from fanal.kernel.ids import new_id
from fanal.kernel.refusal import Refusal
from tests.formats.ncmec_documents import minimal

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
RULES = shipped_rules()[-1]
TEXT = (
    resources.files("fanal.analyse")
    .joinpath("data", "priority", "2026-11-25.toml")
    .read_text("utf-8")
)


def report(number: int = 1, **fields: object) -> HarmonisedReport:
    base = {"report_id": UUID(int=number), "reference": "r", "kind": ReportKind.OTHER}
    return HarmonisedReport(**{**base, **fields})  # type: ignore[arg-type]


def analysis(number: int = 1, *findings: Finding) -> Analysis:
    return Analysis(report_id=UUID(int=number), findings=findings, rule_version="t")


def finding(code: str, score: float, category: str = "", value: str = "") -> Finding:
    return Finding(
        code=code,
        score=score,
        value=value,
        category=category,
        because=Because(code="X"),
        rule_version="t",
    )


def scored(*stated: Stated, **fields: object) -> tuple[int, str, str | None]:
    (found,) = prioritise([report(stated=stated, **fields)], [analysis()], [], RULES, NOW)
    return found.score, found.level, found.floor


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2026-11-24T18:00:00+01:00", (96, "MEETING_SOON")),
        ("2026-11-24", (96, "MEETING_SOON")),
        ("2026-11-27", (96, "MEETING_SOON")),
        ("2026-11-28", (25, None)),
        (None, (95, "MEETING_UNDATED")),
        ("some day", (95, "MEETING_UNDATED")),
        ("2026-11-24T05:00", (96, "MEETING_SOON")),
        ("2026-11-24T00:30:00+01:00", (96, "MEETING_SOON")),
        ("2026-11-23T23:30:00+01:00", (0, None)),
        ("2026-11-23T23:30", (0, None)),
        ("2026-11-23", (0, None)),
    ],
)
def test_a_stated_meeting_today_or_within_72_hours_is_a_danger_and_one_that_is_over_none(
    at: str | None, expected: tuple[int, str | None]
) -> None:
    """Hours count from the receipt of the report, whenever it is ranked; a meeting of that day is never over."""
    assert ranked_with_meeting(at, received=NOW) == expected


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2026-11-23T20:00", (96, "MEETING_SOON")),
        ("2026-11-23", (96, "MEETING_SOON")),
        ("2026-11-23T20:00:00+01:00", (0, None)),
        ("2026-11-23T18:00", (0, None)),
    ],
)
def test_a_meeting_without_a_zone_may_be_overseas(
    at: str, expected: tuple[int, str | None]
) -> None:
    """At 7 in Paris it is 20 o'clock of the day before in Papeete."""
    received = datetime(2026, 11, 24, 6, tzinfo=UTC)
    assert ranked_with_meeting(at, received=received) == expected


def ranked_with_meeting(at: str | None, *, received: datetime) -> tuple[int, str | None]:
    places = (StatedPlace(role=PlaceRole.MEETING, at=at),)
    draft = Draft(reference="r", kind=ReportKind.OTHER, places=places)
    read = harmonise_one(new_id(received), draft)
    found = Analysis(report_id=read.report_id, findings=(), rule_version="t")
    (ranked,) = prioritise([read], [found], [], RULES, received + timedelta(days=30))
    return ranked.score, ranked.floor


def test_not_knowing_about_danger_is_read_soon_and_alarms_nobody() -> None:
    assert scored() == (0, "LOW", None)
    assert scored(Stated.DANGER_UNKNOWN) == (30, "NORMAL", None)
    score, level, floor = scored(Stated.DANGER_UNKNOWN, kind=ReportKind.SEXTORTION)
    assert (score, level, floor) == (55, "NORMAL", None)
    assert scored(Stated.DANGER_UNKNOWN, emergency=True)[1:] == ("DANGER", "DANGER_UNDISPUTED")


def test_a_child_who_writes_weighs_without_a_floor() -> None:
    assert scored(Stated.REPORTER_IS_CHILD) == (20, "LOW", None)
    both = scored(Stated.REPORTER_IS_CHILD, Stated.DANGER_UNKNOWN, kind=ReportKind.SEXTORTION)
    assert both == (75, "HIGH", None)


def test_what_is_stated_weighs_by_rules_that_can_be_changed() -> None:
    weaker = read_rules(
        TEXT.replace('fact = "danger_unknown"\npoints = 30', 'fact = "danger_unknown"\npoints = 3')
    )
    (found,) = prioritise([report(stated=(Stated.DANGER_UNKNOWN,))], [analysis()], [], weaker, NOW)
    assert found.score == 3


def test_keeps_a_child_in_danger_at_95_or_more() -> None:
    (priority,) = prioritise(
        [report(emergency=True, annotations=("spam",))], [analysis()], [], RULES, NOW
    )
    assert priority.score >= 95
    assert "CHILD_IN_DANGER" in {part.code for part in priority.parts}
    assert priority.level == "DANGER"


kinds = st.sampled_from(list(ReportKind))
ages = st.none() | st.integers(-9, 130)


# Slow to draw on a loaded machine, which says nothing of the rules.
@given(
    emergency=st.booleans(),
    kind=kinds,
    age=ages,
    files=st.integers(0, 60),
    scores=st.tuples(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1)),
    links=st.integers(0, 50),
    spam=st.booleans(),
)
def test_the_parts_tell_the_score_step_by_step_and_only_danger_passes_the_ceiling(
    emergency: bool,
    kind: ReportKind,
    age: int | None,
    files: int,
    scores: tuple[float, float, float],
    links: int,
    spam: bool,
) -> None:
    subject = report(
        emergency=emergency,
        kind=kind,
        annotations=("spam",) if spam else (),
        persons=(Person(role=PersonRole.VICTIM, age=age),),
        files=(File(classification=Classification(scheme="NCMEC", code="A1")),) * files,
    )
    kin = KinFacts(report_id=UUID(int=1), previously_reported_suspect=links, strongest=0.9)
    found = [
        finding(code, score)
        for code, score in zip(
            ("GROOMING_PATTERN", "IMMINENCE_SELF_HARM", "PAYMENT_PATTERN"), scores, strict=True
        )
    ]
    (got,) = prioritise([subject], [analysis(1, *found)], [kin], RULES, NOW)
    assert 0 <= got.score <= 100
    assert round(sum(part.points for part in got.parts), 2) == got.score
    assert (got.score >= 95) == emergency == (got.level == "DANGER")
    told = [part.code for part in got.parts]
    last = [code for code in told if code.startswith("PRIORITY_")]
    assert told[len(told) - len(last) :] == last  # what bounds the total comes after what makes it
    before_floor = sum(p.points for p in got.parts if p.code != "PRIORITY_FLOOR")
    assert 0 <= round(before_floor, 2) <= RULES.ceiling
    assert ("PRIORITY_FLOOR" in told) == (got.score > round(before_floor, 2))


def test_a_child_in_danger_over_the_ceiling_is_told_as_a_bound_and_a_floor() -> None:
    subject = report(
        emergency=True,
        escalation_reason="x",
        kind=ReportKind.SEXTORTION,
        persons=(Person(role=PersonRole.VICTIM, age=9),),
    )
    (got,) = prioritise([subject], [analysis()], [], RULES, NOW)
    told = [(part.code, part.points, part.because.parameters) for part in got.parts]
    assert told[-2:] == [
        ("PRIORITY_BOUND", 94 - sum(points for _, points, _ in told[:-2]), {"ceiling": 94}),
        ("PRIORITY_FLOOR", 2, {"rule": "DANGER_UNDISPUTED", "floor": 96}),
    ]


@pytest.mark.parametrize(
    ("score", "points", "floor"), [(0.4, 0, None), (0.6, 40, None), (0.75, 85, "SELF_HARM_RISK")]
)
def test_a_floor_begins_where_its_rule_says(score: float, points: int, floor: str | None) -> None:
    said = analysis(1, finding("IMMINENCE_SELF_HARM", score, "IMMINENCE"))
    (got,) = prioritise([report()], [said], [], RULES, NOW)
    assert (got.score, got.floor) == (points, floor)


@pytest.mark.parametrize(("age", "points"), [(-5, 0), (0, 20), (12, 20), (17, 10), (121, 0)])
def test_an_age_that_is_nobodys_gives_no_points(age: int, points: int) -> None:
    subject = report(persons=(Person(role=PersonRole.VICTIM, age=age),))
    (got,) = prioritise([subject], [analysis()], [], RULES, NOW)
    assert got.score == points


def test_an_unchecked_rule_gives_points_and_no_floor() -> None:
    text = TEXT + (
        '\n[[rule]]\ncode = "X"\nfact = "files"\npoints = 5\nfloor = 90\n'
        'source = "s"\nchecked_by = "UNCHECKED"\n'
    )
    (got,) = prioritise([report(files=(File(),))], [analysis()], [], read_rules(text), NOW)
    assert (got.score, got.floor) == (5, None)
    assert got.parts[0].because.parameters["unchecked"] is True


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("floor = 95", "floor = 90"),
        ("floor = 95", "floor = 95\nfloor_from = 2"),
        ("floor_from = 0.75", "floor_from = 0.1"),
        ('fact = "emergency"', 'fact = "files"'),
        ("points = 60", 'points = "many"'),
        ("points = 60", "points = 60\nsurprise = 1"),
        ('code = "SPAM"', 'code = "CHILD_IN_DANGER"'),
        ("ceiling = 94", "ceiling = 99"),
        ("from = 65", "from = 96"),
        ('fact = "spam"', 'fact = "nothing_of_the_sort"'),
    ],
)
def test_refuses_a_rule_file_that_breaks_a_guarantee(old: str, new: str) -> None:
    assert old in TEXT
    with pytest.raises(Refusal):
        read_rules(TEXT.replace(old, new, 1))


@pytest.mark.parametrize(("left", "right"), [("[", "]"), ("{a=", "=1}")])
def test_refuses_a_rule_file_that_is_nested_without_end(left: str, right: str) -> None:
    with pytest.raises(Refusal, match="FORMAT"):
        read_rules(f"a = {left * 20_000}{right * 20_000}")


def test_refuses_an_unchecked_danger_rule() -> None:
    head, tail = TEXT.split('code = "CHILD_IN_DANGER"')
    with pytest.raises(Refusal):
        read_rules(
            head
            + 'code = "CHILD_IN_DANGER"'
            + tail.replace('checked_by = "PROJECT"', 'checked_by = "UNCHECKED"', 1)
        )


def test_a_fresh_address_counts_and_one_from_the_future_is_no_error() -> None:
    def suspect(at: str) -> HarmonisedReport:
        return report(
            persons=(Person(role=PersonRole.SUSPECT, ips=(IpSighting(value="192.0.2.1", at=at),)),)
        )

    codes = [
        {part.code for part in prioritise([suspect(at)], [analysis()], [], RULES, NOW)[0].parts}
        for at in (
            "2026-11-20T00:00:00Z",
            "2027-01-01T00:00:00Z",
            "2024-01-01T00:00:00Z",
            "no date",
        )
    ]
    assert "FRESH_ADDRESS" in codes[0]
    assert "FRESH_ADDRESS" in codes[1]
    assert "ADDRESS_TOO_LATE" in codes[2]
    assert codes[3] == {"SUSPECT_REACHABLE"}


def test_industry_factors_count_and_unchecked_ones_never_set_a_floor() -> None:
    def codes(**fields: object) -> set[str]:
        (found,) = prioritise([report(**fields)], [analysis()], [], RULES, NOW)
        assert found.floor in {None, "PROVIDER_ESCALATED"}
        return {part.code for part in found.parts}

    file = File(sha256="ab" * 32, seen_by_provider=True)
    assert "NEW_MATERIAL_SEEN" in codes(files=(file,))
    known = finding("KNOWN_HASH", 1.0)
    seen = structs.replace(known, source="files[0].sha256")
    (listed,) = prioritise([report(files=(file,))], [analysis(1, seen)], [], RULES, NOW)
    assert {"KNOWN_MATERIAL"} <= {part.code for part in listed.parts}
    assert "NEW_MATERIAL_SEEN" not in {part.code for part in listed.parts}
    assert "SEXTORTION_ANNOTATED" in codes(annotations=("sextortion",))
    assert "LIVE_STREAMING_FILE" in codes(annotations=("liveStreaming",))
    for path in ("reportedInformation/accessToChildren", "persons[0]/accessToChildVictim"):
        assert "ACCESS_TO_CHILDREN" in codes(extra=(Extra(path=path, value="true"),))
        assert "ACCESS_TO_CHILDREN" not in codes(extra=(Extra(path=path, value="false"),))
    assert "ESCALATION_EXPLAINED" in codes(escalation_reason="said to live with the child")
    assert "ESCALATION_EXPLAINED" not in codes(escalation_reason="true")
    closing = next(rule for rule in RULES.rule if rule.code == "ADDRESS_CLOSING")
    assert closing.unchecked


def of_the_wire(*annotated: str, batch: str = "") -> HarmonisedReport:
    """Return what becomes of a provider's document and of one file for each of `annotated`."""
    details = [
        SourceFile(
            file_id=str(number),
            details=b"<fileDetails><reportId>1</reportId><fileId>f</fileId>%s</fileDetails>"
            % said.encode(),
        )
        for number, said in enumerate(annotated)
    ]
    body = minimal().replace(b"<report>", b"<report>" + batch.encode(), 1)
    source = Source(report_id=UUID(int=1), format="ncmec-xml", body=body, files=tuple(details))
    return harmonise_one(source.report_id, read_source(source, received_at=NOW))


@pytest.mark.parametrize(
    ("found", "codes"),
    [
        (of_the_wire("<fileAnnotations><liveStreaming/></fileAnnotations>", ""), "LIVE_STREAMING_FILE"),
        (of_the_wire("<fileAnnotations><infant/></fileAnnotations>"), ""),
        (of_the_wire("<potentialMeme>true</potentialMeme>"), "POTENTIAL_MEME"),
        (of_the_wire(*["<fileAnnotations><potentialMeme/></fileAnnotations>"] * 2), "POTENTIAL_MEME"),
        (of_the_wire("<potentialMeme>false</potentialMeme>"), ""),
        (of_the_wire("<potentialMeme>true</potentialMeme>", ""), ""),
        (of_the_wire(batch='<batchedReport reason="VIRAL_POTENTIAL_MEME"/>'), "POTENTIAL_MEME"),
    ],
)  # fmt: skip
def test_what_a_provider_annotates_on_files_and_batches_counts(
    found: HarmonisedReport, codes: str
) -> None:
    (priority,) = prioritise([found], [analysis()], [], RULES, NOW)
    annotated = {"LIVE_STREAMING_FILE", "POTENTIAL_MEME"}
    assert annotated & {part.code for part in priority.parts} == set(codes.split())
    assert "CLASS_UNKNOWN" not in {warning.code for warning in found.warnings}


def test_previously_reported_suspect_counts_per_report_up_to_a_cap() -> None:
    def points(count: int) -> float:
        kin = KinFacts(report_id=UUID(int=1), previously_reported_suspect=count)
        return prioritise([report()], [analysis()], [kin], RULES, NOW)[0].score

    assert (points(0), points(1), points(2), points(9)) == (0, 8, 16, 24)


def test_dry_run_says_who_rises_and_why() -> None:
    candidate = read_rules(
        TEXT.replace("priority/2026-11-25", "priority/next").replace(
            'fact = "kind_grooming"\npoints = 20', 'fact = "kind_grooming"\npoints = 70'
        )
    )
    reports = [report(1, kind=ReportKind.GROOMING), report(2)]
    got = dry_run(reports, [analysis(1), analysis(2)], [], (RULES, candidate), NOW)
    assert (got.risen, got.fallen, got.level_changes, got.reports) == (1, 0, 1, 2)
    assert got.changes[0].because[0].parameters == {
        "rule": "KIND_GROOMING",
        "before": 20,
        "after": 70,
    }


def test_what_is_written_reads_the_same() -> None:
    assert read_rules(write_rules(RULES)) == RULES
