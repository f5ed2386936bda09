"""A restore erases nothing that has become due: a legal hold placed since the backup can be placed again."""

from pathlib import Path

import psycopg
import pytest

from fanal.config.databases import open_databases
from fanal.postgres import DatabaseRole
from tests.integration.vault.test_restore_place import Desk, with_keys_of

pytestmark = pytest.mark.serial
DUE = "INSERT INTO intake_spent_challenge VALUES (%s, now() - interval '1 day')"


def count(desk: Desk, query: str) -> object:
    with (
        open_databases(home=desk.home, environ={}) as databases,
        psycopg.connect(databases.url(DatabaseRole.OWNER), autocommit=True) as owner,
    ):
        row = owner.execute(query).fetchone()
    return row and row[0]


def test_a_restore_leaves_due_data_to_the_next_expiry(tmp_path: Path) -> None:
    one, kept = Desk(tmp_path / "one", tmp_path / "v1"), tmp_path / "backup"
    one.run("migrate")
    with (
        open_databases(home=one.home, environ={}) as databases,
        psycopg.connect(databases.url(DatabaseRole.OWNER), autocommit=True) as owner,
    ):
        owner.execute(DUE, (bytes(32),))
    one.run("backup", kept)
    two = with_keys_of(one, tmp_path / "two", tmp_path / "v2")
    done = two.run("restore", kept)
    assert "place the legal holds set since the backup again" in done.stderr
    assert "before you start the service" in done.stderr
    runs = "SELECT count(*) FROM ledger_entry WHERE action = 'expiry.run'"
    due = "SELECT count(*) FROM intake_spent_challenge"
    assert (count(two, runs), count(two, due)) == (0, 1)
    two.run("retention", "run")
    assert (count(two, runs), count(two, due)) == (1, 0)
