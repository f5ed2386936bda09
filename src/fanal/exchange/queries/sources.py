"""Sources, how far each was fetched, and which items their entries became."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import connection
from msgspec import structs

from fanal.accounts.domain.policy import require
from fanal.exchange.domain.records import Checkpoint, Service, Source, Taken
from fanal.kernel.actors import Actor
from fanal.kernel.alphabet import alphabetical

_SOURCES = (
    "SELECT id, name, kind, url, list_id, collection, login, secret_id, secret_file, every_minutes,"
    " enabled, added_at FROM exchange_source"
)
_CHECKPOINTS = (
    "SELECT source_id, position, turn, pages, taken, withdrawn, page_at, completed_at, tried_at, error,"
    " error_at FROM exchange_checkpoint WHERE source_id = ANY(%s)"
)
_TAKEN = (
    "SELECT t.remote, t.item_id, t.held, t.classification, t.at, t.ends_at FROM exchange_taken t"
)


def list_sources(*, actor: Actor) -> list[Source]:
    """Return the sources by name.

    Raises:
        Refused: the actor may not see them.
    """
    require(actor, "source.read")
    with connection.cursor() as cursor:
        cursor.execute(_SOURCES)
        found = [_source(row) for row in cursor.fetchall()]
    return sorted(found, key=lambda source: alphabetical(source.name))


def find_source(*, actor: Actor, name: str) -> Source | None:
    """Return the source of that name, None when there is none.

    Raises:
        Refused: the actor may not see it.
    """
    require(actor, "source.read")
    with connection.cursor() as cursor:
        cursor.execute(f"{_SOURCES} WHERE name = %s", [name])
        row = cursor.fetchone()
    return None if row is None else _source(row)


def get_source(*, actor: Actor, source_id: UUID) -> Source | None:
    """Return one source, None when there is none.

    Raises:
        Refused: the actor may not see it.
    """
    require(actor, "source.read")
    with connection.cursor() as cursor:
        cursor.execute(f"{_SOURCES} WHERE id = %s", [source_id])
        row = cursor.fetchone()
    return None if row is None else _source(row)


def get_checkpoint(*, source_id: UUID) -> Checkpoint:
    """Return how far a source was fetched."""
    return get_checkpoints(source_ids=[source_id])[source_id]


def get_checkpoints(*, source_ids: Sequence[UUID]) -> dict[UUID, Checkpoint]:
    """Return how far each source was fetched, in one statement; an empty one where it never was."""
    found = dict.fromkeys(source_ids, Checkpoint())
    with connection.cursor() as cursor:
        cursor.execute(_CHECKPOINTS, [list(source_ids)])
        for source_id, *row in cursor.fetchall():
            found[source_id] = Checkpoint(
                position=row[0],
                turn=row[1],
                pages=row[2],
                taken=row[3],
                withdrawn=row[4],
                page_at=row[5],
                completed_at=row[6],
                tried_at=row[7],
                error=row[8],
                error_at=row[9],
            )
    return found


def taken_entries(*, source_id: UUID, keys: Sequence[str]) -> dict[str, Taken]:
    """Return what became of some entries of a source, by their key there."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"{_TAKEN} WHERE source_id = %s AND remote = ANY(%s)",
            [source_id, list(keys)],
        )
        return {row[0]: _taken(row) for row in cursor.fetchall()}


def taken_holding(*, list_id: UUID, values: Sequence[str]) -> list[Taken]:
    """Return the entries of all sources of a list that hold one of these values (`KIND:value`)."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"{_TAKEN} JOIN exchange_source s ON s.id = t.source_id"
            " WHERE s.list_id = %s AND t.held && %s::text[] ORDER BY t.item_id",
            [list_id, list(values)],
        )
        return [_taken(row) for row in cursor.fetchall()]


def taken_over(*, source_id: UUID, now: datetime, most: int) -> dict[str, Taken]:
    """Return entries of a source whose stated end has come while they are still held, by their key there."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"{_TAKEN} WHERE source_id = %s AND ends_at <= %s ORDER BY ends_at LIMIT %s",
            [source_id, now, most],
        )
        return {row[0]: _taken(row) for row in cursor.fetchall()}


def _taken(row: tuple[str, UUID, list[str], str, datetime | None, datetime | None]) -> Taken:
    said = Taken(remote=row[0], item_id=row[1], held=tuple(row[2]), classification=row[3])
    return structs.replace(said, at=row[4], until=row[5])


def _source(row: tuple[object, ...]) -> Source:
    names = (
        "id", "name", "kind", "url", "list_id", "collection", "login", "secret_id", "secret_file",
        "every_minutes", "enabled", "added_at",
    )  # fmt: skip
    found = dict(zip(names, row, strict=True))
    return Source(**found | {"kind": Service(str(found["kind"]))})  # type: ignore[arg-type]
