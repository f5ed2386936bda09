"""What a value that several hold is worth: the steps of rarity that it passed, and the share that it keeps.

Apart from the loops of the rule: whoever shows a value asks this, and needs no compiler for it.
"""

from msgspec import Struct

from fanal.crosscheck.domain.weights import Mark, Weights


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
