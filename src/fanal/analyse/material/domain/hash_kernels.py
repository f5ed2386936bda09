"""Compiled loops of multi-index hashing: building a table, searching the tables, a linear scan.

If two 256-bit hashes are at most 31 bits apart, then one of their sixteen 16-bit words differs in at most one
bit (Norouzi, Punjani, Fleet, "Fast exact search in Hamming space with multi-index hashing", 2014). So there
is a hash table per word; a query reads the bucket of its own word and the sixteen buckets that differ in a
bit. A bucket holds a sketch of each hash: the 96 bits of the six words before the key. The sketch rejects
nearly every candidate without a read of the hash itself.

Sketches lie in a bucket by word (all first words, then all second, then all third), so that single vector
instructions load, compare and count sixteen candidates. A query prefetches all its buckets before it reads
them.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core.cgutils import get_or_insert_function
from numba.extending import intrinsic
from numpy.typing import NDArray

from fanal.analyse.material.domain.hash_index import BUCKETS, SKETCH, TABLES

# LLVM intrinsics missing in compiled Python: two vector comparisons, a prefetch, a bit count.
#
# LLVM translates them for the processor: AVX-512, AVX2, NEON or plain loops.

LANES = 16
_I32 = ir.IntType(32)
_VECTOR = ir.VectorType(_I32, LANES)
_MASK = ir.VectorType(ir.IntType(1), LANES)


@intrinsic
def within(
    _context: Any,
    row: Any,
    o0: Any,
    o1: Any,
    o2: Any,
    q0: Any,
    q1: Any,
    q2: Any,
    most: Any,
    left: Any,
) -> Any:
    """Return a bit mask over sixteen candidates: those with sketches at most `most` bits away.

    A sketch is 96 bits of a hash, as three 32-bit words. `row` is the uint32 array of a table's sketches,
    `o0..o2` the places in it of the candidates' first, second and third words, `q0..q2` the query's words,
    `left` the number of candidates that are left. `_context` is numba's.
    """
    place, word = types.int64, types.uint32
    signature = word(row, place, place, place, word, word, word, word, place)

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        total = ir.Constant(_VECTOR, [0] * LANES)
        there, differing = _differences(context, builder, signature, given[:7], given[8])
        for part in differing:
            total = builder.add(total, _bits_of(builder, part))
        hit = builder.and_(builder.icmp_unsigned("<=", total, _splat(builder, given[7])), there)
        return builder.zext(builder.bitcast(hit, ir.IntType(LANES)), _I32)

    return signature, generate


@intrinsic
def met(
    _context: Any,
    row: Any,
    o0: Any,
    o1: Any,
    o2: Any,
    q0: Any,
    q1: Any,
    q2: Any,
    flips: Any,
    known: Any,
    left: Any,
) -> Any:
    """Return a bit mask over sixteen candidates: the ones already found by an earlier search table.

    That is: one of the first `known` 16-bit halves of the sketch words differs from the query's in at most
    `flips` bits. `known` is 0 to 6, counted from the low half of the first word.

    A sketch is 96 bits of a hash, as three 32-bit words. `row` is the uint32 array of a table's sketches,
    `o0..o2` the places in it of the candidates' first, second and third words, `q0..q2` the query's words,
    `left` the number of candidates that are left. `_context` is numba's.
    """
    place, word = types.int64, types.uint32
    signature = word(row, place, place, place, word, word, word, word, place, place)

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        there, differing = _differences(context, builder, signature, given[:7], given[9])
        flips, known = _splat(builder, given[7]), builder.trunc(given[8], _I32)
        low, sixteen = (ir.Constant(_VECTOR, [n] * LANES) for n in (0xFFFF, 16))
        agreeing = ir.Constant(_MASK, [0] * LANES)
        for number, part in enumerate(differing):
            for half, word in enumerate((builder.and_(part, low), builder.lshr(part, sixteen))):
                near = builder.icmp_unsigned("<=", _bits_of(builder, word), flips)
                counts = builder.icmp_signed(">", known, ir.Constant(_I32, 2 * number + half))
                near = builder.select(counts, near, ir.Constant(_MASK, [0] * LANES))
                agreeing = builder.or_(agreeing, near)
        agreeing = builder.and_(agreeing, there)
        return builder.zext(builder.bitcast(agreeing, ir.IntType(LANES)), _I32)

    return signature, generate


def _differences(
    context: Any, builder: Any, signature: Any, given: Any, left: Any
) -> tuple[Any, list[Any]]:
    """Return the mask of existing candidates, and the XOR of each of their sketch words with the query's.

    LLVM code builder for `within` and `met`: `given` are their arguments from `row` to `q2`, `left` the
    number of candidates; the other arguments are numba's. `signature` is the types of the arguments.
    """
    data = context.make_array(signature.args[0])(context, builder, given[0]).data
    pointer = _VECTOR.as_pointer()
    load = get_or_insert_function(
        builder.module,
        ir.FunctionType(_VECTOR, [pointer, _I32, _MASK, _VECTOR]),
        "llvm.masked.load.v16i32.p0",
    )
    lanes, nothing = (
        ir.Constant(_VECTOR, list(range(LANES))),
        ir.Constant(_VECTOR, [0] * LANES),
    )
    there = builder.icmp_signed("<", lanes, _splat(builder, builder.trunc(left, _I32)))
    differing = []
    for offset, query in zip(given[1:4], given[4:7], strict=True):
        at = builder.bitcast(builder.gep(data, [offset]), pointer)
        words = builder.call(load, [at, ir.Constant(_I32, 4), there, nothing])
        differing.append(builder.xor(words, _splat(builder, query)))
    return there, differing


def _bits_of(builder: Any, words: Any) -> Any:
    """Return the number of set bits (population count) of each of sixteen words, as an LLVM vector.

    `builder` is the LLVM code builder, `words` a vector of sixteen 32-bit words.
    """
    count = get_or_insert_function(
        builder.module, ir.FunctionType(_VECTOR, [_VECTOR]), "llvm.ctpop.v16i32"
    )
    return builder.call(count, [words])


def _splat(builder: Any, value: Any) -> Any:
    undefined = ir.Constant(_VECTOR, ir.Undefined)
    first = builder.insert_element(undefined, value, ir.Constant(_I32, 0))
    every = ir.Constant(ir.VectorType(_I32, LANES), [0] * LANES)
    return builder.shuffle_vector(first, undefined, every)


@intrinsic
def fetch(_context: Any, row: Any, _place: Any) -> Any:
    """Emit a CPU prefetch of the cache line at index `_place` of the array `row` (numba intrinsic)."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, given[0]).data
        byte = ir.IntType(8).as_pointer()
        prefetch = get_or_insert_function(
            builder.module,
            ir.FunctionType(ir.VoidType(), [byte, _I32, _I32, _I32]),
            "llvm.prefetch.p0",
        )
        at = builder.bitcast(builder.gep(data, [given[1]]), byte)
        builder.call(prefetch, [at, *(ir.Constant(_I32, n) for n in (0, 3, 1))])
        return context.get_dummy_value()

    return types.void(row, types.int64), generate


