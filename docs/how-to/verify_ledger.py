"""Verify a log of Fanal without Fanal: standard library and `cryptography`.

    python verify_ledger.py KEY CHECKPOINTS EXPORT

KEY is the file of the verifier key (`keys/ledger-0001.vkey`; after a rotation all keys, one a line),
CHECKPOINTS the append-only file of signed notes (C2SP tlog-checkpoint), EXPORT the output of `fanal ledger
export`. Keep KEY and CHECKPOINTS on another machine. The export is read once, whatever its size.
"""

import base64
import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def sha256(data: bytes) -> bytes:
    """Return the SHA-256 of bytes."""
    return hashlib.sha256(data).digest()


def read_keys(file: str) -> dict[tuple[str, str], Ed25519PublicKey]:
    """Return the public keys of a file of verifier keys, by name and key id."""
    keys = {}
    for line in Path(file).read_text(encoding="utf-8").split():
        name, key_id, encoded = line.split("+", 2)
        raw = base64.b64decode(encoded)[1:]
        keys[name, key_id] = Ed25519PublicKey.from_public_bytes(raw)
    return keys


def open_note(note: str, keys: dict[tuple[str, str], Ed25519PublicKey]) -> tuple[int, bytes]:
    """Return size and root of a checkpoint that one of the keys has signed; fail otherwise."""
    text, _, signatures = note.rpartition("\n\n")
    for line in signatures.splitlines():
        _, signer, value = line.split(" ")
        raw = base64.b64decode(value)
        key = keys.get((signer, raw[:4].hex()))
        if key is not None:
            try:
                key.verify(raw[4:], (text + "\n").encode())
            except InvalidSignature:
                raise SystemExit("the signature of a checkpoint is wrong") from None
            _, size, root = text.split("\n")[:3]
            return int(size), base64.b64decode(root)
    raise SystemExit("a checkpoint is not signed by these keys")


def leaf(line: dict) -> bytes:
    """Return the RFC 6962 leaf hash of an exported entry."""
    instant, body = line["db_at"].to_bytes(8, "big", signed=True), line["body"].encode()
    writer = line.get("writer")  # the database role; none in entries of version 1
    if writer is None:
        return sha256(b"\0fanal/ledger-leaf/v1\0" + instant + body)
    role = bytes([len(writer)]) + writer.encode()
    return sha256(b"\0fanal/ledger-leaf/v2\0" + instant + role + body)


def leaves(export: str) -> Iterator[bytes]:
    """Yield the leaf of each exported entry; fail where numbers are missing, doubled or out of order."""
    with Path(export).open(encoding="utf-8") as file:
        for number, text in enumerate(file, 1):
            line = json.loads(text)
            if line["seq"] != number:
                raise SystemExit(f"numbers are missing, doubled or out of order at {number}")
            yield leaf(line)


def add(subtrees: list[bytes], size: int, node: bytes) -> None:
    """Add leaf number `size` (from 0) to the roots of the perfect subtrees before it (RFC 6962, 2.1)."""
    while size & 1:
        node = sha256(b"\1" + subtrees.pop() + node)
        size >>= 1
    subtrees.append(node)


def root_of(subtrees: list[bytes]) -> bytes:
    """Return the root over perfect subtrees, largest first."""
    if not subtrees:
        return sha256(b"")
    node = subtrees[-1]
    for left in reversed(subtrees[:-1]):
        node = sha256(b"\1" + left + node)
    return node


def main(key_file: str, checkpoints: str, export: str) -> None:
    """Grow the tree entry by entry, and compare its root with each checkpoint where its size is reached."""
    keys = read_keys(key_file)
    lines = Path(checkpoints).read_text(encoding="utf-8-sig").splitlines()
    parts = "\n".join(line.rstrip() for line in lines).strip("\n").split("\n\n")
    if len(parts) % 2:
        raise SystemExit("the file of checkpoints holds none, or something beside them")
    notes = [f"{a}\n\n{b}\n" for a, b in zip(parts[0::2], parts[1::2], strict=True)]
    signed = sorted(open_note(note, keys) for note in notes)
    subtrees: list[bytes] = []
    size = due = 0
    for node in leaves(export):
        add(subtrees, size, node)
        size += 1
        while due < len(signed) and signed[due][0] <= size:
            point, root = signed[due]
            if root != root_of(subtrees):
                raise SystemExit(
                    f"checkpoint {point}: an entry up to {point} is not what was signed"
                )
            due += 1
    if due < len(signed):
        raise SystemExit(f"checkpoint {signed[due][0]}: the log was cut or rolled back to {size}")
    sys.stdout.write(f"{len(notes)} checkpoints hold; {size} entries\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
