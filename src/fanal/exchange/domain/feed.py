"""How a reader moves through the feed of changes: ranges, cursors, and lists that came later.

Every change of an item of a list has a place in the feed (1, 2, 3 …), given in the order in which changes
commit. A reader asks for a range of places and gets each item of it once: at its last place up to the end of
the range, so that what changes meanwhile is neither missed nor told twice. A list that a member may read
only since place `since` stands there whole: its older rows count as being at that place. One that a member
may read no more stands whole at the place where it closed too, every item of it gone, and nowhere later.
"""

from uuid import UUID

from msgspec import Struct


class Cursor(Struct, frozen=True, kw_only=True):
    """Everything up to here was read: a place, and the row within a list that stands at that place."""

    place: int
    row: int


class OpenList(Struct, frozen=True, kw_only=True):
    """A list, and since which place of the feed a member reads it; a place is the number of a change.

    All that is older counts as standing at `since`. Where it is `gone`, it was closed to the member there:
    all its items are withdrawn at that place, and nothing follows.
    """

    list_id: UUID
    since: int = 0
    gone: bool = False

    def end(self, last: int) -> int:
        """Return the last row that a reader meets who asks up to place `last`, 0 where it meets none."""
        if self.since > last:
            return 0
        return self.since if self.gone else last


class Window(Struct, frozen=True, kw_only=True):
    """The rows of one list that may come next: `after` excluded, `upto` included.

    `view` is the place of the list among those asked for: one may stand there several times.
    """

    view: int
    list_id: UUID
    since: int
    after: int
    upto: int


def before(first: int) -> Cursor:
    """Return the cursor that starts reading the feed at place `first` (1, 2, 3 …).

    All earlier places count as read.
    """
    return Cursor(place=first - 1, row=first - 1)


def windows(lists: list[OpenList], *, cursor: Cursor, last: int) -> list[Window]:
    """Return which rows of each list lie after `cursor` and up to place `last`; empty ones are left out."""
    found = []
    for view, one in enumerate(lists):
        after = cursor.place
        if cursor.place < one.since:
            after = 0
        elif cursor.place == one.since:
            after = cursor.row
        upto = one.end(last)
        if after < upto:
            found.append(
                Window(view=view, list_id=one.list_id, since=one.since, after=after, upto=upto)
            )
    return found
