"""Import of lists of known material from exchange formats, all or nothing; and the metadata of lists."""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime
from uuid import UUID

from django.db import transaction
from msgspec import Struct, field

from fanal import reference
from fanal.accounts.domain.policy import require
from fanal.accounts.queries.people import partner_names
from fanal.analyse.material.domain.lists import (
    Item,
    ListAttributes,
    ListRefused,
    MatchScope,
    check_attributes,
    item_of,
)
from fanal.analyse.material.operations.lists import (
    add_items,
    tell_change,
    touch_list,
    withdraw_items,
)
from fanal.analyse.material.queries.entries import entries_of
from fanal.analyse.material.queries.lists import find_list
from fanal.db import sql
from fanal.formats.indicators import Indicator
from fanal.kernel.actors import Actor
from fanal.kernel.calendar import paris_day
from fanal.kernel.ids import new_id
from fanal.kernel.refusal import Refusal
from fanal.reference.records import ListBasis

# List metadata: set at creation, or changed later.


def create_list(*, actor: Actor, name: str, attributes: ListAttributes, now: datetime) -> UUID:
    """Create an empty list of known material with its metadata (`attributes`); return its id.

    Raises:
        Refused: the actor may not keep lists.
        Refusal: `NAME`, `CONFIDENCE`, `WORDS` as `check_attributes`; `BASIS`: no such legal basis; `OWNER`:
            no such organisation; `EXISTS`: the name is taken.
    """
    require(actor, "list.keep")
    _check(name, attributes, now)
    with transaction.atomic():
        row = sql.row(
            "INSERT INTO analyse_list (id, name, changed_at) VALUES (%s, %s, %s)"
            " ON CONFLICT (name) DO NOTHING RETURNING id",
            [new_id(now), name, now],
        )
        if row is None:
            raise Refusal("lists", "EXISTS")
        _describe(row[0], attributes)
        tell_change(actor, "list.change", row[0], count=0, now=now)
    return UUID(str(row[0]))


def describe_list(*, actor: Actor, name: str, attributes: ListAttributes, now: datetime) -> None:
    """Replace the metadata of a list of known material by `attributes`; its entries keep their scope.

    An entry's scope is that of its addition. Equal metadata change nothing.

    Raises:
        Refused: the actor may not keep lists.
        Refusal: `NAME`, `CONFIDENCE`, `WORDS`, `BASIS`, `OWNER` as `create_list`; `NOT_FOUND`: no such list.
    """
    require(actor, "list.keep")
    _check(name, attributes, now)
    with transaction.atomic():
        listed = find_list(name=name)
        if listed is None:
            raise Refusal("lists", "NOT_FOUND")
        if listed.attributes == attributes:
            return
        _describe(listed.id, attributes)
        touch_list(listed.id, now=now)
        tell_change(actor, "list.change", listed.id, count=0, now=now)


def _check(name: str, attributes: ListAttributes, now: datetime) -> None:
    check_attributes(name, attributes)
    basis = attributes.legal_basis
    on = paris_day(now)
    if basis and not reference.load().versions(ListBasis, basis, first=on.min, last=on):
        raise Refusal("lists", "BASIS")
    owner = attributes.owner_id
    if owner is not None and not partner_names(partner_ids=[owner]):
        raise Refusal("lists", "OWNER")


def _describe(list_id: UUID, attributes: ListAttributes) -> None:
    sql.run(
        "UPDATE analyse_list SET owner_id = %s, scheme = %s, category = %s, confidence = %s,"
        " legal_basis = %s, scope = %s, sharing = %s, description = %s WHERE id = %s",
        [
            attributes.owner_id,
            attributes.scheme,
            attributes.category,
            attributes.confidence,
            attributes.legal_basis,
            attributes.scope,
            attributes.sharing,
            attributes.description,
            list_id,
        ],
    )


_PORTION = 5_000


class LoadedFile(Struct, kw_only=True):
    """The result of an import into a list of known material.

    `ids` are those of the items that the file states in force, `withdrawn` is the number of items withdrawn;
    `left_out` counts the items skipped because of their scope, by scope (MATCH: known material, CLEAR: false
    alarm).
    """

    ids: list[UUID] = field(default_factory=list)
    withdrawn: int = 0
    left_out: Counter[str] = field(default_factory=Counter)


def take_items(
    *,
    actor: Actor,
    name: str,
    found: Iterable[Indicator],
    now: datetime,
    scope: MatchScope | None = None,
) -> LoadedFile:
    """Import indicators of an exchange format into the list `name`; those marked as withdrawn are withdrawn.

    Only items of a single scope are taken: `scope`, or the list's own if None. So a known false alarm is
    never loaded as known material, nor the reverse. A withdrawal does not affect an item that the same file
    states in force. Idempotent.

    Raises:
        Refused: the actor may not keep lists.
        FormatRefused: an address is invalid, or an error of `found`.
        ListRefused: no item can be taken, or an item is invalid (`check_item`).
        Refusal: the name is invalid.
    """
    held = find_list(name=name)
    wanted = scope or (held.attributes.scope if held else MatchScope.MATCH)
    taken, gone = LoadedFile(), list[dict[str, str]]()
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
    found: Iterable[Indicator], wanted: MatchScope, *, taken: LoadedFile, gone: list[dict[str, str]]
) -> Iterator[Item]:
    for indicator in found:
        if indicator.scope != wanted:
            taken.left_out[indicator.scope] += 1
        elif indicator.withdrawn:
            gone.append(item_of(indicator).values)
        else:
            yield item_of(indicator)


def _holders(name: str, gone: list[dict[str, str]], *, but: frozenset[UUID]) -> list[UUID]:
    """Return the ids of a list's items with a value of `gone` in force, except the items `but`.

    `gone` are the values of withdrawn indicators, as dicts of kind and value.
    """
    pairs = [pair for values in gone for pair in values.items()]
    entries = entries_of(values=pairs)
    found = dict.fromkeys(e.entry_id for e in entries if e.list_name == name)
    return [item_id for item_id in found if item_id not in but]
