"""A public node beside its desk: two data folders, one database, one vault."""

import os
import shutil
import tempfile
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from fanal.config.databases import open_databases
from fanal.config.keys import give_node_keys
from fanal.kernel import clock
from fanal.postgres import Cluster, DatabaseRole
from tests.live import Answer, Live, free_port, wait_for
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


def given(desk, tmp_path, **ago):
    """A node with keys of its own, made so long ago."""
    running, _ = desk
    node = node_of(desk, FANAL_VAULT=str(running.home / "vault"))
    node.home = tmp_path / "node"
    give_node_keys(
        running.home, node.home / "keys", now=clock.now() - timedelta(**ago), node="node-3"
    )
    return node


def test_a_node_whose_receipts_nobody_could_verify_refuses_to_start(desk, tmp_path) -> None:
    running, _ = desk
    node = given(desk, tmp_path, days=800)
    answer = node.command("--lang", "en", "run", "--port", str(node.port), check=False)
    assert (answer.returncode, "lets this node sign receipts from 20" in answer.stderr) == (1, True)
    shutil.copy(running.home / "keys" / "node-0001.cert", node.home / "keys")
    answer = node.command("--lang", "en", "run", "--port", str(node.port), check=False)
    assert (answer.returncode, "certificate of another key" in answer.stderr) == (1, True)
    answer = node.command("doctor", check=False)
    assert (answer.returncode, "certificate of another key" in answer.stdout) == (1, True)
    (node.home / "keys" / "ledger-0001.vkey").unlink()
    answer = node.command("--lang", "en", "run", "--port", str(node.port), check=False)
    assert (answer.returncode, "holds no ledger-N.vkey" in answer.stderr) == (1, True)


def lacking(answer: Answer) -> set[str]:
    """Return what a node that is not ready says that it lacks."""
    parts = dict(answer.json) if answer.status == 503 else {}
    return {name for name, holds in parts.items() if holds is False}


def test_a_node_that_is_given_a_certificate_of_another_key_is_not_ready(desk, tmp_path) -> None:
    running, _ = desk
    node = given(desk, tmp_path, days=0)
    path = node.home / "keys" / "node-0001.cert"
    own = path.read_bytes()
    try:
        node.start()
        path.write_bytes((running.home / "keys" / "node-0001.cert").read_bytes())
        # Each process of the web looks at it once a second.
        assert wait_for(lambda: lacking(node.call("GET", "/readyz")) == {"keys"})
        path.write_bytes(own)
        assert wait_for(node.ready)
    finally:
        node.stop()


class Without(Live):
    """A desk that is up, and whose keys alone keep it from being ready."""

    def ready(self) -> bool:
        answer = self.call("GET", "/readyz")
        parts = dict(answer.json) if answer.status == 503 else {}
        return [name for name, holds in parts.items() if holds is False] == ["keys"]


def test_a_desk_goes_on_for_its_calls_and_says_that_it_takes_no_report(desk, tmp_path) -> None:
    running, _ = desk
    folder, then = running.home / "keys", clock.now() - timedelta(days=800)
    give_node_keys(running.home, tmp_path, now=then, node="node-1")
    kept = {path: path.read_bytes() for path in (*folder.glob("node-*"), *folder.glob("*root.key"))}
    machine = Without(home=running.home, port=free_port())
    for name in ("node-0001.key", "node-0001.cert"):
        shutil.copy(tmp_path / name, folder)
    (folder / "receipt-root.key").unlink()
    try:
        machine.start()
        assert "no report is taken here" in (machine.home / "out.txt").read_text()
    finally:
        machine.stop()
        for path, content in kept.items():
            path.write_bytes(content)


def test_the_owners_address_alone_migrates(desk, tmp_path) -> None:
    running, databases = desk
    owner = {
        "DATABASE_URL": databases.url(DatabaseRole.OWNER),
        "FANAL_VAULT": str(running.home / "vault"),
    }
    elsewhere = Live(home=tmp_path, port=0, more=owner)
    elsewhere.command("migrate")
    elsewhere.command("migrate", "--check")