@intrinsic
def bits(_context: Any, _word: Any) -> Any:
    """Return the number of set bits (population count) of a 64-bit word."""

    def generate(_inner: Any, builder: Any, _signature: Any, given: Any) -> Any:
        return builder.ctpop(given[0])

    return types.uint64(types.uint64), generate


_FEW_BITS = 16  # below this radius one of the sixteen words is equal, without a flipped bit


@njit(nogil=True, cache=True)
def build_table(
    words: NDArray[np.uint16],
    table: int,
    starts: NDArray[np.uint32],
    ids: NDArray[np.uint32],
    sketches: NDArray[np.uint32],
) -> None:
    """Fill the search table number `table` (0 to 15) with the hashes, by counting sort.

    `words` is uint16[n, 16], the hashes by 16-bit word; the table's key is the word of its number. The
    function fills `starts` uint32[65537] (first place of each bucket), `ids` uint32[n] (hash numbers by
    bucket) and `sketches` uint32[3n]. Time and memory are linear in n.
    """
    n = words.shape[0]
    for i in range(n):
        starts[np.int64(words[i, table]) + 1] += np.uint32(1)
    for bucket in range(BUCKETS):
        starts[bucket + 1] += starts[bucket]
    free = starts[:BUCKETS].copy()
    for i in range(n):
        key = np.int64(words[i, table])
        place = np.int64(free[key])
        free[key] += np.uint32(1)
        ids[place] = i
        start = np.int64(starts[key])
        size = np.int64(starts[key + 1]) - start
        for part in range(SKETCH):
            low = np.uint32(words[i, (table - 1 - 2 * part) & 15])
            high = np.uint32(words[i, (table - 2 - 2 * part) & 15])
            sketches[SKETCH * start + part * size + place - start] = low | (high << np.uint32(16))


