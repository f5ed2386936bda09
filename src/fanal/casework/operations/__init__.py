"""Write operations of casework."""

from fanal.casework.operations.acts import (
    MAX_PROOF,
    ActUnknown,
    Before,
    amend_act,
    open_act,
    record_export,
    take_step,
    withdraw_replaced,
)
from fanal.casework.operations.approvals import (
    approve_act,
    erase_words,
    forget_subjects,
    refuse_act,
)
from fanal.casework.operations.deciding import record_decision, record_decisions
from fanal.casework.operations.locking import hold_shown
from fanal.casework.operations.proofs import ProofUnknown, open_proof

__all__ = [
    "MAX_PROOF",
    "ActUnknown",
    "Before",
    "ProofUnknown",
    "amend_act",
    "approve_act",
    "erase_words",
    "forget_subjects",
    "hold_shown",
    "open_act",
    "open_proof",
    "record_decision",
    "record_decisions",
    "record_export",
    "refuse_act",
    "take_step",
    "withdraw_replaced",
]
