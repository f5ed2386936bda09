"""Drafts in, harmonised reports out: canonical, explained, and without their reporter."""

import zlib
from importlib import resources
from uuid import UUID

import msgspec
import pytest
from hypothesis import given, settings, strategies as st
from zstandard import ZstdError

from fanal.formats.report.records import (
    Account,
    Channel,
    Classification,
    File,
    Handle,
    IpSighting,
    Message,
    Payment,
    Person,
    PersonRole,
    Place,
    PlaceRole,
    ReportKind,
    StatedPlace,
)
from fanal.harmonise.domain.harmonise import harmonise, harmonise_one
from fanal.harmonise.domain.records import (
    Extra,
    HarmonisedReport,
    Selector,
    SelectorKind as Kind,
    SelectorRole as Role,
    UnknownEncoding,
    pack,
    unpack,
)
from fanal.harmonise.domain.redaction.outside import as_report, withheld_texts
from fanal.harmonise.domain.redaction.reporter import restore, withhold
from fanal.harmonise.domain.redaction.search import search_words
from fanal.harmonise.domain.sources.building import CategoryHint, Draft

ID = UUID("01900000-0000-7000-8000-000000000001")


def draft(**fields: object) -> Draft:
    return msgspec.structs.replace(Draft(reference="r", kind=ReportKind.OTHER), **fields)


def read(**fields: object) -> HarmonisedReport:
    return harmonise_one(ID, draft(**fields))


def values(report: HarmonisedReport, kind: Kind) -> list[tuple[str, Role]]:
    return [(s.value, s.role) for s in report.selectors if s.kind is kind]


def codes(report: HarmonisedReport) -> list[tuple[str, str]]:
    return [(w.path, w.code) for w in report.warnings]


def suspect(**fields: object) -> Person:
    return msgspec.structs.replace(Person(role=PersonRole.SUSPECT), **fields)


REPORTER = Person(
    role=PersonRole.REPORTER,
    name="Zoé Martin",
    emails=("zoe.martin@mail.example",),
    phones=("06 12 34 56 78",),
    handles=(Handle(platform="snap", value="ZoeM"),),
    ips=(IpSighting(value="198.51.100.9"),),
    accounts=(Account(kind="IBAN", value="FR7630006000011234567890189"),),
    devices=("AA-BB-CC-DD-EE-0F",),
)


def test_a_batch_answers_in_order() -> None:
    ids = [UUID(int=n) for n in range(3)]
    reports = harmonise([(i, draft(reference=str(i))) for i in ids])
    assert [(r.report_id, r.reference) for r in reports] == [(i, str(i)) for i in ids]
    assert harmonise([]) == []


def test_an_address_yields_url_host_and_domain() -> None:
    report = read(urls=("hxxp://a.bad[.]example/x#f",))
    assert values(report, Kind.URL) == [("http://a.bad.example/x", Role.CONTENT)]
    assert values(report, Kind.HOST) == [("a.bad.example", Role.CONTENT)]
    assert values(report, Kind.DOMAIN) == [("bad.example", Role.CONTENT)]
    assert report.urls[0].reported == "hxxp://a.bad[.]example/x#f"


def test_an_address_by_number_yields_an_ip_and_an_onion_its_service() -> None:
    report = read(
        urls=("http://0x7f.1/", "http://203.0.113.7:81/", "http://expyuzz4wqqyqhjn.onion/")
    )
    assert values(report, Kind.IP) == [("203.0.113.7", Role.CONTENT)]
    assert values(report, Kind.ONION) == [("expyuzz4wqqyqhjn.onion", Role.CONTENT)]
    assert values(report, Kind.HOST) == []
    assert ("urls[0]", "IP_NOT_ROUTABLE") in codes(report)


def test_mailto_and_tel_are_what_they_name_and_scripts_nothing() -> None:
    report = read(
        urls=("mailto:A@mail.example?subject=x", "tel:+33612345678", "javascript:alert(1)")
    )
    assert [(s.kind, s.value) for s in report.selectors] == [
        (Kind.EMAIL, "a@mail.example"),
        (Kind.PHONE, "+33612345678"),
    ]


