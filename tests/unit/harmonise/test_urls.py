"""Addresses of the web, against the public vectors and against people who hide them."""

import json
from pathlib import Path

import pytest
from hypothesis import example, given, strategies as st

from fanal.harmonise.domain.values.urls import onion_checksum_holds, read_url, registrable_domain

VECTORS = Path(__file__).resolve().parents[2] / "vectors"
ONION_3 = "duckduckgogg42xjoc72x3sjasowoarfbgcmvfimaftt6twagswzczad"


def test_every_public_url_case_has_its_whatwg_form() -> None:
    cases = [
        case
        for case in json.loads((VECTORS / "url/urltestdata.json").read_text())
        if isinstance(case, dict) and not case.get("base")
    ]
    wrong = [
        (case["input"], read_url(case["input"]).canonical)
        for case in cases
        if read_url(case["input"]).canonical != (None if case.get("failure") else case["href"])
    ]
    assert len(cases) > 500
    assert wrong == []


def test_every_public_suffix_case_has_its_registrable_domain() -> None:
    lines = (VECTORS / "psl/test_psl.txt").read_text().splitlines()
    calls = [line[18:-2].split(", ") for line in lines if line.startswith("checkPublicSuffix(")]
    cases = [[None if p == "null" else p.strip("'") for p in call] for call in calls]
    wrong = [c for c in cases if c[0] is not None and registrable_domain(c[0].lower()) != c[1]]
    assert len(cases) > 70
    assert wrong == []


@pytest.mark.parametrize(
    "reported",
    [
        "hxxps://bad[.]example[.]test/a",
        "hXXps://bad.example.test/a",
        "hxxps[:]//bad(.)example(dot)test/a",
        "hxxps[://]bad{.}example[dot]test/a",
        "https://bad[.example.]test/a",
        "https://bad\\.example\\.test/a",
        "https://bad(point)example[ . ]test/a",
        "https//bad.example.test/a",
        "https;//bad.example.test/a",
        "https://BAD.Example.TEST:443/a",
        "https://bad.example.test/./b/../a",
        "https://bad.example.test./a",
        "https://bad.example.test/%61",
        "https://bad.example.test/a#fragment",
        "https://bad.example.test/a?utm_source=x&UTM_Medium=y&fbclid=z",
        "https://bad.example.test/a?%75tm_source=x",
        "https://bad.example.test/a?",
        "  https://bad.example.test/a\n",
        "https://bad。example．test/a",
        "https:\\\\bad.example.test\\a",
    ],
)
def test_one_page_has_one_key_however_it_is_written(reported: str) -> None:
    address = read_url(reported)
    assert address.reported == reported
    assert address.key == "https://bad.example.test/a"
    assert address.registrable_domain == "example.test"


@pytest.mark.parametrize(
    "written",
    ["203.0.113.7", "0xcb.0x0.0x71.0x7", "3405803783", "0313.0.0161.07", "0xCB007107"],
)
def test_an_address_in_any_base_is_one_address(written: str) -> None:
    address = read_url(f"http://{written}/x")
    assert (address.ip, address.host) == ("203.0.113.7", "203.0.113.7")
    assert address.key == "http://203.0.113.7/x"
    assert address.registrable_domain is None


def test_a_mapped_address_is_the_ipv4_one() -> None:
    assert read_url("http://[::ffff:203.0.113.7]:8080/").ip == "203.0.113.7"
    assert read_url("http://[2001:DB8::1]/").ip == "2001:db8::1"


def test_canonical_keeps_what_the_key_leaves_out() -> None:
    address = read_url("https://example.test/a?utm_source=x&b=1&b=2#part")
    assert address.canonical == "https://example.test/a?utm_source=x&b=1&b=2#part"
    assert address.key == "https://example.test/a?b=1&b=2"


