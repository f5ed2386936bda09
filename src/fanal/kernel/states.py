"""Finite state machines as data: a package declares the transitions, `StateTable.apply` applies them.

`docs/reference/states.md` is generated from the tables.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

S = TypeVar("S", bound=StrEnum)


class TransitionRefused(Exception):
    """The state machine `table` has no transition `name` from this state."""

    def __init__(self, table: str, state: str, name: str) -> None:
        super().__init__(f"{table}: no move '{name}' from {state}")
        self.table, self.state, self.name = table, state, name


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition(Generic[S]):
    """One allowed transition: its name, such as `approve`, its source states and its target state."""

    name: str
    sources: frozenset[S]
    target: S


@dataclass(frozen=True, slots=True, kw_only=True)
class StateTable(Generic[S]):
    """A named finite state machine: initial state, final states and all transitions."""

    name: str
    initial: S
    final: frozenset[S]
    transitions: tuple[Transition[S], ...]

    def apply(self, state: S, name: str) -> S:
        """Return the target state of transition `name` from `state`.

        Raises:
            TransitionRefused: there is no such transition.
        """
        for transition in self.transitions:
            if transition.name == name and state in transition.sources:
                return transition.target
        raise TransitionRefused(self.name, state, name)

    def moves_from(self, state: S) -> tuple[str, ...]:
        """Return the names of the transitions from `state`, in table order."""
        return tuple(t.name for t in self.transitions if state in t.sources)


def move(name: str, sources: Iterable[S], target: S) -> Transition[S]:
    """Return the transition `name` to the state `target` for a `StateTable`, from each of `sources`."""
    return Transition(name=name, sources=frozenset(sources), target=target)
