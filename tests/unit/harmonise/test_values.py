"""Addresses, telephones, accounts, fingerprints, devices, names and games, one by one."""

import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from fanal.harmonise.domain.records import SelectorKind
from fanal.harmonise.domain.sightings import key_bytes
from fanal.harmonise.domain.values.accounts import keccak_256, read_iban, read_wallet
from fanal.harmonise.domain.values.addresses import is_routable, read_email, read_ip, read_phone
from fanal.harmonise.domain.values.handles import (
    game_in_url,
    read_device,
    read_game,
    read_handle,
    read_platform,
)
from fanal.harmonise.domain.values.hashes import kind_by_length, read_hash
from fanal.harmonise.domain.values.urls import packed_ip, read_url, refang

VECTORS = Path(__file__).resolve().parents[2] / "vectors" / "formats"


@pytest.mark.parametrize("name", ["ipv4", "ipv6"])
def test_every_valid_public_address_case_is_read(name: str) -> None:
    groups = json.loads((VECTORS / f"{name}.json").read_text())
    tests = [t for group in groups for t in group["tests"] if isinstance(t["data"], str)]
    assert len(tests) > 10
    # Not of this family, and with a zone id: other addresses, that this reader takes too.
    both = {"127.0.0.1", "::ffff:192.168.0.1", "fe80::a%eth1"}
    wrong = [
        t["data"]
        for t in tests
        if t["data"] not in both and (packed_ip(t["data"]) is not None) != t["valid"]
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("text", "value", "port"),
    [
        ("203.0.113.7", "203.0.113.7", None),
        (" 203[.]0[.]113[.]7:40122 ", "203.0.113.7", 40122),
        ("[2001:DB8:0:0::1]:443", "2001:db8::1", 443),
        ("::ffff:203.0.113.7", "203.0.113.7", None),
        ("fe80::1%eth0", "fe80::1", None),
        ("203.0.113.7:99999", "203.0.113.7", None),
    ],
)
def test_an_address_comes_canonical_with_its_port(text: str, value: str, port: int | None) -> None:
    read = read_ip(text)
    assert read is not None
    assert (read.value, read.port) == (value, port)


@pytest.mark.parametrize(
    "text", ["", "300.1.1.1", "1.2.3", "010.0.0.1", "a", "1.2.3.4.5", "١.١.١.١"]
)
def test_what_is_no_address_is_none(text: str) -> None:
    assert read_ip(text) is None


def test_only_addresses_that_name_one_machine_are_routable() -> None:
    assert all(map(is_routable, ("203.0.113.7", "100.64.0.1", "2001:db8::1", "8.8.8.8")))
    local = ("127.0.0.1", "10.1.2.3", "172.31.0.1", "192.168.1.1", "169.254.1.1", "0.0.0.0", "::1")
    assert not any(map(is_routable, (*local, "fe80::1", "fd00::1", "224.0.0.1", "ff02::1", "::")))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Someone@Mail.Example", "someone@mail.example"),
        (" <someone@mail.example> ", "someone@mail.example"),
        ("A Name <some.one+tag@mail.example>", "some.one+tag@mail.example"),
        ("mailto:a@mail.example", "a@mail.example"),
        ("a[at]mail[.]example", "a@mail.example"),
        ("élan@bücher.example", "élan@xn--bcher-kva.example"),
        ("a@mail.example.", "a@mail.example"),
    ],
)
def test_an_email_comes_canonical(text: str, value: str) -> None:
    assert read_email(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "@",
        "a@",
        "@b.example",
        "a@b",
        "a b@c.example",
        "a@b c.example",
        "a@203.0.113.7",
        "a\x00@b.example",
        "x" * 65 + "@b.example",
        "a@b@c.example",
        "a@b.example:25",
        "a@http://b.c",
    ],
)
def test_what_is_no_email_is_none(text: str) -> None:
    assert read_email(text) is None


@pytest.mark.parametrize(
    ("text", "countries", "value"),
    [
        ("06 12 34 56 78", (), "+33612345678"),
        ("+33 (0)6 12 34 56 78", (), "+33612345678"),
        ("0033 6 12 34 56 78", (), "+33612345678"),
        ("0917 123 4567", ("PH",), "+639171234567"),
        ("(202) 555-0123", ("US",), "+12025550123"),
        ("+44 20 7946 0958", ("PH",), "+442079460958"),
        ("06 12 34 56 78", ("PH",), "+33612345678"),
    ],
)
def test_a_number_is_read_in_the_country_of_its_context(
    text: str, countries: tuple[str, ...], value: str
) -> None:
    number = read_phone(text, countries)
    assert number is not None
    assert number.value == value
    assert number.assumed == (text.startswith("06"))


@pytest.mark.parametrize("text", ["", "12", "call me", "+", "+999123", "0" * 50, "\ud800"])
def test_what_is_no_number_is_none(text: str) -> None:
    assert read_phone(text) is None


def test_an_iban_needs_its_check_digits_and_its_country_length() -> None:
    assert read_iban("fr76 3000 6000 0112 3456 7890 189") == "FR7630006000011234567890189"
    assert read_iban("GB82 WEST 1234 5698 7654 32") == "GB82WEST12345698765432"
    for wrong in ("FR7630006000011234567890188", "FR76", "GB82WEST123456987654321", "", "X" * 99):
        assert read_iban(wrong) is None


@given(st.integers(2, 26), st.integers(0, 9))
def test_one_wrong_digit_of_an_iban_is_always_seen(place: int, digit: int) -> None:
    good = "FR7630006000011234567890189"
    bad = f"{good[:place]}{digit}{good[place + 1 :]}"
    assert (read_iban(bad) is not None) == (bad == good)