@njit(nogil=True, cache=True, inline="always")
def _judge(
    hashes: NDArray[np.uint64], i: int, query: NDArray[np.uint64], flips: int
) -> tuple[int, int]:
    """Return the distance of hash `i` to a query, and the first table that finds the pair.

    There is a table for each 16-bit word of the hashes; it finds the pair if that word differs in at most
    `flips` bits. An id out of range, from a damaged file, gets a great distance, so that nothing outside the
    file is read.
    """
    if i >= hashes.shape[0]:
        return np.int64(999), np.int64(99)
    distance = np.int64(0)
    first = np.int64(99)
    for part in range(4):
        differing = hashes[i, part] ^ query[part]
        distance += np.int64(bits(differing))
        if first == 99:
            for word in range(4):
                piece = (differing >> np.uint64(16 * word)) & np.uint64(0xFFFF)
                if bits(piece) <= np.uint64(flips):
                    first = 4 * part + word
                    break
    return distance, first


@njit(nogil=True, cache=True)
def search_tables(
    query_words: NDArray[np.uint16],
    queries: NDArray[np.uint64],
    starts: NDArray[np.uint32],
    ids: NDArray[np.uint32],
    sketches: NDArray[np.uint32],
    hashes: NDArray[np.uint64],
    radius: int,
    begin: int,
    found: NDArray[np.int64],
) -> tuple[int, int, int]:
    """Find every hash within `radius` (0 to 31) bits of the queries by the search tables; fill `found`.

    `found` is int64[m, 3]; a row holds the index of the query, the index of the hash, and their distance in
    bits. `query_words` uint16[q, 16] and `queries` uint64[q, 4] are views of the same bytes; `hashes` is
    uint64[n, 4], `starts` uint32[16, 65537], `ids` uint32[16, n], `sketches` uint32[16, 3n]. Each pair is
    written once. The search starts at the query number `begin` and stops before a query whose pairs do not
    fit into `found`. Returns the next query, the rows written, and the rows that the next query needs (0 at
    the end of all).
    """
    count = 0
    flips = 0 if radius < _FEW_BITS else 1
    looks = 17 if flips else 1
    low = np.empty(TABLES * 17, np.int64)
    high = np.empty(TABLES * 17, np.int64)
    for q in range(begin, query_words.shape[0]):
        k = 0
        for table in range(TABLES):
            row = sketches[table]
            own = np.int64(query_words[q, table])
            for look in range(looks):
                bucket = own if look == 0 else own ^ (np.int64(1) << (look - 1))
                low[k], high[k] = starts[table, bucket], starts[table, bucket + 1]
                place = SKETCH * low[k]
                stop = min(SKETCH * high[k], place + 4 * LANES)
                while place < stop:
                    fetch(row, place)
                    place += LANES
                k += 1
        more = _read_buckets(
            q,
            query_words[q],
            queries[q],
            low,
            high,
            ids,
            sketches,
            hashes,
            radius,
            flips,
            found,
            count,
        )
        if more > found.shape[0]:
            return q, count, more - count
        count = more
    return query_words.shape[0], count, 0


