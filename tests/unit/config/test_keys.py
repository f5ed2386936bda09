"""Key files: made once, private, and fewer of them on a public node."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from fanal.config import keys
from fanal.config.installation import read_held
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


def test_only_a_process_that_signs_reads_the_checkpoint_key(home: Path) -> None:
    assert keys.load_keys(home, public_node=False).ledger_signing is not None
    (keys.keys_folder(home) / "ledger-0001.key").unlink()
    found = keys.load_keys(home, public_node=False, signs=False)
    assert found.ledger_signing is None
    assert len(found.opening) == 2


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


def test_a_node_gets_digest_keys_of_its_own(home: Path, tmp_path: Path) -> None:
    desk = keys.load_keys(home, public_node=False)
    nodes = {}
    for name in ("node-2", "node-3"):
        folder = tmp_path / name
        keys.give_node_keys(home, keys.keys_folder(folder), now=NOW, node=name)
        nodes[name] = keys.load_keys(folder, public_node=True)
        held = "".join(path.read_text() for path in keys.keys_folder(folder).iterdir())
        assert desk.digest.hex() not in held
        assert nodes[name].digests == desk.digests, "a repeat is known wherever it arrives"
    assert len({desk.digest, *(n.digest for n in nodes.values()), *desk.digests.values()}) == 5
    keys.give_node_keys(home, keys.keys_folder(tmp_path / "again"), now=NOW, node="node-2")
    again = keys.load_keys(tmp_path / "again", public_node=True)
    assert again.digest == nodes["node-2"].digest, "the desk can make it again"


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
    of_no_algorithm = "-----BEGIN PUBLIC KEY-----\nMAswBQYDKgMEAwIAAQ==\n-----END PUBLIC KEY-----\n"
    for text in ("no key", of_no_algorithm):
        with pytest.raises(keys.KeysMissing):
            keys.read_public_key(text)


def _numbers(home: Path) -> list[str]:
    return sorted(path.name for path in keys.keys_folder(home).glob("node-*.cert"))


def test_a_start_renews_a_certificate_in_time_and_never_too_early(home: Path) -> None:
    ends = keys.node_certificate_ends(home)
    assert ends is not None
    last = datetime(ends.year, ends.month, ends.day, tzinfo=UTC)
    for before, expected in ((61, 1), (59, 2), (59, 2)):
        start = last - timedelta(days=before)
        keys.ensure_keys(home, now=start, origin="fanal.test/ledger", node="node-1")
        assert len(_numbers(home)) == expected
    root = keys.read_public_key((keys.keys_folder(home) / "receipt-root.pub").read_text())
    later = last + timedelta(days=100)
    signed = keys.load_keys(home, public_node=False).node.sign_receipt(
        report_id=new_id(later), body=b"x", received_at=later
    )
    assert verify_receipt(signed, root=root).node == "node-1"


def test_without_the_root_nothing_is_renewed(home: Path) -> None:
    (keys.keys_folder(home) / "receipt-root.key").unlink()
    keys.ensure_keys(home, now=NOW + timedelta(days=700), origin="o", node="node-1")
    assert len(_numbers(home)) == 1


def test_a_certificate_that_ended_signs_nothing(home: Path) -> None:
    node, after = keys.load_keys(home, public_node=False).node, NOW + timedelta(days=800)
    with pytest.raises(OSError, match="certificate ended on"):
        node.sign_receipt(report_id=new_id(NOW), body=b"x", received_at=after)


def test_a_node_says_why_nobody_could_verify_its_receipts(home: Path, tmp_path: Path) -> None:
    node = tmp_path / "node"
    keys.give_node_keys(home, keys.keys_folder(node), now=NOW, node="node-2")
    assert keys.node_fault(node, now=NOW) is None
    for away in (timedelta(days=-9), timedelta(days=800)):
        assert "sign receipts from 2026-11-23 to" in str(keys.node_fault(node, now=NOW + away))
        assert keys.node_misfit(node) is None
    path = keys.keys_folder(node) / "node-0001.cert"
    own = path.read_text()
    path.write_text((keys.keys_folder(home) / path.name).read_text())
    assert "another key" in str(keys.node_fault(node, now=NOW))
    lines = own.splitlines(keepends=True)
    path.write_text("".join(["node: node-9\n", *lines[1:]]))
    assert "not signed by the root" in str(keys.node_fault(node, now=NOW))
    path.write_text("no certificate")
    assert "node-0001.cert" in str(keys.node_fault(node, now=NOW))
    path.write_text(own)
    (keys.keys_folder(node) / "receipt-root.pub").unlink()
    assert "receipt-root.pub" in str(keys.node_misfit(node))


def test_a_half_written_renewal_leaves_the_pair_before(home: Path) -> None:
    other = keys.keys_folder(home) / "ledger-0001.key"
    (keys.keys_folder(home) / "node-0002.key").write_bytes(other.read_bytes())
    assert keys.node_fault(home, now=NOW) is None
    signed = keys.load_keys(home, public_node=True).node.sign_receipt(
        report_id=new_id(NOW), body=b"x", received_at=NOW
    )
    root = keys.read_public_key((keys.keys_folder(home) / "receipt-root.pub").read_text())
    assert verify_receipt(signed, root=root).node == "node-1"


def test_a_start_makes_a_pair_anew_that_does_not_fit(home: Path, tmp_path: Path) -> None:
    keys.give_node_keys(home, tmp_path / "node", now=NOW, node="node-2")
    certificate = (tmp_path / "node" / "node-0001.cert").read_text()
    (keys.keys_folder(home) / "node-0001.cert").write_text(certificate)
    for _ in range(2):
        keys.ensure_keys(home, now=NOW, origin="o", node="node-1")
        assert _numbers(home) == ["node-0001.cert", "node-0002.cert"]
        assert keys.node_fault(home, now=NOW) is None


@pytest.mark.parametrize(
    "name",
    ["digest.key", "digest-intake.key", "ledger-0001.vkey", "node-0001.cert", "content-0001.pub"],
)
@pytest.mark.parametrize("damage", [None, b"", b"words", b"\xff\xfe"])
def test_a_node_names_each_file_that_is_missing_or_damaged(
    home: Path, tmp_path: Path, name: str, damage: bytes | None
) -> None:
    node = tmp_path / "node"
    keys.give_node_keys(home, keys.keys_folder(node), now=NOW, node="node-2")
    path = keys.keys_folder(node) / name
    path.unlink()
    if damage is not None:
        path.write_bytes(damage)
    elif name.startswith("digest-"):
        return  # derived from `digest.key`: `read_held` finds that the database knows another
    with pytest.raises(keys.KeysMissing, match=name.partition("-0001")[0]):
        keys.load_keys(node, public_node=True)
    if damage and not name.startswith(("digest.", "node")):
        with pytest.raises(keys.KeysMissing, match=name.partition("-0001")[0]):
            read_held(node, public_node=True, secret="")
