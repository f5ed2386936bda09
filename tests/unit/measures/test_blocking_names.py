"""Which host names may be blocked: no wrong one passes, and no valid one is refused."""

from datetime import date
from pathlib import Path
from time import process_time

import pytest
from hypothesis import example, given, strategies as st
from publicsuffixlist import PSLFILE

from fanal import reference
from fanal.harmonise.domain.values.urls import canonical_host, registrable_domain
from fanal.kernel.refusal import Refusal
from fanal.measures.blocking.names import (
    LONGEST,
    ZONE,
    check_written,
    covers,
    protections_of,
    read_name,
)
from fanal.reference import ProtectedName

DAY = date(2026, 11, 30)
OWN = ("desk.fanal.test", "stop.fanal.test")


def read(text: str) -> str:
    return read_name(text, own=OWN)


def refusal(text: str) -> str:
    with pytest.raises(Refusal) as caught:
        read(text)
    assert caught.value.kind == "blocking"
    for lang in ("fr", "en"):
        said = reference.explain_refusal(caught.value, lang)
        assert " " in said, caught.value.code
        assert not set("{?") & set(said), said
    return caught.value.code


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("pictures.example", "pictures.example"),
        ("Pictures.EXAMPLE.", "pictures.example"),
        ("  pictures.example\n", "pictures.example"),
        ("pictures。example", "pictures.example"),
        ("ｐｉｃｔｕｒｅｓ．example", "pictures.example"),
        ("pic\u00adtures.example", "pictures.example"),
        ("a.b.c.d.e.pictures.example", "a.b.c.d.e.pictures.example"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("XN--BCHER-KVA.example", "xn--bcher-kva.example"),
        ("straße.example", "xn--strae-oqa.example"),
        ("пример.example", "xn--e1afmkfd.example"),
        ("例え.テスト", "xn--r8jz45g.xn--zckzah"),
        ("i❤.example", "xn--i-7iq.example"),
        ("r3---sn-4g5e6nez.example", "r3---sn-4g5e6nez.example"),
        ("ab--cd.example", "ab--cd.example"),
        ("0.example", "0.example"),
        ("1.2.3.4.example", "1.2.3.4.example"),
        ("a" * 63 + ".example", "a" * 63 + ".example"),
        ("someone.github.io", "someone.github.io"),
        ("someone.co.uk", "someone.co.uk"),
        ("www.ck", "www.ck"),
        ("city.kawasaki.jp", "city.kawasaki.jp"),
        ("a.new-root-of-tomorrow", "a.new-root-of-tomorrow"),
        ("grpz-x.example", "grpz-x.example"),
        ("other.fanal.test", "other.fanal.test"),
    ],
)
def test_a_valid_name_is_read_in_its_one_form(written: str, name: str) -> None:
    assert read(written) == name
    assert read(name) == name
    assert check_written([name]) == (name,)


