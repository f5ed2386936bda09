"""The proposal: which articles, in which wording, and what may open a measure."""

import tomllib
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from fanal import analyse, reference
from fanal.formats.report.records import PlaceRole, ReportKind
from fanal.harmonise.domain.records import HarmonisedPlace
from fanal.orient.domain.proposal import propose
from fanal.orient.domain.qualify import measure_basis
from fanal.orient.domain.records import OrientItem, Proposal, Reading, Track
from fanal.reference import Offence, Qualification
from tests.unit.orient.items import (
    CLASSIFIED,
    MATERIAL,
    NOW,
    Place,
    item,
    period,
    suspect,
    url,
    victim,
)

CATALOGUE = reference.load()
LEXICONS = Path(analyse.__file__).parent / "data" / "lexicons"


def one(subject: OrientItem) -> Proposal:
    return propose(items=[subject], catalogue=CATALOGUE)[0]


def codes(proposal: Proposal) -> set[str]:
    return {basis.code for basis in proposal.bases}


def reasons(proposal: Proposal) -> set[str]:
    return {because.code for because in proposal.because}


def test_material_with_addresses_opens_both_tracks() -> None:
    proposal = one(item(**MATERIAL))
    assert proposal.tracks == (Track.JUDICIAL, Track.MEASURES)
    assert [b.code for b in proposal.bases if b.opens_measures] == ["CP 227-23"]
    assert "MEASURE_OPEN" in reasons(proposal)


@pytest.mark.parametrize(
    ("kind", "article"),
    [
        (ReportKind.GROOMING, "CP 227-22-1"),
        (ReportKind.SOLICITATION, "CP 227-22-2"),
        (ReportKind.SEXTORTION, "CP 227-23-1"),
        (ReportKind.NONCONSENSUAL_IMAGE, "CP 226-2-1"),
    ],
)
def test_other_articles_never_open_a_measure(kind: ReportKind, article: str) -> None:
    """LCEN 6-1 names 227-23 only: addresses alone change nothing."""
    proposal = one(item(kind, description="neutral", **MATERIAL))
    assert article in codes(proposal)
    assert Track.MEASURES not in proposal.tracks
    assert not any(basis.opens_measures for basis in proposal.bases)
    assert "MEASURE_BLOCKED" in reasons(proposal)


@given(st.sampled_from(CATALOGUE.entries(Offence)), st.dates(date(1990, 1, 1), date(2030, 1, 1)))
def test_only_checked_227_23_opens_a_measure(offence: Offence, on: date) -> None:
    rule = measure_basis(offence, catalogue=CATALOGUE, on=on)
    if rule is not None:
        assert offence.code == "CP 227-23"
        assert not offence.unchecked(on)
        assert not rule.unchecked(on)
        assert rule.value.track == "REMOVAL"


def test_classified_file_makes_any_kind_material() -> None:
    proposal = one(item(ReportKind.OTHER, files=CLASSIFIED, **MATERIAL))
    assert Track.MEASURES in proposal.tracks


def test_known_material_finding_counts() -> None:
    assert "CP 227-23" in codes(one(item(ReportKind.OTHER, codes=("KNOWN_HASH",))))


def test_signals_add_candidates() -> None:
    without = one(item(ReportKind.GROOMING))
    asked = one(item(ReportKind.GROOMING, codes=("GROOMING_CAMERA_REQUEST",)))
    assert codes(asked) - codes(without) == {"CP 227-22-2", "CP 227-23-1"}
    directed = one(item(ReportKind.LIVESTREAM, codes=("LIVESTREAM_REMOTE_DIRECTION",)))
    assert "CP 222-22-2" in codes(directed)


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (ReportKind.SEXTORTION, "PRESSURE_OF_SEXTORTION"),
        (ReportKind.SOLICITATION, "REPORTED_AS_SOLICITATION"),
    ],
)
def test_incitement_says_as_what_it_was_reported(kind: ReportKind, reason: str) -> None:
    """Blackmail was never reported as a proposal: its candidate says so in its own words."""
    said = {
        because.code
        for because in one(item(kind)).because
        if because.parameters.get("article") == "CP 227-22-2"
    }
    assert said == {reason}


def test_signals_of_the_rules_exist_in_the_lexicons() -> None:
    known = {
        signal["code"]
        for path in sorted(LEXICONS.glob("*.toml"))
        for signal in tomllib.loads(path.read_text("utf-8"))["signal"]
    }
    used = {s for rule in CATALOGUE.entries(Qualification) for s in rule.value.signals}
    assert used <= known


