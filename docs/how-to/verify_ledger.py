"""Verify a log of Fanal without Fanal: standard library and `cryptography`.

    python verify_ledger.py KEY CHECKPOINTS EXPORT

KEY is the verifier key (`keys/ledger-0001.vkey`), CHECKPOINTS the append-only file of signed notes (C2SP
tlog-checkpoint), EXPORT the output of `fanal ledger export`. Keep KEY and CHECKPOINTS on another machine.
"""

import base64
import hashlib
import json
import sys
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def sha256(data: bytes) -> bytes:
    """Return the SHA-256 of bytes."""
    return hashlib.sha256(data).digest()


def open_note(note: str, verifier_key: str) -> tuple[int, bytes]:
    """Return size and root of a checkpoint that the key has signed; fail otherwise."""
    name, key_id, encoded = verifier_key.strip().split("+", 2)
    public = Ed25519PublicKey.from_public_bytes(base64.b64decode(encoded)[1:])
    text, _, signatures = note.rpartition("\n\n")
    for line in signatures.splitlines():
        _, signer, value = line.split(" ")
        raw = base64.b64decode(value)
        if signer == name and raw[:4].hex() == key_id:
            public.verify(raw[4:], (text + "\n").encode())
            _, size, root = text.split("\n")[:3]
            return int(size), base64.b64decode(root)
    raise SystemExit("a checkpoint is not signed by this key")


def leaf(line: dict) -> bytes:
    """Return the RFC 6962 leaf hash of an exported entry."""
    instant, body = line["db_at"].to_bytes(8, "big", signed=True), line["body"].encode()
    writer = line.get("writer")  # the database role; none in entries of version 1
    if writer is None:
        return sha256(b"\0fanal/ledger-leaf/v1\0" + instant + body)
    role = bytes([len(writer)]) + writer.encode()
    return sha256(b"\0fanal/ledger-leaf/v2\0" + instant + role + body)


def root_of(leaves: list[bytes]) -> bytes:
    """Return the RFC 6962 root (section 2.1), written down as the RFC has it."""
    if len(leaves) < 2:
        return leaves[0] if leaves else sha256(b"")
    middle = 1 << (len(leaves) - 1).bit_length() - 1
    return sha256(b"\1" + root_of(leaves[:middle]) + root_of(leaves[middle:]))


def main(verifier_key: str, checkpoints: str, export: str) -> None:
    """Check the numbers, then every checkpoint against the entries it covers."""
    with Path(export).open(encoding="utf-8") as file:
        lines = [json.loads(line) for line in file]
    if [line["seq"] for line in lines] != list(range(1, len(lines) + 1)):
        raise SystemExit("numbers are missing, doubled or out of order")
    leaves = [leaf(line) for line in lines]
    parts = Path(checkpoints).read_text(encoding="utf-8").split("\n\n")
    notes = [f"{a}\n\n{b}\n" for a, b in zip(parts[0::2], parts[1::2], strict=False)]
    for note in notes:
        size, root = open_note(note, verifier_key)
        if size > len(leaves):
            raise SystemExit(f"checkpoint {size}: the log was cut or rolled back to {len(leaves)}")
        if root_of(leaves[:size]) != root:
            raise SystemExit(f"checkpoint {size}: an entry up to {size} is not what was signed")
    sys.stdout.write(f"{len(notes)} checkpoints hold; {len(leaves)} entries\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
