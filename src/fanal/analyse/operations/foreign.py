"""Lists that come in the formats of others: items loaded, withdrawals followed, all or nothing."""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime
from uuid import UUID

from django.db import transaction
from msgspec import Struct, field

from fanal.analyse import queries
from fanal.analyse.domain.listfile import Item, ListRefused, item_of
from fanal.analyse.domain.lists import Scope
from fanal.analyse.operations.lists import add_items, withdraw_items
from fanal.formats.indicators import Indicator
from fanal.kernel.actors import Actor

_PORTION = 5_000


class Taken(Struct, kw_only=True):
    """What became of a file: ids of items in force, how many were withdrawn, what was left out by scope."""

    ids: list[UUID] = field(default_factory=list)
    withdrawn: int = 0
    left_out: Counter[str] = field(default_factory=Counter)


def take_items(
    *,
    actor: Actor,
    name: str,
    found: Iterable[Indicator],
    now: datetime,
    scope: Scope | None = None,
) -> Taken:
    """Load what a format of exchange read into a list; what its sender withdrew is withdrawn there.

    Only items of one scope are taken: `scope`, or the list's own where None, so that a known false alarm is
    never loaded as known material, nor the other way. What another item of the same file states stays. Taking
    the same again changes nothing.

    Raises:
        Refused: the actor keeps no lists.
        FormatRefused: an address is none, or what `found` raises.
        ListRefused: nothing of it can be taken.
        ListsRefused: the name is none.
    """
    held = queries.find_list(name=name)
    wanted = scope or (held.attributes.scope if held else Scope.MATCH)
    taken, gone = Taken(), list[dict[str, str]]()
    with transaction.atomic():
        items = _in_force(found, wanted, taken=taken, gone=gone)
        taken.ids = add_items(actor=actor, name=name, items=items, now=now, scope=scope)
        if not taken.ids and not gone:
            raise ListRefused("nothing to load")
        stated = frozenset(taken.ids if gone else ())
        for start in range(0, len(gone), _PORTION):
            ids = _holders(name, gone[start : start + _PORTION], but=stated)
            taken.withdrawn += withdraw_items(actor=actor, name=name, item_ids=ids, now=now)
    return taken


def _in_force(
    found: Iterable[Indicator], wanted: Scope, *, taken: Taken, gone: list[dict[str, str]]
) -> Iterator[Item]:
    for indicator in found:
        if indicator.scope != wanted:
            taken.left_out[indicator.scope] += 1
        elif indicator.withdrawn:
            gone.append(item_of(indicator).values)
        else:
            yield item_of(indicator)


def _holders(name: str, gone: list[dict[str, str]], *, but: frozenset[UUID]) -> list[UUID]:
    """Return the items of a list that hold one of these values in force, without those of `but`."""
    pairs = [pair for values in gone for pair in values.items()]
    entries = queries.entries_of(values=pairs)
    found = dict.fromkeys(e.entry_id for e in entries if e.list_name == name)
    return [item_id for item_id in found if item_id not in but]
