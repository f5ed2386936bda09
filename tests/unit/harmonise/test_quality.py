"""The quality of a report: each useful field raises it, none of what does not apply lowers it."""

from uuid import UUID

import msgspec
import pytest
from msgspec import structs

from fanal import reference
from fanal.formats.report.records import (
    Classification,
    File,
    Handle,
    IpSighting,
    Message,
    Person,
    PersonRole,
    Place,
    ReportKind,
)
from fanal.harmonise.domain import quality
from fanal.harmonise.domain.quality import RULES, assess
from fanal.harmonise.domain.records import (
    HarmonisedReport,
    HarmonisedUrl,
    TimeRange,
    Warning as Noted,
)

BARE = HarmonisedReport(report_id=UUID(int=1), reference="r", kind=ReportKind.ABUSE_MATERIAL)
AT = "2026-11-20T20:00:00Z"
URL = HarmonisedUrl(
    reported="https://a.example/", canonical=None, key=None, host=None, registrable_domain=None
)
SUSPECT = Person(
    role=PersonRole.SUSPECT,
    emails=("a@b.example",),
    country="FR",
    ips=(IpSighting(value="203.0.113.7", port=4001, at=AT),),
)
FILE = File(
    sha256="a" * 64,
    classification=Classification(scheme="NCMEC", code="A1"),
    seen_by_provider=False,
    publicly_available=True,
)
FULL = structs.replace(
    BARE,
    emergency=True,
    escalation_reason="neutral",
    occurred=TimeRange(earliest=AT, latest=AT, precision="SECOND", zone="+00:00"),
    persons=(SUSPECT,),
    files=(FILE,),
    urls=(URL,),
    description="A neutral sentence of more than forty characters.",
)


def points(report: HarmonisedReport) -> dict[str, float]:
    return {part.code: part.points for part in assess(report).parts}


def test_all_is_there_or_nothing() -> None:
    assert assess(FULL).score == 100
    assert assess(FULL).lacks == ()
    bare = assess(BARE)
    assert bare.score < 10
    assert set(bare.lacks) == {p.code for p in bare.parts} - {"READABLE"}
    assert {p.code for p in bare.parts} & {"FILE_HASH", "VICTIM_FACTS", "ADDRESS_PORT"} == set()


@pytest.mark.parametrize(
    ("worse", "code"),
    [
        ({"persons": (structs.replace(SUSPECT, emails=()),)}, "SUSPECT_IDENTIFIER"),
        ({"persons": (structs.replace(SUSPECT, ips=()),)}, "SUSPECT_ADDRESS"),
        (
            {"persons": (structs.replace(SUSPECT, ips=(IpSighting(value="203.0.113.7", at=AT),)),)},
            "ADDRESS_PORT",
        ),
        (
            {
                "persons": (
                    structs.replace(SUSPECT, ips=(IpSighting(value="203.0.113.7", port=1),)),
                )
            },
            "ADDRESS_TIME",
        ),
        ({"occurred": None}, "TIME_PRECISION"),
        ({"files": (structs.replace(FILE, sha256=None),)}, "FILE_HASH"),
        ({"files": (structs.replace(FILE, seen_by_provider=None),)}, "FILE_VIEWED"),
        ({"files": (structs.replace(FILE, classification=None),)}, "FILE_CLASS"),
        ({"files": (structs.replace(FILE, publicly_available=None),)}, "FILE_PUBLIC"),
        ({"urls": ()}, "CONTENT_ADDRESS"),
        ({"persons": (structs.replace(SUSPECT, country=None),)}, "WHERE"),
        ({"escalation_reason": None}, "ESCALATION_TEXT"),
        ({"description": None}, "CONTEXT"),
        ({"warnings": (Noted(path="p", code="c"),) * 5}, "READABLE"),
        ({"kind": ReportKind.GROOMING}, "VICTIM_FACTS"),
    ],
)
def test_each_field_that_is_missing_is_named_and_lowers_it(
    worse: dict[str, object], code: str
) -> None:
    found = assess(structs.replace(FULL, **worse))
    assert found.lacks == (code,)
    assert found.score < 100


def test_every_part_of_the_data_has_its_rule_its_source_and_its_words() -> None:
    codes = [part.code for part in RULES.part]
    assert len(codes) == len(set(codes))
    assert set(codes) == set(quality._SHARES)
    for part in RULES.part:
        assert part.points > 0
        assert part.reason
        assert part.source
        for language in ("fr", "en"):
            assert reference.label("quality_part", part.code, language) != part.code


def test_shares_count_every_file_and_every_address() -> None:
    half = structs.replace(FULL, files=(FILE, File(name="x")))
    assert points(half)["FILE_HASH"] == 5
    two = structs.replace(
        FULL,
        persons=(SUSPECT, Person(role=PersonRole.VICTIM, ips=(IpSighting(value="192.0.2.1"),))),
    )
    assert points(two)["ADDRESS_PORT"] == 2.5


def test_a_pseudonym_counts_for_less_and_a_victims_address_is_not_the_suspects() -> None:
    named = structs.replace(
        BARE, persons=(Person(role=PersonRole.SUSPECT, handles=(Handle(value="x"),)),)
    )
    assert points(named)["SUSPECT_IDENTIFIER"] == 12
    victim = structs.replace(
        BARE, persons=(Person(role=PersonRole.VICTIM, ips=(IpSighting(value="192.0.2.1"),)),)
    )
    assert points(victim)["SUSPECT_ADDRESS"] == 0


@pytest.mark.parametrize(
    ("precision", "assumed", "given"),
    [
        ("SECOND", False, 10),
        ("MINUTE", True, 8),
        ("HOUR", False, 6),
        ("DAY", False, 4),
        ("YEAR", False, 0),
    ],
)
def test_time_by_its_precision(precision: str, assumed: bool, given: float) -> None:
    occurred = TimeRange(
        earliest=AT, latest=AT, precision=precision, zone="+00:00", zone_assumed=assumed
    )
    assert points(structs.replace(BARE, occurred=occurred))["TIME_PRECISION"] == given


def test_the_score_stays_within_its_bounds_and_says_its_version() -> None:
    noisy = structs.replace(
        BARE,
        warnings=(Noted(path="p", code="c"),) * 500,
        conversation=(Message(text="x"),),
        place=Place(country="FR"),
    )
    for report in (BARE, FULL, noisy):
        found = assess(report)
        assert 0 <= found.score <= 100
        assert all(0 <= part.points <= part.most for part in found.parts)
        assert found.version == RULES.version
        assert msgspec.json.decode(msgspec.json.encode(found), type=quality.Quality) == found
