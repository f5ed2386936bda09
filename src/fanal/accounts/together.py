"""Several statements in one journey to the server."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

from fanal.accounts.rows import is_bound


@contextmanager
def together() -> Iterator[None]:
    """Send the statements inside without waiting for each: a fetch waits for its own, the end for all.

    Each still sees what those before it did. For INSERT, UPDATE, DELETE and SELECT inside a transaction,
    which the first error ends; COPY is refused. Where each statement carries its bounds (`rows`), they go
    one by one.

    Raises:
        django.db.Error: a statement failed, told at the next fetch or at the end.
    """
    connection.ensure_connection()
    if is_bound(connection):
        yield
        return
    with connection.wrap_database_errors, connection.connection.pipeline():
        yield
