"""A machine with other keys than its database's does nothing, and says which keys are missing."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from fanal.config.databases import Databases, open_databases
from fanal.postgres import Cluster, DatabaseRole
from tests.live import Live, free_port, wait_for
from tests.prepared import prepare
from tests.server import fast_folder

pytestmark = pytest.mark.serial
COMMANDS = (["run", "--port", "1"], ["worker"], ["fsck"], ["report", "list"], ["migrate"])


@pytest.fixture(scope="module")
def desk() -> Iterator[tuple[Live, Databases]]:
    """A desk whose database is up, without web or worker."""
    folder = Path(tempfile.mkdtemp(prefix="fanal-keys-", dir=fast_folder()))
    folder.chmod(0o755)
    running = Live(home=folder / "desk", port=free_port())
    try:
        prepare(running.home, demo=True)
        with open_databases(home=running.home, environ={}) as databases:
            yield running, databases
    finally:
        Cluster.open(home=running.home, environ=os.environ).stop()
        shutil.rmtree(folder, ignore_errors=True)


def second_node(desk: tuple[Live, Databases], name: str) -> Live:
    """Return another desk machine on the same database and vault, with the passwords and no key."""
    running, databases = desk
    assert databases.cluster is not None
    home = running.home.parent / name
    (home / "keys").mkdir(parents=True, mode=0o700)
    for file in ("database.json", "owner.json"):
        shutil.copy(running.home / "keys" / file, home / "keys")
    more = {
        "DATABASE_URL": databases.cluster.admin_url("fanal"),
        "FANAL_VAULT": str(running.home / "vault"),
    }
    return Live(home=home, port=free_port(), more=more)


def copy_keys(source: Live, target: Live, *names: str) -> None:
    for name in names:
        shutil.copy(source.home / "keys" / name, target.home / "keys" / name)


def all_refused(node: Live, *words: str) -> None:
    for command in COMMANDS:
        answer = node.command("--lang", "en", *command, check=False)
        assert answer.returncode == 1, command
        assert answer.stderr.startswith("fanal: the keys are not those of this database"), command
        assert [w for w in words if w not in answer.stderr] == [], answer.stderr


def test_a_second_machine_makes_no_key_of_its_own_and_does_nothing(
    desk: tuple[Live, Databases],
) -> None:
    node = second_node(desk, "second")
    for command in COMMANDS[:-1]:
        answer = node.command("--lang", "en", *command, check=False)
        assert answer.returncode == 1, command
        assert (
            "content-N, identity-N, digest.key, ledger-N.vkey, receipt-root.pub, secret_key: missing"
            in answer.stderr
        ), command
    assert {p.name for p in (node.home / "keys").iterdir()} == {"database.json", "owner.json"}
    told = node.command("doctor", check=False)
    assert told.returncode == 1
    assert "does not hold the keys of this database" in told.stdout


def test_the_keys_of_another_installation_are_refused(desk: tuple[Live, Databases]) -> None:
    from fanal.config.keys import ensure_keys
    from fanal.kernel import clock

    node = second_node(desk, "foreign")
    ensure_keys(node.home, now=clock.now(), origin="fanal.test/ledger", node="node-2")
    all_refused(node, "secret_key: not those that the database knows")
    shutil.copytree(desk[0].home / "keys", node.home / "keys", dirs_exist_ok=True)
    node.command("report", "list")


def test_each_missing_key_is_named(desk: tuple[Live, Databases]) -> None:
    node = second_node(desk, "part")
    running, _ = desk
    shutil.copytree(running.home / "keys", node.home / "keys", dirs_exist_ok=True)
    for name, word in (
        ("digest.key", "(digest.key: missing)"),
        ("secret_key", "(secret_key: missing)"),
        ("content-0001.key", "(content-N: missing)"),
        ("ledger-0001.vkey", "(ledger-N.vkey: missing)"),
        ("receipt-root.pub", "(receipt-root.pub: missing)"),
    ):
        (node.home / "keys" / name).unlink()
        for command in (["worker"], ["report", "list"]):
            answer = node.command("--lang", "en", *command, check=False)
            assert (answer.returncode, word in answer.stderr) == (1, True), (name, answer.stderr)
        copy_keys(running, node, name)


def test_a_rotation_is_noted_and_machines_without_its_keys_wait(
    desk: tuple[Live, Databases],
) -> None:
    running, databases = desk
    node = second_node(desk, "late")
    shutil.copytree(running.home / "keys", node.home / "keys", dirs_exist_ok=True)
    running.command("keys", "rotate")
    running.command("report", "list")
    all_refused(node, "content-N of 20")
    names = [f"{group}-0002.{half}" for group in ("content", "identity") for half in ("key", "pub")]
    copy_keys(running, node, *names)
    node.command("report", "list")
    with psycopg.connect(databases.url(DatabaseRole.APP)) as app:
        row = app.execute("SELECT count(*) FROM fanal_key WHERE purpose = 'content'").fetchone()
        assert row == (2,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            app.execute("DELETE FROM fanal_key")


def test_a_lost_key_is_replaced_by_a_person_only(desk: tuple[Live, Databases]) -> None:
    running, _ = desk
    path = running.home / "keys" / "secret_key"
    kept = path.read_text()
    path.write_text("another secret, as long as it has to be, and as random")
    refused = running.command("report", "list", check=False)
    assert refused.returncode == 1
    running.command("keys", "accept", "secret")
    running.command("report", "list")
    path.write_text(kept)
    running.command("keys", "accept", "secret")


def test_lost_keys_are_accepted_all_at_once_and_each_in_the_ledger(
    desk: tuple[Live, Databases],
) -> None:
    running, databases = desk
    keys = running.home / "keys"
    secret = keys / "secret_key"
    kept = secret.read_text()
    content = keys / "content-0001.key"
    lost = content.read_bytes()

    def state() -> tuple[object, object]:
        with psycopg.connect(databases.url(DatabaseRole.OWNER)) as owner:
            known = owner.execute("SELECT purpose, fingerprint FROM fanal_key ORDER BY 1, 2")
            entries = "SELECT count(*) FROM ledger_entry WHERE action = 'keys.accept'"
            return known.fetchall(), owner.execute(entries).fetchone()

    before = state()
    secret.write_text("another secret, as long as it has to be, and as random")
    content.unlink()
    assert running.command("keys", "accept", "secret", check=False).returncode == 1
    assert state() == before, "another key is missing: none is accepted"
    content.write_bytes(lost)
    mark = running.home / "restore-unfinished.txt"
    mark.write_text("00\n/nowhere")
    assert running.command("keys", "accept", "secret", check=False).returncode == 1
    assert state() == before, "a restore was broken off"
    mark.unlink()
    running.command("keys", "accept", "secret", "ledger")
    known, entries = state()
    assert known != before[0]
    assert entries == (before[1][0] + 2,)  # type: ignore[index]
    secret.write_text(kept)
    running.command("keys", "accept", "secret")


def test_readyz_names_the_keys(desk: tuple[Live, Databases]) -> None:
    running, _ = desk
    running.start()
    try:
        assert wait_for(lambda: running.call("GET", "/readyz").status == 200)
        moved = running.home / "keys" / "content-0001.key"
        kept = moved.read_bytes()
        moved.unlink()
        # Each web process answers from what it saw up to a second ago, and any may answer.
        assert wait_for(lambda: _told(running) == (503, False, True))
        moved.write_bytes(kept)
        assert wait_for(lambda: running.call("GET", "/readyz").status == 200)
    finally:
        running.stop()


def _told(running: Live) -> tuple[int, object, object]:
    answer = running.call("GET", "/readyz")
    return answer.status, answer.json["keys"], answer.json["database"]


def test_readyz_names_a_vault_that_another_installation_has_taken(
    desk: tuple[Live, Databases],
) -> None:
    running, _ = desk
    running.start()
    try:
        assert wait_for(lambda: running.call("GET", "/readyz").status == 200)
        mark = running.home / "vault" / "identity"
        kept = mark.read_bytes()
        mark.write_text("0" * 64)
        assert wait_for(lambda: _lacking(running) == {"vault"})
        mark.write_bytes(kept)
        assert wait_for(lambda: running.call("GET", "/readyz").status == 200)
    finally:
        running.stop()


def _lacking(running: Live) -> set[str]:
    """Return the parts that are not ready."""
    parts = running.call("GET", "/readyz").json
    return {name for name, holds in parts.items() if holds is False}
