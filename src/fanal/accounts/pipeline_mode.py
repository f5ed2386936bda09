"""Pipeline mode: several statements in one round trip to the server."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

from fanal.accounts.row_scope import is_bound


@contextmanager
def together() -> Iterator[None]:
    """Run the statements of the block in libpq pipeline mode: a fetch waits for its own result only.

    The end of the block waits for all. Each statement sees the effects of the earlier ones. For INSERT,
    UPDATE, DELETE and SELECT inside a transaction, which the first error aborts; COPY is not possible. On a
    connection under row-level security (`row_scope`), the statements are sent one by one.

    Raises:
        django.db.Error: a statement failed; raised at the next fetch or at the end of the block.
    """
    connection.ensure_connection()
    if is_bound(connection):
        yield
        return
    with connection.wrap_database_errors, connection.connection.pipeline():
        yield
