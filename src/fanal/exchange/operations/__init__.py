"""Write operations of the exchange: serving, members and votes, sources, fetched pages."""

from fanal.exchange.operations.granting import open_lists, told_lists
from fanal.exchange.operations.serving import (
    find_item,
    forget_items,
    items_of,
    member_numbers,
    note_refusal,
    note_response,
    reading,
    serve_page,
    vote,
)
from fanal.exchange.operations.sources import (
    SourceRefused,
    TurnLost,
    add_source,
    end_entries,
    end_loaded,
    note_failure,
    note_test,
    secret_of,
    switch_source,
    take_page,
)

__all__ = [
    "SourceRefused",
    "TurnLost",
    "add_source",
    "end_entries",
    "end_loaded",
    "find_item",
    "forget_items",
    "items_of",
    "member_numbers",
    "note_failure",
    "note_refusal",
    "note_response",
    "note_test",
    "open_lists",
    "reading",
    "secret_of",
    "serve_page",
    "switch_source",
    "take_page",
    "told_lists",
    "vote",
]
