"""The sweep removes what killed deposits left, and nothing young, known or beside a loss."""

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection, transaction

from fanal.accounts.domain.policy import Refused
from fanal.kernel.actors import Role, system_actor
from fanal.kernel.clock import now as clock_now
from fanal.kernel.ids import new_id
from fanal.vault import keyring, packs
from fanal.vault.domain.records import Sealable
from fanal.vault.fsck import SAFE_AGE, FsckCode, check_vault, sweep_vault
from fanal.vault.mark import VaultNotOwn, restored_mark
from fanal.vault.operations.erase import erase
from fanal.vault.operations.opening import open_batch
from fanal.vault.operations.sealing import seal_batch

SYSTEM = system_actor("sweep")
pytestmark = [pytest.mark.django_db, pytest.mark.role("worker")]


@pytest.fixture(autouse=True)
def vault(installed_keys: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    ring = replace(keyring.current(), vault_folder=tmp_path / "vault")
    monkeypatch.setattr(keyring, "_installed", [ring])
    return ring.vault_folder


def seal(*sizes: int) -> list[Sealable]:
    now = clock_now()
    items = [
        Sealable(id=new_id(now), owner_id=new_id(now), kind="report", plaintext=os.urandom(size))
        for size in sizes
    ]
    seal_batch(items=items, now=now)
    return items


def lose(*sizes: int) -> None:
    """Seal and never commit, as a killed deposit does."""
    with transaction.atomic():
        seal(*sizes)
        transaction.set_rollback(True)


def later(vault: Path, age: timedelta = SAFE_AGE + timedelta(hours=1)) -> None:
    """Let everything rest for `age`: mtimes go back."""
    then = (clock_now() - age).timestamp()
    for path in vault.rglob("*"):
        if path.is_file():
            os.utime(path, (then, then))


def pack(vault: Path) -> Path:
    (path,) = (vault / "packs").iterdir()
    return path


def entries() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM ledger_entry WHERE action = 'vault.repair'")
        return int(cursor.fetchone()[0])


def test_removes_what_nobody_knows_and_keeps_the_rest(vault: Path) -> None:
    kept = seal(10, 70_000)
    lose(20, 90_000)
    kept += seal(30)
    with pack(vault).open("ab") as file:
        file.write(b"FNS1 half a segm")
    (vault / "tmp" / "left").write_bytes(b"x")
    (vault / "files" / "stray").write_bytes(b"x")
    later(vault)
    assert sweep_vault(actor=SYSTEM, now=clock_now()) == 5
    assert entries() == 1
    later(vault)
    assert sweep_vault(actor=SYSTEM, now=clock_now()) == 0
    assert entries() == 1
    outcome = check_vault(actor=SYSTEM, now=clock_now() + timedelta(days=3))
    assert (outcome.objects, outcome.opened, outcome.findings) == (3, 3, [])
    ids = [item.id for item in kept]
    opened = open_batch(actor=SYSTEM, object_ids=ids, now=clock_now(), purpose="x")
    assert opened == {item.id: item.plaintext for item in kept}


def test_a_vault_that_survived_its_database_keeps_what_is_older(vault: Path) -> None:
    seal(10)
    lose(20, 90_000)
    until = clock_now() + timedelta(seconds=1)
    mark = restored_mark(backup="00" * 32, before=None, kept_until=until)
    (vault / "identity").write_text(mark.text)
    newer = vault / "files" / "ff" / str(new_id(until + timedelta(hours=1)))
    newer.parent.mkdir(exist_ok=True)
    newer.write_bytes(b"x")
    (vault / "tmp" / "draft").write_bytes(b"x")
    # A copy of the files has other times: the ids count.
    for path in vault.rglob("*"):
        os.utime(path, (until.timestamp() + 60, until.timestamp() + 60))
    later_on = until + timedelta(days=2)
    assert sweep_vault(actor=SYSTEM, now=later_on) == 2
    assert not newer.exists()
    outcome = check_vault(actor=SYSTEM, now=later_on, repair=True)
    assert [one.code for one in outcome.findings] == [FsckCode.KEPT] * 2
    assert outcome.clean


def test_seals_and_erases_nothing_once_another_installation_has_the_vault(
    vault: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seal(10)
    (vault / "identity").write_text("the mark of here")
    ring = replace(keyring.current(), vault_mark=bytes(32))
    monkeypatch.setattr(keyring, "_installed", [ring])
    with pytest.raises(VaultNotOwn):
        seal(10)
    with pytest.raises(VaultNotOwn):
        erase(actor=SYSTEM, owner_ids=[new_id(clock_now())], now=clock_now())
    (vault / "identity").unlink()
    with pytest.raises(packs.VaultAway):
        seal(10)


def test_touches_nothing_that_a_running_write_may_own(vault: Path) -> None:
    seal(10)
    lose(20, 90_000)
    with pack(vault).open("ab") as file:
        file.write(b"FNS1 half")
    (vault / "tmp" / "running").write_bytes(b"x")
    before = {path: path.read_bytes() for path in vault.rglob("*") if path.is_file()}
    later(vault, SAFE_AGE - timedelta(minutes=5))
    assert sweep_vault(actor=SYSTEM, now=clock_now()) == 0
    assert {path: path.read_bytes() for path in before} == before


def _move(vault: Path) -> None:
    del vault
    with connection.cursor() as cursor:
        cursor.execute("UPDATE vault_object SET place = 7 WHERE pack_id IS NOT NULL")


def _flip(vault: Path) -> None:
    data = bytearray(pack(vault).read_bytes())
    data[60] ^= 1
    pack(vault).write_bytes(data)


@pytest.mark.parametrize("damage", [_move, _flip])
def test_leaves_a_pack_that_also_lost_something(
    vault: Path, damage: Callable[[Path], None]
) -> None:
    seal(100)
    lose(20)
    damage(vault)
    before = pack(vault).read_bytes()
    later(vault)
    assert sweep_vault(actor=SYSTEM, now=clock_now()) == 0
    assert pack(vault).read_bytes() == before


def test_a_pack_that_rested_is_written_to_no_more(
    vault: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = packs.PackWriter(vault)
    one, two = (writer.append([(new_id(clock_now()), b"x")])[0] for _ in range(2))
    assert one.pack_id == two.pack_id
    monkeypatch.setattr(packs, "PACK_RESTS", 0.0)
    assert writer.append([(new_id(clock_now()), b"x")])[0].pack_id != one.pack_id
    assert timedelta(seconds=2 * 3600.0) < SAFE_AGE
    writer.close()


def test_is_the_systems_alone(vault: Path) -> None:
    analyst = replace(SYSTEM, roles=frozenset({Role.ANALYST}))
    with pytest.raises(Refused):
        sweep_vault(actor=analyst, now=clock_now())


def test_names_that_are_no_packs_stop_neither_sweep_nor_fsck(vault: Path) -> None:
    """Whoever writes in the vault puts there what they like; nobody waits for a pipe."""
    seal(1000)
    lose(500)
    folder = vault / "packs"
    (folder / "named.pack").write_bytes(b"theirs")
    (folder / f"{new_id(clock_now())}.pack").mkdir()
    os.mkfifo(folder / f"{new_id(clock_now())}.pack")
    for target in (pack_of(folder), Path("/dev/zero"), folder / "itself"):
        (folder / f"{new_id(clock_now())}.pack").symlink_to(target)
    later(vault)
    assert sweep_vault(actor=SYSTEM, now=clock_now()) == 1
    found = check_vault(actor=SYSTEM, now=clock_now())
    assert [finding.code for finding in found.findings] == [FsckCode.ORPHAN]


def pack_of(folder: Path) -> Path:
    (path,) = (p for p in folder.iterdir() if p.is_file() and p.name != "named.pack")
    return path
