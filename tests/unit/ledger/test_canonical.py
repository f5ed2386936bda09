"""One entry, one encoding; and nothing but ids, codes, numbers and keyed digests goes in."""

import contextlib
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given, strategies as st
from msgspec import structs

from fanal.ledger.domain import canonical, records
from fanal.ledger.domain.records import Entry, ObjectRef, Verb

CODE = st.from_regex(r"\A[a-z][a-z0-9_]{0,10}\Z")
ENTRIES = st.builds(
    Entry,
    id=st.uuids(),
    at=st.integers(0, 250_000_000_000_000_000).map(
        lambda n: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=n)
    ),
    action=st.sampled_from(sorted(records.VERBS)),
    verb=st.sampled_from(Verb),
    actor_id=st.uuids(),
    partner_id=st.none() | st.uuids(),
    detail=st.dictionaries(
        CODE,
        st.integers(-(2**53), 2**53) | st.from_regex(r"\A[A-Za-z0-9_.:/+=,-]{0,20}\Z"),
        max_size=5,
    ),
    motive_digest=st.none() | st.binary(min_size=16, max_size=16),
    object_count=st.integers(0, 10**6),
    object_root=st.binary(min_size=32, max_size=32),
)


@given(ENTRIES)
def test_decodes_what_it_encodes(entry: Entry) -> None:
    assert canonical.decode(canonical.encode(entry)) == entry


@given(ENTRIES, st.integers(0), st.integers(1, 255))
def test_no_other_bytes_hold_the_same_entry(entry: Entry, position: int, change: int) -> None:
    body = bytearray(canonical.encode(entry))
    body[position % len(body)] ^= change
    with contextlib.suppress(canonical.NotCanonical):
        assert canonical.decode(bytes(body)) != entry


@given(st.binary(max_size=200))
def test_hostile_bytes_are_refused(data: bytes) -> None:
    for body in (data, canonical.BODY_TAG + data):
        with pytest.raises(canonical.NotCanonical):
            canonical.decode(body)


@pytest.mark.parametrize(
    "detail",
    [
        {"name": "two words"},
        {"Name": "x"},
        {"mail": "someone@mail.example"},
        {"n": 2**53 + 1},
        {"n": True},
        {"n": "x" * 129},
        {"n": "é"},
        {"n": "a\n"},
    ],
)
def test_refuses_values_in_a_detail(detail: dict[str, str | int]) -> None:
    with pytest.raises(canonical.ValueRefused):
        canonical.check_detail(detail)


@pytest.mark.parametrize(
    "ref",
    [
        ObjectRef(kind="Report", id=UUID(int=1)),
        ObjectRef(kind="two words", id=UUID(int=1)),
        ObjectRef(kind="a" * 33, id=UUID(int=1)),
        ObjectRef(kind="report", id=UUID(int=1), digest=bytes(33)),
        ObjectRef(kind="report", id=UUID(int=1), digest=b""),
    ],
)
def test_refuses_objects_of_another_shape(ref: ObjectRef) -> None:
    with pytest.raises(canonical.ValueRefused):
        canonical.check_objects([ref])


def test_the_root_of_objects_knows_every_field() -> None:
    one = ObjectRef(kind="report", id=UUID(int=1), digest=b"x")
    others = [
        structs.replace(one, kind="reports"),
        structs.replace(one, id=UUID(int=2)),
        structs.replace(one, digest=b"y"),
        structs.replace(one, digest=None),
    ]
    roots = {
        canonical.object_root(refs) for refs in ([], [one], [one, one], *([o] for o in others))
    }
    assert len(roots) == 7


class TestActions:
    def test_every_verb_of_the_law_has_an_action(self) -> None:
        assert set(records.VERBS.values()) == set(Verb)

    def test_names_are_object_and_act(self) -> None:
        assert all(len(a.split(".")) == 2 and a == a.lower() for a in records.VERBS)

    @pytest.mark.parametrize(
        "text", ['BURN = ["a.b"]', 'ERASURE = ["a.b", "a.b"]', "ERASURE = [1]"]
    )
    def test_refuses_a_list_with_a_mistake(self, text: str) -> None:
        with pytest.raises((ValueError, TypeError)):
            records.parse_actions(text)

    def test_refuses_an_action_that_is_not_listed(self) -> None:
        with pytest.raises(records.UnknownVerb):
            records.verb_of("report.burn")
