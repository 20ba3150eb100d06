"""The cases of the sparse family: every format with every kind of values, stored zeros, empty rows, infinities beside
what is not stored."""

import numpy as np

from .. import reference
from ..formats import Bitmask, Quantized, Relative, Shared
from ..formats.kept import Kept
from .cases import Cases
from .draws import any_floats, array, composite, either, finite, int8, lengths, scales, st
from .sums import in_sequence, interleaved
from .values import FINITE, HOSTILE, MIDDLE, not_arrays, ordinary, other_dimensions, sizes, whole, with_fields

_F = np.float32

CASES: dict[str, Cases] = {}

FORMS = 7  # float32; int8 with a scale for all, rows, groups, groups of all rows; codes; codes by relative index
# (every third matrix whose columns allow it is an NM instead)


def dense(rng, m: int, k: int, form: int, *, high: int = 127, steps: int = 3) -> np.ndarray | Quantized | Shared:
    """Return the weights of a matrix in one of the forms, none of them 0; scales are powers of two."""
    if form == 0:
        return whole(rng, (m, k))
    if form >= 5:
        c = int(rng.choice([2, 5, 16, 17, 32, 33, 256]))
        return Shared(rng.integers(1, c, (m, k)).astype(np.uint8), np.concatenate([np.zeros(1, _F), whole(rng, c - 1)]))
    group = None if form < 3 else int(rng.choice([8, 16, 24, 64]))
    shape = (1 if form in (1, 4) else m, 1 if group is None else -(-k // group))
    scale = np.ldexp(_F(1), rng.integers(-steps, steps + 1, shape))
    return Quantized(whole(rng, (m, k), high, np.int8), scale, np.zeros(shape, np.int8), group)


def sparse(rng, m: int, k: int, form: int, density: float = 0.5, **how) -> Kept:
    """Return a sparse matrix with values of one of the forms."""
    w, mask = dense(rng, m, k, form, **how), rng.random((m, k)) < density
    if form == 6 and isinstance(w, Shared):
        return reference.sparse_relative_pack(w, mask, bits=int(rng.choice([1, 2, 3, 4, 5, 8])))
    if k and k % 4 == 0 and m % 3 == 0:
        places = rng.random((m, k // 4, 4)).argsort(axis=2).reshape(m, k)
        return reference.sparse_nm_pack(w, places < rng.integers(1, 3))
    return reference.sparse_bitmask_pack(w, mask)


def of_floats(rng, m: int, k: int, values, density: float = 0.5) -> Bitmask:
    """Return a matrix of some of the values, stored zeros among them."""
    return reference.sparse_bitmask_pack(rng.choice(values, (m, k)), rng.random((m, k)) < density)


# sparse_matmul

def sparse_matmul_sweep():
    rng = np.random.default_rng(81)
    for m, k, n in sizes(rng):
        form = (m + k + n) % FORMS
        yield (sparse(rng, m, k, form, 0.4 if (m + k) % 3 else 1, steps=1), whole(rng, (k, n))), {}
    for length in range(68):  # one column, where kernels turn their vectors
        yield (sparse(rng, length, 67 - length, length % FORMS, steps=1), whole(rng, (67 - length, 1))), {}
    for i in range(9):
        form = i % FORMS
        n = (1, 17, 9)[i // 2 % 3]
        yield (of_floats(rng, 5, 7, HOSTILE), rng.choice(HOSTILE, (7, n))), {}
        yield (sparse(rng, 5, 40, form), rng.choice(FINITE[:-2], (40, n))), {}
        yield (of_floats(rng, 5, 7, HOSTILE), whole(rng, (7, n))), {}
        x = whole(rng, (70, n))
        x[rng.integers(70)] = HOSTILE[-1 - i % 3]  # a row of x, which most rows of a pass over
        yield (sparse(rng, 5, 70, form, 0.2, steps=0), x), {}
        yield (of_floats(rng, 5, 70, _F([0, -0.0, 1]), 0.2), x), {}
        yield (of_floats(rng, 5, 7, FINITE[2:6]), rng.choice(FINITE[6:12], (7, n))), {}  # subnormal results
        yield (of_floats(rng, 9, 3, -FINITE[2:3]), FINITE[2:3].repeat(3 * n).reshape(3, n)), {}  # zeros from below
        yield (sparse(rng, 5, 33, form), ordinary(rng, (33, n))), {}  # sums that round
    for i, (m, k, n) in enumerate(MIDDLE):
        for form in (i, i + 3):
            yield (sparse(rng, m, k, form % FORMS, 0.2, high=9, steps=0), whole(rng, (k, n), 3)), {}
            yield (sparse(rng, m, k, form % FORMS, 0.2), ordinary(rng, (k, (1, n)[form % 2]))), {}
    yield (sparse(rng, 2, 70_001, 1, 0.001, steps=0), whole(rng, (70_001, 1))), {}


def sparse_matmul_refusals():
    a, x = reference.sparse_bitmask_pack(_F([[3, 0, 2], [0, -1, 5]])), _F([[1, 2], [3, 4], [5, 6]])
    for bad in (None, x, "text", reference.csr_from_dense(x)):
        yield (bad, x), {}
    for bad in (*not_arrays(x), *other_dimensions(x), x[:2], x.T, a):
        yield (a, bad), {}
    yield (reference.sparse_bitmask_pack(np.ones((3, 0), _F)), np.ones((0, 2**60), _F)), {}


@composite
def _bitmask_draw(draw, floats, integers=False):
    m, k = draw(lengths()), draw(lengths())
    mask = draw(array(np.bool_, (m, k), st.booleans()))
    form = 1 if integers else draw(st.integers(0, 3))
    if form == 0:
        return reference.sparse_bitmask_pack(draw(array(_F, (m, k), floats)), mask)
    if form >= 2:
        codebook = draw(array(_F, draw(st.integers(1, 40)), finite()))
        codebook[0] = 0
        codes = draw(array(np.uint8, (m, k), st.integers(0, len(codebook) - 1)))
        if form == 3:
            bits = draw(st.integers(1, 8))
            return reference.sparse_relative_pack(Shared(codes, codebook), mask & (codes != 0), bits=bits)
        return reference.sparse_bitmask_pack(Shared(codes, codebook), mask)
    group = draw(st.sampled_from([None, 8, 16, 64]))
    shape = (draw(st.sampled_from([1, m])), 1 if group is None else -(-k // group))
    scale, values = draw(array(_F, shape, scales())), draw(array(np.int8, (m, k), int8()))
    return reference.sparse_bitmask_pack(Quantized(values, scale, np.zeros(shape, np.int8), group), mask)


@composite
def sparse_matmul_strategy(draw):
    floats = draw(either(any_floats()))
    a = draw(_bitmask_draw(floats))
    return (a, draw(array(_F, (a.shape[1], draw(st.sampled_from([1, 1, 0, 2, 9, 17, 33]))), floats))), {}


def _rows(total):
    """Return a sparse_matmul that sums the float32 products of a row, (terms, n), by ``total``."""
    def sparse_matmul(a, x):
        x, kept = x.astype(_F), a.kept
        w, y = a.dense(), np.zeros((a.shape[0], x.shape[1]), _F)
        for i in range(a.shape[0]):
            y[i] = total(w[i, kept[i], None] * x[kept[i]])
        return y
    return sparse_matmul


def _without(a, drop):
    if not isinstance(a, Bitmask):
        return a
    mask = a.kept
    mask[mask] = ~drop
    return with_fields(a, mask=np.packbits(mask, axis=1, bitorder="little"), values=a.values[~drop])


def _next_word_late(a, x):
    """Each word of 64 columns begins where the one before began, if that was full."""
    if not isinstance(a, Bitmask):
        return reference.sparse_matmul(a, x)
    kept, values = a.kept, a.values.copy()
    rows, columns = np.nonzero(kept)
    for i in range(a.shape[0]):
        if a.shape[1] > 64 and kept[i, :64].all():
            behind = (rows == i) & (columns >= 64)
            values[behind] = np.roll(values[behind], 1)
    return reference.sparse_matmul(with_fields(a, values=values), x)


def _highest_bit_first(a, x):
    if not isinstance(a, Bitmask):
        return reference.sparse_matmul(a, x)
    mask = np.packbits(a.kept, axis=1, bitorder="big")[:, : a.mask.shape[1]]
    kept = np.unpackbits(mask, axis=1, count=a.shape[1], bitorder="little").view(bool)
    if np.count_nonzero(kept) != a.nnz:
        return reference.sparse_matmul(a, x) + _F(1)  # it would read past the values
    return reference.sparse_matmul(with_fields(a, mask=mask), x)


def _first_scale(a, x):
    if a.scale is None:
        return reference.sparse_matmul(a, x)
    return reference.sparse_matmul(with_fields(a, scale=np.broadcast_to(a.scale[:, :1], a.scale.shape).copy()), x)


def _row_scale_shared(a, x):
    if a.scale is None or not len(a.scale):
        return reference.sparse_matmul(a, x)
    return reference.sparse_matmul(with_fields(a, scale=a.scale[:1]), x)


def _unsigned(a, x):
    if a.values.dtype != np.int8:
        return reference.sparse_matmul(a, x)
    scale = 1.0 if a.scale is None else np.repeat(np.broadcast_to(a.scale, (a.shape[0], a.scale.shape[1])), a.segment,
                                                  axis=1)[:, : a.shape[1]]
    w = np.zeros(a.shape)
    w[a.kept] = a.values.view(np.uint8)
    return (w * scale @ np.nan_to_num(x.astype(np.float64))).astype(_F)


def _four_bits(a, x):
    if not isinstance(a, Bitmask) or a.codebook is None:
        return reference.sparse_matmul(a, x)
    return reference.sparse_matmul(with_fields(a, values=a.values & np.uint8(15)), x)


def _fillers_stored(a, x):
    """A filler counts one place less than it moves on."""
    if not isinstance(a, Relative) or not a.shape[1]:
        return reference.sparse_matmul(a, x)
    w, y = sparse_codes(a), reference.sparse_matmul(a, x)
    rows, columns, gaps = w
    late = gaps >= 2**a.skip_bits
    for i, p, value in zip(rows[late], columns[late], a.numbers[late]):
        y[i] += value * np.nan_to_num(x[p - 1] - x[p])
    return y


def sparse_codes(a):
    """Return row, column and the places since the entry before, for each stored weight."""
    rows, columns = np.nonzero(a.kept)
    before = np.append(-1, columns[:-1])[: len(columns)]
    before[np.append(True, rows[1:] != rows[:-1])[: len(rows)]] = -1
    return rows, columns, columns - 1 - before


def _absent_multiply(a, x):
    return (a.dense().astype(np.float64) @ x).astype(_F)


def _stale_empty_rows(a, x):
    y = reference.sparse_matmul(a, x)
    y[~a.kept.any(axis=1)] = 7  # what was in the memory before
    return y


CASES["sparse_matmul"] = Cases(
    sparse_matmul_sweep, sparse_matmul_refusals, sparse_matmul_strategy,
    wrong={
        "last entry of a row lost": _rows(lambda t: in_sequence(t[: len(t) - (len(t) % 16 == 3)])),
        "entries of a full word counted late": _next_word_late,
        "the highest bit of a byte first": _highest_bit_first,
        "one scale for all groups": _first_scale,
        "one scale for all rows": _row_scale_shared,
        "s8 taken as u8": _unsigned,
        "codes cut to 4 bits": _four_bits,
        "fillers a place too short": _fillers_stored,
        "what is not stored multiplies": _absent_multiply,
        "stored zeros skipped": lambda a, x: reference.sparse_matmul(_without(a, a.numbers == 0), x),
        "stale output of empty rows": _stale_empty_rows,
    },
    right={
        "in sequence": _rows(in_sequence),
        "16 chains": _rows(lambda terms: interleaved(terms, 16)),
    },
)


# sparse_s8s8

def sparse_s8s8_sweep():
    rng = np.random.default_rng(82)
    for m, k, n in sizes(rng):
        w = sparse(rng, n, k, 1 + (m + k + n) % 4, 0.4 if (m + k) % 3 else 1)
        w = with_fields(w, scale=w.scale * _F(1 / 3))
        x, x_scale = whole(rng, (m, k), 127, np.int8), rng.uniform(0.5, 2, m).astype(_F)
        yield (x, x_scale, w, *([ordinary(rng, n)] if n % 2 else [])), {}
    edges, kept = np.int8([[-128, 127, 0, 1, -1]] * 3), np.ones((3, 5), bool)
    for scale in (2.0**-126, 2.0**-70, 1 / 3, 3e38):
        w = reference.sparse_bitmask_pack(Quantized(edges, np.full((3, 1), scale, _F), np.zeros((3, 1), np.int8)), kept)
        yield (edges, np.full(3, scale, _F), w, _F([0, -0.0, 3e38])), {}
    for m, k, n in MIDDLE:
        x = rng.choice([-128, 127], (m, k)).astype(np.int8)
        w = sparse(rng, n, k, 3 if k < 1000 else 2, 0.6)
        yield (x, rng.uniform(0.5, 2, m).astype(_F), w), {}


def sparse_s8s8_refusals():
    x, x_scale = np.ones((2, 3), np.int8), np.ones(2, _F)
    q = Quantized(np.ones((4, 3), np.int8), _F([[1]]), np.int8([[0]]))
    w = reference.sparse_bitmask_pack(q)
    for bad in (*not_arrays(x), *other_dimensions(x), x[:, :2], x.astype(np.uint8)):
        yield (bad, x_scale, w), {}
    for bad in (None, 1.0, np.ones(2), np.ones(3, _F), np.ones((2, 1), _F), _F([1, 0]), _F([1, np.inf]),
                _F([np.nan, 1]), _F([1, 1e-45])):
        yield (x, bad, w), {}
    for bad in (None, x, q, reference.sparse_bitmask_pack(np.ones((4, 3), _F))):
        yield (x, x_scale, bad), {}
    for bad in (1.0, np.ones(4), np.ones(3, _F), np.ones((1, 4), _F)):
        yield (x, x_scale, w, bad), {}
    wide = reference.sparse_bitmask_pack(Quantized(np.ones((1, 65_794), np.int8), _F([[1]]), np.int8([[0]])))
    yield (np.ones((1, 65_794), np.int8), _F([1]), wide), {}


@composite
def sparse_s8s8_strategy(draw):
    w = draw(_bitmask_draw(finite(), integers=True))
    (n, k), m = w.shape, draw(st.integers(0, 9))
    x, x_scale = draw(array(np.int8, (m, k), int8())), draw(array(_F, m, scales()))
    return (x, x_scale, w, draw(st.none() | array(_F, n, st.floats(width=32)))), {}


def _as_u8(x, x_scale, w, bias=None):
    """Takes the inputs with 128 added for what they were."""
    reference.sparse_s8s8(x, x_scale, w, bias)
    values = np.zeros(w.shape)
    values[w.kept] = w.values
    scale = np.repeat(np.broadcast_to(w.scale, (len(values), w.scale.shape[1])), w.segment, axis=1)[:, : w.shape[1]]
    y = (x.astype(np.float64) + 128) @ (values * scale).T * x_scale[:, None]
    return (y if bias is None else y + bias).astype(_F)


def _rounded_early(x, x_scale, w, bias=None):
    y = reference.sparse_s8s8(x, x_scale, w)
    return y if bias is None else y + bias


def _sixteen_bit_sums(x, x_scale, w, bias=None):
    """Adds pairs of products in 16 bits, which saturate."""
    reference.sparse_s8s8(x, x_scale, w, bias)
    values = np.zeros(w.shape, np.int64)
    values[w.kept] = w.values
    scale = np.repeat(np.broadcast_to(w.scale, (len(values), w.scale.shape[1])), w.segment, axis=1)[:, : w.shape[1]]
    products = x.astype(np.int64)[:, None] * values
    pairs = products[..., 0 : products.shape[2] // 2 * 2].reshape(*products.shape[:2], -1, 2).sum(axis=3)
    lost = pairs - np.clip(pairs, -(2**15), 2**15 - 1)
    lost = (lost * scale[:, 0 : lost.shape[2] * 2 : 2]).sum(axis=2) * x_scale[:, None]
    return (reference.sparse_s8s8(x, x_scale, w, bias) - lost).astype(_F)


CASES["sparse_s8s8"] = Cases(
    sparse_s8s8_sweep, sparse_s8s8_refusals, sparse_s8s8_strategy,
    wrong={
        "128 left on the inputs": _as_u8,
        "rounded to float32 before the bias": _rounded_early,
        "pairs saturate at 16 bits": _sixteen_bit_sums,
        "one scale for all rows of x": lambda x, x_scale, w, bias=None:
            reference.sparse_s8s8(x, np.resize(x_scale[:1], x_scale.shape), w, bias),
        "one scale for all groups": lambda x, x_scale, w, bias=None: reference.sparse_s8s8(
            x, x_scale, with_fields(w, scale=np.broadcast_to(w.scale[:, :1], w.scale.shape).copy()), bias),
    },
)
