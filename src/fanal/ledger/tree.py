"""Merkle tree of the whole log, read from leaves and stored subtrees: a proof reads a few hundred hashes.

Level 0 consists of the leaves; a node of level n is the root of 256 nodes of level n - 1 (the tiles of C2SP
tlog-tiles). Nodes from level 1 are stored once complete and never change. Stored hashes are not trusted: a
proof made of them must lead to the root of a signed checkpoint.
"""

from functools import lru_cache

from django.db import connection

from fanal.ledger.domain.merkle import WIDTH, root_of, span_root

_LEAVES = "SELECT leaf_hash FROM ledger_chain WHERE seq > %s AND seq <= %s ORDER BY seq"
_NODES = (
    "SELECT place, hash FROM ledger_subtree"
    " WHERE level = %s AND place >= %s AND place < %s ORDER BY place"
)


class LeavesMissing(LookupError):
    """Error: the log has fewer leaves than the requested tree."""


class StoredTree:
    """The Merkle tree as stored, for one reader; the tiles (256 nodes) already read are cached."""

    def __init__(self) -> None:
        """Create an empty cache of tiles."""
        self._tile = lru_cache(maxsize=4096)(self._read_tile)

    def span(self, begin: int, end: int) -> bytes:
        """Return the root (32 bytes) over leaves [`begin`, `end`) of the log, as proofs need it.

        `begin` is a multiple of the largest power of two in the range.

        Raises:
            LeavesMissing: some leaves are not in the log.
        """
        return span_root(begin, end, nodes=self.nodes)

    def nodes(self, level: int, begin: int, end: int) -> list[bytes]:
        """Return the hashes of nodes [`begin`, `end`) of a level; all must be in one tile (256 nodes).

        Raises:
            LeavesMissing: some nodes are not in the log.
        """
        tile, first = begin // WIDTH, begin % WIDTH
        found = self._tile(level, tile)[first : first + end - begin]
        if len(found) < end - begin:
            raise LeavesMissing(f"level {level} ends before node {end}")
        return found

    def agrees(self, level: int, place: int, stored: bytes) -> bool:
        """Return whether a stored root equals the root computed from the 256 nodes below it.

        `stored` is the root of node `place` (from 0) of `level`. False also if some nodes below are
        missing.
        """
        below = self._tile(level - 1, place)
        return len(below) == WIDTH and root_of(below) == stored

    def _read_tile(self, level: int, tile: int) -> list[bytes]:
        """Return the existing nodes of a tile (256 nodes of a level; tiles are numbered from 0).

        Nodes not stored yet are computed from the level below.
        """
        first = tile * WIDTH
        with connection.cursor() as cursor:
            if level == 0:
                cursor.execute(_LEAVES, [first, first + WIDTH])
                return [bytes(row[0]) for row in cursor.fetchall()]
            cursor.execute(_NODES, [level, first, first + WIDTH])
            known = {place: bytes(found) for place, found in cursor.fetchall()}
        nodes: list[bytes] = []
        for place in range(first, first + WIDTH):
            if place in known:
                nodes.append(known[place])
                continue
            below = self._tile(level - 1, place)
            if len(below) < WIDTH:
                break
            nodes.append(root_of(below))
        return nodes


def store_complete(*, limit: int) -> int:
    """Store up to `limit` roots of complete subtrees of the log's Merkle tree, lowest level first.

    Return their number.
    """
    made = 0
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(max(seq), 0) FROM ledger_chain")
        below, level = int(cursor.fetchone()[0]), 0
        while below >= WIDTH and made < limit:
            level += 1
            cursor.execute(
                "SELECT coalesce(max(place) + 1, 0) FROM ledger_subtree WHERE level = %s", [level]
            )
            first = int(cursor.fetchone()[0])
            last = min(below // WIDTH, first + limit - made)
            tree = StoredTree()
            rows = [
                (level, place, root_of(tree.nodes(level - 1, place * WIDTH, (place + 1) * WIDTH)))
                for place in range(first, last)
            ]
            cursor.executemany(
                "INSERT INTO ledger_subtree (level, place, hash) VALUES (%s, %s, %s)", rows
            )
            made, below = made + len(rows), last
    return made
