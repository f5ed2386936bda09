"""A key that is hashed once gives the digests of the standard library."""

import hmac

from hypothesis import given, strategies as st

from fanal.kernel.keyed import KeyedDigest


@given(st.binary(max_size=200), st.lists(st.binary(max_size=300), max_size=4))
def test_digests_are_those_of_hmac(key: bytes, messages: list[bytes]) -> None:
    keyed = KeyedDigest(key)
    assert [keyed.digest(m) for m in messages] == [hmac.digest(key, m, "sha256") for m in messages]
