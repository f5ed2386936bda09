"""`COPY … FROM STDIN` with Django's exceptions, as for any other statement."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection
from psycopg import Copy


@contextmanager
def copy_in(statement: str) -> Iterator[Copy]:
    """Yield the stream of a `COPY` on this thread's connection; the rows are stored at its end.

    Raises:
        DatabaseError: Django's exceptions in place of psycopg's: `OperationalError` after a lost session.
    """
    with (
        connection.wrap_database_errors,
        connection.cursor() as cursor,
        cursor.copy(statement) as copy,
    ):
        yield copy