@pytest.mark.parametrize(
    "written",
    [
        "203.0.113.7",
        "203.0.113.7.",
        "203.0.113.7:443",
        "203.0.113.0/24",
        "0xcb.0x0.0x71.0x7",
        "3405803783",
        "0313.0.0161.07",
        "0xCB007107",
        "203.113.7",
        "２０３.0.113.7",
        "203。0。113。7",
        "203.0.113.256",
        "1.2.3.4.5",
        "pictures.0x1f",
        "pictures.example.7",
        "2001:db8::7",
        "[2001:db8::7]",
        "[2001:db8::7]:443",
        "2001:db8::/32",
        "::ffff:203.0.113.7",
        "fe80::1%eth0",
        "104.16.0.0/13",
        "172.64.0.0/13",
        "188.114.97.7",
        "2606:4700::6810:84e5",
    ],
)
def test_an_ip_address_is_refused_in_every_spelling(written: str) -> None:
    assert refusal(written) == "NAME_IS_ADDRESS"


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("", "NAME_UNREADABLE"),
        (" ", "NAME_UNREADABLE"),
        (".", "NAME_UNREADABLE"),
        ("..", "NAME_UNREADABLE"),
        ("pictures..example", "NAME_UNREADABLE"),
        (".pictures.example", "NAME_UNREADABLE"),
        ("pictures.example..", "NAME_UNREADABLE"),
        ("pictures .example", "NAME_UNREADABLE"),
        ("pictures\n.example", "NAME_UNREADABLE"),
        ("pictures.example\x00", "NAME_UNREADABLE"),
        ("pic\ttures.example", "NAME_UNREADABLE"),
        ("%70ictures.example", "NAME_UNREADABLE"),
        ("pictures.example|x", "NAME_UNREADABLE"),
        ("pictures.<example>", "NAME_UNREADABLE"),
        ("xn--a.example", "NAME_UNREADABLE"),
        ("xn--0000h.example", "NAME_UNREADABLE"),
        ("pictures.example／a", "NAME_UNREADABLE"),
        ("https://pictures.example/a", "NAME_IS_URL"),
        ("pictures.example/a", "NAME_IS_URL"),
        ("pictures.example?a", "NAME_IS_URL"),
        ("pictures.example#a", "NAME_IS_URL"),
        ("me@pictures.example", "NAME_IS_URL"),
        ("pictures.example\\a", "NAME_IS_URL"),
        ("pictures.example:443", "NAME_HAS_PORT"),
        ("pictures.example:", "NAME_HAS_PORT"),
        ("*.pictures.example", "NAME_WILDCARD"),
        ("pictures", "NAME_SINGLE_LABEL"),
        ("com", "NAME_SINGLE_LABEL"),
        ("localhost", "NAME_SINGLE_LABEL"),
        ("a*.pictures.example", "NAME_ODD_LABEL"),
        ("a.*.example", "NAME_ODD_LABEL"),
        ("-a.pictures.example", "NAME_ODD_LABEL"),
        ("a-.pictures.example", "NAME_ODD_LABEL"),
        ("_dmarc.pictures.example", "NAME_ODD_LABEL"),
        ("a_b.pictures.example", "NAME_ODD_LABEL"),
        ("$include.pictures.example", "NAME_ODD_LABEL"),
        ("a;b.pictures.example", "NAME_ODD_LABEL"),
        ('a"b.pictures.example', "NAME_ODD_LABEL"),
        ("a(b.pictures.example", "NAME_ODD_LABEL"),
        ("a" * 64 + ".example", "NAME_ODD_LABEL"),
        ("duckduckgogg42xjoc72x3sjasowoarfbgcmvfimaftt6twagswzczad.onion", "NAME_ONION"),
        ("www.ＯＮＩＯＮ", "NAME_ONION"),
        ("pictures.local", "NAME_NOT_PUBLIC"),
        ("pictures.localhost", "NAME_NOT_PUBLIC"),
        ("4.16.104.in-addr.arpa", "NAME_NOT_PUBLIC"),
        ("pictures.i2p", "NAME_NOT_PUBLIC"),
        ("24.0.113.0.203.rpz-ip", "NAME_RPZ_LABEL"),
        ("rpz-drop.example", "NAME_RPZ_LABEL"),
        ("a.RPZ-passthru.example", "NAME_RPZ_LABEL"),
        ("com.", "NAME_SINGLE_LABEL"),
        ("co.uk", "NAME_PUBLIC_SUFFIX"),
        ("github.io", "NAME_PUBLIC_SUFFIX"),
        ("blogspot.com", "NAME_PUBLIC_SUFFIX"),
        ("x.ck", "NAME_PUBLIC_SUFFIX"),
        ("kawasaki.jp", "NAME_PUBLIC_SUFFIX"),
        ("gouv.fr", "NAME_PUBLIC_SUFFIX"),
        ("公司.cn", "NAME_PUBLIC_SUFFIX"),
        ("cloudflare.net", "NAME_PUBLIC_SUFFIX"),
        ("cdn.cloudflare.net", "NAME_PUBLIC_SUFFIX"),
        ("pages.dev", "NAME_PUBLIC_SUFFIX"),
        ("workers.dev", "NAME_PUBLIC_SUFFIX"),
        ("stop.fanal.test", "NAME_OWN"),
        ("a.stop.fanal.test", "NAME_OWN"),
        ("fanal.test", "NAME_OWN"),
        ("ＳＴＯＰ.fanal.test", "NAME_OWN"),
        ("desk.fanal.test", "NAME_OWN"),
        ("pictures.rpz.fanal", "NAME_OWN"),
        (ZONE, "NAME_OWN"),
    ],
)
def test_what_may_not_be_blocked_is_refused_in_words(written: str, code: str) -> None:
    assert refusal(written) == code


