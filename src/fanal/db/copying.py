"""`COPY … FROM STDIN` whose failures are Django's, as those of every other statement."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection
from psycopg import Copy


@contextmanager
def copy_in(statement: str) -> Iterator[Copy]:
    """Yield the stream of a `COPY` of this thread's connection; the rows are stored when the block ends.

    Raises:
        DatabaseError: of Django's kinds, where psycopg raises its own: `OperationalError` once the session
            is gone.
    """
    with (
        connection.wrap_database_errors,
        connection.cursor() as cursor,
        cursor.copy(statement) as copy,
    ):
        yield copy
