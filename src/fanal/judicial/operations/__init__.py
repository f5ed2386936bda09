"""The writing door of judicial."""

from fanal.judicial.operations.deciding import record_decision, record_decisions
from fanal.judicial.operations.referrals import (
    ReferralRefused,
    ReferralUnknown,
    amend_referral,
    move_referral,
    open_from_decision,
)

__all__ = [
    "ReferralRefused",
    "ReferralUnknown",
    "amend_referral",
    "move_referral",
    "open_from_decision",
    "record_decision",
    "record_decisions",
]
