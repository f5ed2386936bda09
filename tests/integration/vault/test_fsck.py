"""fsck sees every kind of damage, both ways, and mends only what nobody can open."""

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from django.db import connection, transaction

from fanal.kernel.actors import system_actor
from fanal.kernel.clock import now as clock_now
from fanal.kernel.ids import new_id
from fanal.vault import keyring, packs
from fanal.vault.domain.records import Sealable
from fanal.vault.fsck import FsckCode, check_vault
from fanal.vault.operations.erase import erase
from fanal.vault.operations.opening import open_batch
from fanal.vault.operations.sealing import seal_batch

pytestmark = pytest.mark.role("worker")

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
SYSTEM = system_actor("fsck")


@pytest.fixture(autouse=True)
def vault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    ring = replace(keyring.current(), vault_folder=tmp_path / "vault")
    monkeypatch.setattr(keyring, "_installed", [ring])
    return ring.vault_folder


def seal(*sizes: int) -> list[Sealable]:
    items = [
        Sealable(id=new_id(NOW), owner_id=new_id(NOW), kind="report", plaintext=os.urandom(size))
        for size in sizes
    ]
    seal_batch(items=items, now=NOW)
    return items


def codes(*, repair: bool = False, quick: bool = False) -> list[str]:
    later = clock_now() + timedelta(hours=2)
    outcome = check_vault(actor=SYSTEM, now=later, repair=repair, quick=quick)
    return [f.code.value for f in outcome.findings]


def pack(vault: Path) -> Path:
    (path,) = (vault / "packs").iterdir()
    return path


def own_file(vault: Path) -> Path:
    (path,) = [p for p in (vault / "files").rglob("*") if p.is_file()]
    return path


def flip(path: Path, position: int, bit: int = 0) -> None:
    data = bytearray(path.read_bytes())
    data[position] ^= 1 << bit
    path.write_bytes(data)


