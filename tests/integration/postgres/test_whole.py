"""One act in one savepoint: what is nested in it adds none, and it is done completely or not at all."""

from contextlib import suppress

import pytest
from django.db import connection, transaction
from django.db.transaction import TransactionManagementError
from django.test.utils import CaptureQueriesContext

from fanal.db import sql

pytestmark = pytest.mark.django_db


@pytest.fixture
def kept() -> None:
    """A table for the rows of the test."""
    sql.run("CREATE TEMPORARY TABLE kept (n integer) ON COMMIT DROP")


def written() -> list[int]:
    return [n for (n,) in sql.rows("SELECT n FROM kept ORDER BY n")]


def write(n: int) -> None:
    with transaction.atomic():
        sql.run("INSERT INTO kept VALUES (%s)", [n])


def write_and_fail(n: int) -> None:
    with transaction.atomic():
        write(n)
        raise ZeroDivisionError


def write_after_failure(n: int) -> None:
    with suppress(ZeroDivisionError):
        write_and_fail(n)
    write(n)


@pytest.mark.usefixtures("kept")
def test_what_is_nested_adds_no_savepoint() -> None:
    with CaptureQueriesContext(connection) as seen, sql.whole():
        write(1)
        with sql.whole():
            write(2)
    assert written() == [1, 2]
    assert sum(q["sql"].startswith("SAVEPOINT") for q in seen.captured_queries) == 1


@pytest.mark.usefixtures("kept")
def test_an_error_undoes_all_of_it_and_nothing_before_it() -> None:
    write(1)
    with pytest.raises(ZeroDivisionError), sql.whole():
        write_and_fail(2)
    assert written() == [1]


@pytest.mark.usefixtures("kept")
def test_an_error_that_is_caught_inside_does_not_go_unseen() -> None:
    with pytest.raises(TransactionManagementError), sql.whole():
        write_after_failure(1)
    assert written() == []


@pytest.mark.usefixtures("kept")
def test_savepoints_are_made_again_after_it() -> None:
    with sql.whole():
        write(1)
    with pytest.raises(ZeroDivisionError):
        write_and_fail(2)
    assert written() == [1]
