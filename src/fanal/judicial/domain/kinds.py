"""Lifecycles of the two judicial acts, referral and intelligence sheet, and decoding of their documents."""

import msgspec

from fanal.casework.domain.lifecycle import Requirement, lifecycle
from fanal.judicial.domain.records import (
    REFERRAL_STATES,
    SHEET_STATES,
    ReferralDocument,
    ReferralOutcome,
    SheetDocument,
)

_WRITE = Requirement(right="referral.write")
_FACT = Requirement(right="referral.write", proof=True)
_TO_SEND = Requirement(right="referral.write", in_force=True, complete=True)
_SENT = Requirement(right="referral.write", in_force=True, proof=True, sends=True)
# A newer decision withdraws the drafts of an earlier one: its author needs only the right to decide.
_WITHDRAWN = Requirement(right="referral.write", also=("report.decide",))


def _referral_lacks(content: bytes) -> str:
    return "" if read_referral(content).summary else "NO_SUMMARY"


def _sheet_lacks(content: bytes) -> str:
    return "" if read_sheet(content).summary else "NO_WORDS"


REFERRAL = lifecycle(
    kind="referral",
    states=REFERRAL_STATES,
    requirements={
        "amend": _WRITE,
        "prepare": _TO_SEND,
        "send": _SENT,
        "acknowledge": _FACT,
        "take_up": _FACT,
        "return": _FACT,
        "redirect": _WRITE,
        "close": Requirement(
            right="referral.write",
            proof=True,
            outcomes=tuple(outcome.value for outcome in ReferralOutcome),
        ),
        "withdraw": _WITHDRAWN,
    },
    reads="referral.read",
    proposes="report.decide",
    missing=_referral_lacks,
)
SHEET = lifecycle(
    kind="sheet",
    states=SHEET_STATES,
    requirements={
        "amend": _WRITE,
        "prepare": _TO_SEND,
        "send": _SENT,
        "acknowledge": _FACT,
        "withdraw": _WITHDRAWN,
    },
    reads="referral.read",
    proposes="report.decide",
    missing=_sheet_lacks,
    decided=False,
)


def read_referral(content: bytes) -> ReferralDocument:
    """Decode `content`, the document (JSON) of a revision of a referral.

    Raises:
        msgspec.DecodeError: not the bytes of a referral (the subclass `ValidationError` for other JSON).
    """
    return msgspec.json.decode(content, type=ReferralDocument)


def read_sheet(content: bytes) -> SheetDocument:
    """Decode `content`, the document (JSON) of a revision of an intelligence sheet.

    Raises:
        msgspec.DecodeError: not the bytes of a sheet (the subclass `ValidationError` for other JSON).
    """
    return msgspec.json.decode(content, type=SheetDocument)
