"""Sealing, opening and erasing on real disks and a real PostgreSQL."""

import hashlib
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
from django.db import connection, transaction

from fanal.accounts.domain.policy import Refused
from fanal.kernel.actors import Role, public_actor, system_actor
from fanal.kernel.ids import new_id
from fanal.ledger.operations import MotiveMissing
from fanal.vault import keyring, packs
from fanal.vault.domain.envelope import EnvelopeRefused
from fanal.vault.domain.records import Sealable
from fanal.vault.operations.erase import erase
from fanal.vault.operations.opening import ObjectUnknown, open_batch, open_object, open_stream
from fanal.vault.operations.sealing import StreamTooLarge, seal_batch, seal_stream
from tests.actors import desk_actor
from tests.policy_cells import actor_as, agreed

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
ANALYST = desk_actor(person_id=new_id(NOW), roles={Role.ANALYST}, desks={1}, motive="case 12")
SUPERVISOR = desk_actor(person_id=new_id(NOW), roles={Role.SUPERVISOR}, desks={1}, motive="case 12")
SYSTEM = system_actor("harmonise")


@pytest.fixture(autouse=True)
def vault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty vault, with the keys of the run."""
    ring = replace(keyring.current(), vault_folder=tmp_path / "vault")
    monkeypatch.setattr(keyring, "_installed", [ring])
    return ring.vault_folder


def sealable(plaintext: bytes = b"what was seen", kind: str = "report") -> Sealable:
    return Sealable(id=new_id(NOW), owner_id=new_id(NOW), kind=kind, plaintext=plaintext)


def only_public(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyring, "_installed", [replace(keyring.current(), opening={})])


def rows(query: str) -> list[tuple[object, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchall()


SIZES = [0, 1, 65_535, 65_536, 65_537, 200_000]


@pytest.mark.django_db
class TestSealAndOpen:
    @pytest.mark.parametrize("kind", ["report", "identity"])
    def test_every_size_comes_back(self, kind: str) -> None:
        items = [sealable(bytes(size), kind) for size in SIZES]
        seal_batch(items=items, now=NOW)
        opened = open_batch(
            actor=SYSTEM, object_ids=[i.id for i in items], now=NOW, purpose="harmonise"
        )
        assert opened == {i.id: i.plaintext for i in items}

    def test_nothing_readable_reaches_the_disk_or_the_table(self, vault: Path) -> None:
        item = sealable(b"CANARY-WORDS" * 10, "identity")
        seal_batch(items=[item], now=NOW)
        assert all(b"CANARY" not in p.read_bytes() for p in vault.rglob("*") if p.is_file())
        ((sha256,),) = rows("SELECT sha256 FROM vault_object")
        assert bytes(sha256) != hashlib.sha256(item.plaintext).digest()  # type: ignore[call-overload]

    def test_a_batch_shares_a_pack_and_large_objects_have_files(self, vault: Path) -> None:
        seal_batch(items=[sealable() for _ in range(20)], now=NOW)
        seal_batch(items=[sealable(bytes(70_000))], now=NOW)
        assert len(list((vault / "packs").iterdir())) == 1
        assert len([p for p in (vault / "files").rglob("*") if p.is_file()]) == 1
        assert not list((vault / "tmp").iterdir())

    def test_a_stream_is_hashed_and_its_memory_stays_flat(self) -> None:
        size, piece = 40 * 2**20, bytes(2**16)

        def pieces() -> Iterator[bytes]:
            for _ in range(size // len(piece)):
                yield piece

        tracemalloc.start()
        sealed = seal_stream(
            id=new_id(NOW), chunks=pieces(), kind="file", owner_id=new_id(NOW), now=NOW
        )
        opened = open_stream(actor=ANALYST, object_id=sealed.id, now=NOW, purpose="case")
        digest = hashlib.sha256()
        for part in opened:
            digest.update(part)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert sealed.size == size
        assert digest.hexdigest() == sealed.sha256
        assert (sealed.md5, sealed.sha1) == (
            hashlib.md5(piece * (size // len(piece))).hexdigest(),
            hashlib.sha1(piece * (size // len(piece))).hexdigest(),
        )
        assert peak < 2 * 2**20

    def test_a_stream_that_is_too_large_leaves_nothing(self, vault: Path) -> None:
        with pytest.raises(StreamTooLarge):
            seal_stream(
                id=new_id(NOW),
                chunks=[bytes(100)] * 3,
                kind="file",
                owner_id=new_id(NOW),
                now=NOW,
                max_size=250,
            )
        assert not [p for p in vault.rglob("*") if p.is_file()]
        assert rows("SELECT count(*) FROM vault_object") == [(0,)]


@pytest.mark.django_db
@pytest.mark.role("worker")
class TestOpening:
    def test_writes_the_read_with_its_motive(self) -> None:
        item = sealable(kind="identity")
        seal_batch(items=[item], now=NOW)
        open_object(actor=SUPERVISOR, object_id=item.id, now=NOW, purpose="call back")
        assert rows("SELECT action, actor_id FROM ledger_entry") == [
            ("identity.open", SUPERVISOR.person_id)
        ]
        assert rows("SELECT motive FROM ledger_motive") == [("call back",)]
        assert {r[0] for r in rows("SELECT object_id FROM ledger_object")} == {
            item.id,
            item.owner_id,
        }

    def test_refuses_a_read_without_motive(self) -> None:
        item = sealable()
        seal_batch(items=[item], now=NOW)
        with pytest.raises(MotiveMissing):
            open_object(actor=replace(ANALYST, motive=""), object_id=item.id, now=NOW, purpose="")

    @pytest.mark.parametrize("role", list(Role))
    @pytest.mark.parametrize(
        ("kind", "right"), [("report", "original.open"), ("identity", "identity.open")]
    )
    def test_opens_to_those_whom_the_policy_lets_open_it(
        self, role: Role, kind: str, right: str
    ) -> None:
        item = sealable(kind=kind)
        seal_batch(items=[item], now=NOW)
        actor = actor_as(role, motive="curious")
        asked = {"actor": actor, "object_id": item.id, "now": NOW, "purpose": "curious"}
        if (right, role) in agreed():
            assert open_object(**asked) == item.plaintext
        else:
            with pytest.raises(Refused):
                open_object(**asked)

    def test_an_object_opens_under_the_right_that_the_caller_names(self) -> None:
        item = sealable(kind="secret")
        seal_batch(items=[item], now=NOW)
        asked = {"object_id": item.id, "now": NOW, "purpose": "x", "right": "source.manage"}
        assert open_object(actor=SUPERVISOR, **asked)
        with pytest.raises(Refused, match=r"source\.manage"):
            open_object(actor=ANALYST, **asked)

    def test_only_the_system_opens_in_bulk(self) -> None:
        with pytest.raises(Refused):
            open_batch(actor=ANALYST, object_ids=[], now=NOW, purpose="x")

    def test_an_unknown_object_is_named(self) -> None:
        with pytest.raises(ObjectUnknown):
            open_object(actor=ANALYST, object_id=new_id(NOW), now=NOW, purpose="x")

    @pytest.mark.parametrize("column", ["owner_id", "kind", "sha256", "wrapped_key"])
    def test_an_object_opens_only_as_what_it_was_sealed(self, column: str) -> None:
        one, other = sealable(b"one"), sealable(b"two", "file")
        seal_batch(items=[one, other], now=NOW)
        with connection.cursor() as cursor:
            cursor.execute(
                f"UPDATE vault_object SET {column} = (SELECT {column} FROM vault_object WHERE id = %s)"
                " WHERE id = %s",
                [other.id, one.id],
            )
        with pytest.raises(EnvelopeRefused):
            open_object(actor=ANALYST, object_id=one.id, now=NOW, purpose="x")

    def test_two_swapped_blobs_are_seen(self) -> None:
        one, other = sealable(b"one"), sealable(b"two")
        seal_batch(items=[one, other], now=NOW)
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE vault_object a SET place = b.place FROM vault_object b WHERE a.id <> b.id"
            )
        for item in (one, other):
            with pytest.raises(packs.BlobDamaged):
                open_object(actor=ANALYST, object_id=item.id, now=NOW, purpose="x")


@pytest.mark.django_db
@pytest.mark.role("intake")
def test_a_public_node_seals_with_public_keys_and_opens_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    only_public(monkeypatch)
    items = [sealable(), sealable(kind="identity"), sealable(bytes(90_000))]
    assert len(seal_batch(items=items, now=NOW)) == 3
    seal_stream(id=new_id(NOW), chunks=[b"x"], kind="file", owner_id=new_id(NOW), now=NOW)
    with pytest.raises(Exception, match="permission denied"), transaction.atomic():
        open_batch(actor=SYSTEM, object_ids=[items[0].id], now=NOW, purpose="x")


@pytest.mark.django_db
def test_without_the_opening_key_nothing_opens_even_with_every_right(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    item = sealable()
    seal_batch(items=[item], now=NOW)
    only_public(monkeypatch)
    with pytest.raises(keyring.KeyMissing):
        open_object(actor=ANALYST, object_id=item.id, now=NOW, purpose="x")
    assert rows("SELECT count(*) FROM ledger_entry") == [(0,)]
    with pytest.raises(Refused):
        open_object(actor=public_actor(), object_id=item.id, now=NOW, purpose="x")


@pytest.mark.django_db(transaction=True)
@pytest.mark.role("worker")
class TestErase:
    def test_erases_keys_hashes_and_files_and_remembers(self, vault: Path) -> None:
        owner = new_id(NOW)
        small, large = (
            replace(sealable(b"small"), owner_id=owner),
            replace(sealable(bytes(80_000)), owner_id=owner),
        )
        kept = sealable(b"kept")
        seal_batch(items=[small, large, kept], now=NOW)
        assert erase(actor=SYSTEM, owner_ids=[owner], now=NOW) == 2
        for item in (small, large):
            with pytest.raises(ObjectUnknown):
                open_object(actor=ANALYST, object_id=item.id, now=NOW, purpose="x")
        assert open_object(actor=ANALYST, object_id=kept.id, now=NOW, purpose="x")
        assert not packs.file_path(vault, large.id).exists()
        assert rows(
            f"SELECT count(*) FROM vault_object WHERE owner_id = '{owner}' AND"
            " (wrapped_key IS NOT NULL OR sha256 <> decode(repeat('00', 32), 'hex'))"
        ) == [(0,)]
        assert str(owner) in (vault / "erasures.log").read_text()
        assert ("object.erase",) in rows("SELECT action FROM ledger_entry")
        assert erase(actor=SYSTEM, owner_ids=[owner], now=NOW) == 0

    def test_a_reporter_is_erased_apart_from_the_report(self) -> None:
        owner = new_id(NOW)
        body, who = (
            replace(sealable(b"body"), owner_id=owner),
            replace(sealable(b"who", "identity"), owner_id=owner),
        )
        seal_batch(items=[body, who], now=NOW)
        assert erase(actor=SYSTEM, owner_ids=[owner], now=NOW, kinds=["identity"]) == 1
        assert open_object(actor=ANALYST, object_id=body.id, now=NOW, purpose="x")
        with pytest.raises(ObjectUnknown):
            open_object(actor=ANALYST, object_id=who.id, now=NOW, purpose="x")

    def test_a_rolled_back_erasure_leaves_everything(self, vault: Path) -> None:
        item = sealable(bytes(80_000))
        seal_batch(items=[item], now=NOW)
        with transaction.atomic():
            erase(actor=SYSTEM, owner_ids=[item.owner_id], now=NOW)
            transaction.set_rollback(True)
        assert open_object(actor=ANALYST, object_id=item.id, now=NOW, purpose="x")
        assert not (vault / "erasures.log").exists()

    def test_an_analyst_erases_nothing(self) -> None:
        with pytest.raises(Refused):
            erase(actor=ANALYST, owner_ids=[new_id(NOW)], now=NOW)


def stored_ids() -> set[UUID]:
    return {r[0] for r in rows("SELECT id FROM vault_object")}  # type: ignore[misc]


@pytest.mark.django_db
def test_a_failed_sync_keeps_nothing_and_abandons_the_pack(
    vault: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, lost, last = sealable(b"a"), sealable(b"b"), sealable(b"c")
    seal_batch(items=[first], now=NOW)

    def fails(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr("os.fdatasync", fails)
        with pytest.raises(OSError, match="No space"):
            seal_batch(items=[lost], now=NOW)
    seal_batch(items=[last], now=NOW)
    assert stored_ids() == {first.id, last.id}
    assert len(list((vault / "packs").iterdir())) == 2
    opened = open_batch(actor=SYSTEM, object_ids=[first.id, last.id], now=NOW, purpose="x")
    assert opened == {first.id: b"a", last.id: b"c"}
