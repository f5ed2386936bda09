"""Values that change standing: a step of rarity passed, or a hub found. Their links are weighed anew."""

from collections.abc import Iterable, Mapping

from msgspec import structs

from fanal.crosscheck.domain.cards import MARKS, NUMBER_OF_MARK, WEAK, Card
from fanal.crosscheck.domain.linking import conflict_of, is_of_value, mark_of_reason, points_of
from fanal.crosscheck.domain.meeting import SAME
from fanal.crosscheck.domain.rarity import ValueState
from fanal.crosscheck.domain.records import Reason
from fanal.crosscheck.domain.weights import Weights
from fanal.harmonise.domain.records import SelectorRole
from fanal.harmonise.domain.sightings import ROLE_CODES

_SUSPECT = ROLE_CODES[SelectorRole.SUSPECT]
_OCTETS = 5


def companions_of(key: int, cards: Iterable[Card], weights: Weights) -> frozenset[bytes]:
    """Return the identities of suspects that stand beside a suspect's value in these cards."""
    found: set[bytes] = set()
    for card in cards:
        mine = [v for v in card.values if v.role == _SUSPECT and weights.mark[MARKS[v.mark]].person]
        if any(value.key == key for value in mine):
            found.update(companion(v.mark, v.key) for v in mine if v.key != key)
    return frozenset(found)


def moved(
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


def weighed_anew(
    reasons: Iterable[Reason],
    kept: Mapping[tuple[str, str], float | None],
    weights: Weights,
    *,
    has: int = 0,
) -> tuple[float, tuple[Reason, ...]]:
    """Return points and reasons of a link whose values of `kept` (by kind and value) keep another share.

    None takes a value away; `has` are the marks that the suspects of both reports have, as bits: what one of
    them then has no longer in common tells against the pair, as in the rule. A pair that no value joins has
    no reasons.
    """
    changed: list[Reason] = []
    parted: list[Reason] = []
    for reason in reasons:
        share = kept.get((reason.kind, reason.value), reason.kept)
        if share is None:
            parted.append(reason)
        elif share != reason.kept:
            # As the rule rounds: to the even one of two that are as near.
            weight = round(reason.weight / reason.kept * share * 1e4) / 1e4 if reason.kept else 0.0
            changed.append(structs.replace(reason, weight=weight, kept=share))
        else:
            changed.append(reason)
    if parted and not any(is_of_value(reason) for reason in changed):
        return 0.0, ()
    changed += _conflicts(parted, changed, has, weights)
    changed.sort(key=lambda r: (-r.weight, r.kind, r.value))
    return points_of(changed, weights), tuple(changed)


def _conflicts(
    parted: Iterable[Reason], left: Iterable[Reason], has: int, weights: Weights
) -> list[Reason]:
    """Return what tells against a pair since values on one side were taken away."""
    gone = {mark_of_reason(reason) for reason in parted if reason.side == SAME}
    shared = {mark_of_reason(one) for one in left if one.side == SAME and is_of_value(one)}
    return [
        conflict_of(mark, weights)
        for mark in gone - shared
        if weights.mark[mark].conflict and has >> NUMBER_OF_MARK[mark] & 1
    ]


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
