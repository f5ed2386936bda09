"""How many reports hold the values that links rest on, read when links are shown."""

from collections.abc import Sequence

from msgspec import structs

from fanal.crosscheck.domain.records import Reason
from fanal.harmonise import queries as harmonised
from fanal.harmonise.domain.records import SelectorKind
from fanal.harmonise.domain.sightings import selector_key
from fanal.kernel.actors import system_actor

_COUNTED = 1000
_KINDS = frozenset(kind.value for kind in SelectorKind)


def with_frequency(told: Sequence[tuple[Reason, ...]]) -> list[tuple[Reason, ...]]:
    """Return the reasons of links with how often each value was seen, in reach of the session."""
    keys = {
        (reason.kind, reason.value): selector_key(SelectorKind(reason.kind), reason.value)
        for reasons in told
        for reason in reasons
        if reason.value and reason.kind in _KINDS
    }
    # Row-level security bounds what is counted: a person counts the reports of their desks.
    counts = harmonised.count_sightings(
        actor=system_actor("frequency of a value"), keys=list(set(keys.values())), most=_COUNTED
    )
    return [
        tuple(
            structs.replace(reason, seen=counts.get(keys[reason.kind, reason.value], 0))
            if (reason.kind, reason.value) in keys
            else reason
            for reason in reasons
        )
        for reasons in told
    ]
