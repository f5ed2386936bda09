"""Reads of harmonise. Rows of other desks show that they exist and where, never what they hold."""

from fanal.harmonise.queries.keys import get_selectors, search_keys
from fanal.harmonise.queries.openings import list_openings, opening_of, openings_of_report
from fanal.harmonise.queries.records import get_desks, get_record_fields, get_records, get_revisions
from fanal.harmonise.queries.search import search_selectors, search_text
from fanal.harmonise.queries.sightings import (
    SharedRow,
    count_sightings,
    get_rows_around,
    get_selector_history,
    get_shared_rows,
    get_sightings,
    seen_elsewhere,
)

__all__ = [
    "SharedRow",
    "count_sightings",
    "get_desks",
    "get_record_fields",
    "get_records",
    "get_revisions",
    "get_rows_around",
    "get_selector_history",
    "get_selectors",
    "get_shared_rows",
    "get_sightings",
    "list_openings",
    "opening_of",
    "openings_of_report",
    "search_keys",
    "search_selectors",
    "search_text",
    "seen_elsewhere",
]
