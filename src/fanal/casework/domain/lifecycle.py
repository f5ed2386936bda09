"""Lifecycles of official acts, as data: states, transitions, and the requirements of each transition.

`fanal migrate` writes them into PostgreSQL (`config.migration`), whose triggers enforce them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar, cast

from fanal.kernel.states import StateTable

S = TypeVar("S", bound=StrEnum)
AMEND, APPROVE, REFUSE, WITHDRAW = "amend", "approve", "refuse", "withdraw"
"""Transitions with their own operations; a newer decision also withdraws the drafts of an earlier one."""
REPLACED = "REPLACED"
"""Reason recorded when a newer decision on the report withdraws the act."""
UNDONE = "UNDONE"
"""Reason recorded when the person undoes, right after it, the decision that opened the act."""
BY_DECISION = frozenset({REPLACED, UNDONE})
"""Reasons of a withdrawal that no person gives: it follows from what became of the decision."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """The conditions of a transition of an official act, on the person and on the act.

    `right`: the policy action that the person must hold at the act's desk; a holder of an action in `also`
    may make the transition as part of another operation. `proof`: the person must describe the proof kept, or
    attach its file. `in_force`: the decision behind the act must be in force. `lapsed`: that decision is no
    longer in force, or the act was withdrawn, and the act had not been sent; the step keeps the date of
    lapse. `complete`: the document must be complete. `approved`: a second person must have approved the
    current bytes. `sends`: the transition sends the act. `outcomes`: the outcomes to choose from, if any.
    `entry`: the verb of its ledger entry, when neither `send` nor `step`.
    """

    right: str
    also: tuple[str, ...] = ()
    proof: bool = False
    in_force: bool = False
    lapsed: bool = False
    complete: bool = False
    approved: bool = False
    sends: bool = False
    outcomes: tuple[str, ...] = ()
    entry: str = ""


def never_missing(_content: bytes) -> str:
    """Return "" (nothing is missing), for official acts whose documents are always complete."""
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifecycle:
    """A kind of official act (such as a request to a provider), as data; built by `lifecycle`.

    `kind` is its name. `states`: the table of states and transitions; `requirements`: the conditions of each
    transition, by its name. `reads` and `proposes`: the policy actions needed to read and to draft. `missing`
    returns the refusal code of an incomplete document, "" for a complete one. `drafts`: the verb recorded in
    the ledger when an act is drafted. `decided`: such an act follows a decision on its report.
    """

    kind: str
    states: StateTable[StrEnum]
    requirements: Mapping[str, Requirement]
    reads: str
    proposes: str
    missing: Callable[[bytes], str]
    drafts: str
    decided: bool

    @property
    def initial(self) -> str:
        """The name of the state of a newly drafted official act."""
        return self.states.initial.value

    @property
    def unsent(self) -> frozenset[str]:
        """The states of an official act not yet sent, from which a newer decision withdraws it.

        Both withdrawal and redrafting are possible from them.
        """
        moves = self.states.transitions
        back = {state for one in moves if one.target == self.initial for state in one.sources}
        given_up = {state for one in moves if one.name == WITHDRAW for state in one.sources}
        return frozenset(state.value for state in back & given_up)

    @property
    def approves(self) -> bool:
        """Whether official acts of this kind need the approval of a second person."""
        return APPROVE in self.requirements

    def target(self, state: str, transition: str) -> str:
        """Return the state that `transition` reaches from `state`.

        Raises:
            TransitionRefused: `state` allows no such transition.
        """
        return self.states.apply(cast("StrEnum", state), transition).value

    def allowed(self, state: str) -> tuple[str, ...]:
        """Return the names of the transitions that `state` allows."""
        return self.states.moves_from(cast("StrEnum", state))


def lifecycle(  # noqa: PLR0913 - one for each field of a kind
    *,
    kind: str,
    states: StateTable[S],
    requirements: Mapping[str, Requirement],
    reads: str,
    proposes: str,
    missing: Callable[[bytes], str] = never_missing,
    drafts: str = "draft",
    decided: bool = True,
) -> Lifecycle:
    """Return the definition of a kind of official act; the parameters are explained at `Lifecycle`.

    `states` and `requirements`: its transitions, and the conditions of each; `reads` and `proposes`: the
    policy actions to read and to draft. `missing` returns the code of what a document lacks; `decided`: a
    decision opens such acts.

    Raises:
        ValueError: a transition without requirement, or a requirement without transition (programming error).
    """
    if {transition.name for transition in states.transitions} != requirements.keys():
        raise ValueError(f"{kind}: transitions and requirements differ")
    return Lifecycle(
        kind=kind,
        states=cast("StateTable[StrEnum]", states),
        requirements=requirements,
        reads=reads,
        proposes=proposes,
        missing=missing,
        drafts=drafts,
        decided=decided,
    )
