"""Lifecycle of a notice: its states, and the requirements and rights of each transition."""

from enum import StrEnum

from fanal.casework.domain.lifecycle import Requirement, lifecycle
from fanal.kernel.states import StateTable, move
from fanal.measures.notice.document import lacks_of


class NoticeState(StrEnum):
    """The states of a notice to a provider.

    TO_APPROVE: awaits approval by a second person. ACKNOWLEDGED: the provider confirmed its receipt.
    REMINDED: the desk asked for the answer. ANSWERED: with the provider's decision (`NoticeOutcome`).
    WITHDRAWN: before it was sent; RETRACTED: afterwards.
    """

    DRAFT = "DRAFT"
    TO_APPROVE = "TO_APPROVE"
    APPROVED = "APPROVED"
    SENT = "SENT"
    ACKNOWLEDGED = "ACKNOWLEDGED"
    REMINDED = "REMINDED"
    ANSWERED = "ANSWERED"
    WITHDRAWN = "WITHDRAWN"
    RETRACTED = "RETRACTED"


class NoticeOutcome(StrEnum):
    """The provider's decision on a notice (DSA art. 16(5)).

    RESTRICTED: the content is less visible or accessible. GONE_BEFORE: it was already gone. KEPT: it stays.
    """

    REMOVED = "REMOVED"
    RESTRICTED = "RESTRICTED"
    GONE_BEFORE = "GONE_BEFORE"
    KEPT = "KEPT"


_S = NoticeState
_UNSENT = {_S.DRAFT, _S.TO_APPROVE, _S.APPROVED}
WAITING = {_S.SENT, _S.ACKNOWLEDGED, _S.REMINDED}
STATES = StateTable(
    name="notice",
    initial=_S.DRAFT,
    final=frozenset({_S.ANSWERED, _S.WITHDRAWN, _S.RETRACTED}),
    transitions=(
        move("amend", _UNSENT, _S.DRAFT),
        move("submit", {_S.DRAFT}, _S.TO_APPROVE),
        move("refuse", {_S.TO_APPROVE}, _S.DRAFT),
        move("approve", {_S.TO_APPROVE}, _S.APPROVED),
        move("send", {_S.APPROVED}, _S.SENT),
        move("acknowledge", {_S.SENT, _S.REMINDED}, _S.ACKNOWLEDGED),
        move("remind", WAITING, _S.REMINDED),
        move("answer", WAITING, _S.ANSWERED),
        move("withdraw", _UNSENT, _S.WITHDRAWN),
        move("retract", WAITING, _S.RETRACTED),
    ),
)
_FACT = Requirement(right="notice.record", proof=True)
NOTICE = lifecycle(
    kind="notice",
    states=STATES,
    requirements={
        "amend": Requirement(right="notice.propose"),
        "submit": Requirement(right="notice.propose", in_force=True, complete=True),
        "refuse": Requirement(right="notice.approve"),
        "approve": Requirement(right="notice.approve", in_force=True, approved=True),
        "send": Requirement(
            right="notice.record", in_force=True, approved=True, proof=True, sends=True
        ),
        "acknowledge": _FACT,
        "remind": _FACT,
        "answer": Requirement(
            right="notice.record", proof=True, outcomes=tuple(one.value for one in NoticeOutcome)
        ),
        # A newer decision withdraws the drafts of an earlier one: its author needs only the right to decide.
        "withdraw": Requirement(right="notice.propose", also=("report.decide",)),
        "retract": _FACT,
    },
    reads="notice.read",
    proposes="notice.propose",
    missing=lacks_of,
)
