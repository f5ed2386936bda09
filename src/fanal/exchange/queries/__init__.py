"""The reading door of the exchange: the feed, members and how far they read, sources and checkpoints."""

from fanal.exchange.queries.feed import (
    first_place_from,
    newest_place,
    place_at,
    rows_between,
    rows_of_items,
)
from fanal.exchange.queries.members import (
    DESK,
    former_owners,
    grants_of,
    list_readings,
    member_names,
    member_numbers,
    reading_since,
)
from fanal.exchange.queries.sources import (
    find_source,
    get_checkpoint,
    get_checkpoints,
    get_source,
    list_sources,
    taken_entries,
    taken_holding,
    taken_over,
)

__all__ = [
    "DESK",
    "find_source",
    "first_place_from",
    "former_owners",
    "get_checkpoint",
    "get_checkpoints",
    "get_source",
    "grants_of",
    "list_readings",
    "list_sources",
    "member_names",
    "member_numbers",
    "newest_place",
    "place_at",
    "reading_since",
    "rows_between",
    "rows_of_items",
    "taken_entries",
    "taken_holding",
    "taken_over",
]
