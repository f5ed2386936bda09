"""The writing door of judicial; steps are taken through `casework.operations`."""

from fanal.judicial.operations.deciding import record_decision, record_decisions
from fanal.judicial.operations.referrals import amend_referral, open_from_decision
from fanal.judicial.operations.sheets import amend_sheet, draft_sheet

__all__ = [
    "amend_referral",
    "amend_sheet",
    "draft_sheet",
    "open_from_decision",
    "record_decision",
    "record_decisions",
]
