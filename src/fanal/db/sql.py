"""Functions that execute one SQL statement on this thread's connection and return rows or a count.

    sql.rows("SELECT id, name FROM accounts_desk WHERE id > %s", [0]) ──► [(1, "…"), (2, "…")]

The caller opens a transaction around related statements. For COPY, or results read in portions, open a cursor
instead.
"""

from collections.abc import Mapping, Sequence
from typing import Any  # noqa: TID251 - the statement determines the column types

from django.db import connection

Parameters = Sequence[Any] | Mapping[str, Any]


def rows(statement: str, parameters: Parameters | None = None) -> list[tuple[Any, ...]]:
    """Return all rows of a statement.

    Raises:
        DatabaseError: as by Django.
    """
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return found


def row(statement: str, parameters: Parameters | None = None) -> tuple[Any, ...] | None:
    """Return the first row of a statement; None if the result is empty.

    Raises:
        DatabaseError: as by Django.
    """
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        found: tuple[Any, ...] | None = cursor.fetchone()
    return found


def one(statement: str, parameters: Parameters | None = None) -> tuple[Any, ...]:
    """Return the row of a statement that always has one, such as a count or `INSERT … RETURNING`.

    Raises:
        DatabaseError: as by Django.
        LookupError: the result is empty.
    """
    found = row(statement, parameters)
    if found is None:
        raise LookupError("a statement that always has a row had none")
    return found


def run(statement: str, parameters: Parameters | None = None) -> int:
    """Execute a statement; return the number of affected rows.

    Raises:
        DatabaseError: as by Django.
    """
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        touched: int = cursor.rowcount
    return touched
