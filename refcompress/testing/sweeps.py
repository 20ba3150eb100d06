"""One generator an operation of plain inputs (args, kwargs): every length 0 to 67 of one dimension at a time, the
others small and odd, so that each remainder by a vector width (and a length past two of the widest) comes up; then
hostile values; then a few middle sizes that cross the blocks of a blocked kernel.

The sweeps' data are small integers that are not zero: all partial sums are exact in any accumulator worth the name, so
a lost term always shows, however small its share of the result.
"""

import numpy as np

from .. import reference
from ..formats import CSR, Encoded, Quantized
from . import floats, prune_cases
from .values import FINITE, HOSTILE, LENGTHS, ordinary, whole

MIDDLE = ((130, 67, 129), (3, 4099, 5), (5, 300, 128), (257, 31, 7))  # (m, k, n)


def sizes(rng):
    """Yield (m, k, n): each dimension swept in turn."""
    for length in LENGTHS:
        yield 3, length, 5
        yield length, 7, 3
        yield 3, 9, length


def share_kmeans():
    rng = np.random.default_rng(2)
    inits = ("linear", "density", "random")
    for n in LENGTHS:
        init = inits[n % 3]
        yield (whole(rng, n, 9),), {"bits": n % 4 + 1, "init": init}
        w = ordinary(rng, n) * (rng.random(n) < 0.7)
        yield (w.astype(np.float32),), {"bits": 2, "pruned": True, "init": init, "seed": n}
        if n:
            importance = rng.integers(0, 3, n).astype(np.float32)
            importance[n // 2] = 1
            yield (ordinary(rng, n),), {"clusters": min(n, 5), "weights": importance, "init": init}
    for iterations in (0, 1, 2):  # 1 is as near to 0 as to 2: the midpoint belongs to the lower code
        yield (np.float32([0, 1, 2, 2, 1, 0]),), {"clusters": 2, "iterations": iterations}
    yield (np.float32([0, 0, 0, 0, 10, 0.1]),), {"clusters": 4}  # clusters that run empty
    yield (np.zeros((3, 5), np.float32),), {"bits": 3}
    yield (np.zeros(5, np.float32),), {"bits": 3, "pruned": True}
    yield (np.float32([-0.0, 0.0, 1, -0.0]),), {"clusters": 2, "pruned": True}
    yield (FINITE.copy(),), {"clusters": 3}
    yield (FINITE.copy(),), {"clusters": 5, "pruned": True, "init": "density"}
    yield (ordinary(rng, (67, 65)),), {"bits": 5}
    yield (ordinary(rng, 4099),), {"clusters": 300, "init": "density"}  # codes of 16 bits


def quantize_s8():
    rng = np.random.default_rng(3)
    settings = ({}, {"scheme": "affine"}, {"axis": 0}, {"axis": 1, "scheme": "affine"}, {"axis": -1}, {"group": 4},
                {"group": 16, "scheme": "affine"})
    for n in LENGTHS:
        yield (ordinary(rng, n),), {"scheme": ("symmetric", "affine")[n % 2]}
        for kwargs in (settings[n % 7], settings[(n + 3) % 7]):
            yield (ordinary(rng, (3, n)) * np.float32([[1], [100], [1e-3]]),), kwargs
            yield (ordinary(rng, (n, 5)),), kwargs
    # Halves, at a scale of 1 and of 2: to even, on both sides of zero, and clipped at both ends.
    halves = np.arange(-140, 140, dtype=np.float32) + np.float32(0.5)
    for x in (halves, 2 * halves, FINITE, np.float32([-0.0, 0.0])):
        for scale in (1, 2):
            yield (x,), {"scale": np.float32([scale])}
            yield (x,), {"scheme": "affine", "scale": np.float32([scale]), "zero_point": np.int8([3])}
    for x in (np.zeros(5), np.full(5, -0.0), np.full(5, 7.5), np.full(5, -7.5), FINITE, [1e-45] * 3, [-1e-45, 1e-45],
              [2.0**-126], [3.4e38, -3.4e38], [0, 127], [-127, 63.5], [-128, 127, 0.5, 1.5, 2.5, -0.5],
              [0, 255, 0.5, 1.5]):
        for scheme in ("symmetric", "affine"):
            yield (np.asarray(x, np.float32),), {"scheme": scheme}
    yield (ordinary(rng, (5, 7, 9)),), {"axis": 1}
    yield (ordinary(rng, (129, 257)),), {"axis": 0}
    yield (ordinary(rng, (129, 257)),), {"group": 32, "scheme": "affine"}


def quantized(rng, n: int, k: int, form: int, *, high: int = 127, steps: int = 3) -> Quantized:
    """Return (n, k) integers with power-of-two scales in one of the six forms: for all, an output, groups of 16, groups
    of 3 (with one row of scales for all outputs), an input, both. No value equals its zero point: each is a term that
    counts."""
    forms = (1, 1, None), (n, 1, None), (n, -(-k // 16), 16), (1, -(-k // 3), 3), (1, k, None), (n, k, None)
    rows, columns, group = forms[form]
    scale = np.ldexp(np.float32(1), rng.integers(-steps, steps + 1, (rows, columns)))
    zero_point = rng.integers(-5, 6, (rows, columns)).astype(np.int8)
    values = rng.integers(-high, high + 1, (n, k)).astype(np.int8)
    q = Quantized(values, scale, zero_point, group)
    return Quantized(np.where(values == q.expand(zero_point), np.int8(99), values), scale, zero_point, group)


def dequantize_s8():
    rng = np.random.default_rng(4)
    for length in LENGTHS:
        for n, k in ((3, length), (length, 5)):
            yield (quantized(rng, n, k, length % 6),), {}
        values = rng.integers(-128, 128, length).astype(np.int8)
        yield (Quantized(values, ordinary(rng, 1) ** 2 + 1, np.int8([length])),), {}
    edges = np.int8([-128, -127, -1, 0, 1, 127])
    for scale in (2.0**-126, 1 / 3, 3e38):
        for zero_point in (-128, 0, 127):  # up to 255 steps away: no int8 difference holds that
            yield (Quantized(edges, np.float32([scale]), np.int8([zero_point])),), {}
    yield (quantized(rng, 129, 257, 2),), {}


def lowrank_svd():
    rng = np.random.default_rng(5)
    for length in LENGTHS:
        for shape in ((length, 5), (4, length)):
            w, most = ordinary(rng, shape), min(shape)
            yield (w,), ({"rank": most}, {"rank": most // 2}, {"energy": 0.9}, {"error": 0.3})[length % 4]
    yield (np.zeros((3, 5), np.float32),), {"rank": 2}
    yield (np.eye(5, dtype=np.float32),), {"rank": 5}  # equal singular values
    yield (np.outer(np.arange(5), np.arange(7)).astype(np.float32),), {"rank": 3}  # of rank 1
    for size in (1e-40, 1e-30, 1e30):
        yield ((ordinary(rng, (5, 7)) * size).astype(np.float32),), {"rank": 3}
    yield (ordinary(rng, (129, 67)),), {"rank": 31}


def sparse(rng, m: int, k: int, density: float = 0.5, values=None) -> CSR:
    mask = rng.random((m, k)) < density
    indptr = np.concatenate([[0], np.cumsum(mask.sum(axis=1))])
    nnz = int(indptr[-1])
    return CSR((m, k), indptr, np.nonzero(mask)[1], whole(rng, nnz) if values is None else rng.choice(values, nnz))


def unsorted(rng, m: int, k: int, row: int) -> CSR:
    """Return a matrix of ``row`` entries a row whose columns come in any order and more than once."""
    indices = rng.integers(0, k, m * row)
    return CSR((m, k), np.arange(m + 1) * row, indices, whole(rng, m * row), canonical=False)


def csr_from_dense():
    rng = np.random.default_rng(6)
    for length in LENGTHS:
        for shape in ((3, length), (length, 5)):
            w = rng.choice(HOSTILE, shape)
            yield (w,), {}
            yield (w,), {"mask": rng.random(shape) < 0.5}
    yield (np.full((3, 5), -0.0, np.float32),), {}
    yield (whole(rng, (129, 300)) * (rng.random((129, 300)) < 0.1).astype(np.float32),), {}


def csr_to_dense():
    rng = np.random.default_rng(7)
    for length in LENGTHS:
        yield (sparse(rng, 3, length, values=HOSTILE),), {}
        yield (sparse(rng, length, 5),), {}
        yield (unsorted(rng, length, 5, length % 7),), {}
    yield (sparse(rng, 129, 300, 0.1),), {}


def csr_matmul():
    rng = np.random.default_rng(8)
    for m, k, n in sizes(rng):
        yield (sparse(rng, m, k, 1), whole(rng, (k, n))), {}
        yield (unsorted(rng, m, k, 4) if k and (m + k + n) % 2 else sparse(rng, m, k, 0.3), whole(rng, (k, n))), {}
    for _ in range(16):
        yield (sparse(rng, 5, 7, values=HOSTILE), rng.choice(HOSTILE, (7, 17))), {}
        yield (sparse(rng, 5, 7, values=HOSTILE), whole(rng, (7, 17))), {}
        x = whole(rng, (7, 17))
        x[rng.integers(7), :] = HOSTILE  # a whole row of x, which some rows of a skip and others multiply by a zero
        yield (sparse(rng, 5, 7, 0.3, values=np.float32([0, -0.0, 1])), x), {}
        yield (sparse(rng, 5, 7, values=FINITE[2:6]), rng.choice(FINITE[6:12], (7, 17))), {}  # subnormal results
        yield (sparse(rng, 5, 33), ordinary(rng, (33, 9))), {}  # sums that round
    for m, k, n in MIDDLE:
        yield (sparse(rng, m, k, 0.2 if m > 100 else 1), whole(rng, (k, n))), {}
        yield (sparse(rng, m, k, 0.2), ordinary(rng, (k, n))), {}
    wide = CSR((2, 70_001), [0, 3, 4], [1, 40_000, 70_000, 65_537], np.float32([1, 2, 3, 4]))
    yield (wide, whole(rng, (70_001, 3))), {}


def gemm_s8s8(dtype=np.int8, high: int = 127, edge: int = 131_071):
    rng = np.random.default_rng(9)
    low, top = np.iinfo(dtype).min, np.iinfo(dtype).max
    for m, k, n in sizes(rng):
        yield (whole(rng, (m, k), high, dtype), whole(rng, (n, k), 127, np.int8)), {}
        x, w = rng.choice([low, top, top - 1], (m, k)), rng.choice([-128, 127], (n, k))
        yield (x.astype(dtype), w.astype(np.int8)), {}
    for k in range(1, 68):  # the largest sums there are, of one sign
        yield (np.full((1, k), low or top, dtype), np.full((2, k), -128, np.int8)), {}
    for m, k, n in MIDDLE:
        yield (rng.integers(low, top + 1, (m, k)).astype(dtype), rng.integers(-128, 128, (n, k)).astype(np.int8)), {}
    # One term more would not fit an int32.
    yield (np.full((1, edge), low or top, dtype), np.full((1, edge), -128, np.int8)), {}
    # An odd sum above 2**24, which no float32 is.
    yield (np.full((1, 4099), top, dtype), np.full((1, 4099), 127, np.int8)), {}


def gemm_u8s8():
    yield from gemm_s8s8(np.uint8, 255, 65_793)


def gemm_f32s8():
    rng = np.random.default_rng(10)
    for m, k, n in sizes(rng):
        for form in ((m + k + n) % 6, (m + k + n + 3) % 6):
            yield (whole(rng, (m, k)), quantized(rng, n, k, form)), {}
    for i in range(24):
        yield (rng.choice(HOSTILE, (3, 17)), quantized(rng, 5, 17, i % 6)), {}
        yield (rng.choice(FINITE[:-2], (3, 33)), quantized(rng, 5, 33, i % 6)), {}
        x = whole(rng, (3, 19))
        x[1, i % 19] = HOSTILE[-1 - i % 3]  # only the second row may become special; a weight of 0 makes Inf a NaN
        yield (x, Quantized(rng.integers(-1, 2, (5, 19)).astype(np.int8), np.float32([[1]]), np.int8([[0]]))), {}
        yield (ordinary(rng, (3, 67)), quantized(rng, 5, 67, i % 6)), {}
    for scale in (2.0**-126, 2.0**-100, 1 / 3, 2.0**100, 3e38):
        edges, zero_point = np.int8([[-128, 127, 0, 1, -1]] * 3), np.int8([[-128], [0], [127]])
        w = Quantized(edges, np.full((3, 1), scale, np.float32), zero_point)
        yield (whole(rng, (2, 5)), w), {}
        yield (ordinary(rng, (2, 5)), w), {}
    for form, (m, k, n) in enumerate(MIDDLE):
        yield (whole(rng, (m, k), 3), quantized(rng, n, k, form, high=9, steps=0)), {}
        yield (ordinary(rng, (m, k)), quantized(rng, n, k, form)), {}


def counts(rng, alphabet: int, kind: int) -> np.ndarray:
    """Return counts that are equal, random with zeros, steep (a deep tree), or few and tied."""
    if kind == 3:
        steep = np.cumprod(np.full(alphabet, 1.5))
        return np.minimum(steep, 2.0**40).astype(np.int64)
    draw = (np.full(alphabet, 7), rng.integers(0, 1000, alphabet), rng.integers(0, 3, alphabet))[kind]
    return draw.astype(np.int64)


def huffman_lengths():
    rng = np.random.default_rng(11)
    for n in LENGTHS:
        for kind in range(4):
            yield (counts(rng, n, kind),), {}
            if kind:
                yield (counts(rng, n, kind)[rng.permutation(n)].astype(np.uint64),), {"limit": max(7, n % 16)}
    fibonacci = np.int64([1, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233, 377, 610, 987, 1597, 2584, 4181, 6765])
    for limit in range(5, 16):
        yield (fibonacci,), {"limit": limit}
    yield (np.uint64([2**62, 2**61, 2**60, 1]),), {}
    yield (np.ones(256, np.int64),), {"limit": 8}
    yield (counts(rng, 4099, 1),), {}


def huffman_code():
    rng = np.random.default_rng(12)
    for n in LENGTHS:
        for kind in range(4):
            yield (reference.huffman_lengths(counts(rng, n, kind)),), {}
    yield (reference.huffman_lengths(counts(rng, 4099, 1)),), {}


def coded(rng):
    """Yield (symbols, code): every short length, and those where the number of lanes changes."""
    lengths = [*LENGTHS, 1023, 1024, 2047, 2048, 2049, 4096 + 3, 65_535, 65_536 + 37]
    for i, count in enumerate(lengths):
        alphabet, kind = ((5, 1), (17, 3), (256, 1), (1, 0), (300, 2), (2, 0))[i % 6]
        dtype = np.uint16 if alphabet > 256 or i % 5 == 0 else np.uint8
        frequency = counts(rng, alphabet, kind) + 1
        symbols = rng.choice(alphabet, count, p=frequency / frequency.sum()).astype(dtype)
        yield symbols, reference.huffman_code(reference.huffman_lengths(frequency))


def huffman_encode():
    for pair in coded(np.random.default_rng(13)):
        yield pair, {}


def huffman_decode():
    for symbols, code in coded(np.random.default_rng(14)):
        yield (reference.huffman_encode(symbols, code),), {}
    nothing = reference.huffman_code(np.zeros(3, np.uint8))
    yield (Encoded(np.zeros(0, np.uint16), 0, nothing),), {}


SWEEPS = prune_cases.SWEEPS | floats.SWEEPS | {f.__name__: f for f in (
    share_kmeans, quantize_s8, dequantize_s8, lowrank_svd, csr_from_dense, csr_to_dense, csr_matmul,
    gemm_s8s8, gemm_u8s8, gemm_f32s8, huffman_lengths, huffman_code, huffman_encode, huffman_decode)}

from . import sweeps_mixed, sweeps_quantize  # noqa: E402  at the end, for they build on what stands above

SWEEPS |= sweeps_quantize.SWEEPS | sweeps_mixed.SWEEPS
