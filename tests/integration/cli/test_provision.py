"""A real server's roles change by `fanal provision` alone, whatever else is called with an administrator's address."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from fanal.postgres import Cluster
from fanal.postgres.place import make_home
from tests.integration.cli.calling import call_all
from tests.integration.cli.test_bad_calls import CALLS, WITHOUT_DATABASE, call
from tests.server import fast_folder

pytestmark = pytest.mark.serial
OTHERS = [
    call(name, good)
    for name, (good, _) in sorted(CALLS.items())
    if name != "provision" and (name == "doctor" or name not in WITHOUT_DATABASE)
]


@pytest.fixture
def folder() -> Iterator[Path]:
    found = Path(tempfile.mkdtemp(prefix="fanal-provision-", dir=fast_folder()))
    found.chmod(0o755)
    yield found
    shutil.rmtree(found)


@pytest.fixture
def admin(folder: Path) -> Iterator[str]:
    """Return the administrator's address of a real, empty server."""
    home = folder / "server"
    make_home(home)
    cluster = Cluster.open(home=home, environ=os.environ)
    cluster.hold()
    yield cluster.admin_url("fanal")
    cluster.release()


def roles_of(admin: str) -> list[tuple[object, ...]]:
    with psycopg.connect(admin.replace("/fanal?", "/postgres?")) as connection:
        return connection.execute("SELECT * FROM pg_authid ORDER BY oid").fetchall()


def test_no_other_command_creates_or_alters_a_role(folder: Path, admin: str) -> None:
    options = {"folder": folder / "out", "DATABASE_URL": admin}
    empty = roles_of(admin)
    call_all(OTHERS, home=folder / "new", **options)  # type: ignore[arg-type]
    assert roles_of(admin) == empty
    [refused] = call_all([["migrate"]], home=folder / "new", **options)  # type: ignore[arg-type]
    assert refused.status == 1
    assert "'fanal provision'" in refused.err
    assert not (folder / "new" / "keys" / "database.json").exists()

    made = call_all([["provision"], ["migrate"]], home=folder / "desk", **options)  # type: ignore[arg-type]
    assert [(answer.status, answer.err) for answer in made] == [(0, "")] * 2
    prepared = roles_of(admin)
    assert len(prepared) == len(empty) + 5
    call_all(OTHERS, home=folder / "other", **options)  # type: ignore[arg-type]
    assert roles_of(admin) == prepared

    [again, foreign] = [
        call_all([["provision"]], home=folder / name, **options)[0]  # type: ignore[arg-type]
        for name in ("desk", "third")
    ]
    assert again.status == 0
    assert (foreign.status, "have other passwords" in foreign.err) == (1, True)
    assert roles_of(admin) == prepared


def test_a_role_of_our_own_provisions_nothing(folder: Path, admin: str) -> None:
    url = admin.replace("fanal_admin", "fanal_owner")
    [answer] = call_all([["provision"]], home=folder / "v", folder=folder / "o", DATABASE_URL=url)
    assert answer.status == 2
    assert "may create roles" in answer.err
