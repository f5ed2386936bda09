"""The writing door of casework."""

from fanal.casework.operations.acts import (
    MAX_PROOF,
    ActUnknown,
    amend_act,
    open_act,
    record_export,
    take_step,
    withdraw_replaced,
)
from fanal.casework.operations.approvals import approve_act, refuse_act
from fanal.casework.operations.expiry import erase_words, forget_subjects

__all__ = [
    "MAX_PROOF",
    "ActUnknown",
    "amend_act",
    "approve_act",
    "erase_words",
    "forget_subjects",
    "open_act",
    "record_export",
    "refuse_act",
    "take_step",
    "withdraw_replaced",
]
