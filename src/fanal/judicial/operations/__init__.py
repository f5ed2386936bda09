"""The writing door of judicial."""

from fanal.judicial.operations.deciding import record_decision, record_decisions
from fanal.judicial.operations.expiry import erase_payers, erase_words
from fanal.judicial.operations.referrals import (
    ReferralRefused,
    ReferralUnknown,
    amend_referral,
    move_referral,
    open_from_decision,
)
from fanal.judicial.operations.sheets import (
    SheetRefused,
    SheetUnknown,
    amend_sheet,
    draft_sheet,
    move_sheet,
    record_download,
)

__all__ = [
    "ReferralRefused",
    "ReferralUnknown",
    "SheetRefused",
    "SheetUnknown",
    "amend_referral",
    "amend_sheet",
    "draft_sheet",
    "erase_payers",
    "erase_words",
    "move_referral",
    "move_sheet",
    "open_from_decision",
    "record_decision",
    "record_decisions",
    "record_download",
]
