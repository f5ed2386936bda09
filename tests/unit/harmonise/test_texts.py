"""Selectors in sentences: what people write, what looks like it and is not, and texts that attack."""

import time

import pytest
from hypothesis import given, settings, strategies as st

from fanal.harmonise.domain.records import SelectorKind as Kind
from fanal.harmonise.domain.values.texts import find_selectors


def found(text: str, *countries: str) -> set[tuple[str, str]]:
    return {(hit.kind.value, hit.value) for hit in find_selectors(text, countries=countries)}


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("voir https://bad.example.test/a(b)?x=1.", Kind.URL, "https://bad.example.test/a(b)?x=1"),
        ("(see hxxps://bad[.]example[.]test/a)", Kind.URL, "https://bad.example.test/a"),
        ("«https://example.test/é»", Kind.URL, "https://example.test/é"),
        ("sur www.example.test/p, hier", Kind.URL, "www.example.test/p"),
        ("serveur example.test:8080 ouvert", Kind.URL, "example.test:8080"),
        ("magnet:?xt=urn:btih:abc&dn=x fin", Kind.URL, "magnet:?xt=urn:btih:abc&dn=x"),
        ("le site bad-site.com est", Kind.HOST, "bad-site.com"),
        ("le site www.bad-site.it est", Kind.HOST, "www.bad-site.it"),
        ("mail : Jean.D(at)exemple[.]test", Kind.EMAIL, "jean.d@exemple.test"),
        ("écrit à a@mail.example.", Kind.EMAIL, "a@mail.example"),
        ("tel 06 12 34 56 78 ce soir", Kind.PHONE, "+33612345678"),
        ("tel 06.12.34.56.78", Kind.PHONE, "+33612345678"),
        ("call +44 20 7946 0958!", Kind.PHONE, "+442079460958"),
        ("depuis 203.0.113.7:4433 hier", Kind.IP, "203.0.113.7"),
        ("depuis 203[.]0[.]113[.]7.", Kind.IP, "203.0.113.7"),
        ("depuis 2001:DB8::1 hier", Kind.IP, "2001:db8::1"),
        ("snap: kid_77, merci", Kind.HANDLE, "kid_77@snapchat"),
        ("mon insta = @Some.One", Kind.HANDLE, "some.one@instagram"),
        ("@some_one sur Discord", Kind.HANDLE, "some_one@discord"),
        ("on telegram it is @some_one", Kind.HANDLE, "some_one@telegram"),
        ("ajoute @some_one stp", Kind.HANDLE, "some_one"),
        ("FR76 3000 6000 0112 3456 7890 189 MERCI", Kind.ACCOUNT, "FR7630006000011234567890189"),
        ("GB82WEST12345698765432", Kind.ACCOUNT, "GB82WEST12345698765432"),
        (
            "btc 1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa !",
            Kind.ACCOUNT,
            "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
        ),
        (
            "eth 0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
            Kind.ACCOUNT,
            "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed",
        ),
        ("md5 D41D8CD98F00B204E9800998ECF8427E", Kind.MD5, "d41d8cd98f00b204e9800998ecf8427e"),
        ("hash " + "aB" * 20, Kind.SHA1, "ab" * 20),
        ("hash " + "aB" * 32, Kind.SHA256, "ab" * 32),
        ("sur expyuzz4wqqyqhjn.onion", Kind.HOST, "expyuzz4wqqyqhjn.onion"),
        ("see bad[.]example now", Kind.HOST, "bad.example"),
        ("il m a envoye sur evil(.)com/x", Kind.URL, "evil.com/x"),
        (r"evil\.com est", Kind.HOST, "evil.com"),
        ("Roblox pseudo : dark_wolf99", Kind.HANDLE, "dark_wolf99@roblox"),
        ("son pseudo Roblox : dark_wolf99", Kind.HANDLE, "dark_wolf99@roblox"),
        ("c'est dark_wolf#1234 sur discord", Kind.HANDLE, "dark_wolf#1234@discord"),
        ("ajoute dark_wolf#1234 stp", Kind.HANDLE, "dark_wolf#1234"),
    ],
)
def test_what_a_person_writes_is_found(text: str, kind: Kind, value: str) -> None:
    assert (kind.value, value) in found(text)


@pytest.mark.parametrize(
    "text",
    [
        "C'est fini.Me voici. Ok.To go.",
        "photo.zip et video.mov et lisez-moi.md",
        "version 10.1.2.3, réseau 192.168.1.1, 127.0.0.1",
        "le 01/02/2026 à 12:30:45, le 20.11.2026 10:00, 2026-11-20",
        "il a payé 1 200,50 € pour 3 000 jetons, 0123",
        "FR76 3000 6000 0112 3456 7890 188",
        "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb",
        "deadbeef 0xdeadbeef abc123",
        "snap: bonjour, insta: demain",
        "a@b, @ et @@ et x@y@z",
        "1.2.3.4.5 et 999.1.1.1",
        "ratio 1:2:3, 12:30:45",
        "",
    ],
)
def test_what_only_looks_like_a_selector_is_left(text: str) -> None:
    assert found(text) == set()


def test_parts_of_an_address_are_not_found_again() -> None:
    assert found("http://203.0.113.7/a@mail.example/0612345678") == {
        ("URL", "http://203.0.113.7/a@mail.example/0612345678")
    }


def test_each_value_comes_once() -> None:
    assert len(find_selectors("a@mail.example A@mail.example a@Mail.Example")) == 1


def test_a_service_of_another_sentence_is_not_taken() -> None:
    assert ("HANDLE", "some_one") in found("Il est sur instagram. Ajoute @some_one")


def test_the_country_of_the_report_reads_national_numbers() -> None:
    assert ("PHONE", "+639171234567") in found("text 0917 123 4567", "PH")
    assert ("PHONE", "+639171234567") not in found("text 0917 123 4567")


@pytest.mark.parametrize("dot", ["[.]", "(.)", "{.}", "[dot]", "(point)", "\\.", " [.] "])
@pytest.mark.parametrize("host", ["bad{}example", "www{}bad{}site", "evil{}com"])
def test_a_defanged_host_is_found_with_nothing_else_beside_it(host: str, dot: str) -> None:
    plain = host.format(".", ".")
    assert plain in {value for _, value in found(f"vu sur {host.format(dot, dot)} hier")}


ATTACKS = ["a.", "a@", "@a", "+1", "0 ", "[.]", "(at)", "1.", "1:", "a:b", "snap:", "http://", "(", ")",
    "FR76 ", "AB12 ABCD ", "0123456789", "A", "a-", "x.y/", "[:", "{ dot", "1 1 ", "(0", "a.b@", "\u00a0",
    "www.", "é.", "xn--", "\\.", "insta @", "::", "0x", "bc1", "%", "http://a)", "…", "a_b.", "#", "\x00", "a#1", "a b ",
]  # fmt: skip


@pytest.mark.parametrize("piece", ATTACKS)
def test_reading_time_stays_linear(piece: str) -> None:
    text = (piece * 200_000)[:200_000]
    start = time.process_time()
    find_selectors(text)
    find_selectors("x" + text + " fin")
    assert time.process_time() - start < 2


@settings(max_examples=200)
@given(
    st.lists(st.sampled_from([*ATTACKS, " ", "example", ".test", "7"]), max_size=40).map("".join)
)
def test_any_mixture_is_read_without_raising(text: str) -> None:
    for hit in find_selectors(text):
        assert hit.value
        assert hit.value.encode()


@given(st.text(max_size=120))
def test_any_text_is_read_without_raising(text: str) -> None:
    find_selectors(text, countries=("FR", "PH", "??"))
