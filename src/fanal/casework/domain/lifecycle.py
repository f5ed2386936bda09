"""Lifecycles of official acts, as data: states, transitions, and what taking a transition requires.

`fanal migrate` writes them into PostgreSQL (`config.lifecycles`), whose guards refuse what they do not allow.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar, cast

from fanal.kernel.states import StateTable

S = TypeVar("S", bound=StrEnum)
AMEND, APPROVE, REFUSE, WITHDRAW = "amend", "approve", "refuse", "withdraw"
"""Transitions with operations of their own; a newer decision also withdraws what an earlier one drafted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """What taking a transition requires, of the person and of the act.

    `right` is the policy's action at the act's desk; holders of `also` take it as a part of another act of
    theirs. `proof`: a statement of the proof kept. `in_force`: the decision behind the act is in force.
    `complete`: the document is complete. `approved`: a second person approved the present bytes. `sends`:
    the act has left with it. One of `outcomes` is recorded, where there are any.
    """

    right: str
    also: tuple[str, ...] = ()
    proof: bool = False
    in_force: bool = False
    complete: bool = False
    approved: bool = False
    sends: bool = False
    outcomes: tuple[str, ...] = ()


def never_missing(_content: bytes) -> str:
    """Say of every document that nothing is missing."""
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifecycle:
    """A kind of act, made by `lifecycle`; states are those of `states`, by their values.

    `missing` returns the refusal code of an incomplete document, "" of a complete one.
    """

    kind: str
    states: StateTable[StrEnum]
    requirements: Mapping[str, Requirement]
    reads: str
    proposes: str
    missing: Callable[[bytes], str]

    @property
    def initial(self) -> str:
        """The state in which an act of this kind is drafted."""
        return self.states.initial.value

    @property
    def unsent(self) -> frozenset[str]:
        """The states from which a newer decision withdraws an act: nobody outside was sent it."""
        return frozenset(
            state.value
            for transition in self.states.transitions
            if transition.name == WITHDRAW
            for state in transition.sources
        )

    def target(self, state: str, transition: str) -> str:
        """Return the state that a transition reaches.

        Raises:
            TransitionRefused: `state` allows no such transition.
        """
        return self.states.apply(cast("StrEnum", state), transition).value

    def allowed(self, state: str) -> tuple[str, ...]:
        """Return the transitions that `state` allows."""
        return self.states.moves_from(cast("StrEnum", state))


def lifecycle(
    *,
    kind: str,
    states: StateTable[S],
    requirements: Mapping[str, Requirement],
    reads: str,
    proposes: str,
    missing: Callable[[bytes], str] = never_missing,
) -> Lifecycle:
    """Return a kind of act.

    `reads` and `proposes` are the policy's actions of who reads and who drafts such acts at a desk.

    Raises:
        ValueError: a transition without requirement, or the reverse: a mistake of who wrote it.
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
    )
