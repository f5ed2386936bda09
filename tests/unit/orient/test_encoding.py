"""Proposals as they are stored: nothing is lost, in the form of today and in that of before."""

import zlib
from uuid import UUID

import msgspec
from hypothesis import given, strategies as st

from fanal.analyse.domain.records import Because
from fanal.orient.domain.records import (
    Basis,
    Proposal,
    Reading,
    Track,
    pack_proposal,
    unpack_proposal,
)

_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
_VALUES = _TEXTS | st.integers(-(2**63), 2**63 - 1) | st.booleans() | st.lists(_TEXTS, max_size=3)
_BASES = st.builds(
    Basis,
    code=_TEXTS,
    entry_id=_TEXTS,
    opens_measures=st.booleans(),
    unchecked=st.booleans(),
    reading=st.sampled_from(Reading),
)
_BECAUSE = st.builds(
    Because, code=_TEXTS, parameters=st.dictionaries(_TEXTS, _VALUES | st.floats(0, 1), max_size=3)
)
_PROPOSALS = st.builds(
    Proposal,
    report_id=st.uuids(),
    tracks=st.lists(st.sampled_from(Track), max_size=2).map(tuple),
    bases=st.lists(_BASES, max_size=3).map(tuple),
    because=st.lists(_BECAUSE, max_size=3).map(tuple),
    competent=st.none() | _TEXTS,
    rule_version=_TEXTS,
    bodies=st.lists(_TEXTS, max_size=3).map(tuple),
)


@given(_PROPOSALS)
def test_a_proposal_comes_back_as_it_was(proposal: Proposal) -> None:
    read = unpack_proposal(
        memoryview(pack_proposal(proposal)),
        report_id=proposal.report_id,
        tracks=[track.value for track in proposal.tracks],
        rule_version=proposal.rule_version,
    )
    assert read == proposal


@given(_PROPOSALS)
def test_rows_of_before_are_read(proposal: Proposal) -> None:
    stored = zlib.compress(msgspec.json.encode(proposal), 1)
    assert unpack_proposal(stored, report_id=UUID(int=0), tracks=[], rule_version="") == proposal
