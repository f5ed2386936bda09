"""Instructions that compiled Python has no word for: two vector comparisons, a prefetch, a bit count.

Written for LLVM, which makes of them what the processor has: AVX-512, AVX2, NEON or plain loops.
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.core.cgutils import get_or_insert_function
from numba.extending import intrinsic

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
    """Return a bit for each of sixteen candidates: its three sketch words are `most` bits away or less.

    `row` is uint32, `o0..o2` where the three words start, `left` how many candidates there are.
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
    """Return a bit for each of sixteen candidates that agrees in any of its first `known` half words.

    A half word agrees that differs in `flips` bits or less. `known` is 0 to 6, the low half of the first word
    the first; the other parameters are those of `within`.
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
    """Return which of sixteen candidates there are, and each sketch word of theirs against the query's."""
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
    """Return how many bits of each of sixteen words are set."""
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
    """Ask memory for the line at a place of `row`, without waiting for it."""

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
    """Return how many bits of a 64-bit word are set."""

    def generate(_inner: Any, builder: Any, _signature: Any, given: Any) -> Any:
        return builder.ctpop(given[0])

    return types.uint64(types.uint64), generate