def test_a_parameter_is_tracking_at_its_own_host_only() -> None:
    assert read_url("https://youtu.be/x?si=1").key == "https://youtu.be/x"
    assert read_url("https://www.youtube.com/watch?v=x&si=1").key == (
        "https://www.youtube.com/watch?v=x"
    )
    assert read_url("https://example.test/x?si=1").key == "https://example.test/x?si=1"


def test_user_names_do_not_hide_the_host() -> None:
    address = read_url("http://good.example@bad.example.test:81/x")
    assert (address.host, address.port) == ("bad.example.test", 81)


def test_names_of_any_script_come_as_idna() -> None:
    address = read_url("http://Bücher.example/")
    assert address.host == "xn--bcher-kva.example"
    assert address.registrable_domain == "xn--bcher-kva.example"


@pytest.mark.parametrize(
    ("reported", "canonical"),
    [
        ("example.test/x", "http://example.test/x"),
        ("www.example.test", "http://www.example.test/"),
        ("//example.test/x", "http://example.test/x"),
        ("example.test:8080/x", "http://example.test:8080/x"),
        ("198.51.100.1:81", "http://198.51.100.1:81/"),
    ],
)
def test_a_missing_scheme_is_assumed_and_said(reported: str, canonical: str) -> None:
    address = read_url(reported)
    assert (address.canonical, address.warning) == (canonical, "URL_SCHEME_ASSUMED")


@pytest.mark.parametrize(
    "reported",
    ["", " ", "nothing", "two words", "a@b.example", "http://", "http://a b/", "1.2", "/x"],
)
def test_what_is_no_address_stays_as_reported(reported: str) -> None:
    address = read_url(reported)
    assert (address.reported, address.canonical, address.key) == (reported, None, None)
    assert address.warning == "URL_UNREADABLE"


def test_onion_services_are_told_with_their_checksum() -> None:
    address = read_url(f"http://sub.{ONION_3}.onion/x")
    assert address.onion == f"{ONION_3}.onion"
    assert onion_checksum_holds(f"{ONION_3}.onion")
    assert not onion_checksum_holds(f"a{ONION_3[1:]}.onion")
    assert read_url("http://expyuzz4wqqyqhjn.onion").onion == "expyuzz4wqqyqhjn.onion"
    assert read_url("http://short.onion").onion is None


def test_customers_of_one_hosting_service_stay_apart() -> None:
    assert read_url("http://one.blogspot.com/").registrable_domain == "one.blogspot.com"


def test_a_scheme_of_an_application_has_no_host() -> None:
    address = read_url("tg://resolve?domain=name")
    assert address.key == "tg://resolve?domain=name"
    assert address.host is None


PIECES = st.sampled_from(
    [
        "http",
        "hxxp",
        "s",
        "://",
        "[.]",
        "(dot)",
        ".",
        "%",
        "%41",
        "%2e",
        "?",
        "&",
        "utm_a=1",
        "#",
        "@",
        "example",
        "test",
        "xn--",
        "0x7f",
        ":80",
        "/",
        "//",
        "\\",
        "..",
        "é",
        "\u202e",
        "[::1]",
        " ",
    ]
)
ANY_URL = st.one_of(
    st.text(max_size=60),
    st.lists(PIECES, max_size=12).map("".join),
    st.lists(PIECES, max_size=8).map(lambda p: "http://example.test/" + "".join(p)),
)


@given(ANY_URL)
@example("http://a/%%341")
@example("HXXP:0[/]")
@example("http://example.test../a")
@example("\ud800")
@example("http://a\x00b/")
def test_reading_never_raises_and_its_results_are_fixed_points(text: str) -> None:
    address = read_url(text)
    assert address.reported == text
    if address.canonical is not None:
        assert read_url(address.canonical).canonical == address.canonical
    if address.key is not None and address.host is not None:
        again = read_url(address.key)
        assert again.canonical is None or again.key == address.key


def test_very_long_addresses_are_read_in_time() -> None:
    for text in (
        "http://example.test/" + "%41" * 60_000,
        "a." * 100_000,
        "http://" + "[.]" * 60_000,
    ):
        assert read_url(text).reported == text
