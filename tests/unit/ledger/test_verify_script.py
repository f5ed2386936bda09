"""The script for outside verifiers reads an export once: its work grows with the log, not with its square."""

import hashlib
import importlib.util
import json
from pathlib import Path

import pytest

from fanal.ledger.domain import checkpoint
from fanal.ledger.domain.merkle import CompactRange
from tests.unit.ledger.ledgers import ORIGIN, SIGNING

SCRIPT = Path(__file__).parents[3] / "docs" / "how-to" / "verify_ledger.py"
EVERY = 40  # entries a checkpoint, as in a year of 20 million entries and 500 000 checkpoints


def load():
    spec = importlib.util.spec_from_file_location("verify_ledger", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def write_log(folder: Path, size: int) -> list[str]:
    """Write key, checkpoints and export of a log of so many entries; return the script's arguments."""
    script, tree, notes = load(), CompactRange(), []
    with (folder / "export").open("w") as export:
        for number in range(1, size + 1):
            line = {
                "seq": number,
                "db_at": number,
                "writer": "fanal_app",
                "body": f"entry {number}",
            }
            export.write(json.dumps(line) + "\n")
            tree.append(script.leaf(line))
            if number % EVERY == 0:
                signed = checkpoint.sign(
                    origin=ORIGIN, size=number, root=tree.root(), name=ORIGIN, key=SIGNING
                )
                notes.append(signed.note + "\n")
    (folder / "notes").write_text("".join(notes))
    key = checkpoint.NoteKey(name=ORIGIN, public=SIGNING.public_key())
    (folder / "key").write_text(key.encode() + "\n")
    return [str(folder / name) for name in ("key", "notes", "export")]


def hashes_of(folder: Path, size: int, monkeypatch: pytest.MonkeyPatch) -> int:
    """Return how many hashes the script computes for a log of so many entries."""
    folder.mkdir()
    arguments, script, counted = write_log(folder, size), load(), 0

    def count(data: bytes) -> bytes:
        nonlocal counted
        counted += 1
        return hashlib.sha256(data).digest()

    monkeypatch.setattr(script, "sha256", count)
    script.main(*arguments)
    return counted


def test_work_grows_with_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = hashes_of(tmp_path / "small", 2_000, monkeypatch)
    large = hashes_of(tmp_path / "large", 8_000, monkeypatch)
    assert small < 3 * 2_000
    assert large < 4 * small * 1.2


def test_a_wrong_signature_is_named(tmp_path: Path) -> None:
    arguments = write_log(tmp_path, EVERY)
    notes = Path(arguments[1])
    notes.write_text(notes.read_text().replace(f"\n{EVERY}\n", f"\n{EVERY - 1}\n"))
    with pytest.raises(SystemExit, match="signature"):
        load().main(*arguments)
