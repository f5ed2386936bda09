"""Reading of the change feed (an append-only log): ranges, cursors, lists granted or revoked later. Pure.

Each change of an entry of a list has a place in the feed (1, 2, 3 …), in commit order. A reader requests a
range of places and gets each entry once, at its last place within the range: a change during the reading is
neither lost nor delivered twice. A list granted to a member at place `since` counts as if all its older rows
were at that place. A list revoked from a member also counts as a whole at the place of the revocation, with
all entries deleted, and has no later rows.
"""

from uuid import UUID

from msgspec import Struct


class Cursor(Struct, frozen=True, kw_only=True):
    """A reader's position in the feed: everything before place `place`, and at it up to row `row`, was read.

    A place is the number of a change. A row is identified by its own place, where its change was recorded.
    Several rows may be read at the same place when a list was granted or revoked there.
    """

    place: int
    row: int


class OpenList(Struct, frozen=True, kw_only=True):
    """A list as a member organisation reads it: since a place of the feed (the number of a change).

    Older rows count as being at `since`. If `gone`, the list was revoked from the member at that place: all
    its entries are deleted there, and nothing follows.
    """

    list_id: UUID
    since: int = 0
    gone: bool = False

    def end(self, last: int) -> int:
        """Return the place of the list's last row for its reader, up to place `last`; 0 if it has none.

        A place is the number of a change in the feed; the reader is a member organisation.
        """
        if self.since > last:
            return 0
        return self.since if self.gone else last


class Window(Struct, frozen=True, kw_only=True):
    """A range of rows of one list in the change feed, to be read next: places after `after`, up to `upto`.

    A place is the number of a change. `view` is the index of the list among the requested lists; a list may
    occur several times. Rows before place `since` are read at that place.
    """

    view: int
    list_id: UUID
    since: int
    after: int
    upto: int


def before(first: int) -> Cursor:
    """Return the cursor with which a reader starts reading the feed at place `first` (1, 2, 3 …).

    A place is the number of a change. Earlier places count as read.
    """
    return Cursor(place=first - 1, row=first - 1)


def windows(lists: list[OpenList], *, cursor: Cursor, last: int) -> list[Window]:
    """Return the range of rows that a reader reads next of each list: after `cursor` and up to place `last`.

    A place is the number of a change in the feed. Empty ranges are omitted; `Window.view` is the index in
    `lists`.
    """
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
