"""The reading door of measures: the board, a measure with its letter and steps, oversight, figures."""

from fanal.measures.queries.board import (
    MeasureFile,
    count_by_state,
    first_contact,
    get_measure,
    list_by_ids,
    list_left,
    list_measures,
    measures_of,
    seconded_despite,
    steps_of,
)
from fanal.measures.queries.expiry import list_due
from fanal.measures.queries.figures import (
    count_measures,
    count_sent,
    count_waiting,
    delays,
)
from fanal.measures.queries.oversight import (
    get_recommendation,
    get_session,
    list_recommendations,
    list_sessions,
    recommendations_of,
)
from fanal.measures.queries.warnings import warnings_on

__all__ = [
    "MeasureFile",
    "count_by_state",
    "count_measures",
    "count_sent",
    "count_waiting",
    "delays",
    "first_contact",
    "get_measure",
    "get_recommendation",
    "get_session",
    "list_by_ids",
    "list_due",
    "list_left",
    "list_measures",
    "list_recommendations",
    "list_sessions",
    "measures_of",
    "recommendations_of",
    "seconded_despite",
    "steps_of",
    "warnings_on",
]
