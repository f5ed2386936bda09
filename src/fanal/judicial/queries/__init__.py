"""The reading door of judicial: referrals, and intelligence sheets on payers."""

from fanal.judicial.queries.referrals import (
    count_referrals,
    count_unsent,
    get_referral,
    list_referrals,
    referrals_of,
)
from fanal.judicial.queries.sheets import get_sheet, list_sheets, sheets_on

__all__ = [
    "count_referrals",
    "count_unsent",
    "get_referral",
    "get_sheet",
    "list_referrals",
    "list_sheets",
    "referrals_of",
    "sheets_on",
]
