"""Key files: made once, private, and fewer of them on a public node."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from fanal.config import keys
from fanal.intake.domain.receipt import verify_receipt
from fanal.kernel.ids import new_id
from fanal.vault.domain.envelope import key_id

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    keys.ensure_keys(tmp_path, now=NOW, origin="fanal.test/ledger", node="node-1")
    return tmp_path


def test_are_made_once_and_readable_by_their_owner_only(home: Path) -> None:
    before = {p.name: p.read_bytes() for p in keys.keys_folder(home).iterdir()}
    keys.ensure_keys(home, now=NOW, origin="fanal.test/ledger", node="node-1")
    assert {p.name: p.read_bytes() for p in keys.keys_folder(home).iterdir()} == before
    assert {oct(p.stat().st_mode & 0o777) for p in keys.keys_folder(home).iterdir()} == {"0o600"}
    assert keys.keys_folder(home).stat().st_mode & 0o777 == 0o700


def test_a_public_node_loads_no_opening_key_and_needs_none(home: Path) -> None:
    assert len(keys.load_keys(home, public_node=False).opening) == 2
    assert not keys.load_keys(home, public_node=True).opening
    for name in ("content-0001.key", "identity-0001.key", "ledger-0001.key", "receipt-root.key"):
        (keys.keys_folder(home) / name).unlink()
    found = keys.load_keys(home, public_node=True)
    assert not found.opening
    assert found.ledger_signing is None
    root = keys.read_public_key((keys.keys_folder(home) / "receipt-root.pub").read_text())
    signed = found.node.sign_receipt(report_id=new_id(NOW), body=b"x", received_at=NOW)
    assert verify_receipt(signed, root=root).node == "node-1"


def test_a_rotation_seals_under_the_new_key_and_still_opens_the_old(home: Path) -> None:
    old = keys.load_keys(home, public_node=False)
    assert keys.make_vault_key(home, "content") == 2
    new = keys.load_keys(home, public_node=False)
    assert key_id(new.content) != key_id(old.content)
    assert key_id(new.identity) == key_id(old.identity)
    assert {key_id(old.content), key_id(new.content)} <= new.opening.keys()


@pytest.mark.parametrize(
    "name",
    ["content-0001.pub", "identity-0001.pub", "digest.key", "node-0001.key", "node-0001.cert"],
)
def test_what_is_missing_or_of_another_kind_is_named(home: Path, name: str) -> None:
    path = keys.keys_folder(home) / name
    path.unlink()
    with pytest.raises(
        keys.KeysMissing, match=name.split("-", maxsplit=1)[0].split(".", maxsplit=1)[0]
    ):
        keys.load_keys(home, public_node=False)


def test_a_key_of_another_kind_is_refused(home: Path) -> None:
    folder = keys.keys_folder(home)
    (folder / "content-0001.key").write_bytes((folder / "ledger-0001.key").read_bytes())
    with pytest.raises(keys.KeysMissing, match="X25519"):
        keys.load_keys(home, public_node=False)
    with pytest.raises(keys.KeysMissing):
        keys.read_public_key("no key")
