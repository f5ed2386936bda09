"""Lifecycle of a removal request: the requirements and rights of each transition between its states."""

from fanal.casework.domain.lifecycle import Requirement, lifecycle
from fanal.measures.domain.letters import read_request
from fanal.measures.domain.records import MEASURE_STATES

_STEP = Requirement(right="measure.send")
_FACT = Requirement(right="measure.send", proof=True)


def _lacks(content: bytes) -> str:
    return "" if read_request(content).addressee.complete else "ADDRESSEE_INCOMPLETE"


REMOVAL = lifecycle(
    kind="measure",
    states=MEASURE_STATES,
    requirements={
        # A request that may already have been sent stays as signed: its sending can still be recorded.
        "amend": Requirement(right="measure.propose", in_force=True),
        "submit": Requirement(right="measure.propose", in_force=True, complete=True),
        "refuse": Requirement(right="measure.approve", entry="refuse"),
        "approve": Requirement(
            right="measure.approve", in_force=True, approved=True, entry="approve"
        ),
        "send": Requirement(
            right="measure.send", in_force=True, approved=True, sends=True, entry="notify"
        ),
        "leave": Requirement(
            right="measure.send",
            lapsed=True,
            approved=True,
            proof=True,
            sends=True,
            entry="notify",
        ),
        "receive": _FACT,
        "suspend": _STEP,
        "resume": _STEP,
        "expire": _STEP,
        "execute": _FACT,
        "lift": _STEP,
        "withdraw": Requirement(right="measure.propose", entry="withdraw"),
        # A court's annulment takes effect at once, whoever registers its ruling.
        "annul": Requirement(right="measure.send", also=("appeal.record",), proof=True),
    },
    reads="measure.read",
    proposes="measure.propose",
    missing=_lacks,
    drafts="propose",
)
