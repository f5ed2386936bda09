"""`fanal receipt verify`: offline, with the public key alone."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from fanal.cli.vault import receipt
from fanal.config.keys import ensure_keys, keys_folder, load_keys
from fanal.kernel.ids import new_id

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    ensure_keys(tmp_path, now=NOW, origin="fanal.test/ledger", node="node-1")
    signer = load_keys(tmp_path, public_node=True).node
    signed = tmp_path / "receipt.txt"
    signed.write_text(signer.sign_receipt(report_id=new_id(NOW), body=b"x", received_at=NOW))
    return signed, keys_folder(tmp_path) / "receipt-root.pub"


def test_says_when_and_by_whom(files: tuple[Path, Path]) -> None:
    signed, key = files
    done = CliRunner().invoke(receipt, ["verify", str(signed), "--key", str(key), "--json"])
    facts = json.loads(done.stdout)
    assert done.exit_code == 0
    assert (facts["valid"], facts["node"]) == (True, "node-1")
    assert facts["received_at"] == "2026-11-24T09:30:00+00:00"
    spoken = CliRunner().invoke(receipt, ["verify", str(signed), "--key", str(key)])
    assert spoken.stdout.startswith("valid: received 2026-11-24")


def test_refuses_a_changed_receipt_with_1_and_a_bad_key_with_2(files: tuple[Path, Path]) -> None:
    signed, key = files
    signed.write_text(signed.read_text().replace("09:30:00", "09:31:00"))
    done = CliRunner().invoke(receipt, ["verify", str(signed), "--key", str(key)])
    assert (done.exit_code, done.stdout) == (1, "")
    assert "changed after it was signed" in done.stderr
    signed.write_bytes(b"\xff\xfe\x00")
    assert CliRunner().invoke(receipt, ["verify", str(signed), "--key", str(key)]).exit_code == 1
    assert CliRunner().invoke(receipt, ["verify", str(signed), "--key", str(signed)]).exit_code == 2