def test_the_wildcard_of_the_longest_name_has_255_octets() -> None:
    rest = LONGEST - len(".example")
    name = ".".join(["a" * 61] * 10)[: rest - 1].rstrip(".") + "b.example"
    name = "c" * (LONGEST - len(name)) + name
    assert len(name) == LONGEST
    assert read(name) == name
    assert sum(len(label) + 1 for label in f"*.{name}.{ZONE}".split(".")) + 1 == 255
    assert refusal("c" + name) == "NAME_TOO_LONG"
    assert refusal(".".join(["a" * 60] * 5) + ".example") == "NAME_TOO_LONG"


@pytest.mark.parametrize("unit", ["a", "é", "a.", "\u00ad", "1", ":", "xn--", "é."])
def test_a_text_of_any_length_is_answered_at_once(unit: str) -> None:
    begun = process_time()
    assert refusal(unit * 200_000) == "NAME_TOO_LONG"
    assert process_time() - begun < 1


def suffixes() -> list[str]:
    lines = Path(PSLFILE).read_text(encoding="utf-8").splitlines()
    rules = [line.split(" ")[0] for line in lines if line and not line.startswith(("//", "!"))]
    return [rule.replace("*.", "anything.") for rule in rules] + [
        rule.removeprefix("*.") for rule in rules if rule.startswith("*.")
    ]


def test_no_public_suffix_passes_in_either_spelling() -> None:
    found = suffixes()
    assert len(found) > 10_000
    codes = {
        written: code_of(written)
        for suffix in found
        for written in (suffix, suffix.upper(), canonical_host(suffix) or "")
    }
    expected = {"NAME_PUBLIC_SUFFIX", "NAME_SINGLE_LABEL", "NAME_NOT_PUBLIC", "NAME_ONION"}
    assert {w: code for w, code in codes.items() if code not in expected} == {}


def code_of(written: str) -> str:
    try:
        return f"passed as {read(written)}"
    except Refusal as refused:
        return refused.code


def test_a_name_above_a_suffix_needs_the_third_person() -> None:
    catalogue = reference.load()
    for suffix in suffixes():
        labels = (canonical_host(suffix) or "").split(".")
        for above in (".".join(labels[n:]) for n in range(1, len(labels) - 1)):
            try:
                name = read_name(above, own=OWN)
            except Refusal:
                continue
            assert protections_of(name, catalogue=catalogue, on=DAY), above


def protected(text: str) -> set[str]:
    name = read_name(text, own=OWN)
    return {one.category for one in protections_of(name, catalogue=reference.load(), on=DAY)}


