"""Values that change standing: a step of rarity passed, or a hub found. Their links are weighed anew."""

from collections.abc import Iterable, Mapping

from msgspec import Struct, structs

from fanal.crosscheck.domain.cards import MARKS, WEAK, Card
from fanal.crosscheck.domain.linking import points_of
from fanal.crosscheck.domain.records import Reason
from fanal.crosscheck.domain.weights import Mark, Weights
from fanal.harmonise.domain.records import SelectorRole
from fanal.harmonise.domain.sightings import ROLE_CODES

_SUSPECT = ROLE_CODES[SelectorRole.SUSPECT]
_OCTETS = 5


class ValueState(Struct, frozen=True):
    """What is remembered of a value that several hold: steps of rarity passed, hub, identities beside it.

    `companions` are a mark's number and four octets of a key each; empty once the value is a hub.
    """

    step: int = 0
    hub: bool = False
    companions: frozenset[bytes] = frozenset()


def step_of(mark: Mark, holders: int, weights: Weights) -> int:
    """Return how many steps of rarity a value of `holders` reports has passed."""
    return sum(holders >= bound for bound, _ in weights.mark[mark].steps)


def companions_of(key: int, cards: Iterable[Card], weights: Weights) -> frozenset[bytes]:
    """Return the identities of suspects that stand beside a suspect's value in these cards."""
    found: set[bytes] = set()
    for card in cards:
        mine = [v for v in card.values if v.role == _SUSPECT and weights.mark[MARKS[v.mark]].person]
        if any(value.key == key for value in mine):
            found.update(companion(v.mark, v.key) for v in mine if v.key != key)
    return frozenset(found)


def moved(  # noqa: PLR0917
    before: ValueState, step: int, companions: frozenset[bytes], weights: Weights
) -> ValueState:
    """Return the state after what was seen now; steps and hubs only ever rise."""
    step = max(step, before.step)
    if before.hub:
        return ValueState(step, hub=True)
    held = before.companions | companions
    counts: dict[int, int] = {}
    for one in held:
        counts[one[0]] = counts.get(one[0], 0) + 1
    if max(counts.values(), default=0) > weights.companions:
        return ValueState(step, hub=True)
    return ValueState(step, companions=held)


def kept_by(mark: Mark, state: ValueState, weights: Weights) -> float:
    """Return the share of its points that a value keeps in a state."""
    if state.hub:
        return weights.hub_share
    return ([1.0, *(share for _, share in weights.mark[mark].steps)])[state.step]


def weighed_anew(
    reasons: Iterable[Reason], kept: Mapping[tuple[str, str], float], weights: Weights
) -> tuple[float, tuple[Reason, ...]]:
    """Return points and reasons of a link whose values of `kept` (by kind and value) keep another share."""
    changed = []
    for reason in reasons:
        share = kept.get((reason.kind, reason.value))
        if share is not None and share != reason.kept:
            weight = round(reason.weight / reason.kept * share, 4) if reason.kept else 0.0
            reason = structs.replace(reason, weight=weight, kept=share)  # noqa: PLW2901
        changed.append(reason)
    changed.sort(key=lambda r: (-r.weight, r.kind, r.value))
    return points_of(changed, weights), tuple(changed)


def pack_companions(companions: Iterable[bytes]) -> bytes:
    """Return companions as octets."""
    return b"".join(sorted(companions))


def unpack_companions(content: bytes | memoryview) -> frozenset[bytes]:
    """Return what `pack_companions` packed."""
    octets = bytes(content)
    return frozenset(octets[at : at + _OCTETS] for at in range(0, len(octets), _OCTETS))


def companion(mark: int, key: int) -> bytes:
    """Return an identity as it is remembered beside a value."""
    return bytes([mark & ~WEAK]) + (key & 0xFFFFFFFF).to_bytes(4, "little")
