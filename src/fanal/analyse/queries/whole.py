"""A whole list as the formats of exchange write it, page by page: what is in force, what was withdrawn."""

from collections.abc import Iterator, Sequence
from uuid import UUID

from fanal.analyse.domain.lists import ChangedItem, FeedPlace
from fanal.analyse.queries.feed import entries_changed
from fanal.analyse.queries.material import entries_of
from fanal.formats.indicators import Indicator, written_instant

_PAGE = 5_000


def items_of_list(*, list_id: UUID) -> Iterator[Indicator]:
    """Yield the items of a list in the order of their last change, withdrawn ones among them.

    A withdrawn item whose values another item of the list holds in force, or that was withdrawn twice, is not
    told: for whoever reads the file a value is in force or it is not.
    """
    after: FeedPlace | None = None
    told: set[tuple[tuple[str, str], ...]] = set()
    while True:
        page = entries_changed(after=after, limit=_PAGE, list_ids=[list_id])
        held = _held(page.items, list_id)
        for item in page.items:
            values = tuple(pair for pair in item.values if pair not in held)
            if item.withdrawn_at is None:
                yield _indicator(item, item.values)
            elif values and values not in told:
                told.add(values)
                yield _indicator(item, values)
        if page.next is None:
            return
        after = page.next


def _held(items: Sequence[ChangedItem], list_id: UUID) -> set[tuple[str, str]]:
    """Return the values of withdrawn items that the list holds in force all the same."""
    gone = [pair for item in items if item.withdrawn_at is not None for pair in item.values]
    found = entries_of(values=gone)
    return {(entry.kind, entry.value) for entry in found if entry.listed.id == list_id}


def _indicator(item: ChangedItem, values: Sequence[tuple[str, str]]) -> Indicator:
    return Indicator(
        values=dict(values),
        id=item.item_id,
        classification=item.classification,
        scope=item.scope,
        added_at=written_instant(item.added_at),
        changed_at=written_instant(item.changed_at),
        withdrawn=item.withdrawn_at is not None,
        until=item.until,
    )