def test_a_person_comes_with_canonical_identifiers_and_their_side() -> None:
    person = suspect(
        country="ph",
        handles=(Handle(platform="Insta", value="@Bad_One"),),
        emails=("A@Mail.Example",),
        phones=("0917 123 4567",),
        ips=(IpSighting(value="::ffff:203.0.113.7", port=40122, at="2026-11-20T21:14:00+01:00"),),
        accounts=(Account(kind="IBAN", value="fr76 3000 6000 0112 3456 7890 189"),),
        devices=("AA-BB-CC-DD-EE-0F",),
    )
    report = read(persons=(person,))
    assert {(s.kind.value, s.value, s.role) for s in report.selectors} == {
        ("HANDLE", "bad_one@instagram", Role.SUSPECT),
        ("EMAIL", "a@mail.example", Role.SUSPECT),
        ("PHONE", "+639171234567", Role.SUSPECT),
        ("IP", "203.0.113.7", Role.SUSPECT),
        ("ACCOUNT", "FR7630006000011234567890189", Role.SUSPECT),
        ("DEVICE", "aa:bb:cc:dd:ee:0f", Role.SUSPECT),
    }
    address = next(s for s in report.selectors if s.kind is Kind.IP)
    assert (address.at, address.port) == ("2026-11-20T20:14:00Z", 40122)
    (canonical,) = report.persons
    assert canonical.emails == ("a@mail.example",)
    assert canonical.phones == ("+639171234567",)
    assert canonical.handles == person.handles
    assert canonical.country == "PH"


def test_what_cannot_be_read_stays_as_reported_with_a_warning() -> None:
    person = suspect(
        emails=("no mail",),
        phones=("call me",),
        ips=(IpSighting(value="nowhere", at="soon"),),
        accounts=(Account(kind="IBAN", value="FR00"), Account(kind="WALLET", value="w")),
        country="Narnia",
        birth_date="spring",
    )
    report = read(persons=(person,), urls=("no url",), files=(File(md5="xyz"),), occurred_at="late")
    assert report.selectors == ()
    (kept,) = report.persons
    assert kept == person
    assert report.files == (File(md5="xyz"),)
    assert report.occurred is None
    assert {code for _, code in codes(report)} == {
        *("EMAIL_UNREADABLE", "PHONE_UNREADABLE", "IP_UNREADABLE", "TIME_UNREADABLE"),
        *("IBAN_CHECK_FAILED", "WALLET_CHECK_FAILED", "COUNTRY_UNREADABLE", "DATE_UNREADABLE"),
        *("URL_UNREADABLE", "MD5_UNREADABLE"),
    }


@pytest.mark.parametrize(("said", "kept"), [(-5, None), (0, 0), (120, 120), (121, None)])
def test_an_age_that_is_nobodys_is_dropped_with_a_warning(said: int, kept: int | None) -> None:
    report = read(persons=(Person(role=PersonRole.VICTIM, age=said),))
    assert report.persons[0].age == kept
    warned = [(w.path, w.code, w.value) for w in report.warnings]
    assert warned == ([] if kept is not None else [("persons[0].age", "AGE_UNREADABLE", str(said))])


def test_a_field_is_stronger_than_a_text_and_each_value_comes_once_a_side() -> None:
    report = read(
        persons=(suspect(emails=("a@mail.example", "A@mail.example")),),
        description="de a@mail.example vers b@mail.example",
        conversation=(Message(speaker="A", text="b@mail.example"),),
    )
    found = [(s.value, s.role, s.weak, s.source) for s in report.selectors]
    assert found == [
        ("a@mail.example", Role.SUSPECT, False, "persons[0].emails[0]"),
        ("a@mail.example", Role.CONTENT, True, "description"),
        ("b@mail.example", Role.CONTENT, True, "description"),
    ]


