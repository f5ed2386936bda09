"""Answers of the form → report format and identity: whole, sorted, nothing of the reporter in the report."""

from datetime import date

import msgspec
import pytest
from hypothesis import given, strategies as st

from fanal.formats.report.read import read_report
from fanal.formats.report.records import Channel, PersonRole, ReportKind, Stated
from fanal.web.public.draft import Identity, encode_report, identity_of, report_of
from fanal.web.public.steps import STEPS, take

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
    identity = msgspec.json.decode(sealed, type=Identity)
    assert (identity.name, identity.email, identity.phone) == (
        "Reporter Name",
        "reporter@mail.example",
        None,
    )
    assert identity.address is None


def test_anonymity_forgets_what_was_typed() -> None:
    assert identity_of(FULL | {"contact": "ANONYMOUS"}, address=None) is None


def test_kept_address_is_in_the_identity_only() -> None:
    sealed = identity_of(FULL | {"contact": "ANONYMOUS"}, address="192.0.2.7")
    assert sealed is not None
    assert msgspec.json.decode(sealed, type=Identity).address == "192.0.2.7"


def test_child_who_reports_is_named_in_the_identity_only() -> None:
    answers = FULL | {"child": "ME", "your_name": ""}
    report = report_of(answers, language="fr", today=TODAY)
    assert report.persons[1].name is None
    assert report.persons[1].age == 12
    sealed = identity_of(answers, address=None)
    assert sealed is not None
    identity = msgspec.json.decode(sealed, type=Identity)
    assert (identity.name, identity.is_child) == ("Lou", True)
    assert report.stated == (Stated.REPORTER_IS_CHILD,)
    assert b"Lou" not in encode_report(report)


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
        ("UNKNOWN", "03/02/2026", "", None),
        ("", "", "", None),
    ],
)
def test_occurred_at(when: str, day: str, time: str, expected: str | None) -> None:
    answers = {"kind": "OTHER", "when": when, "date": day, "time": time}
    assert report_of(answers, language="fr", today=TODAY).occurred_at == expected


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
