"""The writing door of measures."""

from fanal.measures.domain.drafting import MeasureRefused
from fanal.measures.operations.drafts import (
    amend_measure,
    open_from_decision,
    submit_measure,
    withdraw_measure,
)
from fanal.measures.operations.expiry import erase_words
from fanal.measures.operations.following import (
    annul_measure,
    expire_measure,
    lift_measure,
    record_execution,
    record_first_contact,
    record_left,
    record_receipt,
    record_sent,
    resume_clock,
    suspend_clock,
)
from fanal.measures.operations.groups import judge_group
from fanal.measures.operations.moving import REPLACED, MeasureUnknown, withdraw_replaced
from fanal.measures.operations.oversight import (
    SessionUnknown,
    answer_recommendation,
    note_in_session,
    recommend,
    start_session,
)
from fanal.measures.operations.seconding import approve_measure, refuse_measure

__all__ = [
    "REPLACED",
    "MeasureRefused",
    "MeasureUnknown",
    "SessionUnknown",
    "amend_measure",
    "annul_measure",
    "answer_recommendation",
    "approve_measure",
    "erase_words",
    "expire_measure",
    "judge_group",
    "lift_measure",
    "note_in_session",
    "open_from_decision",
    "recommend",
    "record_execution",
    "record_first_contact",
    "record_left",
    "record_receipt",
    "record_sent",
    "refuse_measure",
    "resume_clock",
    "start_session",
    "submit_measure",
    "suspend_clock",
    "withdraw_measure",
    "withdraw_replaced",
]