def test_texts_of_payments_and_of_outside_leaves_are_read() -> None:
    report = read(
        payments=(Payment(beneficiary="GB82 WEST 1234 5698 7654 32", label="for a@mail.example"),),
        extra=(
            Extra(path="report/victim[1]/additionalInfo", value="voir https://x.example/1"),
            Extra(path="report/reporter/reportingPerson/additionalInfo", value="r@mail.example"),
            Extra(path="report/victim[1]/schoolName", value="https://y.example/2"),
        ),
    )
    assert values(report, Kind.ACCOUNT) == [("GB82WEST12345698765432", Role.RECIPIENT)]
    assert values(report, Kind.EMAIL) == [("a@mail.example", Role.CONTENT)]
    assert [v for v, _ in values(report, Kind.HOST)] == ["x.example"]


def test_loose_values_are_read_by_their_kind() -> None:
    raw = [
        (Kind.IP, "203.0.113.7:81"),
        (Kind.URL, "https://social.example/Name"),
        (Kind.GAME, "Rec Room"),
        (Kind.SHA1, "AB" * 20),
        (Kind.HOST, "A.Bad.example"),
        (Kind.PHONE, "?"),
    ]
    loose = tuple(Selector(kind=k, value=v, role=Role.SUSPECT, source="p") for k, v in raw)
    report = read(loose=loose)
    assert (Kind.GAME, "recroom") in {(s.kind, s.value) for s in report.selectors}
    assert values(report, Kind.SHA1) == [("ab" * 20, Role.SUSPECT)]
    assert "a.bad.example" in [v for v, _ in values(report, Kind.HOST)]
    assert ("p", "PHONE_UNREADABLE") in codes(report)


def test_the_game_is_the_platform_only_where_one_plays() -> None:
    assert values(read(platform="Roblox", channel=Channel.GAME), Kind.GAME) == [
        ("roblox", Role.CONTENT)
    ]
    assert values(read(platform="Roblox", channel=Channel.SOCIAL), Kind.GAME) == []


def test_a_handle_without_service_takes_the_reports() -> None:
    report = read(platform="Discord", persons=(suspect(handles=(Handle(value="Name"),)),))
    assert values(report, Kind.HANDLE) == [("name@discord", Role.SUSPECT)]


def test_two_times_make_one_range_of_the_coarser_precision() -> None:
    report = read(occurred_at="2026-11-20T21:14:00+01:00", occurred_until="2026-11-21")
    assert report.occurred is not None
    assert report.occurred.earliest == "2026-11-20T20:14:00Z"
    assert report.occurred.latest == "2026-11-21T22:59:59Z"
    assert report.occurred.precision == "DAY"
    assert report.occurred_at == "2026-11-20T21:14:00+01:00"
    backwards = read(occurred_at="2026-11-20", occurred_until="2026-11-01")
    assert ("occurred_until", "TIME_BEFORE_START") in codes(backwards)


def test_classes_come_through_the_bridge_and_unknown_ones_are_said() -> None:
    report = read(
        files=(File(classification=Classification(scheme="NCMEC", code="A1")),) * 2,
        hints=(CategoryHint(scheme="NCMEC", code="Z9", path="report/x"),),
    )
    assert {c.maps_to for c in report.categories} >= {"XARF_CSAM:A1", "COPINE:7", ""}
    assert len(report.categories) == len(set(report.categories))
    assert codes(report) == [("report/x", "CLASS_UNKNOWN")]


