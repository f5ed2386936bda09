"""A public node beside its desk: two data folders, one database, one vault."""

import os
import shutil
import tempfile
from pathlib import Path

import psycopg
import pytest

from fanal.config.databases import open_databases
from fanal.postgres import Cluster, DatabaseRole
from tests.live import Live, free_port
from tests.prepared import prepare
from tests.server import fast_folder

pytestmark = pytest.mark.serial
REPORT = {"reference": "NODE-1", "kind": "OTHER", "description": "Three words here"}


@pytest.fixture(scope="module")
def desk():
    """A desk whose database runs, without web or worker."""
    folder = Path(tempfile.mkdtemp(prefix="fanal-node-", dir=fast_folder()))
    folder.chmod(0o755)
    running = Live(home=folder / "desk", port=free_port())
    try:
        prepare(running.home, demo=True)
        with open_databases(home=running.home, environ={}) as databases:
            running.command("keys", "node", str(folder / "node" / "keys"), "--name", "node-2")
            yield running, databases
    finally:
        Cluster.open(home=running.home, environ=os.environ).stop()
        shutil.rmtree(folder, ignore_errors=True)


def node_of(desk, **more):
    running, databases = desk
    settings = {"DATABASE_URL": databases.url(DatabaseRole.INTAKE), "FANAL_PUBLIC_NODE": "1"}
    return Live(home=running.home.parent / "node", port=free_port(), more=settings | more)


def test_a_node_that_sees_another_vault_refuses_to_start_and_doctor_says_so(desk) -> None:
    node = node_of(desk)
    answer = node.command("run", "--port", str(node.port), check=False)
    assert answer.returncode == 1
    assert "is not the vault of this database" in answer.stderr
    assert "FANAL_VAULT" in answer.stderr
    (node.home / "vault").mkdir()
    (node.home / "vault" / "identity").write_text("another")
    for command in (("run", "--port", str(node.port)), ("doctor",)):
        answer = node.command(*command, check=False)
        assert answer.returncode == 1
        assert "is the vault of another database" in answer.stdout + answer.stderr


@pytest.mark.parametrize("command", [("worker",), ("import", "jsonl", "/dev/null")])
def test_no_command_of_the_desk_seals_into_another_vault(desk, tmp_path, command) -> None:
    running, _ = desk
    other = Live(home=running.home, port=0, more={"FANAL_VAULT": str(tmp_path)})
    answer = other.command(*command, check=False)
    assert answer.returncode == 1
    assert "is not the vault of this database" in answer.stderr


@pytest.mark.parametrize("role", [{"FANAL_DB_ROLE": "intake"}, {}])
def test_what_a_node_acknowledges_the_desk_opens(desk, role) -> None:
    running, _ = desk
    partner = running.add_partner(f"partner-{len(role)}")
    node = node_of(desk, FANAL_VAULT=str(running.home / "vault"), **role)
    try:
        node.start()
        assert node.json("POST", "/reports", partner, REPORT).status == 201
        assert not (node.home / "keys" / "content-0001.key").exists()
        assert node.call("GET", "/fr/desk/").status == 404
    finally:
        node.stop()
    *findings, summary = running.lines("fsck")
    assert findings == []
    assert summary["opened"] == summary["objects"] > 0


def test_a_node_behind_or_without_keys_refuses_to_start(desk, tmp_path) -> None:
    running, databases = desk
    shared = {"FANAL_VAULT": str(running.home / "vault")}
    node = node_of(desk, **shared)
    node.home = tmp_path
    answer = node.command("run", "--port", str(node.port), check=False)
    assert (answer.returncode, "content-N.pub" in answer.stderr) == (1, True)
    with psycopg.connect(databases.url(DatabaseRole.OWNER), autocommit=True) as owner:
        row = owner.execute(
            "DELETE FROM django_migrations WHERE app = 'vault' AND name ="
            " (SELECT max(name) FROM django_migrations WHERE app = 'vault')"
            " RETURNING id, app, name, applied"
        ).fetchone()
        try:
            node = node_of(desk, **shared)
            answer = node.command("run", "--port", str(node.port), check=False)
        finally:
            owner.execute("INSERT INTO django_migrations VALUES (%s, %s, %s, %s)", row)
    assert answer.returncode == 1
    assert "run 'fanal migrate' as the owner" in answer.stderr


def test_the_owners_address_alone_migrates(desk, tmp_path) -> None:
    running, databases = desk
    owner = {
        "DATABASE_URL": databases.url(DatabaseRole.OWNER),
        "FANAL_VAULT": str(running.home / "vault"),
    }
    elsewhere = Live(home=tmp_path, port=0, more=owner)
    elsewhere.command("migrate")
    elsewhere.command("migrate", "--check")
