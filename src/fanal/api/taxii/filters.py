"""The filters of TAXII 2.1 (section 3.4): `added_after`, `limit`, `next` and `match[…]`."""

import re
from typing import Final
from uuid import UUID

from django.http import QueryDict
from msgspec import Struct

from fanal.api.members import ServiceRefused
from fanal.exchange import queries
from fanal.exchange.domain.feed import Cursor
from fanal.formats.stix.vocabulary import item_ids
from fanal.formats.taxii.resources import read_timestamp
from fanal.kernel.typed import whole_number

LIMIT: Final = 1000
_MOST_MATCHES: Final = 100
_NEXT: Final = re.compile(r"([0-9]{1,18})(?:_([0-9]{1,18}))?\.([0-9]{1,18})")
_SOME: Final = frozenset({"first", "last", "all"})


class Asked(Struct, frozen=True, kw_only=True):
    """A page of a collection: places after `after` up to `last`, at most `limit` objects.

    `row` is where the last page ended in a list that stands whole at place `after`. `ids` are the items asked
    for, None for all; `versions` the modification times asked for, None for the one there is; `nothing` is
    set where no object of ours can match.
    """

    after: int
    last: int
    limit: int
    row: int | None = None
    ids: tuple[UUID, ...] | None = None
    versions: frozenset[str] | None = None
    nothing: bool = False

    @property
    def cursor(self) -> Cursor:
        """Where the page begins."""
        return Cursor(place=self.after, row=self.after if self.row is None else self.row)


def read_filters(query: QueryDict) -> Asked:
    """Return what a query asks for; what was added later than the traversal began is left to the next one.

    Raises:
        ServiceRefused: a filter that is none.
    """
    newest = queries.newest_place()
    after, last, row = _added_after(query), newest, None
    if text := query.get("next", ""):
        found = _NEXT.fullmatch(text)
        if found is None:
            raise ServiceRefused(400, "BAD_NEXT", "Parameter next is none of this server")
        row = int(found[2]) if found[2] and after <= int(found[1]) else None
        after, last = max(after, int(found[1])), min(int(found[3]), newest)
    types, specs = _match(query, "type"), _match(query, "spec_version")
    ids, versions = _match(query, "id"), _match(query, "version")
    return Asked(
        after=after,
        last=last,
        row=row,
        limit=_limit(query),
        ids=None if ids is None else tuple(i for text in ids for i in item_ids(text)),
        versions=None if versions is None or _SOME & set(versions) else frozenset(versions),
        nothing=(types is not None and "indicator" not in types)
        or (specs is not None and "2.1" not in specs),
    )


def following(asked: Asked, cursor: Cursor | None) -> str:
    """Return the `next` of a page, empty at the end."""
    if cursor is None:
        return ""
    row = "" if cursor.row == cursor.place else f"_{cursor.row}"
    return f"{cursor.place}{row}.{asked.last}"


def _added_after(query: QueryDict) -> int:
    text = query.get("added_after", "")
    if not text:
        return 0
    try:
        return queries.place_at(instant=read_timestamp(text.replace(" ", "+")))
    except ValueError:
        raise ServiceRefused(400, "BAD_DATE", "Parameter added_after is no timestamp") from None


def _limit(query: QueryDict) -> int:
    text = query.get("limit", "")
    if not text:
        return LIMIT
    number = whole_number(text)
    if not number:
        raise ServiceRefused(400, "BAD_LIMIT", "Parameter limit is no number from 1")
    return min(number, LIMIT)


def _match(query: QueryDict, name: str) -> list[str] | None:
    text = query.get(f"match[{name}]")
    if text is None:
        return None
    found = [piece.strip() for piece in text.split(",")]
    if len(found) > _MOST_MATCHES:
        raise ServiceRefused(
            400, "BAD_MATCH", f"match[{name}] has more than {_MOST_MATCHES} values"
        )
    return found
