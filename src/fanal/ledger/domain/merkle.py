"""Merkle tree of RFC 6962 (section 2.1): compact range, inclusion and consistency proofs, also of subtrees.

Hashes are SHA-256, 32 bytes. The hash input of a leaf starts with byte 0, that of an inner node with byte
1. The content of a leaf is any bytes.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

HASH_SIZE = 32
WIDTH = 256
"""Number of nodes of a level that form one node of the next stored level."""
_WIDTH_BITS = WIDTH.bit_length() - 1
_TOP_LEVEL = 7
EMPTY_ROOT = hashlib.sha256(b"").digest()

Span: TypeAlias = Callable[[int, int], bytes]
"""Function that returns the root over leaves [begin, end)."""


class ProofRefused(ValueError):
    """Error: a proof does not lead to the given root, or its form is wrong."""


def hash_leaf(data: bytes) -> bytes:
    """Return the leaf hash of `data` (RFC 6962): SHA-256 of byte 0 and the data."""
    return hashlib.sha256(b"\x00" + data).digest()


def hash_children(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node from the hashes (32 bytes each) of its two children (RFC 6962)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class CompactRange:
    """Roots of the perfect subtrees that cover the first `size` leaves of a tree, largest first.

    There are at most 64. Appending a leaf costs one hash on average. The state is `size` and `hashes`,
    which are enough to continue from a checkpoint without its leaves.
    """

    def __init__(self, size: int = 0, hashes: Iterable[bytes] = ()) -> None:
        """Start from a stored state: the number of leaves (`size`) and their subtree roots (`hashes`).

        Raises:
            ValueError: the number of hashes differs from the number of 1 bits of `size`, or a hash has not 32
                bytes.
        """
        self.size = size
        self.hashes = list(hashes)
        if size < 0 or len(self.hashes) != size.bit_count():
            raise ValueError(f"{len(self.hashes)} hashes cannot cover {size} leaves")
        if any(len(value) != HASH_SIZE for value in self.hashes):
            raise ValueError("a compact range holds 32-byte hashes")

    def append(self, leaf_hash: bytes) -> None:
        """Append the hash of the next leaf to the tree."""
        size, node = self.size, leaf_hash
        while size & 1:
            node = hash_children(self.hashes.pop(), node)
            size >>= 1
        self.hashes.append(node)
        self.size += 1

    def root(self) -> bytes:
        """Return the root (32 bytes) of the tree over all leaves so far; `EMPTY_ROOT` without leaves."""
        if not self.hashes:
            return EMPTY_ROOT
        node = self.hashes[-1]
        for left in reversed(self.hashes[:-1]):
            node = hash_children(left, node)
        return node


def root_of(leaf_hashes: Iterable[bytes]) -> bytes:
    """Return the root (32 bytes) of the tree with these leaf hashes, in order; `EMPTY_ROOT` without any."""
    level = list(leaf_hashes)
    if not level:
        return EMPTY_ROOT
    while len(level) > 1:
        odd = level[-1:] if len(level) % 2 else []  # it moves to the next level unchanged
        level = [*map(hash_children, level[0:-1:2], level[1::2]), *odd]
    return level[0]


def span_root(begin: int, end: int, *, nodes: Callable[[int, int, int], Sequence[bytes]]) -> bytes:
    """Return the root over leaves [`begin`, `end`) of a tree, computed from stored nodes.

    `begin` is a multiple of the largest power of two in the range, as for each part of a proof. `nodes(level,
    first, last)` returns the nodes [first, last) of a level; a node of level n covers 256^n leaves.
    """
    size = end - begin
    if size & (size - 1):
        middle = begin + _split(size)
        return hash_children(
            span_root(begin, middle, nodes=nodes), span_root(middle, end, nodes=nodes)
        )
    level = min((size.bit_length() - 1) // _WIDTH_BITS, _TOP_LEVEL)
    shift = level * _WIDTH_BITS
    return root_of(nodes(level, begin >> shift, end >> shift))


def inclusion_proof(span: Span, *, index: int, size: int) -> list[bytes]:
    """Return the audit path of leaf `index` (from 0) in the tree of `size` leaves, from its sibling upwards.

    `span(begin, end)` returns the root over leaves [begin, end).

    Raises:
        ValueError: there is no such leaf.
    """
    if not 0 <= index < size:
        raise ValueError(f"no leaf {index} in a tree of {size}")
    path: list[bytes] = []
    begin, end = 0, size
    while end - begin > 1:
        middle = begin + _split(end - begin)
        if index < middle:
            path.append(span(middle, end))
            end = middle
        else:
            path.append(span(begin, middle))
            begin = middle
    return path[::-1]


def consistency_proof(span: Span, *, size1: int, size2: int) -> list[bytes]:
    """Return the proof that the tree of `size1` leaves is a prefix of that of `size2` leaves (RFC 6962).

    `span(begin, end)` returns the root over leaves [begin, end). The proof is empty if `size1` is 0 or
    `size2`.

    Raises:
        ValueError: `size1` is negative or greater than `size2`.
    """
    if not 0 <= size1 <= size2:
        raise ValueError(f"no prefix of {size1} leaves in a tree of {size2}")
    if size1 in (0, size2):
        return []
    path: list[bytes] = []
    begin, end, whole = 0, size2, True
    while size1 != end:
        middle = begin + _split(end - begin)
        if size1 <= middle:
            path.append(span(middle, end))
            end = middle
        else:
            path.append(span(begin, middle))
            begin, whole = middle, False
    if not whole:
        path.append(span(begin, end))
    return path[::-1]


def verify_inclusion(
    *, leaf_hash: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes
) -> None:
    """Verify that `leaf_hash` is leaf `index` (from 0) of the tree of `size` leaves with this root.

    `proof` is the audit path, as `inclusion_proof` returns it.

    Raises:
        ProofRefused: the proof does not lead to that root, or an argument has a wrong length or range.
    """
    if len(leaf_hash) != HASH_SIZE:
        raise ProofRefused("a leaf hash has 32 bytes")
    if not 0 <= index < size:
        raise ProofRefused(f"leaf {index} is outside a tree of {size}")
    inner = (index ^ (size - 1)).bit_length()
    border = (index >> inner).bit_count()
    if len(proof) != inner + border:
        raise ProofRefused(f"{len(proof)} hashes where {inner + border} are due")
    node = _climb_inner(leaf_hash, proof[:inner], index)
    _expect(_climb_right(node, proof[inner:]), root)


def verify_consistency(
    *, size1: int, size2: int, root1: bytes, root2: bytes, proof: Sequence[bytes]
) -> None:
    """Verify that the tree (`size1`, `root1`) is a prefix of the tree (`size2`, `root2`).

    `proof` is as `consistency_proof` returns it. An empty first tree is refused: it is a prefix of every
    tree and proves nothing.

    Raises:
        ProofRefused: the proof does not lead to both roots or has a wrong length, or the first tree is
            empty or larger than the second.
    """
    if size1 == 0:
        raise ProofRefused("an empty tree proves nothing")
    verify_subtree_consistency(
        start=0, end=size1, size=size2, subtree_root=root1, root=root2, proof=proof
    )


def verify_subtree_inclusion(
    *, leaf_hash: bytes, index: int, start: int, end: int, proof: Sequence[bytes], root: bytes
) -> None:
    """Verify that `leaf_hash`, leaf `index` of the whole log, is in the subtree of leaves [`start`, `end`).

    `root` is the root of the subtree, `proof` the audit path within it.

    Raises:
        ProofRefused: the proof does not lead to that root, or no subtree has these bounds.
    """
    _check_bounds(start, end)
    verify_inclusion(
        leaf_hash=leaf_hash, index=index - start, size=end - start, proof=proof, root=root
    )


def verify_subtree_consistency(
    *,
    start: int,
    end: int,
    size: int,
    subtree_root: bytes,
    root: bytes,
    proof: Sequence[bytes],
) -> None:
    """Verify that the subtree of leaves [`start`, `end`) is part of the tree of `size` leaves.

    `subtree_root` is the root of the subtree, `root` that of the tree. An empty subtree (`start` = `end`)
    is part of every tree that is large enough. The algorithm is that of RFC 9162 (section 2.1.4.2),
    extended to subtrees that do not start at zero.

    Raises:
        ProofRefused: the proof does not lead to both roots or has a wrong length, or no subtree has these
            bounds.
    """
    if end > size:
        raise ProofRefused(f"a tree of {size} has no leaf {end - 1}")
    if start == end and not proof:
        _expect(EMPTY_ROOT, subtree_root)
        return
    _check_bounds(start, end)
    first, last, top = start, end - 1, size - 1
    while first != last and (last == top or last & 1):
        first, last, top = first >> 1, last >> 1, top >> 1
    if first == last:
        seed, path = subtree_root, proof
    elif proof:
        seed, path = proof[0], proof[1:]
    else:
        raise ProofRefused("no proof")
    small, large = _climb_subtree(seed, path, (first, last, top))
    _expect(small, subtree_root)
    _expect(large, root)


def _climb_subtree(
    seed: bytes, path: Sequence[bytes], position: tuple[int, int, int]
) -> tuple[bytes, bytes]:
    """Return the roots of the subtree and of the whole tree, computed from `seed`, a node that both share.

    `path` holds the other hashes of the proof. `position` holds, at the node's level, the indices of the
    subtree's first and last node and of the tree's last node.

    Raises:
        ProofRefused: the proof has a wrong length.
    """
    first, last, top = position
    small = large = seed
    for sibling in path:
        if top == 0:
            raise ProofRefused("the proof is too long")
        if last & 1 or last == top:
            small = hash_children(sibling, small) if first < last else small
            large = hash_children(sibling, large)
            while not last & 1:
                first, last, top = first >> 1, last >> 1, top >> 1
        else:
            large = hash_children(large, sibling)
        first, last, top = first >> 1, last >> 1, top >> 1
    if top != 0:
        raise ProofRefused("the proof is too short")
    return small, large


def _check_bounds(start: int, end: int) -> None:
    """Check that [`start`, `end`) are the bounds of a subtree.

    `start` must be a multiple of the subtree's width, rounded up to a power of two.

    Raises:
        ProofRefused: `start` is no such multiple, or the range is empty.
    """
    if not 0 <= start < end:
        raise ProofRefused(f"[{start}, {end}) holds no leaf")
    if start % (1 << (end - start - 1).bit_length()):
        raise ProofRefused(f"[{start}, {end}) is no subtree")


def _split(size: int) -> int:
    """Return the largest power of two smaller than `size` (k in RFC 6962)."""
    return 1 << (size - 1).bit_length() - 1


def _climb_inner(node: bytes, path: Sequence[bytes], index: int) -> bytes:
    for level, sibling in enumerate(path):
        left = index >> level & 1
        node = hash_children(sibling, node) if left else hash_children(node, sibling)
    return node


def _climb_right(node: bytes, path: Sequence[bytes]) -> bytes:
    for sibling in path:
        node = hash_children(sibling, node)
    return node


def _expect(found: bytes, wanted: bytes) -> None:
    if found != wanted:
        raise ProofRefused("the proof leads to another root")
