"""A reader of the feed by the arithmetic alone: every item once, whatever the lists, ranges and pages."""

from uuid import UUID

from hypothesis import given, strategies as st

from fanal.exchange.domain.feed import Cursor, OpenList, before, windows

LISTS = [UUID(int=number) for number in range(3)]


def page(
    rows: list[tuple[int, int]], lists: list[OpenList], cursor: Cursor, last: int, limit: int
) -> list[tuple[int, int]]:
    """Return (place, row) as the query does: rows are (list number, row)."""
    found = [
        (max(row, window.since), row)
        for window in windows(lists, cursor=cursor, last=last)
        for number, row in rows
        if LISTS[number] == window.list_id and window.after < row <= window.upto
    ]
    return sorted(found)[:limit]


def read(
    rows: list[tuple[int, int]], lists: list[OpenList], first: int, last: int, limit: int
) -> list[tuple[int, int]]:
    """Return what a reader gets from `first` to `last`, page by page."""
    cursor, told = before(first), []
    while found := page(rows, lists, cursor, last, limit):
        told += found
        cursor = Cursor(place=found[-1][0], row=found[-1][1])
    return told


@given(
    st.lists(st.integers(0, 2), min_size=1, max_size=30),
    st.lists(st.integers(0, 30), min_size=3, max_size=3, unique=True),
    st.integers(1, 7),
    st.integers(0, 40),
)
def test_ranges_and_pages_tell_each_row_once(
    owners: list[int], opened: list[int], limit: int, cut: int
) -> None:
    """Two ranges that join tell what one whole range tells; a list comes whole where it opened."""
    # A place at which a list opened holds no row of its own.
    opened = [place and 2 * place + 1 for place in opened]
    rows = [(owner, 2 * place) for place, owner in enumerate(owners, start=1)]
    lists = [OpenList(list_id=LISTS[n], since=opened[n]) for n in range(3)]
    whole = read(rows, lists, 1, 1000, limit)
    assert sorted(row for _, row in whole) == [row for _, row in rows]
    assert whole == sorted(whole)
    joined = read(rows, lists, 1, cut, limit) + read(rows, lists, cut + 1, 1000, limit)
    assert joined == whole
    assert all(place <= cut for place, _ in read(rows, lists, 1, cut, limit))


@given(st.integers(0, 30), st.integers(1, 7), st.integers(0, 70))
def test_a_list_that_is_gone_is_told_once_at_its_place(closed: int, limit: int, cut: int) -> None:
    """What changed later is not told; ranges that join and pages tell each row once, beside an open list."""
    place = 2 * closed + 1
    rows = [(number % 2, 2 * row) for number, row in enumerate(range(1, 31))]
    lists = [OpenList(list_id=LISTS[0], since=place, gone=True), OpenList(list_id=LISTS[1])]
    whole = read(rows, lists, 1, 1000, limit)
    gone = [(place, row) for owner, row in rows if owner == 0 and row < place]
    assert sorted(whole) == sorted(gone + [(row, row) for owner, row in rows if owner == 1])
    assert read(rows, lists, 1, cut, limit) + read(rows, lists, cut + 1, 1000, limit) == whole
    assert read(rows, lists, place + 1, 1000, limit) == [r for r in whole if r[0] > place]
