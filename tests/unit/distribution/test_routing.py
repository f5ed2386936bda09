"""Whose a report is: evidence, weights, regions; and packages sealed, opened, refused."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec
import pyrage
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec import structs

from fanal.distribution.domain.package import (
    Manifest,
    PackageAcknowledgement,
    answers,
    check_key,
    line_of,
    seal,
    token_digest,
    unseal,
)
from fanal.distribution.domain.routing import Destination, shares_of, shipped_routing
from fanal.distribution.domain.states import answer_due, package_state
from fanal.formats.refusal import FormatRefused
from fanal.formats.report.read import read_report
from fanal.formats.report.records import (
    Person,
    PersonRole,
    Place,
    PlaceRole,
    Report,
    ReportKind,
)
from fanal.harmonise.domain.records import HarmonisedPlace, HarmonisedReport
from fanal.kernel.refusal import Refusal

RULES = shipped_routing()
SUSPECT, VICTIM, REPORTER = PersonRole.SUSPECT, PersonRole.VICTIM, PersonRole.REPORTER


def report(*persons: Person, place: str | None = None) -> HarmonisedReport:
    return HarmonisedReport(
        report_id=UUID(int=1),
        reference="r",
        kind=ReportKind.OTHER,
        persons=persons,
        place=Place(country=place) if place else None,
    )


def places(*persons: Person, place: str | None = None) -> list[tuple[str, str, tuple[str, ...]]]:
    found = shares_of(report(*persons, place=place), RULES).places
    assert list(found) == sorted(found)
    return [(d.country, d.region, d.because) for d in found]


def test_without_evidence_a_report_is_ours() -> None:
    assert places() == []
    assert places(Person(role=SUSPECT, country="FR")) == []
    assert places(Person(role=SUSPECT, country="RE"), place="GP") == []


def test_a_country_abroad_is_named_with_its_evidence() -> None:
    suspect = Person(role=SUSPECT, country="be", phones=("+3225550100",))
    assert places(suspect) == [("BE", "", ("SUSPECT_COUNTRY", "SUSPECT_PHONE"))]
    assert places(Person(role=VICTIM, country="DE"), place="ES") == [
        ("DE", "", ("VICTIM_COUNTRY",)),
        ("ES", "", ("PLACE_COUNTRY",)),
    ]


def test_stated_places_are_evidence_of_country_and_region() -> None:
    def routed(*stated: HarmonisedPlace) -> list[tuple[str, str, tuple[str, ...]]]:
        found = shares_of(structs.replace(report(), places=stated), RULES).places
        return [(d.country, d.region, d.because) for d in found]

    abroad = HarmonisedPlace(role=PlaceRole.PERSON, country="BE")
    child = HarmonisedPlace(role=PlaceRole.CHILD, country="FR", postcode="59000")
    assert routed(abroad, child) == [
        ("BE", "", ("PERSON_PLACE",)),
        ("FR", "HDF", ("CHILD_PLACE",)),
    ]
    assert routed(HarmonisedPlace(role=PlaceRole.MEETING, country="near Lille")) == []


@pytest.mark.parametrize(
    ("phone", "country"),
    [
        ("+3225550100", "BE"),
        ("+12025550123", "US"),
        ("+16135550123", "CA"),
        ("+442079460123", "GB"),
        ("+639171234567", "PH"),
        ("+262692123456", "FR"),
        ("+88213000000", None),
        ("+999123", None),
        ("+", None),
        ("no number", None),
    ],
)
def test_a_telephone_names_its_country(phone: str, country: str | None) -> None:
    found = {place for place, _, _ in places(Person(role=SUSPECT, phones=(phone,)))}
    assert found == ({country} - {None, "FR"})


@pytest.mark.parametrize("role", [REPORTER, PersonRole.WITNESS, PersonRole.RECIPIENT])
def test_who_only_tells_says_nothing_of_where(role: PersonRole) -> None:
    assert places(Person(role=role, country="BE", phones=("+3225550100",))) == []


@pytest.mark.parametrize("country", ["Belgium", "B", "1E", "", "BEL"])
def test_what_is_no_country_names_none(country: str) -> None:
    assert places(Person(role=SUSPECT, country=country)) == []


@pytest.mark.parametrize(
    ("postcode", "region"),
    [("59000", "HDF"), ("75011", "IDF"), ("20090", "COR"), ("97110", "971"), ("97660", "976")],
)
def test_a_postcode_names_a_region_of_the_own_country(postcode: str, region: str) -> None:
    victim = Person(role=VICTIM, country="FR", postcode=postcode)
    assert places(victim) == [("FR", region, ("VICTIM_POSTCODE",))]


@pytest.mark.parametrize("postcode", ["5900", "00000", "99000", "59 000", "٥٩٠٠٠"])
def test_a_postcode_that_is_none_names_no_region(postcode: str) -> None:
    assert places(Person(role=VICTIM, country="FR", postcode=postcode)) == []


def test_a_postcode_abroad_is_not_read_as_ours() -> None:
    assert places(Person(role=VICTIM, country="DE", postcode="59000")) == [
        ("DE", "", ("VICTIM_COUNTRY",))
    ]


def test_every_departement_is_in_one_region() -> None:
    parts = [part for region in RULES.regions.values() for part in region]
    assert len(parts) == len(set(parts))
    mainland = {f"{n:02}" for n in range(1, 96)}
    assert mainland <= set(parts)


def test_weights_decide_what_counts() -> None:
    strict = msgspec.structs.replace(RULES, enough=4)
    person = Person(role=SUSPECT, country="BE")
    assert shares_of(report(person), strict).places == ()
    both = Person(role=SUSPECT, country="BE", phones=("+3225550100",))
    assert shares_of(report(both), strict).places == (
        Destination(country="BE", because=("SUSPECT_COUNTRY", "SUSPECT_PHONE")),
    )


def test_a_share_stays_ours_unless_a_desk_of_a_named_region_takes_it() -> None:
    abroad = Person(role=SUSPECT, country="BE")
    here = Person(role=VICTIM, country="FR", postcode="59000")
    assert not shares_of(report(abroad), RULES).ours({("FR", "HDF")})
    both = shares_of(report(abroad, here), RULES)
    assert both.ours(set())
    assert both.ours({("FR", "IDF")})
    assert not both.ours({("FR", "HDF")})


def test_a_package_is_overdue_until_it_is_acknowledged() -> None:
    made = datetime(2026, 11, 18, 12, tzinfo=UTC)
    due = answer_due(made, days=7)
    before, after = made + timedelta(days=6), made + timedelta(days=7)
    assert package_state(due_at=due, acknowledged_at=None, now=before) == "SENT"
    assert package_state(due_at=due, acknowledged_at=None, now=after) == "OVERDUE"
    assert package_state(due_at=due, acknowledged_at=before, now=after) == "ACKNOWLEDGED"


SIGNER = Ed25519PrivateKey.generate()
MANIFEST = Manifest(
    schema=1,
    package=UUID(int=7),
    sender="desk@desk.example",
    recipient="BE-DESK",
    made_at=datetime(2026, 11, 25, tzinfo=UTC),
    reports=0,
    sha256="",
    instruction=UUID(int=8),
    token="t" * 43,
)


def test_a_package_opens_for_its_desk_alone_and_reads_as_reports() -> None:
    ours, other = pyrage.x25519.Identity.generate(), pyrage.x25519.Identity.generate()
    told = Report(
        reference="theirs",
        kind=ReportKind.GROOMING,
        description="Someone asks for secrets.",
        persons=(Person(role=SUSPECT, country="BE", emails=("a@mail.example",)),),
    )
    sealed = seal(
        MANIFEST, [line_of(told, reference="7KM-3QP-9XD")], key=str(ours.to_public()), signer=SIGNER
    )
    assert b"mail.example" not in sealed
    manifest, body = unseal(sealed, identity=str(ours))
    assert (manifest.package, manifest.reports) == (MANIFEST.package, 1)
    read = read_report(body.splitlines()[0])
    assert read == msgspec.structs.replace(told, reference="7KM-3QP-9XD")
    with pytest.raises(Refusal, match="SEALED_FOR_ANOTHER"):
        unseal(sealed, identity=str(other))
    with pytest.raises(Refusal, match="SEALED_FOR_ANOTHER"):
        unseal(sealed[:-1] + bytes([sealed[-1] ^ 1]), identity=str(ours))
    with pytest.raises(Refusal, match="KEY"):
        unseal(sealed, identity="AGE-SECRET-KEY-NONE")


def test_who_reported_never_leaves() -> None:
    told = Report(
        reference="x",
        kind=ReportKind.OTHER,
        persons=(Person(role=REPORTER, name="Canary"), Person(role=SUSPECT, name="Someone")),
    )
    line = line_of(told, reference="n")
    assert b"Canary" not in line
    assert b"Someone" in line


def test_associated_accounts_go_along_and_are_read_by_another_desk_only() -> None:
    account = Person(role=PersonRole.ASSOCIATED, type="Linked", emails=("a@mail.example",))
    line = line_of(Report(reference="x", kind=ReportKind.OTHER, persons=(account,)), reference="n")
    assert read_report(line, written_by_a_desk=True).persons == (account,)
    with pytest.raises(FormatRefused, match="UNKNOWN_CODE"):
        read_report(line)


@pytest.mark.parametrize("plain", [b"", b"no zip", b"PK\x05\x06" + bytes(18)])
def test_what_is_no_package_is_refused(plain: bytes) -> None:
    ours = pyrage.x25519.Identity.generate()
    with pytest.raises(Refusal, match="NO_PACKAGE"):
        unseal(pyrage.encrypt(plain, [ours.to_public()]), identity=str(ours))


def test_an_answer_knows_the_token() -> None:
    answer = PackageAcknowledgement(
        package=UUID(int=7), opened_at=MANIFEST.made_at, reports=1, token=MANIFEST.token
    )
    assert answers(answer, token_digest(MANIFEST.token))
    assert not answers(answer, token_digest("another"))


@pytest.mark.parametrize("key", ["", "age1", "AGE-SECRET-KEY-1", "ssh-ed25519 x", "age1é"])
def test_a_key_that_is_none_is_refused(key: str) -> None:
    with pytest.raises(Refusal, match="KEY"):
        check_key(key)
