"""Answers of the form → report format and identity: whole, sorted, nothing of the reporter in the report."""

from datetime import date
from uuid import UUID

import msgspec
import pytest
from hypothesis import given, strategies as st

from fanal.formats.report.read import read_report
from fanal.formats.report.records import (
    Channel,
    Person,
    PersonRole,
    PlaceRole,
    ReportKind,
    Stated,
    StatedPlace,
)
from fanal.harmonise.domain.harmonise import harmonise_one
from fanal.harmonise.domain.records import HarmonisedReport, SelectorKind
from fanal.harmonise.domain.redaction.reporter import withhold
from fanal.harmonise.domain.redaction.search import search_words
from fanal.harmonise.domain.sources.report import read_form
from fanal.web.public.draft import (
    ReporterSaid,
    country_of,
    encode_report,
    identity_of,
    report_of,
)
from fanal.web.public.steps import BY_NAME, STEPS, take
from fanal.web.public.wording import step_context

TODAY = date(2026, 11, 24)
FULL = {
    "danger": "YES",
    "kind": "GROOMING",
    "channel": "GAME",
    "service": "Blocks",
    "nickname": "pixel_fox_77",
    "room": "Room 12",
    "address": "https://blocks.example/world/12\n\n hxxps://other[.]example/a ",
    "when": "YESTERDAY",
    "date": "",
    "time": "21h14",
    "description": "Someone asks for secrets.",
    "conversation": "pixel_fox_77: hello\nme: who are you",
    "suspect_name": "A. Person",
    "suspect_contact": "someone@mail.example\n+33 1 99 00 12 34\nother_name",
    "child": "KNOWN",
    "child_name": "Lou",
    "child_age": "12",
    "contact": "CONTACT",
    "your_name": "Reporter Name",
    "your_email": "reporter@mail.example",
    "your_phone": "",
}


def test_full_report() -> None:
    report = report_of(FULL, language="fr", today=TODAY)
    assert report.kind is ReportKind.GROOMING
    assert report.emergency is True
    assert report.channel is Channel.GAME
    assert report.platform == "Blocks:Room 12"
    assert report.urls == ("https://blocks.example/world/12", "hxxps://other[.]example/a")
    assert report.occurred_at == "2026-11-23T21:14"
    assert [(m.speaker, m.text) for m in report.conversation] == [
        ("pixel_fox_77", "hello"),
        ("me", "who are you"),
    ]
    suspect, child = report.persons
    assert suspect.role is PersonRole.SUSPECT
    assert [(h.platform, h.value) for h in suspect.handles] == [
        ("Blocks", "pixel_fox_77"),
        (None, "other_name"),
    ]
    assert suspect.emails == ("someone@mail.example",)
    assert suspect.phones == ("+33 1 99 00 12 34",)
    assert (child.role, child.name, child.age) == (PersonRole.VICTIM, "Lou", 12)


def test_report_holds_nothing_of_the_reporter() -> None:
    body = encode_report(report_of(FULL, language="fr", today=TODAY))
    for secret in (b"Reporter Name", b"reporter@mail.example", b"REPORTER"):
        assert secret not in body


def test_identity_apart() -> None:
    sealed = identity_of(FULL, address=None)
    assert sealed is not None
    identity = msgspec.json.decode(sealed, type=ReporterSaid)
    assert (identity.name, identity.email, identity.phone) == (
        "Reporter Name",
        "reporter@mail.example",
        None,
    )
    assert identity.address is None


def test_anonymity_forgets_what_was_typed() -> None:
    assert identity_of(FULL | {"contact": "ANONYMOUS"}, address=None) is None


def test_the_desk_keeps_the_name_of_a_child_who_calls_and_nothing_else() -> None:
    answers = FULL | {"whom": "CHILD", "contact": "ANONYMOUS"}
    sealed = identity_of(answers, address=None, keep_child=True)
    assert sealed is not None
    found = msgspec.json.decode(sealed, type=ReporterSaid)
    assert found == ReporterSaid(name="Lou", is_child=True)
    sealed = identity_of(answers, address=None)
    assert sealed is not None
    assert msgspec.json.decode(sealed, type=ReporterSaid) == ReporterSaid(is_child=True)


def test_kept_address_is_in_the_identity_only() -> None:
    sealed = identity_of(FULL | {"contact": "ANONYMOUS"}, address="192.0.2.7")
    assert sealed is not None
    assert msgspec.json.decode(sealed, type=ReporterSaid).address == "192.0.2.7"


