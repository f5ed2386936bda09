"""Verify the transparency log without Fanal: standard library and `cryptography`.

    python verify_transparency.py KEY FOLDER [OPENINGS [BLOCKING_JSON]]

KEY is a file of verifier keys (log and witness, one a line): each must have signed the checkpoint. FOLDER is
a copy of the log, OPENINGS a file of openings (`opening.json` of a list), BLOCKING_JSON the list as loaded.
"""

import base64
import hashlib
import json
import sys
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def checkpoint(folder: Path, keys: list[str]) -> tuple[int, bytes]:
    """Return size and root of the checkpoint that all keys have signed; fail otherwise."""
    text, _, signatures = (folder / "checkpoint").read_text(encoding="utf-8").rpartition("\n\n")
    signed = (text + "\n").encode()
    for key in keys:
        name, key_id, encoded = key.split("+", 2)
        raw = base64.b64decode(encoded)  # 1: Ed25519; 4: a cosignature with its time
        lines = [line.split(" ")[2] for line in signatures.splitlines() if f" {name} " in line]
        values = [v for v in map(base64.b64decode, lines) if v[:4].hex() == key_id]
        if not values:
            raise SystemExit(f"{name} has not signed the checkpoint")
        for value in values:
            time = int.from_bytes(value[4:12], "big")
            head = b"" if raw[0] == 1 else b"cosignature/v1\ntime %d\n" % time
            Ed25519PublicKey.from_public_bytes(raw[1:]).verify(value[-64:], head + signed)
    return int(text.split("\n")[1]), base64.b64decode(text.split("\n")[2])


def entries(folder: Path, size: int) -> list[bytes]:
    """Return the commitments of the log, 32 bytes each."""
    found = []
    for tile in range(-(-size // 256)):
        text, rest, count = f"{tile % 1000:03}", tile // 1000, min(256, size - tile * 256)
        while rest:
            text, rest = f"x{rest % 1000:03}/{text}", rest // 1000
        path = folder / "tile/entries" / text
        partial = path.with_name(f"{path.name}.p") / str(count)
        content = (partial if partial.exists() else path).read_bytes()
        found += [content[i + 2 : i + 34] for i in range(0, count * 34, 34)]
    return found


def root_of(nodes: list[bytes]) -> bytes:
    """Return the root of leaf hashes (RFC 6962, 2.1)."""
    while len(nodes) > 1:
        odd = nodes[-1:] if len(nodes) % 2 else []
        pairs = zip(nodes[0::2], nodes[1::2], strict=False)
        nodes = [hashlib.sha256(b"\1" + a + b).digest() for a, b in pairs] + odd
    return nodes[0] if nodes else hashlib.sha256().digest()


def main(key_file: str, folder: str, openings: str = "", blocking: str = "") -> None:
    """Verify the root, then that the log has each statement opened, one of them that of the list."""
    size, root = checkpoint(Path(folder), Path(key_file).read_text(encoding="utf-8").split())
    log = entries(Path(folder), size)
    if root_of([hashlib.sha256(b"\0" + one).digest() for one in log]) != root:
        raise SystemExit("the entries are not those of the checkpoint")
    lines = Path(openings).read_text(encoding="utf-8").splitlines() if openings else []
    digests = set()
    for line in map(json.loads, lines):
        blinding, statement = base64.b64decode(line["blinding"]), line["statement"]
        opened = b"fanal/commitment/1\n" + blinding + statement.encode()
        if hashlib.sha256(opened).digest() not in log:
            raise SystemExit(f"the log does not contain {statement}")
        digests.add(json.loads(statement).get("sha256"))
    if blocking and hashlib.sha256(Path(blocking).read_bytes()).hexdigest() not in digests:
        raise SystemExit(f"no opening is of {blocking}")
    sys.stdout.write(f"{size} commitments, {len(lines)} openings: whole\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
