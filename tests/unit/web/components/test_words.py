"""Dates, spans and addresses as people read them."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, strategies as st

from fanal.web.components import words

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def test_moment_is_in_paris() -> None:
    at = datetime(2026, 11, 24, 20, 14, tzinfo=UTC)
    assert words.moment(at, "fr", now=NOW) == "mar. 24 nov., 21:14"
    assert words.moment(at, "en", now=NOW) == "Tue 24 Nov, 21:14"
    assert words.machine(at) == "2026-11-24T21:14:00+01:00"


def test_another_year_is_said_and_the_first_is_premier() -> None:
    assert words.day(date(2025, 7, 1), "fr", today=date(2026, 1, 1)) == "mar. 1er juil. 2025"
    assert words.day(date(2025, 7, 1), "en", today=date(2026, 1, 1)) == "Tue 1 Jul 2025"


def test_new_year_in_paris_is_not_new_year_in_utc() -> None:
    late = datetime(2026, 12, 31, 23, 30, tzinfo=UTC)
    assert words.moment(late, "fr", now=NOW) == "ven. 1er janv. 2027, 00:30"


@pytest.mark.parametrize(
    ("minutes", "fr"),
    [(5, "5 min"), (65, "1 h 05 min"), (60 * 26, "1 j 2 h"), (-185, "3 h 05 min")],
)
def test_span(minutes: int, fr: str) -> None:
    assert words.span(timedelta(minutes=minutes), "fr").replace("\u202f", " ") == fr


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("https://a.b.test/x.html?y=1.2", "hxxps[:]//a[.]b[.]test/x.html?y=1.2"),
        ("http://192.0.2.1:80/", "hxxp[:]//192[.]0[.]2[.]1:80/"),
        ("FTP://h.test", "FTP[:]//h[.]test"),
        ("someone@mail.test", "someone[@]mail[.]test"),
        ("host.test", "host[.]test"),
        (
            "https://a.test/r?u=http://b.test/x",
            "hxxps[:]//a[.]test/r?u=http[:]//b.test/x",
        ),
    ],
)
def test_defang(address: str, expected: str) -> None:
    assert words.defang(address) == expected


@given(st.from_regex(r"https?://[a-z]{1,8}(\.[a-z]{2,5}){1,3}(/[a-z.:/]{0,10})?", fullmatch=True))
def test_no_defanged_address_is_an_address(address: str) -> None:
    assert "://" not in words.defang(address)


@pytest.mark.parametrize("code", [0x00, 0x85, 0xAD, 0x200B, 0x200F, 0x2028, 0x202E, 0x2066, 0xFEFF])
def test_what_nobody_sees_is_written_out(code: int) -> None:
    shown = words.visible(f"https://host.test/{chr(code)}gpj.exe")
    assert shown == f"https://host.test/⟨U+{code:04X}⟩gpj.exe"


def test_an_identifier_shows_all_there_is_of_it() -> None:
    assert words.identifier("HANDLE", "fox\u202e77") == "fox⟨U+202E⟩77"
    assert words.identifier("HOST", "host\u200b.test") == "host⟨U+200B⟩[.]test"
    assert words.identifier("EMAIL", "fox@mail.test") == "fox[@]mail[.]test"


def test_what_people_see_stays() -> None:
    seen = "né_à Ελλάδα_نور_日本_👩‍🚀 ok"
    assert words.visible(seen) == seen
