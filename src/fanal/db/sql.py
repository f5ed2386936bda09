"""One statement of this thread's connection: its rows, its row, or how many rows it touched.

    sql.rows("SELECT id, name FROM accounts_desk WHERE id > %s", [0]) ──► [(1, "…"), (2, "…")]

Statements that belong together stand in a transaction of the caller; who needs a cursor for longer (COPY,
a portion at a time) opens one.
"""

from collections.abc import Mapping, Sequence
from typing import Any  # noqa: TID251 - what a column holds, the statement says

from django.db import connection

Parameters = Sequence[Any] | Mapping[str, Any]


def rows(statement: str, parameters: Parameters | None = None) -> list[tuple[Any, ...]]:
    """Return every row of a statement.

    Raises:
        DatabaseError: of Django's kinds.
    """
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return found


def row(statement: str, parameters: Parameters | None = None) -> tuple[Any, ...] | None:
    """Return the first row of a statement, None where there is none.

    Raises:
        DatabaseError: of Django's kinds.
    """
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        found: tuple[Any, ...] | None = cursor.fetchone()
    return found


def one(statement: str, parameters: Parameters | None = None) -> tuple[Any, ...]:
    """Return the row of a statement that always has one: a count, an insert that returns.

    Raises:
        DatabaseError: of Django's kinds.
        LookupError: there is no row.
    """
    found = row(statement, parameters)
    if found is None:
        raise LookupError("a statement that always has a row had none")
    return found


def run(statement: str, parameters: Parameters | None = None) -> int:
    """Execute a statement; return how many rows it touched.

    Raises:
        DatabaseError: of Django's kinds.
    """
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        touched: int = cursor.rowcount
    return touched