@pytest.mark.parametrize(
    ("written", "category"),
    [
        ("drive.usercontent.google.com", "SHARED_HOST"),
        ("usercontent.google.com", "SHARED_HOST"),
        ("google.com", "PLATFORM"),
        ("GOOGLE.com.", "PLATFORM"),
        ("ｇｏｏｇｌｅ．com", "PLATFORM"),
        ("goo\u00adgle。com", "PLATFORM"),
        ("sites.google.com", "PLATFORM"),
        ("cloudflare.com", "SHARED_HOST"),
        ("cdnjs.cloudflare.com", "SHARED_HOST"),
        ("www.example.cdn.cloudflare.net", "SHARED_HOST"),
        ("one.one.one.one", "INFRASTRUCTURE"),
        ("one.one", "INFRASTRUCTURE"),
        ("impots.gouv.fr", "STATE"),
        ("www.impots.gouv.fr", "STATE"),
        ("nasa.gov", "STATE"),
        ("3018.fr", "CHILD_PROTECTION"),
        ("wordpress.com", "PLATFORM"),
        ("amazonaws.com", "SHARED_HOST"),
        ("a.root-servers.net", "INFRASTRUCTURE"),
    ],
)
def test_the_names_of_the_accidents_and_of_states_need_the_third_person(
    written: str, category: str
) -> None:
    assert category in protected(written)


@pytest.mark.parametrize(
    "written",
    [
        "pictures.example",
        "google.com.pictures.example",
        "notgoogle.com",
        "google.com-login.example",
        "gооgle.com",  # with two Cyrillic letters: another name
        "someone.wordpress.com",
        "someone.github.io",
    ],
)
def test_no_other_name_needs_it(written: str) -> None:
    assert protected(written) == set()


def test_each_protected_name_is_written_as_names_are_compared() -> None:
    entries = reference.load().entries(ProtectedName)
    assert len(entries) >= 8
    for entry in entries:
        for name in entry.value.names:
            assert canonical_host(name) == name, name
            assert registrable_domain(name) or "." not in name or name in suffixes(), name
    assert all(entry.unchecked(DAY) for entry in entries if entry.confidence != "H")


LDH = st.text("abcxyz019-", min_size=1, max_size=12).map(lambda text: f"a{text}0"[:63])
VALID = st.one_of(LDH, st.sampled_from(["0", "a", "xn--bcher-kva", "a--b", "9" * 63]))


@given(st.lists(VALID, min_size=1, max_size=8), st.sampled_from(["example", "test", "com", "fr"]))
@example(["0"], "com")
def test_no_valid_name_is_refused(labels: list[str], root: str) -> None:
    name = ".".join([*labels, root])
    if registrable_domain(name) is None:
        assert refusal(name) == "NAME_PUBLIC_SUFFIX"
        return
    assert read(name) == name
    assert read(name.upper() + ".") == name


@given(st.text(min_size=1, max_size=30), st.sampled_from(["", ".example", ".com"]))
@example("\u2488com", "")
@example("xn--", ".example")
@example("xn--example-.com", "")
@example("\u200d.example", "")
def test_what_is_read_is_plain_and_read_again_as_itself(text: str, end: str) -> None:
    try:
        name = read_name(text + end, own=OWN)
    except Refusal:
        return
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-.")
    assert read_name(name, own=OWN) == name
    assert check_written([name]) == (name,)


@given(st.from_regex(r"[a-z0-9.*;$@\n-]{1,30}", fullmatch=True))
def test_nothing_else_comes_out_of_storage(text: str) -> None:
    try:
        (name,) = check_written([text])
    except ValueError:
        return
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-.")
    assert "xn--" in name or read(name) == name or refusal(name) == "NAME_PUBLIC_SUFFIX"


@pytest.mark.parametrize(
    "stored",
    ["a.example\n", "a.example\n$INCLUDE /etc/passwd", "*.a.example", "a.example.", "A.example",
     "a", "rpz-drop.example", "a.example ; x", "@", "", ".", "a.rpz-ip.x", "é.example", "a.7",
     "203.0.113.7", "a.0xff", ".".join(["a" * 60] * 4) + ".example"],
)  # fmt: skip
def test_a_stored_name_that_was_never_read_stops_the_writer(stored: str) -> None:
    with pytest.raises(ValueError, match="no written host name"):
        check_written([stored])


def test_a_name_covers_itself_and_those_below() -> None:
    assert covers("pictures.example", "pictures.example")
    assert covers("pictures.example", "a.b.pictures.example")
    assert not covers("pictures.example", "morepictures.example")
    assert not covers("a.pictures.example", "pictures.example")