def test_every_rule_names_an_article_of_the_catalogue() -> None:
    for rule in CATALOGUE.entries(Qualification):
        assert CATALOGUE.by_code(Offence, rule.value.article, NOW.date()) is not None


@pytest.mark.parametrize(
    ("role", "country", "body"),
    [
        (PlaceRole.PERSON, "FR", "PROSECUTOR_OF_SUSPECT"),
        (PlaceRole.CHILD, "FR", "PROSECUTOR_OF_VICTIM"),
        (PlaceRole.PERSON, "PH", "INTERPOL"),
    ],
)
def test_a_stated_place_locates_like_a_country(role: PlaceRole, country: str, body: str) -> None:
    places = (HarmonisedPlace(role=role, country=country),)
    assert body in one(item(ReportKind.GROOMING, places=places)).bodies
    assert body not in one(item(ReportKind.GROOMING)).bodies


def test_a_country_that_is_no_code_locates_nobody() -> None:
    places = (HarmonisedPlace(role=PlaceRole.PERSON, country="far away"),)
    assert one(item(ReportKind.GROOMING, places=places)).bodies == (
        one(item(ReportKind.GROOMING)).bodies
    )


def test_no_address_no_measure() -> None:
    proposal = one(item(description="neutral"))
    assert proposal.tracks == (Track.JUDICIAL,)
    assert "MEASURE_NO_TARGET" in reasons(proposal)


def test_onion_has_no_host_to_ask() -> None:
    proposal = one(item(urls=(url("http://abc.onion/", "abc.onion"),)))
    assert Track.MEASURES not in proposal.tracks
    assert "MEASURE_ONION" in reasons(proposal)


def test_intimate_image_of_known_minor_is_material_and_of_unknown_age_is_not() -> None:
    minor = one(item(ReportKind.NONCONSENSUAL_IMAGE, persons=(victim(15),), **MATERIAL))
    adult = one(item(ReportKind.NONCONSENSUAL_IMAGE, persons=(victim(25),), **MATERIAL))
    unknown = one(item(ReportKind.NONCONSENSUAL_IMAGE, persons=(victim(),), **MATERIAL))
    assert Track.MEASURES in minor.tracks
    assert Track.MEASURES not in adult.tracks
    assert Track.MEASURES not in unknown.tracks


def test_grooming_by_age() -> None:
    young = one(item(ReportKind.GROOMING, persons=(victim(13),)))
    older = one(item(ReportKind.GROOMING, persons=(victim(16),)))
    unknown = one(item(ReportKind.GROOMING, persons=(victim(),)))
    assert "CP 227-22-1" in codes(young)
    assert "CP 227-22-1" not in codes(older)
    assert "CP 227-22" in codes(older)
    assert "VICTIM_AGE_UNKNOWN" in reasons(unknown)


def test_age_counts_on_the_days_of_the_facts() -> None:
    """Fifteen on the day of receipt, fourteen on the day of the facts."""
    born = "2011-11-20"
    facts = period("2026-11-01", "2026-11-02")
    proposal = one(item(ReportKind.GROOMING, persons=(victim(born=born),), occurred=facts))
    assert "CP 227-22-1" in codes(proposal)


def test_nothing_before_an_article_exists() -> None:
    """227-22-1 came into force on 7 March 2007."""
    before = one(item(ReportKind.GROOMING, occurred=period("2007-03-06", "2007-03-06")))
    after = one(item(ReportKind.GROOMING, occurred=period("2007-03-07", "2007-03-07")))
    assert "CP 227-22-1" not in codes(before)
    assert "NOT_YET_AN_OFFENCE" in reasons(before)
    assert "CP 227-22-1" in codes(after)


def test_both_readings_when_the_law_changed_between() -> None:
    proposal = one(item(occurred=period("2021-04-22", "2021-04-24"), **MATERIAL))
    readings = [(b.entry_id, b.reading) for b in proposal.bases if b.code == "CP 227-23"]
    assert readings == [
        ("FR_CP_227_23@2020-08-01", Reading.EARLIER),
        ("FR_CP_227_23@2021-04-23", Reading.LATER),
    ]
    assert "BOTH_READINGS" in reasons(proposal)


