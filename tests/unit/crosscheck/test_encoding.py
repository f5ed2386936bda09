"""Reasons as they are stored: nothing is lost, in the form of today and in that of before."""

import zlib

import msgspec
import pytest
from hypothesis import given, strategies as st

from fanal.crosscheck.domain.records import LinkReason, pack_reasons, unpack_reasons
from fanal.harmonise.domain.records import SelectorKind, SelectorRole

_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=80)
_ROLES = st.sampled_from([*SelectorRole]).map(str) | _TEXTS
_REASONS = st.builds(
    LinkReason,
    kind=st.sampled_from([*SelectorKind]).map(str) | _TEXTS,
    value=st.from_regex(r"[0-9a-f]{32}|[0-9A-F]{40}|[0-9a-f]{63}", fullmatch=True) | _TEXTS,
    weight=st.floats(-1, 2).map(lambda weight: round(weight, 4)),
    seen=st.integers(0, 10**9),
    roles=st.tuples(_ROLES, _ROLES),
    kept=st.integers(0, 100).map(lambda share: share / 100),
    side=st.integers(0, 2),
)


@given(st.lists(_REASONS, max_size=6))
def test_reasons_come_back_as_they_were(reasons: list[LinkReason]) -> None:
    assert unpack_reasons(pack_reasons(reasons)) == tuple(reasons)
    assert unpack_reasons(memoryview(pack_reasons(reasons))) == tuple(reasons)


@given(st.lists(_REASONS, max_size=6))
def test_rows_of_before_are_read(reasons: list[LinkReason]) -> None:
    assert unpack_reasons(zlib.compress(msgspec.json.encode(reasons))) == tuple(reasons)


def test_every_kind_and_role_has_its_number() -> None:
    for kind in SelectorKind:
        for role in SelectorRole:
            reason = LinkReason(kind=kind.value, value="", weight=1, roles=(role.value, role.value))
            assert len(pack_reasons([reason])) == 14


@pytest.mark.parametrize("damaged", [b"", b"\x02", b"\x02\x91\x01", b"\x78\x9c\x00"])
def test_damaged_reasons_raise(damaged: bytes) -> None:
    with pytest.raises((zlib.error, msgspec.MsgspecError)):
        unpack_reasons(damaged)
