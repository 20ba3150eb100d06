"""Products of what formats seldom hold: each odd code, all bits at once, one infinity beside rows of zeros."""

from collections.abc import Callable
from functools import partial

import numpy as np

from ... import reference
from ...formats import CSR, MX, MX_ELEMENTS, NF4, NVFP4, LowRank, Plain, Quantized, Shared
from ..cases import Calls
from ..gemm import narrow
from ..values import ordinary, whole
from .lengths import all_bits, one_in_each_row

_F, _S8 = np.float32, np.int8
ROWS = (1, 2, 4, 7, 8, 9, 15, 16, 17, 33)


def _one_term(dense: Callable, wide: tuple[int, ...] = (1, 33)) -> Callable[[], Calls]:
    """Return what yields an exact product in each output, by any number of rows: no rule allows another number."""
    def calls() -> Calls:
        rng = np.random.default_rng(1)
        for i, m in enumerate(ROWS):
            for k in wide:
                x = np.zeros((m, k), _F)
                x[np.arange(m), rng.integers(0, k, m)] = np.ldexp(_F(1), rng.integers(-3, 4, m))
                yield (x, dense(rng, 5, k, i)), {}
    return calls


def _thirds(rng, n: int, k: int, i: int):
    """Weights of 4 bits under scales of all bits."""
    shape = (n, (1, -(-k // 16), k)[i % 3])
    values = rng.integers(-8, 8, (n, k)).astype(_S8)
    scale = (_F(1) / _F(3) * rng.uniform(1, 2, shape)).astype(_F)
    return reference.quantize_pack(Quantized(values, scale, rng.integers(-8, 8, shape).astype(_S8),
                                             (None, 16, 1)[i % 3]))


def _thirds_s8(rng, n: int, k: int, i: int) -> Quantized:
    groups = (None, 16, 1)[i % 3]
    shape = (n, (1, -(-k // 16), k)[i % 3])
    return Quantized(rng.integers(-127, 128, (n, k)).astype(_S8), (_F(1) / _F(3) * rng.uniform(1, 2, shape)).astype(_F),
                     rng.integers(-9, 9, shape).astype(_S8), groups)


def _book(c: int, rng, n: int, k: int, i: int) -> Shared:
    """Values of all bits, in no order, each twice or never."""
    book = all_bits(rng, (c,) if i % 2 else (n, 1, c)) * _F(1 / 2**20)
    book[..., -1] = book[..., 0]
    return Shared(rng.integers(0, c - 1, (n, k)).astype(np.uint8) + np.uint8(1), book)


def _nf4(rng, n: int, k: int, i: int) -> NF4:
    block = (64, 1, 16)[i % 3]
    return NF4(rng.integers(0, 16, (n, k)).astype(np.uint8), rng.uniform(0.3, 1, (n, -(-k // block))).astype(_F), block)


def _nvfp4(rng, n: int, k: int, i: int) -> NVFP4:
    return NVFP4(rng.integers(0, 16, (n, k)).astype(np.uint8), rng.integers(1, 127, (n, -(-k // 16))).astype(np.uint8),
                 _F(1 / 3))


def _every_plain(*types: str) -> Callable[[], Calls]:
    """Return what yields each special pattern of a type alone in a row, by 1 and by 0; then ordinary ones."""
    def calls() -> Calls:
        for name in types:
            element = narrow.ELEMENT_TYPES[name]
            every = np.arange(2**element.bits, dtype=element.pattern)
            odd = every[~np.isfinite(element.values(every).astype(_F))]
            chosen = odd if len(odd) < 40 else np.unique(np.concatenate([odd[:17], odd[-17:], odd[:: len(odd) // 20]]))
            chosen = np.concatenate([chosen, every[:3], every[-1:] // 2 + every[:1] + 1])
            for x in (1, 0, -2, 65_536, 2.0**-140):
                yield (np.full((1, 1), x, _F), Plain(chosen[:, None], name)), {}
            wide = np.zeros((len(chosen), 33), element.pattern)
            wide[:, 32] = chosen
            yield (np.ones((9, 33), _F), Plain(wide, name)), {}
    return calls


def _every_mx():
    """Blocks whose scale is NaN, the least and the largest, with elements of each sign and zero; all codes."""
    for name, element in MX_ELEMENTS.items():
        if element is None:
            codes = np.arange(-128, 128).astype(_S8)
        else:
            codes = np.arange(2**element.bits).astype(np.uint8)
        for scale in (127, 255, 0, 1, 126, 200, 254):
            w = MX(codes[:, None], np.full((len(codes), 1), scale, np.uint8), name)
            for x in (1, -2, 0):
                yield (np.full((1, 1), x, _F), w), {}
        both = np.resize(codes, (3, 40))  # one block NaN, the other ordinary
        w = MX(both, np.uint8([[255, 127], [127, 255], [0, 130]]), name)
        yield (np.eye(9, 40, dtype=_F), w), {}
        yield (whole(np.random.default_rng(1), (9, 40)), w), {}


def _small_book():
    """Subnormal values by inputs so large that the products are ordinary."""
    rng = np.random.default_rng(2)
    for c in (3, 16):
        book = np.ldexp(rng.permutation(c) + 1.0, -149).astype(_F)
        for x in (1.0, 1e10, 2.0**127, -3e38):
            yield (np.full((2, 1), x, _F), Shared(rng.integers(0, c, (9, 1)).astype(np.uint8), book)), {}
            yield (one_in_each_row(rng, 3, 40, 1) * _F(x / 2), Shared(rng.integers(0, c, (9, 40)).astype(np.uint8),
                                                                       book)), {}


def _zero_row(weights: Callable) -> Callable[[], Calls]:
    """Return what yields a row of zeros among others, beside one infinity in the weights, at any length."""
    def calls() -> Calls:
        rng = np.random.default_rng(3)
        for i, k in enumerate((1, 16, 31, 32, 33, 40, 64, 65, 100, 300)):
            for m in (1, 3, 9):
                x = whole(rng, (m, k))
                x[m // 2] = (0.0, -0.0)[i % 2]
                w, infinite = whole(rng, (5, k)), (np.inf, -np.inf)[i % 2]
                w[i % 5, (0, k // 2, k - 1)[i % 3]] = infinite
                yield weights(x, w), {}
    return calls


def _bfloat16_patterns():
    """NaN patterns of low payload bits alone, of either sign and on both sides; infinities, subnormals."""
    odd = np.uint16([*range(0x7F80, 0x7F90), 0xFF80, 0xFF81, 0xFF8F, 0x7FC0, 0xFFFF, 1, 0x8001, 0x007F, 0x0080])
    one = np.uint16([[0x3F80]])
    for x in (one, one * 0, np.uint16([[0xBF80]])):
        yield (x, odd[:, None]), {}
        yield (odd[:, None], x), {}
    rng = np.random.default_rng(4)
    for k in (2, 3, 31, 33, 64):
        for i in range(3):
            x, w = (reference.floats_encode(whole(rng, (3, k)), "bfloat16") for _ in range(2))
            (x if i % 2 else w)[1, k - 1] = rng.choice(odd)
            yield (x, w), {}
    yield (Plain(odd[:, None], "bfloat16"), Plain(odd[:, None], "bfloat16")), {}
    for k in (1, 7, 32):
        x, w = (reference.floats_encode(whole(rng, (4, k)), "bfloat16") for _ in range(2))
        yield (Plain(x, "bfloat16"), w), {}
        yield (x, Plain(w, "bfloat16")), {}


# Integers.

def _zero_points(dtype):
    rng = np.random.default_rng(5)
    low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    for zero in (low, low + 1, -1, 0, 1, 128, high - 1, high):
        for k in (1, 3, 16, 64, 67, 300) if low <= zero <= high else ():
            for most in (high, 9):
                yield (whole(rng, (3, k), most, dtype), whole(rng, (5, k), 127, _S8)), {"x_zero_point": zero}
            for fill in (low, high):
                yield (np.full((2, k), fill, dtype), np.full((3, k), -128, _S8)), {"x_zero_point": zero}


def _lut_ties():
    """Codebooks whose values are ties of the grid that they are quantized to."""
    rng = np.random.default_rng(6)
    for scale in (1, 2.0**-7, 3, 1 / 3):
        for steps in ([127, 0.5, 2.5], [127, 1.5, -0.5, -2.5], [-127, 63.5, 62.5, 0], [127, 3.5, 126.5, -126.5]):
            book = (_F(steps) * _F(scale)).astype(_F)
            codes = rng.integers(0, len(book), (4, 9)).astype(np.uint8)
            for w in (Shared(codes, book), Shared(codes, np.tile(book, (4, 1, 1))),
                      Shared(codes, np.tile(book, (4, 3, 1)), 3)):
                yield (whole(rng, (2, 9), 127, _S8), _F([1, 3]), w), {}
                yield (np.ones((1, 9), _S8), _F([1]), w), {}


# Sparse.

def _fills():
    """N:M of 8 and 16, whose rows are filled with zeros, beside an infinity in each place of x in turn."""
    rng = np.random.default_rng(7)
    for n, m in ((1, 2), (2, 4), (1, 4), (2, 8), (4, 8), (3, 16), (8, 16), (1, 16), (16, 16)):
        w, kept = whole(rng, (3, m)), np.arange(m)[None].repeat(3, 0) < n // 2
        full = rng.permuted(np.arange(m)[None].repeat(3, 0) < n, axis=1)
        for mask in (kept, kept[:, ::-1], full):
            a = reference.sparse_nm_pack(w, mask, n=n, m=m)
            yield (a, whole(rng, (m, 2))), {}
            for at in {0, 1, m // 2, m - 1}:
                x = whole(rng, (m, 2))
                x[at, 0] = np.inf
                yield (a, x), {}
    for k in (4, 33):  # stored zeros, of either sign
        w = np.zeros((3, k), _F)
        w[1] = -0.0
        x = whole(rng, (k, 3))
        x[k - 1, 1] = -np.inf
        yield (reference.sparse_bitmask_pack(w, np.ones((3, k), bool)), x), {}


def _s8_nm():
    rng = np.random.default_rng(8)
    for n, m in ((1, 2), (2, 4), (2, 8), (4, 8), (3, 16), (8, 16), (16, 16), (7, 16)):
        for k in (m, 4 * m, 9 * m):
            values = whole(rng, (5, k), 127, _S8)
            mask = rng.permuted(np.arange(m)[None, None].repeat(5, 0).repeat(k // m, 1) < n, axis=2).reshape(5, k)
            for columns in (1, -(-k // 16)):
                shape = (5, columns)
                q = Quantized(values, np.ldexp(_F(1), rng.integers(-3, 3, shape)), np.zeros(shape, _S8),
                              16 if columns > 1 else None)
                a = reference.sparse_nm_pack(q, mask, n=n, m=m)
                yield (whole(rng, (3, k), 127, _S8), rng.uniform(0.5, 2, 3).astype(_F), a), {}


def _wide_x(sparse: Callable) -> Callable[[], Calls]:
    """Return what yields inputs of many columns, of all bits, by one entry a row."""
    def calls() -> Calls:
        rng = np.random.default_rng(9)
        for n in (1, 15, 16, 17, 31, 64, 127, 128, 129, 255, 256, 257, 511, 512, 513, 1024, 1025, 2049):
            yield (sparse(rng, 3, 4), all_bits(rng, (4, n))), {}
    return calls


def _one_entry(rng, m: int, k: int) -> CSR:
    return CSR((m, k), np.arange(m + 1), rng.integers(0, k, m), rng.choice([-1, 1, 2], m).astype(_F))


def _one_kept(rng, m: int, k: int):
    mask = np.zeros((m, k), bool)
    mask[np.arange(m), rng.integers(0, k, m)] = True
    return reference.sparse_bitmask_pack(np.where(mask, _F(1), _F(2)), mask)


def _one_of_rank(rng, m: int, k: int) -> LowRank:
    return LowRank(rng.choice([-1, 1], (m, 1)).astype(_F), np.ones(1, _F), one_in_each_row(rng, 1, k, 1))


def _duplicates():
    """Entries of one place whose sum in float32 is another than that in float64, or in another order."""
    for values in ((1e8, 1, -1e8), (1, 1e8, -1e8), (1e8, -1e8, 1), (3e38, 3e38, -3e38), (2**24, 1, 1)):
        a = CSR((2, 3), [0, 3, 6], [1, 1, 1, 2, 2, 2], _F(values * 2), canonical=False)
        yield (a, _F([[1, 2], [1, 3], [1, -1]])), {}


def _singular_zeros():
    """Singular values and columns of 0, beside an infinity in x."""
    rng = np.random.default_rng(10)
    for k in (1, 3, 33, 64):
        for r in (1, 2, 3):
            s = whole(rng, r, 3)
            s[r // 2] = 0
            x = whole(rng, (k, 2))
            x[k - 1, 1] = np.inf
            yield (LowRank(whole(rng, (4, r), 3), s, whole(rng, (r, k), 3)), x), {}
            yield (LowRank(whole(rng, (4, r), 3), whole(rng, r, 3), np.zeros((r, k), _F)), x), {}


def _f32f32_square():
    """Many rows by few of them, at lengths at which a kernel changes its way; exact all the same."""
    rng = np.random.default_rng(11)
    for m in (8, 9, 16, 64, 257):
        for k in (64, 128, 256, 512, 1024):
            if m * k < 20_000:
                yield (one_in_each_row(rng, m, k), ordinary(rng, (2, k)) * _F(0) + _F(1)), {}
                yield (np.ones((2, k), _F), one_in_each_row(rng, m, k)), {}


def _plain_zero_row(name: str) -> Callable[[], Calls]:
    return _zero_row(lambda x, w: (x, Plain(reference.floats_encode(w, name, overflow="format"), name)))


EDGES: dict[str, tuple[Callable[[], Calls], ...]] = {
    "gemm_f32s4": (_one_term(_thirds),),
    "gemm_f32s8": (_one_term(_thirds_s8),),
    "gemm_f32lut4": (_small_book, _one_term(partial(_book, 16))),
    "gemm_f32lut8": (_small_book, _one_term(partial(_book, 200))),
    "gemm_f32nf4": (_one_term(_nf4),),
    "gemm_f32nvfp4": (_one_term(_nvfp4),),
    "gemm_f32mx": (_every_mx,),
    "gemm_f32f16": (_every_plain("float16"), _plain_zero_row("float16")),
    "gemm_f32bf16": (_every_plain("bfloat16"), _plain_zero_row("bfloat16")),
    "gemm_f32fp8": (_every_plain(*narrow.PLAIN["gemm_f32fp8"]), _plain_zero_row("fp8_e5m2")),
    "gemm_f32f32": (_zero_row(lambda x, w: (x, w)), _f32f32_square),
    "gemm_bf16bf16": (_bfloat16_patterns, _zero_row(lambda x, w: tuple(
        reference.floats_encode(a, "bfloat16", overflow="format") for a in (x, w)))),
    "gemm_s8s8": (partial(_zero_points, _S8),), "gemm_u8s8": (partial(_zero_points, np.uint8),),
    "gemm_s8lut4": (_lut_ties,),
    "csr_matmul": (_duplicates, _wide_x(_one_entry)),
    "sparse_matmul": (_fills, _wide_x(_one_kept)),
    "sparse_s8s8": (_s8_nm,),
    "lowrank_matmul": (_singular_zeros, _wide_x(_one_of_rank)),
}
