"""What a copy of the vault would lack is told before anybody needs the copy."""

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fanal.kernel.actors import system_actor
from fanal.kernel.ids import new_id
from fanal.vault import keyring, queries
from fanal.vault.domain.records import Sealable
from fanal.vault.fsck import walk_lacking
from fanal.vault.operations.erase import erase
from fanal.vault.operations.sealing import seal_batch

pytestmark = [pytest.mark.role("worker"), pytest.mark.django_db]

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
SYSTEM = system_actor("backup")


@pytest.fixture
def vault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Hold three small objects in a pack, and one in a file of its own."""
    ring = replace(keyring.current(), vault_folder=tmp_path / "vault")
    monkeypatch.setattr(keyring, "_installed", [ring])
    items = [
        Sealable(id=new_id(NOW), owner_id=new_id(NOW), kind="report", plaintext=bytes(size))
        for size in (10, 20, 30, 70_000)
    ]
    seal_batch(items=items, now=NOW)
    return ring.vault_folder


def behind_a_link(path: Path) -> None:
    """Put something elsewhere, and a link in its place."""
    elsewhere = path.with_name("moved")
    path.rename(elsewhere)
    path.symlink_to(elsewhere)


def pack(vault: Path) -> Path:
    (path,) = (vault / "packs").iterdir()
    return path


def own_file(vault: Path) -> Path:
    (path,) = [p for p in (vault / "files").rglob("*") if p.is_file()]
    return path


@pytest.mark.parametrize(
    ("change", "lacking"),
    [
        (lambda _: None, 0),
        (lambda v: behind_a_link(v / "files"), 1),
        (lambda v: behind_a_link(own_file(v).parent), 1),
        (lambda v: behind_a_link(own_file(v)), 1),
        (lambda v: own_file(v).unlink(), 1),
        (lambda v: os.truncate(own_file(v), 1000), 1),
        (lambda v: behind_a_link(v / "packs"), 3),
        (lambda v: behind_a_link(pack(v)), 3),
        (lambda v: os.truncate(pack(v), pack(v).stat().st_size - 1), 1),
        (lambda v: v.rename(v.with_name("unmounted")), 4),
    ],
)
def test_what_lies_behind_a_link_or_is_short_is_lacking(
    vault: Path, change: Callable[[Path], object], lacking: int
) -> None:
    change(vault)
    assert len(list(walk_lacking(actor=SYSTEM))) == lacking


def test_what_was_erased_is_not_lacking(vault: Path) -> None:
    own_file(vault).unlink()
    owners = [row.bound.owner_id for row in queries.walk_outside(actor=SYSTEM, pack_ids=[])]
    erase(actor=SYSTEM, owner_ids=owners, now=NOW)
    assert list(walk_lacking(actor=SYSTEM)) == []
