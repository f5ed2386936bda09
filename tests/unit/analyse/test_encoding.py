"""Findings and parts as they are stored: nothing is lost, in the form of today and in that of before."""

import zlib

import msgspec
from hypothesis import given, strategies as st

from fanal.analyse.domain.records import (
    Because,
    Finding,
    PriorityPart,
    pack_findings,
    pack_parts,
    unpack_findings,
    unpack_parts,
)

_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
_NUMBERS = st.integers(-(2**63), 2**63 - 1) | st.floats(-1000, 1000).map(lambda x: round(x, 2))
_VALUES = _TEXTS | _NUMBERS | st.booleans() | st.lists(_TEXTS, max_size=3)
_OF_RULES = st.fixed_dictionaries({"value": _NUMBERS, "unchecked": st.booleans()})
_BECAUSE = st.builds(
    Because, code=_TEXTS, parameters=_OF_RULES | st.dictionaries(_TEXTS, _VALUES, max_size=3)
)
_PARTS = st.lists(
    st.builds(PriorityPart, code=_TEXTS, points=st.floats(-100, 100), because=_BECAUSE), max_size=4
)
_FINDINGS = st.lists(
    st.builds(
        Finding, code=_TEXTS, score=st.floats(0, 1), value=_TEXTS, because=_BECAUSE,
        rule_version=st.just("r"), source=_TEXTS, category=_TEXTS,
    ),
    max_size=3,
)  # fmt: skip


@given(_PARTS)
def test_parts_come_back_as_they_were(parts: list[PriorityPart]) -> None:
    assert unpack_parts(memoryview(pack_parts(parts))) == tuple(parts)


def test_a_part_of_a_rule_says_its_code_once() -> None:
    part = PriorityPart(
        code="FILE_COUNT",
        points=1.5,
        because=Because(code="FILE_COUNT", parameters={"value": 3, "unchecked": False}),
    )
    assert unpack_parts(pack_parts([part])) == (part,)
    assert len(pack_parts([part])) < 30


@given(_PARTS)
def test_parts_of_before_are_read(parts: list[PriorityPart]) -> None:
    assert unpack_parts(zlib.compress(msgspec.json.encode(parts), 6)) == tuple(parts)


@given(_FINDINGS)
def test_findings_come_back_as_they_were(findings: list[Finding]) -> None:
    assert unpack_findings(pack_findings(findings), rule_version="r") == tuple(findings)