def test_child_who_reports_is_named_in_the_identity_only() -> None:
    answers = FULL | {"child": "ME", "your_name": ""}
    report = report_of(answers, language="fr", today=TODAY)
    assert report.persons[1].name is None
    assert report.persons[1].age == 12
    sealed = identity_of(answers, address=None)
    assert sealed is not None
    identity = msgspec.json.decode(sealed, type=ReporterSaid)
    assert (identity.name, identity.is_child) == ("Lou", True)
    assert report.stated == (Stated.REPORTER_IS_CHILD,)
    assert b"Lou" not in encode_report(report)


@pytest.mark.parametrize(
    ("whom", "stated"),
    [
        ("CHILD", (Stated.REPORTER_IS_CHILD,)),
        ("PARENT", (Stated.REPORTER_IS_PARENT,)),
        ("PROFESSIONAL", (Stated.REPORTER_IS_PROFESSIONAL,)),
        ("WITNESS", ()),
    ],
)
def test_who_writes_is_told_to_the_desk(whom: str, stated: tuple[Stated, ...]) -> None:
    answers = {"kind": "OTHER", "danger": "NO", "whom": whom, "child_name": "Lou"}
    report = report_of(answers, language="fr", today=TODAY)
    assert report.stated == stated
    assert (b"Lou" in encode_report(report)) == (whom != "CHILD")


def test_least_report() -> None:
    report = report_of({"danger": "NO", "kind": "OTHER"}, language="en", today=TODAY)
    assert encode_report(report) == b'{"kind":"OTHER","language":"en"}'


def test_not_knowing_is_said_and_is_no_emergency() -> None:
    report = report_of({"danger": "UNKNOWN", "kind": "OTHER"}, language="en", today=TODAY)
    assert report.emergency is False
    assert report.stated == (Stated.DANGER_UNKNOWN,)


@pytest.mark.parametrize(
    ("when", "day", "time", "expected"),
    [
        ("TODAY", "", "", "2026-11-24"),
        ("DATE", "03/02/2026", "", "2026-02-03"),
        ("DATE", "2026-02-03", "7h", "2026-02-03T07:00"),
        ("UNKNOWN", "03/02/2026", "", "2026-02-03"),
        ("", "", "", None),
        ("", "03/02/2026", "7h", "2026-02-03T07:00"),
    ],
)
def test_occurred_at(when: str, day: str, time: str, expected: str | None) -> None:
    answers = {"kind": "OTHER", "when": when, "date": day, "time": time}
    assert report_of(answers, language="fr", today=TODAY).occurred_at == expected


def places_of(**answers: str) -> list[StatedPlace]:
    return list(report_of({"kind": "OTHER", **answers}, language="fr", today=TODAY).places)


def test_places_are_kept_with_their_role() -> None:
    assert places_of(
        child_where="FRANCE",
        child_town="59000 Lille",
        suspect_where="ABROAD",
        suspect_country="belgique",
        suspect_town="Tournai",
        meeting="YES",
        meeting_when="TOMORROW",
        meeting_time="17h",
        meeting_where="FRANCE",
        meeting_town="Lille, gare (59800)",
    ) == [
        StatedPlace(
            role=PlaceRole.MEETING,
            country="FR",
            locality="Lille, gare",
            postcode="59800",
            at="2026-11-25T17:00",
        ),
        StatedPlace(role=PlaceRole.CHILD, country="FR", locality="Lille", postcode="59000"),
        StatedPlace(role=PlaceRole.PERSON, country="BE", locality="Tournai"),
    ]


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ({}, []),
        (
            {"child_where": "UNKNOWN", "suspect_where": "ABROAD", "meeting": "UNKNOWN"},
            [StatedPlace(role=PlaceRole.PERSON, country="ABROAD")],
        ),
        (
            {"child_where": "ABROAD", "child_town": "Valencia"},
            [StatedPlace(role=PlaceRole.CHILD, country="ABROAD", locality="Valencia")],
        ),
        (
            {"child_where": "FRANCE", "child_town": "Lille", "child_country": "Belgique"},
            [StatedPlace(role=PlaceRole.CHILD, country="FR", locality="Lille")],
        ),
        ({"child_where": "UNKNOWN", "child_town": "Lille", "child_country": "Belgique"}, []),
        ({"meeting_where": "UNKNOWN", "meeting_town": "Lille"}, []),
        ({"meeting": "NO"}, []),
        ({"meeting": "YES"}, [StatedPlace(role=PlaceRole.MEETING)]),
        (
            {"meeting": "YES", "meeting_when": "DATE", "meeting_date": "1/12/2026"},
            [StatedPlace(role=PlaceRole.MEETING, at="2026-12-01")],
        ),
        ({"child_town": "Bruxelles"}, [StatedPlace(role=PlaceRole.CHILD, locality="Bruxelles")]),
        (
            {"child_where": "FRANCE", "child_town": "75011"},
            [StatedPlace(role=PlaceRole.CHILD, country="FR", postcode="75011")],
        ),
        (
            {"suspect_country": "loin d’ici"},
            [StatedPlace(role=PlaceRole.PERSON, country="loin d’ici")],
        ),
        (
            {"meeting_town": "Lille"},
            [StatedPlace(role=PlaceRole.MEETING, locality="Lille")],
        ),
    ],
)
def test_what_is_not_known_of_a_place_is_left_out(
    answers: dict[str, str], expected: list[StatedPlace]
) -> None:
    assert places_of(**answers) == expected