@njit(nogil=True, cache=True)
def _read_buckets(
    q: int,
    words: NDArray[np.uint16],
    query: NDArray[np.uint64],
    low: NDArray[np.int64],
    high: NDArray[np.int64],
    ids: NDArray[np.uint32],
    sketches: NDArray[np.uint32],
    hashes: NDArray[np.uint64],
    radius: int,
    flips: int,
    found: NDArray[np.int64],
    count: int,
) -> int:
    """Write the pairs of query `q` to `found`; return the number of pairs so far, also of those without room.

    Each pair is counted once, by the first table that finds it. Candidates are tested sixteen at a time.

    Args:
        q: number of the query.
        words: its sixteen 16-bit words.
        query: its four 64-bit words.
        low: starts of its buckets in `ids`, table by table.
        high: their ends.
        ids: uint32[16, n], positions of the hashes by table and bucket.
        sketches: uint32[16, 3n], sketches of the hashes by table and bucket.
        hashes: uint64[n, 4].
        radius: greatest distance in bits.
        flips: 0 or 1: a bucket is read if its word differs in at most so many bits.
        found: int64[m, 3], filled with (query, position, distance).
        count: number of rows in `found` before.
    """
    one, sixteen, most = np.uint32(1), np.uint32(16), np.uint32(flips)
    looks = 17 if flips else 1
    k = 0
    for table in range(TABLES):
        row = sketches[table]
        q0 = np.uint32(words[(table - 1) & 15]) | (np.uint32(words[(table - 2) & 15]) << sixteen)
        q1 = np.uint32(words[(table - 3) & 15]) | (np.uint32(words[(table - 4) & 15]) << sixteen)
        q2 = np.uint32(words[(table - 5) & 15]) | (np.uint32(words[(table - 6) & 15]) << sixteen)
        for _ in range(looks):
            start, size = low[k], high[k] - low[k]
            k += 1
            a, b, c = SKETCH * start, SKETCH * start + size, SKETCH * start + 2 * size
            j = 0
            while j < size:
                hits = within(row, a + j, b + j, c + j, q0, q1, q2, np.uint32(radius), size - j)
                if hits and table:
                    hits &= ~met(
                        row, a + j, b + j, c + j, q0, q1, q2, most, min(table, 6), size - j
                    )
                while hits:
                    lowest = hits & (~hits + one)
                    lane = j + np.int64(bits(np.uint64(lowest - one)))
                    hits ^= lowest
                    i = np.int64(ids[table, start + lane])
                    distance, first = _judge(hashes, i, query, flips)
                    if distance <= radius and first == table:
                        if count < found.shape[0]:
                            found[count, 0], found[count, 1], found[count, 2] = q, i, distance
                        count += 1
                j += LANES
    return count


@njit(nogil=True, cache=True)
def scan(
    queries: NDArray[np.uint64],
    hashes: NDArray[np.uint64],
    radius: int,
    begin: int,
    found: NDArray[np.int64],
) -> tuple[int, int, int]:
    """Compare every query with every hash (linear scan) and write the pairs within `radius` into `found`.

    `queries` is uint64[q, 4], `hashes` uint64[n, 4], `found` int64[m, 3]: index of the query, index of the
    hash, distance in bits. The scan starts at the query number `begin` and stops before a query whose pairs
    do not fit into `found`. Returns the next query, the rows written, and the rows that the next query needs
    (0 at the end of all).
    """
    count = 0
    for q in range(begin, queries.shape[0]):
        more = count
        for i in range(hashes.shape[0]):
            distance = np.int64(0)
            for part in range(4):
                distance += np.int64(bits(hashes[i, part] ^ queries[q, part]))
            if distance <= radius:
                if more < found.shape[0]:
                    found[more, 0], found[more, 1], found[more, 2] = q, i, distance
                more += 1
        if more > found.shape[0]:
            return q, count, more - count
        count = more
    return queries.shape[0], count, 0
