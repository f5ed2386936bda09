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
REPLACED = "REPLACED"
"""Reason of a withdrawal that a newer decision on the report made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """What taking a transition requires, of the person and of the act.

    `right` is the policy's action at the act's desk; holders of `also` take it as a part of another act of
    theirs. `proof`: a statement of the proof kept. `in_force`: the decision behind the act is in force.
    `lapsed`: it is in force no more, or the act was withdrawn, and the act had not been sent; the step keeps
    since when. `complete`: the document is complete. `approved`: a second person approved the present bytes.
    `sends`: the act has left with it. One of `outcomes` is recorded, where there are any. `entry` is the verb
    of its entry in the ledger, where that is neither `send` nor `step`.
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
    """Say of every document that nothing is missing."""
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifecycle:
    """A kind of act, made by `lifecycle`; states are those of `states`, by their values.

    `missing` returns the refusal code of an incomplete document, "" of a complete one. `drafts` is the verb
    of a draft's entry in the ledger. An act of a kind that is `decided` follows a decision on its report.
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
        """The state in which an act of this kind is drafted."""
        return self.states.initial.value

    @property
    def unsent(self) -> frozenset[str]:
        """The states from which a newer decision withdraws an act: it is a draft, or can become one again."""
        moves = self.states.transitions
        back = {state for one in moves if one.target == self.initial for state in one.sources}
        given_up = {state for one in moves if one.name == WITHDRAW for state in one.sources}
        return frozenset(state.value for state in back & given_up)

    @property
    def approves(self) -> bool:
        """Whether a second person approves acts of this kind."""
        return APPROVE in self.requirements

    def target(self, state: str, transition: str) -> str:
        """Return the state that a transition reaches.

        Raises:
            TransitionRefused: `state` allows no such transition.
        """
        return self.states.apply(cast("StrEnum", state), transition).value

    def allowed(self, state: str) -> tuple[str, ...]:
        """Return the transitions that `state` allows."""
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
        drafts=drafts,
        decided=decided,
    )
