"""The reading door of judicial: referrals, and intelligence sheets on payers."""

from fanal.judicial.queries.referrals import (
    count_referrals,
    count_unsent,
    get_referral,
    read_act,
    read_file,
    referrals_of,
)
from fanal.judicial.queries.sheets import get_sheet, list_sheets, read_sheet_file, sheets_on

__all__ = [
    "count_referrals",
    "count_unsent",
    "get_referral",
    "get_sheet",
    "list_sheets",
    "read_act",
    "read_file",
    "read_sheet_file",
    "referrals_of",
    "sheets_on",
]
