"""What PostgreSQL refuses, told by its SQLSTATE: a statement with a mistake is refused too, and proves nothing.

Codes: PostgreSQL manual, appendix A.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest
from django.db import DatabaseError, Error, connection, transaction

NO_RIGHT = "42501"
"""insufficient_privilege: no grant, or row-level security."""
RAISED = "P0001"
"""raise_exception: a trigger or function of ours says no."""
KEPT = "23001"
"""restrict_violation: a trigger of ours keeps what is written."""
CHECK = "23514"
UNIQUE = "23505"
FOREIGN_KEY = "23503"
NOT_NULL = "23502"
LOCK_AWAY = "55P03"
GUARDS = frozenset({NO_RIGHT, RAISED, KEPT, CHECK, UNIQUE, FOREIGN_KEY, NOT_NULL})
"""Refusals of a grant, a trigger or a constraint; a misspelt column or table is none of them."""


def sqlstate_of(failure: Error) -> str:
    """Return the SQLSTATE under an exception of Django, empty where the database said none."""
    return str(getattr(failure.__cause__, "sqlstate", None) or "")


@contextmanager
def database_refuses(*sqlstates: str) -> Iterator[None]:
    """Assert that the block is refused with one of `sqlstates`, and undo what it did before."""
    with pytest.raises(Error) as caught, transaction.atomic():
        yield
    assert sqlstate_of(caught.value) in sqlstates, caught.value


def is_refused(statement: str, values: Sequence[object]) -> bool:
    """Return whether a guard refuses a statement, which then leaves no trace.

    Raises:
        DatabaseError: it failed for another reason, which says nothing of the guard.
    """
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement, values)
    except DatabaseError as failure:
        if sqlstate_of(failure) not in GUARDS:
            raise
        return True
    return False