def test_old_facts_still_online_rest_on_the_wording_of_receipt() -> None:
    proposal = one(item(occurred=period("2019-01-01", "2019-01-01"), **MATERIAL))
    old, online = (b for b in proposal.bases if b.code == "CP 227-23")
    assert (old.unchecked, old.opens_measures) == (True, False)
    assert (online.reading, online.opens_measures) == (Reading.ONLINE, True)
    assert Track.MEASURES in proposal.tracks


def test_paris_midnight_decides_the_day() -> None:
    """23:30 UTC on 22 April 2021 is already 23 April in Paris."""
    late = period("2021-04-22", "2021-04-22")
    late = type(late)(
        earliest="2021-04-22T23:30:00+00:00",
        latest="2021-04-22T23:30:00+00:00",
        precision="SECOND",
        zone="Z",
    )
    proposal = one(item(ReportKind.SEXTORTION, occurred=late))
    assert "CP 227-23-1" in codes(proposal)


def test_facts_after_receipt_are_brought_back() -> None:
    proposal = one(item(occurred=period("2030-01-01", "2031-01-01"), **MATERIAL))
    assert proposal.bases


def test_unchecked_is_said() -> None:
    proposal = one(item(ReportKind.TRAFFICKING, occurred=period("2015-01-01", "2015-01-01")))
    assert "BASIS_UNCHECKED" in reasons(proposal)
    assert all(basis.unchecked for basis in proposal.bases)


@pytest.mark.parametrize(
    ("people", "competent"),
    [
        ((suspect("FR"), victim(12, "FR")), "PROSECUTOR_OF_SUSPECT"),
        ((victim(12, "FR"),), "PROSECUTOR_OF_VICTIM"),
        ((suspect("PH"), victim(12, "PH")), "INTERPOL"),
        ((), "OFMIN"),
    ],
)
def test_routing(people: tuple[object, ...], competent: str) -> None:
    proposal = one(item(persons=people, **MATERIAL))
    assert proposal.competent == competent
    assert "OFMIN" in proposal.bodies


def test_danger_comes_first() -> None:
    subject = item(ReportKind.OTHER, floor="CHILD_IN_DANGER", level="DANGER", description="neutral")
    proposal = one(subject)
    assert proposal.tracks == (Track.JUDICIAL,)
    assert "POLICE_17" not in {proposal.competent, *proposal.bodies}
    assert [one.parameters for one in proposal.because if one.code == "CALL_FIRST"] == [
        {"body": "POLICE_17"}
    ]


def test_empty_and_unmatched() -> None:
    assert one(item(ReportKind.OTHER)).tracks == (Track.NONE,)
    assert one(item(ReportKind.OTHER, description="a told story")).tracks == (Track.ELSEWHERE,)


def test_abroad_names_the_extraterritorial_articles() -> None:
    proposal = one(item(ReportKind.SEX_TOURISM, place=Place(country="PH"), description="neutral"))
    assert "EXTRATERRITORIAL" in reasons(proposal)


def test_every_reason_has_words_in_both_languages() -> None:
    subjects = [
        item(kind, level=level, **extra)
        for kind in ReportKind
        for level in ("DANGER", "LOW")
        for extra in (MATERIAL, {"persons": (victim(),), "place": Place(country="PH")}, {})
    ]
    for proposal in propose(items=subjects, catalogue=CATALOGUE):
        for because in proposal.because:
            assert CATALOGUE.words.missing("because", [because.code]) == ()
            for lang in ("fr", "en"):
                assert "?" not in CATALOGUE.render(because.code, because.parameters, lang)


@given(
    st.sampled_from(ReportKind),
    st.dates(date(1980, 1, 1), date(2026, 11, 24)),
    st.integers(0, 4000),
    st.integers(0, 90) | st.none(),
)
def test_bases_are_always_in_force_on_a_day_of_the_facts(
    kind: ReportKind, first: date, days: int, age: int | None
) -> None:
    last = min(first + timedelta(days=days), NOW.date())
    subject = item(
        kind,
        occurred=period(first.isoformat(), last.isoformat()),
        persons=(victim(age),),
        **MATERIAL,
    )
    for basis in one(subject).bases:
        entry = CATALOGUE.by_entry_id(basis.entry_id)
        assert isinstance(entry, Offence)
        if basis.reading is Reading.ONLINE:
            assert entry.in_force(NOW.date())
        else:
            assert entry.in_force_from <= last
            assert entry.in_force_to is None or entry.in_force_to > first


def test_received_before_the_platform_existed_still_proposes() -> None:
    assert one(item(at=datetime(2012, 1, 1, tzinfo=UTC), **MATERIAL)).bases
