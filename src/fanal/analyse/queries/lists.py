"""Lists with their attributes, and what changed in them."""

from collections.abc import Sequence
from datetime import datetime
from typing import TypeAlias
from uuid import UUID

from django.db import connection
from msgspec import Struct

from fanal.accounts import queries as accounts
from fanal.analyse.domain.lists import ListAttributes, ListFacts, Scope, Sharing
from fanal.kernel.alphabet import alphabetical

_LISTS = (
    "SELECT id, name, owner_id, scheme, category, confidence, legal_basis, scope, sharing,"
    " description, version, changed_at FROM analyse_list"
)
_Row: TypeAlias = tuple[UUID, str, UUID | None, str, str, int, str, str, str, str, int, datetime]


class ListState(Struct, frozen=True, kw_only=True):
    """A list with its attributes, and the number of its values in force."""

    facts: ListFacts
    version: int
    changed_at: datetime
    entries: int

    @property
    def id(self) -> UUID:
        """The list's id."""
        return self.facts.id

    @property
    def name(self) -> str:
        """The list's name."""
        return self.facts.name


class ListedChange(Struct, frozen=True, kw_only=True):
    """One change of a list: values added, given another class, withdrawn; by whom, where that is kept."""

    number: int
    list_id: UUID
    at: datetime
    actor_id: UUID | None
    added: int
    changed: int
    withdrawn: int


def list_lists() -> list[ListState]:
    """Return the lists by name, with their number of values in force."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT list_id, count(*) FROM analyse_entry WHERE withdrawn_at IS NULL GROUP BY list_id"
        )
        counts = dict(cursor.fetchall())
        cursor.execute(_LISTS)
        rows = cursor.fetchall()
    found = [
        ListState(facts=facts, version=row[10], changed_at=row[11], entries=counts.get(facts.id, 0))
        for row, facts in zip(rows, _facts(rows), strict=True)
    ]
    return sorted(found, key=lambda state: alphabetical(state.facts.name))


def find_list(*, name: str) -> ListFacts | None:
    """Return the list of that name, None when there is none."""
    with connection.cursor() as cursor:
        cursor.execute(f"{_LISTS} WHERE name = %s", [name])
        return next(iter(_facts(cursor.fetchall())), None)


def get_lists() -> dict[UUID, ListFacts]:
    """Return every list by its id."""
    with connection.cursor() as cursor:
        cursor.execute(_LISTS)
        return {facts.id: facts for facts in _facts(cursor.fetchall())}


def list_changes(*, list_ids: Sequence[UUID] | None = None, limit: int) -> list[ListedChange]:
    """Return the newest changes of some lists, or of all, the newest first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT number, list_id, at, actor_id, added, changed, withdrawn FROM analyse_change"
            " WHERE %s::uuid[] IS NULL OR list_id = ANY(%s::uuid[]) ORDER BY number DESC LIMIT %s",
            [as_array(list_ids), as_array(list_ids), limit],
        )
        return [
            ListedChange(
                number=row[0],
                list_id=row[1],
                at=row[2],
                actor_id=row[3],
                added=row[4],
                changed=row[5],
                withdrawn=row[6],
            )
            for row in cursor.fetchall()
        ]


def _facts(rows: Sequence[_Row]) -> list[ListFacts]:
    attributes = [
        ListAttributes(
            owner_id=row[2],
            scheme=row[3],
            category=row[4],
            confidence=row[5],
            legal_basis=row[6],
            scope=Scope(row[7]),
            sharing=Sharing(row[8]),
            description=row[9],
        )
        for row in rows
    ]
    owners = {a.owner_id for a in attributes if a.owner_id}
    names = accounts.partner_names(partner_ids=owners) if owners else {}
    return [
        ListFacts(
            id=row[0],
            name=row[1],
            owner=names.get(said.owner_id, "") if said.owner_id else "",
            attributes=said,
        )
        for row, said in zip(rows, attributes, strict=True)
    ]


def as_array(ids: Sequence[UUID] | None) -> list[UUID] | None:
    """Return ids as a parameter that may be NULL."""
    return None if ids is None else list(ids)
