"""After a restore no number given since the backup is given again, and no session of the web is open."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from fanal.config.databases import open_databases
from fanal.postgres import DatabaseRole
from tests.integration.vault.test_restore_place import Desk, with_keys_of
from tests.live import FANAL

pytestmark = pytest.mark.serial
SESSION = "INSERT INTO django_session VALUES ('abc', 'x', now() + interval '1 day')"
WIRE = "SELECT nextval('intake_wire_id_seq')"
PLACE = "SELECT exchange_take(%s)"


@contextmanager
def owner_of(desk: Desk) -> Iterator[psycopg.Connection[tuple[int, ...]]]:
    with (
        open_databases(home=desk.home, environ={}) as databases,
        psycopg.connect(databases.url(DatabaseRole.OWNER), autocommit=True) as owner,
    ):
        yield owner


def number(owner: psycopg.Connection[tuple[int, ...]], query: str, *values: int) -> int:
    row = owner.execute(query, values).fetchone()
    assert row is not None
    return row[0]


def test_what_was_given_since_the_backup_is_given_to_nothing_else(tmp_path: Path) -> None:
    one, kept = Desk(tmp_path / "one", tmp_path / "v1"), tmp_path / "backup"
    one.run("migrate")
    with owner_of(one) as owner:
        owner.execute(SESSION)
        number(owner, PLACE, 3)
        number(owner, WIRE)
    one.run("backup", kept)
    with owner_of(one) as owner:
        report_id = [number(owner, WIRE) for _ in range(40)][-1]
        place = [number(owner, PLACE, 50) for _ in range(40)][-1] + 49
    two = with_keys_of(one, tmp_path / "two", tmp_path / "v2")
    done = two.run("restore", kept)
    with owner_of(two) as owner:
        given = number(owner, WIRE), number(owner, PLACE, 1)
        assert given > (report_id, place), (
            "a provider and a member of the exchange still hold these"
        )
        assert given[1] > place
        assert given[0] < report_id + 1_000_000, "they end at 2147483647"
        assert number(owner, "SELECT count(*) FROM django_session") == 0
    _says_what_is_in_force_again(done)
    doctor = two.run("doctor", check=False)
    assert "the numbers of the wire are given to reports" in doctor.stdout


def _says_what_is_in_force_again(done: subprocess.CompletedProcess[str]) -> None:
    for what in ("accounts", "credentials", "standing instructions", "measures"):
        assert what in done.stderr, done.stderr


def test_a_backup_is_restored_from_a_folder_whose_name_begins_with_a_hyphen(tmp_path: Path) -> None:
    one = Desk(tmp_path / "one", tmp_path / "v1")
    one.run("migrate")
    one.run("backup", tmp_path / "-nightly of é")
    two = with_keys_of(one, tmp_path / "two", tmp_path / "v2")
    done = subprocess.run(
        [*FANAL, "restore", "--lang", "en", "--", "-nightly of é"],
        env=two.live.environment(),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stdout + done.stderr
