"""Whether an identifier tells anything by itself, from how many reports hold it."""

from typing import Final

from fanal.crosscheck.domain.cards import MARKS
from fanal.crosscheck.domain.rarity import ValueState, kept_by, step_of
from fanal.crosscheck.domain.weights import Mark, Weights
from fanal.harmonise.domain.records import SelectorKind

KEEPS: Final = 0.5
"""A value that frequency took more than half its points from is a hub or goes round: it is not somebody's."""
_MOST_OF_A_PLACE: Final = 30
_MARK_OF_KIND = {
    SelectorKind.PHONE: Mark.MOBILE,
    SelectorKind.ACCOUNT: Mark.WALLET,
    **{SelectorKind(mark.value): mark for mark in MARKS if mark.value in SelectorKind.__members__},
}


def tells(kind: SelectorKind, holders: int, *, hub: bool, weights: Weights) -> bool:
    """Return whether a value of so many reports keeps half its points at least.

    Addresses and places that many use are no evidence by themselves: few reports may hold them.
    """
    mark = _MARK_OF_KIND.get(kind)
    if mark is None:
        return holders <= _MOST_OF_A_PLACE
    state = ValueState(step_of(mark, holders, weights), hub=hub)
    return (kept_by(mark, state, weights) or 0.0) >= KEEPS
