"""The reading door of de-confliction: counterparts, rounds, what is withheld, hits."""

from fanal.deconfliction.queries.counterparts import (
    asked_on,
    begun_on,
    find_counterpart,
    get_counterpart,
    list_counterparts,
    own_keys,
    public_key,
)
from fanal.deconfliction.queries.hits import get_hit, list_hits, signs_of, steps_of
from fanal.deconfliction.queries.rounds import (
    get_round,
    last_started,
    list_rounds,
    message_body,
    open_rounds,
    undelivered,
)
from fanal.deconfliction.queries.withheld import in_force, withheld_reports, withholdings_of

__all__ = [
    "asked_on",
    "begun_on",
    "find_counterpart",
    "get_counterpart",
    "get_hit",
    "get_round",
    "in_force",
    "last_started",
    "list_counterparts",
    "list_hits",
    "list_rounds",
    "message_body",
    "open_rounds",
    "own_keys",
    "public_key",
    "signs_of",
    "steps_of",
    "undelivered",
    "withheld_reports",
    "withholdings_of",
]