class TestReporter:
    TEXT = (
        "Zoé MARTIN, zoe.martin@mail.example, 06.12.34.56.78, snap: zoem9, @zoem sur snap,"
        " FR76 3000 6000 0112 3456 7890 189, 198.51.100.9, et lui: bad_1@mail.example"
    )

    def test_values_are_no_selectors_wherever_they_occur(self) -> None:
        report = read(
            persons=(
                suspect(emails=("zoe.martin@mail.example", "bad_1@mail.example")),
                REPORTER,
            ),
            description=self.TEXT,
            urls=("http://198.51.100.9/",),
        )
        found = {(s.kind.value, s.value) for s in report.selectors}
        assert found == {
            ("EMAIL", "bad_1@mail.example"),
            ("HANDLE", "zoem9@snapchat"),
            ("URL", "http://198.51.100.9/"),
        }
        skipped = [w for w in report.warnings if w.code == "REPORTER_VALUE_SKIPPED"]
        assert {w.value for w in skipped} == {""}
        assert {w.path for w in skipped} == {"persons[0].emails[0]", "description", "urls[0]"}

    def test_identity_is_withheld_and_comes_back(self) -> None:
        extra = (
            Extra(path="report/reporter/reportingPerson/address[1]/city", value="Lille"),
            Extra(path="report/reporter/companyTemplate", value="t"),
            Extra(path="reportedInformation.reportingEsp.espName", value="Company"),
            Extra(path="reportedInformation.reportingEsp.title", value="Ms"),
        )
        whole = read(persons=(suspect(name="X"), REPORTER), extra=extra)
        clear, identity = withhold(whole)
        assert clear.persons == (suspect(name="X"), Person(role=PersonRole.REPORTER))
        assert [e.value for e in clear.extra] == ["t", "Company"]
        assert restore(clear, identity).persons == whole.persons
        assert set(restore(clear, identity).extra) == set(extra)

    def test_a_report_without_reporter_is_left_as_it_is(self) -> None:
        whole = read(persons=(suspect(name="X"),))
        assert withhold(whole)[0] is whole

    def test_own_words_and_numbers_are_not_searched_by(self) -> None:
        clear, identity = withhold(read(persons=(REPORTER,), description=self.TEXT))
        words = search_words(clear, identity)
        for own in ("Zo", "artin", "MARTIN", "12.34", "198.51", "3000"):
            assert own not in words
        assert "bad_1@mail.example" in words

    def test_a_text_without_them_is_searched_whole(self) -> None:
        clear, identity = withhold(read(persons=(REPORTER,), description="un mot rare"))
        assert "un mot rare" in search_words(clear, identity)


MEETING = StatedPlace(
    role=PlaceRole.MEETING, country="fr", locality="Gare de Lille", at="2026-12-01T17:00:00+01:00"
)
CHILD = StatedPlace(role=PlaceRole.CHILD, country="FR", locality="Xanthopolis", postcode="59999")


class TestStatedPlaces:
    """The places of the child, the other person and a meeting."""

    def test_they_stay_with_their_role_and_a_meeting_with_its_time(self) -> None:
        meeting, child = read(places=(MEETING, CHILD)).places
        assert (meeting.role, meeting.country, meeting.locality) == (
            PlaceRole.MEETING,
            "FR",
            "Gare de Lille",
        )
        assert meeting.time is not None
        assert (meeting.time.earliest, meeting.time.precision) == (
            "2026-12-01T16:00:00Z",
            "SECOND",
        )
        assert (child.postcode, child.time) == ("59999", None)

    def test_they_are_no_selector_and_nobody_searches_by_the_childs(self) -> None:
        report = read(places=(MEETING, CHILD))
        assert report.selectors == ()
        words = search_words(*withhold(report))
        assert "Gare de Lille" in words
        assert "Xanthopolis" not in words
        assert "59999" not in words

    def test_a_childs_country_reads_no_number(self) -> None:
        told = {"description": "Call 020 7946 0123."}
        abroad = StatedPlace(role=PlaceRole.PERSON, country="GB")
        assert values(read(places=(abroad,), **told), Kind.PHONE) == [
            ("+442079460123", Role.CONTENT)
        ]
        child = StatedPlace(role=PlaceRole.CHILD, country="GB")
        assert values(read(places=(child,), **told), Kind.PHONE) == values(read(**told), Kind.PHONE)

    def test_a_time_that_cannot_be_read_stays_as_written(self) -> None:
        report = read(places=(StatedPlace(role=PlaceRole.MEETING, at="soon"),))
        assert (report.places[0].at, report.places[0].time) == ("soon", None)
        assert codes(report) == [("places[0].at", "TIME_UNREADABLE")]

    def test_the_place_of_the_facts_is_that_of_the_meeting_without_another(self) -> None:
        found = read(places=(CHILD, MEETING)).place_of_facts()
        assert found is not None
        assert (found.country, found.locality) == ("FR", "Gare de Lille")
        assert read(places=(CHILD,)).place_of_facts() is None
        named = Place(country="BE")
        assert read(place=named, places=(MEETING,)).place_of_facts() == named

    def test_they_leave_the_desk_without_the_reporters_own_words(self) -> None:
        at_home = StatedPlace(role=PlaceRole.CHILD, locality="Lille, chez Zoé Martin")
        sent = as_report(read(places=(MEETING, at_home)))
        assert [place.role for place in sent.places] == [PlaceRole.MEETING, PlaceRole.CHILD]
        assert sent.places[0].at == MEETING.at
        assert withheld_texts(sent, frozenset({"Zoé Martin"})).places[1].locality == (
            "Lille, chez […]"
        )
        assert withheld_texts(sent, None).places[1].locality is None


