"""Three instructions that compiled Python has no word for: a vector comparison, a prefetch, a bit count.

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
        data = context.make_array(signature.args[0])(context, builder, given[0]).data
        pointer = _VECTOR.as_pointer()
        load = get_or_insert_function(
            builder.module,
            ir.FunctionType(_VECTOR, [pointer, _I32, _MASK, _VECTOR]),
            "llvm.masked.load.v16i32.p0",
        )
        count = get_or_insert_function(
            builder.module, ir.FunctionType(_VECTOR, [_VECTOR]), "llvm.ctpop.v16i32"
        )
        lanes = ir.Constant(_VECTOR, list(range(LANES)))
        there = builder.icmp_signed("<", lanes, _splat(builder, builder.trunc(given[8], _I32)))
        nothing = ir.Constant(_VECTOR, [0] * LANES)
        total = nothing
        for offset, query in zip(given[1:4], given[4:7], strict=True):
            at = builder.bitcast(builder.gep(data, [offset]), pointer)
            words = builder.call(load, [at, ir.Constant(_I32, 4), there, nothing])
            differing = builder.xor(words, _splat(builder, query))
            total = builder.add(total, builder.call(count, [differing]))
        hit = builder.and_(builder.icmp_unsigned("<=", total, _splat(builder, given[7])), there)
        return builder.zext(builder.bitcast(hit, ir.IntType(LANES)), _I32)

    return signature, generate


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
