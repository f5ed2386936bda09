"""SQL on this thread's connection: one statement, `COPY`, and lists passed as array literals.

    sql.rows("SELECT id, name FROM accounts_desk WHERE id > %s", [0]) ──► [(1, "…"), (2, "…")]

The caller opens a transaction around related statements. For results read in portions, open a cursor instead.

A list goes as one text parameter, as an array literal (PostgreSQL manual, section 8.15.6): for thousands of
values this is several times faster than the driver's adaptation, element by element. Cast the parameter in
the statement: `%s::uuid[]`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any  # noqa: TID251 - the statement determines the column types
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from psycopg import Copy
from psycopg.errors import UniqueViolation

Parameters = Sequence[Any] | Mapping[str, Any]


def rows(statement: str, parameters: Parameters | None = None) -> list[tuple[Any, ...]]:
    """Return all rows of a statement, as tuples; `parameters` fill its placeholders (`%s`, `%(name)s`).

    They have the order of the statement; [] without any.

    Raises:
        DatabaseError: as by Django.
    """
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return found


def row(statement: str, parameters: Parameters | None = None) -> tuple[Any, ...] | None:
    """Return the first row of a statement's result, a tuple of its columns; None if the result is empty.

    `parameters` fill the placeholders (`%s`, `%(name)s`).

    Raises:
        DatabaseError: as by Django.
    """
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        found: tuple[Any, ...] | None = cursor.fetchone()
    return found


def one(statement: str, parameters: Parameters | None = None) -> tuple[Any, ...]:
    """Return the row of a statement that always has one, such as a count or `INSERT … RETURNING`.

    The row is a tuple of its columns; `parameters` fill the placeholders.

    Raises:
        DatabaseError: as by Django.
        LookupError: the result is empty.
    """
    found = row(statement, parameters)
    if found is None:
        raise LookupError("a statement that always has a row had none")
    return found


def by_slot(statement: str, parameters: Parameters, *, slots: int) -> list[int]:
    """Return the counts of a statement whose rows are (slot, count), as a list of length `slots`.

    Slots without a row are 0. `width_bucket(value, edges)` numbers slots so: 0 below the first edge, n from
    the n-th on.

    Raises:
        DatabaseError: as by Django.
    """
    counts = dict(rows(statement, parameters))
    return [int(counts.get(slot, 0)) for slot in range(slots)]


def run(statement: str, parameters: Parameters | None = None) -> int:
    """Execute a statement; return the number of affected rows.

    `parameters` fill its placeholders (`%s`, `%(name)s`).

    Raises:
        DatabaseError: as by Django.
    """
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        touched: int = cursor.rowcount
    return touched


@contextmanager
def copy_in(statement: str) -> Iterator[Copy]:
    """Yield the stream of a `COPY … FROM STDIN` statement on this thread's connection.

    The rows written to it are stored at the end of the block.

    Raises:
        DatabaseError: Django's exceptions in place of psycopg's: `OperationalError` after a lost session.
    """
    with (
        connection.wrap_database_errors,
        connection.cursor() as cursor,
        cursor.copy(statement) as copy,
    ):
        yield copy


@contextmanager
def whole() -> Iterator[None]:
    """Run the block in one transaction, or one savepoint of it; `atomic` blocks inside add no savepoints.

    It is meant for an act of many steps that is done completely or not at all, so that one savepoint is
    enough. An exception that leaves an inner `atomic` block must also leave this block: code that catches it
    in between gets Django's `TransactionManagementError` at its next statement.
    """
    with transaction.atomic():
        features = connection.features
        before, features.uses_savepoints = features.uses_savepoints, False
        try:
            yield
        finally:
            features.uses_savepoints = before


def plain_array(items: Iterable[str]) -> str:
    """Return the array literal, for a statement parameter, of texts such as hexadecimals.

    `items` have letters, digits and dashes only: nothing is escaped.
    """
    return f"{{{','.join(items)}}}"


def uuid_array(ids: Iterable[UUID]) -> str:
    """Return the array literal of ids, for a statement parameter of type `uuid[]`."""
    return plain_array([each.hex for each in ids])


def text_array(items: Iterable[str]) -> str:
    """Return the array literal of any texts, for a statement parameter of type `text[]`.

    `items` must not contain NUL, which PostgreSQL refuses.
    """
    texts = list(items)
    if not texts:
        return "{}"
    joined = '","'.join(texts)
    # Characters to escape are rare: one check of the joined text suffices for most batches.
    if "\\" in joined or joined.count('"') != 2 * len(texts) - 2:
        joined = '","'.join(t.replace("\\", "\\\\").replace('"', '\\"') for t in texts)
    return f'{{"{joined}"}}'


def bytes_array(items: Iterable[bytes]) -> str:
    """Return the array literal of byte strings, for a statement parameter of type `bytea[]`."""
    return plain_array(rf"\\x{item.hex()}" for item in items)


@contextmanager
def unique(otherwise: Exception) -> Iterator[None]:
    """Run the block in a transaction; raise `otherwise` if it violates a uniqueness constraint or index.

    A violation of another rule (a check, a trigger, a missing row) is no clash, and passes unchanged:
    shown as one, it would send people to look for a row that is not there.

    Raises:
        DatabaseError: any other database error, as by Django.
    """
    try:
        with transaction.atomic():
            yield
    except IntegrityError as error:
        if isinstance(error.__cause__, UniqueViolation):
            raise otherwise from None
        raise