def test_a_stored_record_comes_back_whole() -> None:
    report = read(
        persons=(suspect(name="é \u202e 𝔘"),),
        urls=("https://a.example/",),
        language="fr",
        places=(MEETING, CHILD),
    )
    assert unpack(pack(report)) == report
    for broken in (b"", b"\x09abc"):
        with pytest.raises(UnknownEncoding):
            unpack(broken)
    damaged = bytearray(pack(report))
    damaged[-20] ^= 1
    with pytest.raises(ZstdError):
        unpack(damaged)


def test_a_record_of_the_first_encoding_is_still_read() -> None:
    report = read(persons=(suspect(name="é"),), urls=("https://a.example/",))
    sample = resources.files("fanal.harmonise.domain").joinpath("data", "record-1.txt")
    press = zlib.compressobj(5, zdict=sample.read_bytes())
    content = press.compress(msgspec.json.encode(report)) + press.flush()
    assert unpack(memoryview(b"\x01" + content)) == report


def test_values_no_database_holds_are_left_out_with_a_warning() -> None:
    report = read(persons=(suspect(devices=("a\x00b",), handles=(Handle(value="\ud800x"),)),))
    assert report.selectors == ()
    assert [code for _, code in codes(report)] == ["VALUE_NOT_TEXT"] * 2


TEXT = st.text(max_size=30)
PERSONS = st.builds(
    Person,
    role=st.sampled_from(PersonRole),
    name=TEXT,
    country=TEXT,
    handles=st.lists(st.builds(Handle, value=TEXT, platform=st.none() | TEXT), max_size=2).map(
        tuple
    ),
    emails=st.lists(TEXT, max_size=2).map(tuple),
    phones=st.lists(TEXT, max_size=2).map(tuple),
    devices=st.lists(TEXT, max_size=2).map(tuple),
    ips=st.lists(st.builds(IpSighting, value=TEXT, at=TEXT), max_size=2).map(tuple),
)
DRAFTS = st.builds(
    Draft,
    reference=TEXT,
    kind=st.sampled_from(ReportKind),
    occurred_at=st.none() | TEXT,
    occurred_until=st.none() | TEXT,
    platform=st.none() | TEXT,
    channel=st.none() | st.sampled_from(Channel),
    place=st.none() | st.builds(Place, country=TEXT),
    places=st.lists(
        st.builds(StatedPlace, role=st.sampled_from(PlaceRole), country=TEXT, at=st.none() | TEXT),
        max_size=2,
    ).map(tuple),
    urls=st.lists(TEXT, max_size=3).map(tuple),
    description=st.none() | TEXT,
    persons=st.lists(PERSONS, max_size=3).map(tuple),
    files=st.lists(st.builds(File, md5=TEXT, pdq=TEXT), max_size=2).map(tuple),
)


@settings(max_examples=150, deadline=None)
@given(DRAFTS)
def test_any_draft_is_harmonised_and_names_its_reporter_nowhere(given_draft: Draft) -> None:
    report = harmonise_one(ID, given_draft)
    clear, identity = withhold(report)
    search_words(clear, identity)
    keys = [(s.kind, s.value, s.role) for s in report.selectors]
    assert len(keys) == len(set(keys))
    assert all(p == Person(role=p.role) for p in clear.persons if p.role is PersonRole.REPORTER)
    assert report.description == given_draft.description
    assert [u.reported for u in report.urls] == list(given_draft.urls)
