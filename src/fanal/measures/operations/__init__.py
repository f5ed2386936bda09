"""Write operations of measures."""

from fanal.casework.domain.lifecycle import REPLACED
from fanal.casework.operations import ActUnknown as MeasureUnknown
from fanal.measures.operations.drafts import (
    amend_measure,
    approve_measure,
    open_from_decision,
    refuse_measure,
    submit_measure,
    withdraw_measure,
)
from fanal.measures.operations.expiry import erase_words
from fanal.measures.operations.groups import judge_group
from fanal.measures.operations.milestones import (
    annul_measure,
    expire_measure,
    lift_measure,
    record_execution,
    record_first_contact,
    record_left,
    record_receipt,
    record_sent,
    record_step,
    resume_clock,
    suspend_clock,
)
from fanal.measures.operations.oversight import (
    SessionUnknown,
    answer_recommendation,
    note_in_session,
    recommend,
    start_session,
)

__all__ = [
    "REPLACED",
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
    "record_step",
    "refuse_measure",
    "resume_clock",
    "start_session",
    "submit_measure",
    "suspend_clock",
    "withdraw_measure",
]