WALLETS = (
    "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
    "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy",
    "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
    "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0",
    "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
)


@pytest.mark.parametrize("wallet", WALLETS)
def test_a_wallet_needs_its_checksum(wallet: str) -> None:
    assert read_wallet(wallet) is not None
    last = "q" if wallet[-1] != "q" else "p"
    changed = wallet[:-1] + (last if wallet[0] != "0" else wallet[-1].upper())
    assert read_wallet(changed) is None


def test_wallets_whose_case_says_nothing_come_in_one_case() -> None:
    lower = WALLETS[4].lower()
    assert read_wallet(WALLETS[4]) == read_wallet("0x" + lower[2:].upper()) == lower
    assert read_wallet(WALLETS[2].upper()) == WALLETS[2]
    assert read_wallet("bc1Qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4") is None


def test_keccak_is_the_one_of_ethereum() -> None:
    empty = "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"
    assert keccak_256(b"").hex() == empty
    assert keccak_256(b"") != hashlib.sha3_256(b"").digest()
    # A block filled to its last byte takes a block of padding.
    assert len({keccak_256(b"a" * n) for n in (134, 135, 136, 137, 272)}) == 5


def test_fingerprints_come_in_lower_case_and_their_length() -> None:
    digest = hashlib.sha256(b"a").hexdigest()
    assert read_hash(SelectorKind.SHA256, f" {digest.upper()} ") == digest
    assert read_hash(SelectorKind.PDQ, digest) == digest
    for wrong in ("", digest[:-1], digest + "0", "g" + digest[1:], "０" * 64):
        assert read_hash(SelectorKind.SHA256, wrong) is None
    lengths = {n: kind_by_length("a" * n) for n in (31, 32, 40, 64)}
    assert lengths == {
        31: None,
        32: SelectorKind.MD5,
        40: SelectorKind.SHA1,
        64: SelectorKind.SHA256,
    }


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("AA-BB-CC-DD-EE-0F", "aa:bb:cc:dd:ee:0f"),
        ("aabb.ccdd.ee0f", "aa:bb:cc:dd:ee:0f"),
        ("{6BA7B810-9DAD-11D1-80B4-00C04FD430C8}", "6ba7b810-9dad-11d1-80b4-00c04fd430c8"),
        ("49-015420-323751-8", "490154203237518"),
        ("  Some   Device ", "Some Device"),
        (" ", None),
    ],
)
def test_a_device_comes_canonical(text: str, value: str | None) -> None:
    assert read_device(text) == value


@pytest.mark.parametrize(
    ("name", "platform", "value"),
    [
        ("@Kid_77", "Snap", "kid_77@snapchat"),
        ("kid_77@snapchat", "SNAPCHAT", "kid_77@snapchat"),
        ("Ｋｉｄ", "Insta", "kid@instagram"),
        ("Name#1234", "Discord", "name#1234@discord"),
        ("someone", None, "someone"),
        ("someone", "Un Service", "someone@unservice"),
        ("someone@un service", "Un-Service (appli)", "someone@unservice"),
        ("someone", "www.un-service.example", "someone@unservice"),
        ("someone", "un-service.co.uk", "someone@unservice"),
        ("someone", "Un Service Messenger", "someone@unservice"),
        ("someone", "Réseau Un Service", "someone@unservice"),
        ("someone", "Un Autre Service", "someone@unautreservice"),
        ("someone", "Chat", "someone@chat"),
        ("someone", "(appli)", "someone@(appli)"),
        ("someone@insta", "Snap", "someone@insta@snapchat"),
        ("@", "snap", None),
        ("", None, None),
    ],
)
def test_a_handle_is_name_at_service(name: str, platform: str | None, value: str | None) -> None:
    assert read_handle(name, platform) == value


def test_games_are_services_and_worlds() -> None:
    assert read_game("  Rec  Room ") == "recroom"
    assert read_game("Roblox: 920587237") == "roblox:920587237"
    assert read_game("block\u202eland\x01 b\ufeff") == read_game("blockland b")
    assert read_game("Roblox:\u200b77\x07") == "roblox:77"
    url = read_url("https://www.roblox.com/fr/games/920587237/A-Name?x=1")
    assert url.key is not None
    assert url.host is not None
    assert game_in_url(url.key, url.host, url.registrable_domain) == "roblox:920587237"
    assert game_in_url("https://example.test/games/1", "example.test", "example.test") is None


@pytest.mark.parametrize(
    "text", ["plain text (a remark)", "x[1] = y", "(.)", "at 10 (am)", "C:\\dir", "[a.b]", ""]
)
def test_ordinary_brackets_are_no_defanged_address(text: str) -> None:
    assert "http" not in refang(text)
    assert "@" not in refang(text)


@given(st.text(max_size=80))
def test_no_reader_raises_and_each_result_is_a_fixed_point(text: str) -> None:
    email, device, handle = read_email(text), read_device(text), read_handle(text)
    platform, ip = read_platform(text), read_ip(text)
    read_iban(text), read_wallet(text), read_phone(text), read_game(text), refang(text)
    assert email is None or read_email(email) == email
    assert device is None or read_device(device) == device
    assert handle is None or read_handle(handle) == handle
    assert platform is None or read_platform(platform) == platform
    assert ip is None or read_ip(ip.value) == ip or ip.port is not None


@given(st.sampled_from(SelectorKind), st.text())
def test_a_key_is_of_the_kind_and_the_value_and_of_nothing_asked_before(
    kind: SelectorKind, value: str
) -> None:
    key_bytes(kind, f"other than {value}")
    written = f"{kind.value}|{value}".encode()
    assert key_bytes(kind, value) == hashlib.sha256(written).digest()[:16]