def test_words_about_a_meeting_that_no_field_holds_are_kept() -> None:
    answers = {"kind": "OTHER", "meeting": "NO", "meeting_town": "Lille", "meeting_time": "17h"}
    report = report_of(answers, language="fr", today=TODAY)
    assert (report.places, report.description) == ((), "17h\nLille")
    answers = {"kind": "OTHER", "meeting": "YES", "meeting_time": "17h"}
    assert report_of(answers, language="fr", today=TODAY).description == "17h"


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("Belgique", "BE"),
        ("the moon", None),
        ("ETATS UNIS", "US"),
        ("la Suisse", "CH"),
        ("ma", "MA"),
    ],
)
def test_countries_are_read_by_their_names(name: str, code: str | None) -> None:
    assert country_of(name) == code


@pytest.mark.parametrize(
    ("answers", "platform", "channel", "handles", "description"),
    [
        ({"app_roblox": "YES"}, "Roblox", Channel.GAME, ["Roblox"], None),
        (
            {"app_discord": "YES", "app_roblox": "YES", "channel": "GAME", "room": "Lobby"},
            "Roblox:Lobby",
            Channel.GAME,
            ["Roblox", "Discord"],
            "Discord",
        ),
        (
            {"app_snapchat": "YES", "service": "Blocks", "channel": "UNKNOWN"},
            "Snapchat",
            Channel.MESSAGING,
            ["Snapchat", "Blocks"],
            "Blocks",
        ),
        ({"app_roblox": "YES", "service": "roblox"}, "Roblox", Channel.GAME, ["Roblox"], None),
        ({"channel": "UNKNOWN"}, None, None, [None], None),
    ],
)
def test_the_first_of_several_services_is_the_platform_and_none_is_lost(
    answers: dict[str, str],
    platform: str | None,
    channel: Channel | None,
    handles: list[str | None],
    description: str | None,
) -> None:
    told = {"kind": "OTHER", "nickname": "pixel_fox_77"} | answers
    report = report_of(told, language="fr", today=TODAY)
    assert (report.platform, report.channel, report.description) == (platform, channel, description)
    assert [handle.platform for handle in report.persons[0].handles] == handles


def test_messages_copied_by_hand_join_the_conversation() -> None:
    answers = {
        "kind": "OTHER",
        "conversation": "me: hello",
        "copied_1": "pixel_fox_77: see you on Saturday",
        "copied_3": "do not tell",
    }
    report = report_of(answers, language="fr", today=TODAY)
    assert [(m.speaker, m.text) for m in report.conversation] == [
        ("me", "hello"),
        ("pixel_fox_77", "see you on Saturday"),
        (None, "do not tell"),
    ]


@pytest.mark.parametrize(
    ("answers", "at", "age", "description"),
    [
        ({"date": "hier à 21 h"}, "2026-11-23T21:00", None, None),
        ({"date": "hier soir"}, "2026-11-23", None, "hier soir"),
        ({"when": "YESTERDAY", "time": "après l’école"}, "2026-11-23", None, "après l’école"),
        (
            {"when": "DATE", "date": "il y a longtemps", "time": "9 h"},
            None,
            None,
            "il y a longtemps 9 h",
        ),
        ({"child_age": "douze ans"}, None, 12, None),
        ({"child_age": "12 ou 13"}, None, None, "12 ou 13"),
        ({"child_age": "18 mois"}, None, None, "18 mois"),
        ({"child_age": "environ 12 ans"}, None, 12, "environ 12 ans"),
        ({"child_age": "12 ans et demi"}, None, 12, "12 ans et demi"),
        ({"when": "UNKNOWN", "date": "hier, au parc"}, "2026-11-23", None, "hier, au parc"),
        ({"when": "TODAY", "date": "samedi"}, "2026-11-24", None, "samedi"),
        (
            {"when": "YESTERDAY", "date": "24/11", "time": "9 h"},
            "2026-11-23T09:00",
            None,
            "24/11 9 h",
        ),
        ({"meeting": "YES", "meeting_date": "un jour"}, None, None, "un jour"),
        ({"meeting": "NO", "meeting_date": "samedi"}, None, None, "samedi"),
    ],
)
def test_what_is_not_understood_is_kept_as_written(
    answers: dict[str, str], at: str | None, age: int | None, description: str | None
) -> None:
    report = report_of({"kind": "OTHER"} | answers, language="fr", today=TODAY)
    ages = [person.age for person in report.persons] or [None]
    assert (report.occurred_at, ages, report.description) == (at, [age], description)


