"""The reading door of orient: the queue and its views, cases, notes, alarms, figures."""

from fanal.orient.queries.alarms import alarms_of, open_alarms, report_of_alarm
from fanal.orient.queries.assessed import NearAssessed, assessed_near, assessed_same
from fanal.orient.queries.calls import SILENCE, call_states, calls_alive
from fanal.orient.queries.cases import (
    anybody_at_work,
    asked_until,
    decided_without_action,
    decision_behind,
    decision_ended,
    decision_stands,
    decisions_of,
    get_case,
    get_cases,
    get_proposals,
    is_decided,
    list_settled,
    proposals_of,
    waiting_after,
)
from fanal.orient.queries.feedback import count_feedback, feedback_of, provider_figures
from fanal.orient.queries.figures import count_cases, count_decisions, count_states, delays
from fanal.orient.queries.folding import Member, list_folded, unfoldings_of
from fanal.orient.queries.notes import notes_of, search_notes
from fanal.orient.queries.queue import COUNT_CAP, count_arrivals, count_views, list_queue
from fanal.orient.queries.trends import (
    count_countries,
    count_platforms,
    count_senders,
    count_signals,
)
from fanal.orient.queries.views import count_saved_views, list_saved_views

__all__ = [
    "COUNT_CAP",
    "SILENCE",
    "Member",
    "NearAssessed",
    "alarms_of",
    "anybody_at_work",
    "asked_until",
    "assessed_near",
    "assessed_same",
    "call_states",
    "calls_alive",
    "count_arrivals",
    "count_cases",
    "count_countries",
    "count_decisions",
    "count_feedback",
    "count_platforms",
    "count_saved_views",
    "count_senders",
    "count_signals",
    "count_states",
    "count_views",
    "decided_without_action",
    "decision_behind",
    "decision_ended",
    "decision_stands",
    "decisions_of",
    "delays",
    "feedback_of",
    "get_case",
    "get_cases",
    "get_proposals",
    "is_decided",
    "list_folded",
    "list_queue",
    "list_saved_views",
    "list_settled",
    "notes_of",
    "open_alarms",
    "proposals_of",
    "provider_figures",
    "report_of_alarm",
    "search_notes",
    "unfoldings_of",
    "waiting_after",
]
