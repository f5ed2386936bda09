"""Values that need no reading are recognised by shape: the same result as by the whole way."""

import contextlib
import ipaddress
import re
import unicodedata
from datetime import UTC, datetime

import phonenumbers
import pytest
from ada_url import URL
from hypothesis import example, given, strategies as st

from fanal.harmonise.domain.collect import Collector, Origin
from fanal.harmonise.domain.records import SelectorKind, SelectorRole
from fanal.harmonise.domain.values import texts, urls
from fanal.harmonise.domain.values.addresses import is_routable, read_ip, read_phone
from fanal.harmonise.domain.values.handles import fold, read_device
from fanal.harmonise.domain.values.times import read_time
from fanal.harmonise.domain.values.urls import PLAIN_HOST, PLAIN_URL, canonical_ip, read_url, refang

_NETWORKS = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
_PRIVATE = tuple(map(ipaddress.ip_network, _NETWORKS))
_EDGES = tuple(
    str(address)
    for text in (
        *_NETWORKS,
        "127.0.0.0/8",
        "169.254.0.0/16",
        "224.0.0.0/4",
        "fe80::/10",
        "ff00::/8",
    )
    for network in (ipaddress.ip_network(text),)
    for address in (network[0] - 1, network[0], network[-1])
)


@given(st.from_regex(PLAIN_HOST, fullmatch=True))
@example("a--b.example")
def test_a_plain_host_is_what_the_url_parser_gives(host: str) -> None:
    assert URL(f"http://{host}").hostname == host


@given(st.from_regex(PLAIN_URL, fullmatch=True))
@example("https://host1.example/a/1?id=6&v=1")
@example("https://host1.example/...")
def test_a_plain_address_is_what_the_url_parser_gives(text: str) -> None:
    url, read = URL(text), read_url(text)
    assert (read.canonical, read.host, f"{read.scheme}:") == (url.href, url.hostname, url.protocol)
    assert (read.ip, read.port, read.warning) == (None, None, None)
    assert read.key == urls._key(text, url.hostname)


@pytest.mark.parametrize(
    "text",
    [
        "https://Host.example/",
        "https://host.example",
        "https://host.example/a/../b",
        "https://host.example/a%2fb",
        "https://xn--bcher-kva.example/",
        "https://host.example:443/",
        "https://1.2.3.4/",
        "https://host.0x7f/",
        "https://host.example/a//b",
        "https://host.example/#part",
    ],
)
def test_what_the_parser_may_change_is_not_plain(text: str) -> None:
    assert re.fullmatch(PLAIN_URL, text) is None


@given(st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)).map(str) | st.sampled_from(_EDGES))
@example("::102:304")
@example("::ffff:203.0.113.7")
@example("2001:db8:0:1:1:1:1:1")
@example("::")
@example("::2")
def test_an_address_is_written_and_judged_as_the_library_does(text: str) -> None:
    address = ipaddress.ip_address(text)
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    read = read_ip(text)
    assert read is not None
    assert (read.value, canonical_ip(text)) == (str(address), str(address))
    elsewhere = address.is_loopback or address.is_link_local or address.is_multicast
    private = any(address in network for network in _PRIVATE)
    assert is_routable(read.value) != (elsewhere or address.is_unspecified or private)


@given(
    st.sampled_from((1, 7, 31, 32, 33, 39, 44, 45, 49, 54, 55, 63, 212, 351, 352, 380)),
    st.sampled_from(("", "0", "00")),
    st.from_regex(r"[0-9]{5,11}", fullmatch=True),
)
@example(33, "0", "612345678")
@example(33, "", "612345678")
@example(33, "0", "690912345")
@example(39, "0", "612345678")
@example(45, "0", "32123456")
@example(49, "", "00000")
def test_an_international_number_is_what_the_library_reads(
    code: int, zeros: str, rest: str
) -> None:
    text = f"+{code}{zeros}{rest}"
    number = phonenumbers.parse(text, None)
    read = read_phone(text)
    if number.national_number and phonenumbers.is_possible_number(number):
        assert read is not None
        form = phonenumbers.PhoneNumberFormat.E164
        assert (read.value, read.assumed) == (phonenumbers.format_number(number, form), False)
    else:
        assert read is None


