"""What pages of a partner change, against a list that is kept by hand."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from hypothesis import given, settings, strategies as st
from msgspec import structs

from fanal.exchange.domain.records import RemoteEntry, TakenEntry
from fanal.exchange.domain.sharing import items_of, plan

ENTRIES = st.builds(
    RemoteEntry,
    key=st.sampled_from("abcd"),
    values=st.lists(
        st.tuples(st.sampled_from(["MD5", "PDQ"]), st.sampled_from("1234")), max_size=3
    ).map(tuple),
    classification=st.sampled_from(["", "A1"]),
    deleted=st.booleans(),
)


class Listed:
    """A list as `analyse` keeps it: a value belongs to the item that had it first."""

    def __init__(self) -> None:
        self.known: dict[str, TakenEntry] = {}
        self.owner: dict[tuple[str, str], UUID] = {}
        self.changes = 0

    def take(self, entries: list[RemoteEntry]) -> None:
        known = {e.key: self.known[e.key] for e in entries if e.key in self.known}
        made = plan(entries, known, fresh_ids=[uuid4() for _ in entries])
        self.changes += len(made.taken)
        self.owner = {v: i for v, i in self.owner.items() if i not in made.leaving}
        self.known |= {taken.remote: taken for taken in (*made.taken, *made.noted)}
        coming = list(made.coming)
        for taken in self.known.values():
            if set(taken.held) & set(made.freed):
                coming += items_of(taken)
        for item in coming:
            assert item.item_id is not None
            for value in item.values.items():
                self.owner.setdefault(value, item.item_id)


@settings(max_examples=300)
@given(st.lists(st.lists(ENTRIES, max_size=4), max_size=8))
def test_a_list_holds_what_its_source_holds(pages: list[list[RemoteEntry]]) -> None:
    listed, source = Listed(), {}
    for entries in pages:
        listed.take(entries)
        source |= {e.key: () if e.deleted else e.values for e in entries}
        assert set(listed.owner) == {value for values in source.values() for value in values}
    before = listed.changes
    for entries in pages[-1:]:
        listed.take(entries)  # the same page again, as after a kill
    assert listed.changes == before


@settings(max_examples=300)
@given(st.data(), st.lists(ENTRIES, min_size=1, max_size=8))
def test_in_whatever_order_pages_come_the_newest_counts(
    data: st.DataObject, history: list[RemoteEntry]
) -> None:
    """Each entry's versions bear the dates of their order; pages mix them, and some come twice."""
    start = datetime(2026, 11, 1, tzinfo=UTC)
    dated = [
        structs.replace(entry, at=start + timedelta(minutes=n), deleted=not entry.values)
        for n, entry in enumerate(history)
    ]
    newest = {entry.key: entry.values for entry in dated}
    mixed = data.draw(st.permutations(dated)) + data.draw(st.lists(st.sampled_from(dated)))
    size = data.draw(st.integers(1, len(mixed)))
    listed = Listed()
    for begin in range(0, len(mixed), size):
        listed.take(mixed[begin : begin + size])
    assert set(listed.owner) == {value for values in newest.values() for value in values}


def test_several_values_of_a_kind_are_layers_with_stable_ids() -> None:
    taken = TakenEntry(
        remote="a", item_id=uuid4(), held=("MD5:1", "MD5:2", "PDQ:3"), classification="A"
    )
    first, second = items_of(taken)
    assert (first.item_id, first.values) == (taken.item_id, {"MD5": "1", "PDQ": "3"})
    assert second.values == {"MD5": "2"}
    assert items_of(taken)[1].item_id == second.item_id
