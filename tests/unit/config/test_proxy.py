"""The client's address behind reverse proxies, and the mode that keeps it."""

import pytest

from fanal.config.environment import SettingRefused, read_environment
from fanal.config.proxy import resolve_client


@pytest.mark.parametrize(
    ("peer", "header", "hops", "client"),
    [
        ("127.0.0.1", "192.0.2.9, 203.0.113.7", 1, "203.0.113.7"),
        ("127.0.0.1", "203.0.113.7, 198.51.100.1", 2, "203.0.113.7"),
        ("::1", "2001:db8::7", 1, "2001:db8::7"),
        ("", "203.0.113.7", 1, "203.0.113.7"),
        ("127.0.0.1", "203.0.113.7", 0, "127.0.0.1"),
        ("127.0.0.1", "203.0.113.7", 2, "127.0.0.1"),
        ("127.0.0.1", "unknown", 1, "127.0.0.1"),
        ("127.0.0.1", "", 1, "127.0.0.1"),
        ("198.51.100.20", "203.0.113.7", 1, "198.51.100.20"),
    ],
)
def test_only_a_proxy_on_this_machine_is_believed(
    peer: str, header: str, hops: int, client: str
) -> None:
    meta: dict[str, object] = {"REMOTE_ADDR": peer, "HTTP_X_FORWARDED_FOR": header}
    resolve_client(meta, hops=hops)
    assert meta["REMOTE_ADDR"] == client


def test_keeping_addresses_needs_the_number_of_proxies() -> None:
    keeping = {"FANAL_KEEP_REPORTER_ADDRESS": "1"}
    with pytest.raises(SettingRefused, match="FANAL_PROXY_HOPS"):
        read_environment(keeping)
    assert read_environment(keeping | {"FANAL_PROXY_HOPS": "0"}).keep_address


@pytest.mark.parametrize("text", ["-1", "one", "10", "²"])
def test_a_number_of_proxies_is_a_small_number(text: str) -> None:
    with pytest.raises(SettingRefused):
        read_environment({"FANAL_PROXY_HOPS": text})
