"""RFC 6962 proofs: the public vectors, and every proof of every small tree."""

import base64
import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from fanal.ledger.domain import merkle

VECTORS = Path(__file__).resolve().parents[2] / "vectors" / "merkle"
LEAVES = [merkle.hash_leaf(b"%d" % n) for n in range(40)]


def load(kind: str) -> list[tuple[str, dict[str, object]]]:
    lines = (VECTORS / f"{kind}.jsonl").read_text().splitlines()
    return [(vector["name"], vector) for vector in map(json.loads, lines)]


def raw(value: object) -> bytes:
    return base64.b64decode(str(value or ""))


def proof(vector: dict[str, object]) -> list[bytes]:
    hashes = vector["proof"] or []
    assert isinstance(hashes, list)
    return [raw(h) for h in hashes]


def refused(check: object, **arguments: object) -> bool:
    try:
        check(**arguments)  # type: ignore[operator]
    except merkle.ProofRefused:
        return True
    return False


class TestPublicVectors:
    def test_of_inclusion(self) -> None:
        vectors = load("inclusion")
        assert len(vectors) == 98
        for name, v in vectors:
            wrong = refused(
                merkle.verify_inclusion,
                leaf_hash=raw(v["leafHash"]),
                index=v["leafIdx"],
                size=v["treeSize"],
                proof=proof(v),
                root=raw(v["root"]),
            )
            assert wrong is v["wantErr"], name

    def test_of_consistency(self) -> None:
        vectors = load("consistency")
        assert len(vectors) == 98
        for name, v in vectors:
            wrong = refused(
                merkle.verify_consistency,
                size1=v["size1"],
                size2=v["size2"],
                root1=raw(v["root1"]),
                root2=raw(v["root2"]),
                proof=proof(v),
            )
            assert wrong is v["wantErr"], name

    def test_of_inclusion_in_a_subtree(self) -> None:
        vectors = load("subtreeinclusion")
        assert len(vectors) == 204
        for name, v in vectors:
            wrong = refused(
                merkle.verify_subtree_inclusion,
                leaf_hash=raw(v["leafHash"]),
                index=v["leafIdx"],
                start=v["start"],
                end=v["end"],
                proof=proof(v),
                root=raw(v["root"]),
            )
            assert wrong is v["wantErr"], name

    def test_of_consistency_of_a_subtree(self) -> None:
        vectors = load("subtreeconsistency")
        assert len(vectors) == 118
        for name, v in vectors:
            wrong = refused(
                merkle.verify_subtree_consistency,
                start=v["start"],
                end=v["end"],
                size=v["size"],
                subtree_root=raw(v["root1"]),
                root=raw(v["root2"]),
                proof=proof(v),
            )
            assert wrong is v["wantErr"], name


def over(leaves):
    """Return what proofs read, from leaves at hand."""
    return lambda begin, end: merkle.root_of(leaves[begin:end])


class TestOwnProofs:
    def test_every_leaf_of_every_tree_is_included_and_no_other(self) -> None:
        for size in range(1, len(LEAVES)):
            tree = LEAVES[:size]
            root = merkle.root_of(tree)
            for index in range(size):
                path = merkle.inclusion_proof(over(tree), index=index, size=size)
                merkle.verify_inclusion(
                    leaf_hash=tree[index], index=index, size=size, proof=path, root=root
                )
                assert refused(
                    merkle.verify_inclusion,
                    leaf_hash=LEAVES[-1],
                    index=index,
                    size=size,
                    proof=path,
                    root=root,
                )

    def test_every_prefix_of_every_tree_is_consistent(self) -> None:
        for size2 in range(len(LEAVES)):
            for size1 in range(1, size2 + 1):
                path = merkle.consistency_proof(over(LEAVES), size1=size1, size2=size2)
                facts = {
                    "size1": size1,
                    "size2": size2,
                    "root1": merkle.root_of(LEAVES[:size1]),
                    "root2": merkle.root_of(LEAVES[:size2]),
                }
                merkle.verify_consistency(**facts, proof=path)  # type: ignore[arg-type]
                for n in range(len(path)):
                    cut = [*path[:n], *path[n + 1 :]]
                    assert refused(merkle.verify_consistency, **facts, proof=cut)

    @settings(max_examples=60)
    @given(st.integers(0, 300), st.integers(0, 300))
    def test_a_range_goes_on_from_its_stored_state(self, first: int, more: int) -> None:
        leaves = [merkle.hash_leaf(b"%d" % n) for n in range(first + more)]
        tree = merkle.CompactRange()
        for leaf in leaves[:first]:
            tree.append(leaf)
        again = merkle.CompactRange(tree.size, tree.hashes)
        for leaf in leaves[first:]:
            again.append(leaf)
        assert again.root() == merkle.root_of(leaves) == naive_root(leaves)

    def test_refuses_a_state_that_is_none(self) -> None:
        with pytest.raises(ValueError, match="cannot cover"):
            merkle.CompactRange(3, [bytes(32)])
        with pytest.raises(ValueError, match="32-byte"):
            merkle.CompactRange(1, [b"short"])


def naive_root(leaves: list[bytes]) -> bytes:
    if len(leaves) < 2:
        return leaves[0] if leaves else hashlib.sha256(b"").digest()
    half = 1
    while half * 2 < len(leaves):
        half *= 2
    pair = naive_root(leaves[:half]) + naive_root(leaves[half:])
    return hashlib.sha256(b"\x01" + pair).digest()
