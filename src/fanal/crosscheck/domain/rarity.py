"""What a value that several hold is worth: the steps of rarity that it passed, and the share that it keeps.

Apart from the loops of the rule: whoever shows a value asks this, and needs no compiler for it.
"""

from datetime import UTC, date, datetime
from typing import Final

from msgspec import Struct

from fanal.crosscheck.domain.cards import MARKS
from fanal.crosscheck.domain.weights import Mark, Weights
from fanal.harmonise.domain.records import SelectorKind

# The two periods over which frequency is measured: the last two months, and the last thirteen.

RECENT_MONTHS = 2
TOTAL_MONTHS = 13


def month_before(now: datetime, months: int) -> date:
    """Return the first day (UTC) of the month that lies `months` before that of `now`."""
    instant = now.astimezone(UTC)
    index = instant.year * 12 + instant.month - 1 - months
    return date(index // 12, index % 12 + 1, 1)


def recent_from(now: datetime) -> datetime:
    """Return the instant from which a report is recent."""
    day = month_before(now, RECENT_MONTHS - 1)
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


class ValueState(Struct, frozen=True):
    """What is remembered of a value that several hold: steps of rarity passed, hub, identities beside it.

    A step after the last: very many hold what names no person, and nobody meets by it any more. `companions`
    are a mark's number and four octets of a key each; empty once the value is a hub.
    """

    step: int = 0
    hub: bool = False
    companions: frozenset[bytes] = frozenset()


def step_of(mark: Mark, holders: int, weights: Weights) -> int:
    """Return how many steps of rarity a value of `holders` reports has passed."""
    weight = weights.mark[mark]
    if holders > weights.most_holders and not weight.person:
        return len(weight.steps) + 1
    return sum(holders >= bound for bound, _ in weight.steps)


def kept_by(mark: Mark, state: ValueState, weights: Weights) -> float | None:
    """Return the share of its points that a value keeps in a state; None: nobody meets by it any more."""
    if state.hub:
        return weights.hub_share
    return ([1.0, *(share for _, share in weights.mark[mark].steps), None])[state.step]


# Whether an identifier tells anything by itself, from how many reports hold it.

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