def extend(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


DAMAGE: list[tuple[str, Callable[[Path], object], set[str]]] = [
    ("pack gone", lambda v: pack(v).unlink(), {"MISSING"}),
    ("pack empty", lambda v: os.truncate(pack(v), 0), {"SHORT"}),
    ("pack cut", lambda v: os.truncate(pack(v), pack(v).stat().st_size - 1), {"SHORT"}),
    ("pack bit", lambda v: flip(pack(v), 100), {"CORRUPT"}),
    ("pack tail", lambda v: extend(pack(v), b"FNS1 half"), {"LEFTOVER"}),
    ("file gone", lambda v: own_file(v).unlink(), {"MISSING"}),
    ("file cut", lambda v: os.truncate(own_file(v), 1000), {"SHORT"}),
    ("file longer", lambda v: extend(own_file(v), b"x"), {"CORRUPT"}),
    ("file bit", lambda v: flip(own_file(v), 5000), {"CORRUPT"}),
    ("file head", lambda v: flip(own_file(v), 8), {"CORRUPT"}),
    (
        "file renamed",
        lambda v: own_file(v).rename(own_file(v).with_name(str(uuid4()))),
        {"MISSING", "ORPHAN"},
    ),
    ("file copied", lambda v: shutil.copy(own_file(v), own_file(v).with_name("copy")), {"ORPHAN"}),
    ("temporary", lambda v: (v / "tmp" / "left").write_bytes(b"x"), {"LEFTOVER"}),
]


@pytest.mark.django_db
class TestFindings:
    def test_a_whole_vault_is_clean(self) -> None:
        seal(10, 0, 64_000, 70_000, 300_000)
        outcome = check_vault(actor=SYSTEM, now=clock_now())
        assert (outcome.objects, outcome.opened, outcome.findings) == (5, 5, [])

    @pytest.mark.parametrize(("name", "damage", "wanted"), DAMAGE, ids=[d[0] for d in DAMAGE])
    def test_damage_is_named(
        self, vault: Path, name: str, damage: Callable[[Path], object], wanted: set[str]
    ) -> None:
        seal(200, 90_000)
        damage(vault)
        assert set(codes()) == wanted

    def test_every_bit_of_a_pack_and_a_file_is_located(self, vault: Path) -> None:
        small, large = seal(64, 65_540)
        for path, item, positions in (
            (pack(vault), small, range(pack(vault).stat().st_size)),
            (own_file(vault), large, [*range(40), *range(40, 65_600, 997)]),
        ):
            whole = path.read_bytes()
            for position in positions:
                for bit in range(8) if position % 8 == 0 else [position % 8]:
                    flip(path, position, bit)
                    found = check_vault(actor=SYSTEM, now=clock_now()).findings
                    assert item.id in {f.object_id for f in found}, (path, position, bit)
                    path.write_bytes(whole)

    @pytest.mark.parametrize("column", ["sha256", "wrapped_key", "owner_id", "kind"])
    def test_a_changed_row_is_found(self, column: str) -> None:
        one, two = seal(10, 20)
        with connection.cursor() as cursor:
            value = f"(SELECT {column} FROM vault_object WHERE id = %s)"
            cursor.execute(
                f"UPDATE vault_object SET {column} = "
                + ("'other'" if column == "kind" else value)
                + " WHERE id = %s",
                [one.id] if column == "kind" else [two.id, one.id],
            )
        assert codes() == ["CORRUPT"]
        assert codes(quick=True) == []

    def test_a_lost_opening_key_is_told(self, monkeypatch: pytest.MonkeyPatch) -> None:
        seal(10)
        ring = keyring.current()
        other = {bytes(8): next(iter(ring.opening.values()))}
        monkeypatch.setattr(keyring, "_installed", [replace(ring, opening=other)])
        assert codes() == ["UNOPENABLE"]

    def test_a_young_orphan_may_belong_to_an_open_transaction(self) -> None:
        with transaction.atomic():
            seal(10, 70_000)
            transaction.set_rollback(True)
        assert check_vault(actor=SYSTEM, now=clock_now()).clean
        assert sorted(codes()) == ["ORPHAN", "ORPHAN"]


@pytest.mark.django_db
class TestRepair:
    def test_blanks_what_was_never_acknowledged_and_keeps_the_rest(self, vault: Path) -> None:
        kept = seal(10)
        with transaction.atomic():
            seal(20, 70_000)
            transaction.set_rollback(True)
        kept += seal(30)
        with pack(vault).open("ab") as file:
            file.write(b"FNS1 half a segm")
        (vault / "tmp" / "left").write_bytes(b"x")
        assert sorted(codes(repair=True)) == ["LEFTOVER", "LEFTOVER", "ORPHAN", "ORPHAN"]
        assert codes() == []
        opened = open_batch(actor=SYSTEM, object_ids=[i.id for i in kept], now=NOW, purpose="x")
        assert opened == {i.id: i.plaintext for i in kept}

    def test_blanks_every_orphan_of_a_pack_at_once(self) -> None:
        with transaction.atomic():
            seal(20, 30, 40)
            transaction.set_rollback(True)
        later = clock_now() + timedelta(milliseconds=5)
        for wanted in (3, 0):
            outcome = check_vault(actor=SYSTEM, now=later, grace=timedelta(0), repair=True)
            assert len(outcome.findings) == wanted
            assert outcome.clean

    def test_touches_no_pack_that_also_misses_something(self, vault: Path) -> None:
        (one,) = seal(10)
        with connection.cursor() as cursor:
            cursor.execute("UPDATE vault_object SET place = 7 WHERE id = %s", [one.id])
        before = pack(vault).read_bytes()
        assert set(codes(repair=True)) == {FsckCode.SHORT, FsckCode.ORPHAN}
        assert pack(vault).read_bytes() == before

    def test_an_erased_object_is_no_finding(self) -> None:
        item = seal(10)[0]
        erase(actor=SYSTEM, owner_ids=[item.owner_id], now=NOW)
        outcome = check_vault(actor=SYSTEM, now=clock_now() + timedelta(hours=2))
        assert (outcome.erased, outcome.findings) == (1, [])


def test_a_pack_describes_itself(vault: Path) -> None:
    writer = packs.PackWriter(vault)
    ids = [uuid4() for _ in range(3)]
    places = writer.append([(i, b"sealed bytes %d" % n) for n, i in enumerate(ids)])
    writer.close()
    assert [(s.object_id, s.offset, s.sound) for s in packs.scan_pack(pack(vault))] == [
        (i, p.offset, True) for i, p in zip(ids, places, strict=True)
    ]
