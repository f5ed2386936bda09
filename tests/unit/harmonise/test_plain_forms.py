"""Values that need no reading are recognised by shape: the same result as by the whole way."""

import ipaddress
import re

import phonenumbers
import pytest
from ada_url import URL
from hypothesis import example, given, strategies as st

from fanal.harmonise.domain.addresses import is_routable, read_ip
from fanal.harmonise.domain.hosts import PLAIN_HOST, canonical_ip
from fanal.harmonise.domain.phones import read_phone
from fanal.harmonise.domain.urls import PLAIN_URL, read_url

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
@example(39, "0", "612345678")
@example(45, "0", "32123456")
def test_an_international_number_is_what_the_library_reads(
    code: int, zeros: str, rest: str
) -> None:
    text = f"+{code}{zeros}{rest}"
    number = phonenumbers.parse(text, None)
    if phonenumbers.is_valid_number(number):
        read = read_phone(text)
        assert read is not None
        form = phonenumbers.PhoneNumberFormat.E164
        assert (read.value, read.assumed) == (phonenumbers.format_number(number, form), False)