_HEXTETS = st.from_regex(
    r"[0-9a-fA-F:.]{2,24}|(?:[0-9a-f]{0,5}:){2,8}[0-9a-f]{0,4}", fullmatch=True
)


@given(_HEXTETS | st.text(st.sampled_from("0:1f.%g \n\x00é\ud800"), max_size=14))
@example("1:2:3:4:5:6:7::")
@example("::2:3:4:5:6:7:8")
@example("2001:db8::0001")
@example("2001:db8::00001")
@example("64:ff9b::192.0.2.33")
@example("::ffff:c000:201")
@example("fe80::1%eth0")
def test_the_system_reads_the_addresses_that_the_library_reads(text: str) -> None:
    plain = text.partition("%")[0]
    expected = None
    try:
        address = ipaddress.IPv6Address(plain)
        written = address.ipv4_mapped or address
        expected = written.packed, str(written)
    except ValueError:
        with contextlib.suppress(ValueError):
            expected = ipaddress.IPv4Address(plain).packed, plain
    assert (urls.packed_ip(text), canonical_ip(text)) == (expected or (None, None))


_SIGNS = st.text(st.sampled_from("hHxXtTpPfF*[({\\ .:/@=0aé"), max_size=40)


@given(_SIGNS | st.text(max_size=60))
@example("HXXP://a")
def test_a_text_called_plain_has_no_hint_of_defanging(text: str) -> None:
    if urls._HINT.search(text) is not None:
        assert urls._may_be_defanged(text)
    else:
        assert refang(text) == text


_WORTH = re.compile(r"[@0-9:=_]|\.\w|(?<![A-Za-z])[A-Za-z]{25}")


@given(st.text(st.sampled_from("aZé .@1:=_\n\u00a0"), max_size=80) | st.text(max_size=80))
@example("a" * 24)
@example("é" + "a" * 25)
def test_a_text_is_worth_reading_where_a_pattern_may_begin(text: str) -> None:
    assert texts._is_worth_reading(text) == (_WORTH.search(text) is not None)


@given(st.text(st.characters(max_codepoint=0x7F), max_size=20))
def test_a_plain_name_is_folded_as_any_other(text: str) -> None:
    spaced = re.sub(r"\s+", " ", text)
    seen = "".join(c for c in spaced if unicodedata.category(c) not in {"Cc", "Cf"})
    assert fold(text) == re.sub(r"\s+", " ", seen.lower()).strip()


@given(st.text(st.sampled_from("0123456789"), min_size=15, max_size=15))
def test_an_imei_stays_as_it_is(digits: str) -> None:
    assert read_device(digits) == digits == read_device(f" {digits[:6]}-{digits[6:]}")


@given(st.datetimes(datetime(1000, 1, 1), datetime(2999, 12, 31)))
def test_a_time_in_utc_is_its_own_bound(moment: datetime) -> None:
    text = moment.replace(microsecond=0).isoformat() + "Z"
    other = moment.replace(microsecond=0, tzinfo=UTC).isoformat()
    read, same = read_time(text), read_time(other)
    assert read is not None
    assert same is not None
    assert (read.range.earliest, read.range.latest) == (text, text)
    assert (same.range.earliest, same.range.latest) == (text, text)


@given(st.from_regex(r"[a-z0-9.\-]*[a-z]", fullmatch=True))
def test_a_host_that_ends_in_a_letter_is_no_address(host: str) -> None:
    assert read_ip(host) is None
    collector = Collector()
    collector.add_host(host, Origin(role=SelectorRole.CONTENT, source="x"))
    assert all(found.kind is not SelectorKind.IP for found in collector.selectors())