def test_a_time_without_a_day_is_kept_in_words() -> None:
    answers = {"kind": "OTHER", "when": "UNKNOWN", "time": "21:14", "description": "Seen."}
    assert report_of(answers, language="fr", today=TODAY).description == "Seen.\n21:14"


def test_more_addresses_than_the_list_holds_are_kept_in_the_description() -> None:
    lines = [f"https://a.example/{number}" for number in range(230)]
    report = report_of({"kind": "OTHER", "address": "\n".join(lines)}, language="fr", today=TODAY)
    assert len(report.urls) == 200
    assert (report.description or "").split("\n") == lines[200:]


@given(st.dictionaries(st.sampled_from(sorted(FULL)), st.text(max_size=60)))
def test_any_answers_make_a_report_that_the_reader_takes(noise: dict[str, str]) -> None:
    posted = FULL | noise | {"kind": "OTHER", "danger": "NO"}
    answers = {k: v for step in STEPS for k, v in take(step, posted).items()}
    body = encode_report(report_of(answers, language="fr", today=TODAY))
    read_report(b'{"reference":"r",' + body[1:])


def test_a_sentence_about_the_suspect_is_text_and_no_user_name() -> None:
    told = "Un garçon brun, il a 20 ans\nje ne sais pas\n?\nrenard_77"
    _, words, clear = harmonised(FULL | {"suspect_contact": told})
    names = {s.value.partition("@")[0] for s in clear.selectors if s.kind is SelectorKind.HANDLE}
    assert "renard_77" in names
    assert not [name for name in names if " " in name or "?" in name]
    assert "garçon brun" in words.casefold()


ME = {
    "your_name": "Honorine Delaplanque",
    "your_email": "h.delaplanque@mail.example",
    "your_phone": "06 39 98 55 44",
}
TOLD = "I am Honorine, write to H.Delaplanque@mail.example or call +33 6 39 98 55 44."


@pytest.mark.parametrize("contact", ["CONTACT", "ANONYMOUS"])
def test_what_a_text_tells_of_its_reporter_is_no_selector_and_no_search_word(contact: str) -> None:
    """As for every other source: the same person's values in a field of their own do it."""
    answers = FULL | ME | {"contact": contact, "description": f"{TOLD} The account is fox_12."}
    _, words, clear = harmonised(answers)
    assert {s.value for s in clear.selectors} >= {"pixel_fox_77@blocks", "someone@mail.example"}
    assert not [s for s in clear.selectors if "delaplanque" in s.value or "639985544" in s.value]
    folded = words.casefold()
    assert not [w for w in ("honorine", "delaplanque", "39 98 55 44") if w in folded]
    assert "fox_12" in folded
    assert clear.persons[-1] == Person(role=PersonRole.REPORTER)


def test_the_report_holds_no_more_of_its_reporter_than_the_texts_tell() -> None:
    body, words, clear = harmonised(
        FULL | ME | {"description": "Here is Honorine. It began today."}
    )
    assert b"elaplanque" not in body
    assert b"39 98" not in body
    assert "Honorine" not in words
    body, _, clear = harmonised(FULL | ME)
    assert b"Honorine" not in body
    assert PersonRole.REPORTER not in {person.role for person in clear.persons}


def test_an_own_address_given_as_the_suspects_is_nobodys() -> None:
    _, _, clear = harmonised(FULL | ME | {"suspect_contact": ME["your_email"]})
    assert "h.delaplanque@mail.example" not in {s.value for s in clear.selectors}


def harmonised(answers: dict[str, str]) -> tuple[bytes, str, HarmonisedReport]:
    """The sealed body, the words to search by, and what is stored in clear."""
    body = encode_report(report_of(answers, language="fr", today=TODAY))
    report_id = UUID("01a21d64-3a3d-744f-8a2e-4d6b568d22cc")
    clear, identity = withhold(harmonise_one(report_id, read_form(body, reference="r-1")))
    return body, search_words(clear, identity), clear


def test_the_check_page_leaves_out_what_a_page_hides() -> None:
    answers = {
        "kind": "OTHER", "child_where": "UNKNOWN", "child_town": "Lille", "suspect_where": "FRANCE",
        "suspect_town": "Lens", "suspect_country": "Belgique",
    }  # fmt: skip
    shown = step_context(BY_NAME["check"], answers, today=TODAY)["summary"]
    said = {str(value) for page in shown for _, value in page.lines}
    assert "Lens" in said
    assert not {"Lille", "Belgique"} & said
