"""State table of a referral to a prosecutor: its states, and the transitions between them."""

from enum import StrEnum

from fanal.kernel.states import StateTable, move


class ReferralState(StrEnum):
    """The states of a referral, from draft to outcome. TAKEN_UP, RETURNED: by the addressed authority."""

    DRAFT = "DRAFT"
    READY = "READY"
    SENT = "SENT"
    ACKNOWLEDGED = "ACKNOWLEDGED"
    TAKEN_UP = "TAKEN_UP"
    RETURNED = "RETURNED"
    CLOSED = "CLOSED"
    WITHDRAWN = "WITHDRAWN"


_OUT = {ReferralState.SENT, ReferralState.ACKNOWLEDGED, ReferralState.TAKEN_UP}

REFERRAL_STATES: StateTable[ReferralState] = StateTable(
    name="referral",
    initial=ReferralState.DRAFT,
    final=frozenset({ReferralState.CLOSED, ReferralState.WITHDRAWN}),
    transitions=(
        move("amend", {ReferralState.DRAFT, ReferralState.READY}, ReferralState.DRAFT),
        move("prepare", {ReferralState.DRAFT}, ReferralState.READY),
        move("send", {ReferralState.READY}, ReferralState.SENT),
        move("acknowledge", {ReferralState.SENT}, ReferralState.ACKNOWLEDGED),
        move("take_up", {ReferralState.SENT, ReferralState.ACKNOWLEDGED}, ReferralState.TAKEN_UP),
        move("return", _OUT, ReferralState.RETURNED),
        move("redirect", {ReferralState.RETURNED}, ReferralState.DRAFT),
        move("close", _OUT | {ReferralState.RETURNED}, ReferralState.CLOSED),
        move(
            "withdraw",
            {ReferralState.DRAFT, ReferralState.READY, ReferralState.RETURNED},
            ReferralState.WITHDRAWN,
        ),
    ),
)
