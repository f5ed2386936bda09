"""Reads of harmonise. Rows of other desks show that they exist and where, never what they hold."""

from fanal.harmonise.queries.records import get_desks, get_records, get_revisions
from fanal.harmonise.queries.search import search_selectors, search_text
from fanal.harmonise.queries.sightings import (
    count_sightings,
    get_selector_history,
    get_shared_sightings,
    get_sightings,
    seen_elsewhere,
)

__all__ = [
    "count_sightings",
    "get_desks",
    "get_records",
    "get_revisions",
    "get_selector_history",
    "get_shared_sightings",
    "get_sightings",
    "search_selectors",
    "search_text",
    "seen_elsewhere",
]
