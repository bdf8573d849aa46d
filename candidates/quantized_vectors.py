"""Item vectors in 8 bits: a quarter of the memory traffic, for the shortlist of one query."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
from llvmlite import ir
from numba import types
from numba.core.cgutils import alloca_once, for_range, get_or_insert_function
from numba.extending import intrinsic
from numpy.typing import NDArray

from candidates.compiled import compiled, compiled_sums

CHUNK: Final = 64
# Items whose inner products are one vector of 32-bit sums.
_GROUP: Final = 16
# How far ahead codes are fetched: many lines are then on their way, and none has left the first cache when it is used.
_BYTES_AHEAD: Final = 8_192
_BYTES_PER_LINE: Final = 64
_LARGEST_CODE: Final = 127
_LARGEST_QUERY_CODE: Final = 32_767
_LARGEST_SUM: Final = 2**31 - 1
_NO_SIGN: Final = np.int32(0x7FFFFFFF)
_SMALLEST: Final = np.float32(1e-30)
_SUBNORMAL: Final = float(np.finfo(np.float32).smallest_subnormal)
_UP: Final = 1 + 2.0**-20  # more than the rounding of a norm in float64 and of its float32


@dataclass(frozen=True, eq=False)
class QuantizedVectors:
    """Item vectors as integers with a scale and an error bound each: vector v = scale * codes + residual r.

    A search for one query is limited by reading the item vectors from memory. These take a quarter of it. Inner
    products of integers are exact, and the residuals bound what is missing, so that the exact top k is among the items
    that `shortlist` returns.

    Attributes:
        codes: int8 (chunks, pairs, `CHUNK`, 2), -127 to 127: two dimensions of each item of a chunk side by side, then
            the next two, as the processor multiplies them; 0 behind the last item and dimension.
        scales: float32 (chunks, `CHUNK`), at least 0.
        errors: float32 (chunks, `CHUNK`), the norms of the residuals, rounded up.
        longest: the largest norm of scale * codes, rounded up.
    """

    codes: NDArray[np.int8]
    scales: NDArray[np.float32]
    errors: NDArray[np.float32]
    longest: float

    @classmethod
    def from_vectors(cls, vectors: NDArray[np.float32]) -> Self:
        """Quantize item vectors, float32 (items, d), finite and contiguous."""
        chunks, pairs = -(-len(vectors) // CHUNK), -(-vectors.shape[1] // 2)
        codes = np.zeros((chunks, pairs, CHUNK, 2), np.int8)
        scales, errors = np.zeros((chunks, CHUNK), np.float32), np.zeros((chunks, CHUNK), np.float32)
        longest = _quantize(vectors, codes, scales, errors)
        return cls(codes, scales, errors, longest)

    def shortlist(
        self, query: NDArray[np.float32], k: int, margin: float, allowed: NDArray[np.bool_], capacity: int
    ) -> NDArray[np.int32] | None:
        """Return items among which are the k best of one query, with all items that tie with the k-th best.

        The query x is quantized too, x = step * p + y, with integers p of 16 bits. For an item with scale s, codes c
        and residual r, the inner product is

            x . v = x . r + x . (s c) = x . r + y . (s c) + step s (p . c)

        By Cauchy and Schwarz it differs from the last term by at most |x| |r| + |y| |s c|. With a = step s (p . c),
        e = |x| |r| and slack = |y| longest + margin, a score S, which is the inner product but for an error of at most
        the margin, lies in a - e - slack <= S <= a + e + slack. Let b be the k-th largest of a - e - slack over the
        allowed items. At least k items have scores of at least b, so the k-th best score is at least b, and so is the
        a + e + slack of all items that reach it: these are returned. While items are read, b is that of the items so
        far, which only rises.

        p . c is exact: its absolute value is below 2**31. The other terms are computed in float64, with errors far
        below the margin.

        Args:
            query: float32 (d,), finite.
            k: at least 1.
            margin: at least the largest error of a score, and 2**-40 |x| |v| of all items.
            allowed: bool (items,), True where the item may be returned.
            capacity: the largest number of items that may be returned, at least 2 (k + `CHUNK`).

        Returns:
            int32, ascending; None if more items than the capacity have to be returned, because many are nearly equal.
        """
        exact = query.astype(np.float64)
        largest = min(_LARGEST_QUERY_CODE, _LARGEST_SUM // (_LARGEST_CODE * len(query)))
        step = float(np.abs(exact).max()) / largest
        codes = np.rint(exact / step) if step > 0 else np.zeros(len(exact))
        missing = float(np.linalg.norm(exact - step * codes)) * _UP
        padded = np.zeros(2 * self.codes.shape[1], np.int16)
        padded[: len(codes)] = codes
        count, positions = _collect(
            self.codes, self.scales, self.errors, padded, step,
            float(np.linalg.norm(exact)) * _UP, 2 * (missing * self.longest + margin), k, allowed, capacity,
        )  # fmt: skip
        return None if count < 0 else positions[:count]


@compiled_sums
def _quantize(
    vectors: NDArray[np.float32], codes: NDArray[np.int8], scales: NDArray[np.float32], errors: NDArray[np.float32]
) -> float:
    """Write codes, scales and errors, and return the largest norm of scale * codes, rounded up."""
    items, dimensions = vectors.shape
    bits, longest = vectors.view(np.int32), 0.0
    for item in range(items):
        largest = np.int32(0)
        for dimension in range(dimensions):
            # Bits of numbers without sign are ordered as the numbers are, and compared by vector instructions.
            largest = max(largest, np.int32(bits[item, dimension] & _NO_SIGN))
        scale = np.float32(np.int32(largest).view(np.float32) / np.float32(_LARGEST_CODE))
        # Numbers as small as this have a residual only.
        inverse = np.float32(1) / scale if scale > _SMALLEST else np.float32(0)
        length = residual = 0.0
        for dimension in range(dimensions):
            code = np.rint(vectors[item, dimension] * inverse)
            codes[item // CHUNK, dimension // 2, item % CHUNK, dimension % 2] = np.int8(code)
            product = np.float64(scale) * np.float64(code)
            length += product * product
            missing = np.float64(vectors[item, dimension]) - product
            residual += missing * missing
        scales[item // CHUNK, item % CHUNK] = scale
        errors[item // CHUNK, item % CHUNK] = np.sqrt(residual) * _UP + _SUBNORMAL
        longest = max(longest, np.sqrt(length) * _UP)
    return longest


@compiled
def _collect(
    codes: NDArray[np.int8],
    scales: NDArray[np.float32],
    errors: NDArray[np.float32],
    query: NDArray[np.int16],
    step: float,
    norm: float,
    slack: float,
    k: int,
    allowed: NDArray[np.bool_],
    capacity: int,
) -> tuple[int, NDArray[np.int32]]:
    """Return the items whose upper bound reaches the k-th largest lower bound, and their number; -1 if too many do."""
    items = len(allowed)
    positions = np.empty(capacity, np.int32)
    uppers, lowers = np.empty(capacity, np.float64), np.empty(capacity, np.float64)
    products, chunk = np.empty(CHUNK, np.int32), np.empty(CHUNK, np.float64)
    bound, count, limit = -np.inf, 0, k + CHUNK
    for number in range(len(codes)):
        _multiply(codes, number, query, products)
        reaching = 0
        for slot in range(CHUNK):
            upper = products[slot] * (step * scales[number, slot]) + norm * errors[number, slot]
            chunk[slot] = upper
            reaching += upper >= bound
        if reaching == 0:
            continue
        for slot in range(min(CHUNK, items - number * CHUNK)):
            item = number * CHUNK + slot
            if chunk[slot] >= bound and allowed[item]:
                positions[count], uppers[count] = item, chunk[slot]
                lowers[count] = chunk[slot] - 2 * norm * errors[number, slot] - slack
                count += 1
        if count >= limit:
            bound = np.partition(lowers[:count], count - k)[count - k]
            count = _cut(positions, uppers, lowers, count, bound)
            limit = count + max(CHUNK, k // 2)
            if limit + CHUNK > capacity:
                return -1, positions
    if count > k:
        bound = np.partition(lowers[:count], count - k)[count - k]
        count = _cut(positions, uppers, lowers, count, bound)
    return count, positions


@compiled
def _cut(
    positions: NDArray[np.int32],
    uppers: NDArray[np.float64],
    lowers: NDArray[np.float64],
    count: int,
    bound: float,
) -> int:
    """Keep the entries whose upper bound reaches the bound, in their order, and return how many there are."""
    kept = 0
    for entry in range(count):
        if uppers[entry] >= bound:
            positions[kept], uppers[kept], lowers[kept] = positions[entry], uppers[entry], lowers[entry]
            kept += 1
    return kept


def _build_multiply(_: Any, codes: Any, number: Any, query: Any, products: Any) -> tuple[Any, Callable[..., Any]]:
    """Type and build the inner products of a query, int16 (2 pairs,), with the items of a chunk, int32 (`CHUNK`,).

    The compiler knows the product and sum of pairs as one instruction of x86, but does not find it in a loop over the
    items. Written for vectors of any processor, this takes a third of the time of that loop. Without the prefetch,
    the processor waits for most lines.
    """

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        codes, query, products = (
            context.make_array(signature.args[place])(context, builder, arguments[place]) for place in (0, 2, 3)
        )
        index, sums = ir.IntType(64), ir.VectorType(ir.IntType(32), _GROUP)
        bytes_, shorts, wide = (ir.VectorType(ir.IntType(bits), 2 * _GROUP) for bits in (8, 16, 32))
        pair = ir.VectorType(ir.IntType(16), 2)
        groups, width = CHUNK // _GROUP, 2 * CHUNK
        pairs = builder.udiv(query.nitems, index(2))
        start = builder.gep(codes.data, [builder.mul(arguments[1], builder.mul(pairs, index(width)))])
        totals = [alloca_once(builder, sums) for _ in range(groups)]
        for total in totals:
            builder.store(sums(None), total)
        with for_range(builder, pairs) as loop:
            line = builder.gep(start, [builder.mul(loop.index, index(width))])
            for ahead in range(0, width, _BYTES_PER_LINE):
                _prefetch(builder, builder.gep(line, [index(_BYTES_AHEAD + ahead)]))
            address = builder.gep(query.data, [builder.mul(loop.index, index(2))])
            two = builder.load(builder.bitcast(address, pair.as_pointer()), align=2)
            repeated = _select(builder, two, [place % 2 for place in range(2 * _GROUP)])
            factors = builder.sext(builder.bitcast(repeated, shorts), wide)
            for group, total in enumerate(totals):
                address = builder.gep(line, [index(2 * _GROUP * group)])
                some = builder.load(builder.bitcast(address, bytes_.as_pointer()), align=1)
                both = builder.mul(builder.sext(some, wide), factors)
                even, odd = (_select(builder, both, [*range(first, 2 * _GROUP, 2)]) for first in (0, 1))
                builder.store(builder.add(builder.load(total), builder.add(even, odd)), total)
        for group, total in enumerate(totals):
            address = builder.gep(products.data, [index(_GROUP * group)])
            builder.store(builder.load(total), builder.bitcast(address, sums.as_pointer()), align=4)
        return context.get_dummy_value()

    return types.void(codes, number, query, products), build


def _select(builder: Any, vector: Any, places: list[int]) -> Any:
    """The elements of a vector at some places, as a vector."""
    return builder.shuffle_vector(vector, vector, ir.Constant(ir.VectorType(ir.IntType(32), len(places)), places))


def _prefetch(builder: Any, address: Any) -> None:
    """Begin to fetch a line, which may lie behind the last one."""
    flag = ir.IntType(32)
    of_llvm = ir.FunctionType(ir.VoidType(), [address.type, flag, flag, flag])
    function = get_or_insert_function(builder.module, of_llvm, "llvm.prefetch.p0")
    builder.call(function, [address, flag(0), flag(3), flag(1)])  # to read, into all caches, data


_multiply: Any = intrinsic(_build_multiply)
