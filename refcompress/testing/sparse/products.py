"""The cases of sparse_matmul: every format, stored zeros, empty rows, infinities beside what is not stored."""

import numpy as np

from ... import reference
from ...formats import BSR, Bitmask, Relative
from ..cases import Cases
from ..draws import any_floats, array, composite, either, st
from ..sums import in_sequence, interleaved
from ..values import FINITE, HOSTILE, MIDDLE, not_arrays, ordinary, other_dimensions, sizes, whole, with_fields
from .matrices import FORMS, drawn, of_floats, sparse

_F = np.float32

CASES: dict[str, Cases] = {}


def sparse_matmul_sweep():
    rng = np.random.default_rng(81)
    for m, k, n in sizes(rng):
        form = (m + k + n) % FORMS
        yield (sparse(rng, m, k, form, 0.4 if (m + k) % 3 else 1, steps=1), whole(rng, (k, n))), {}
    for length in range(1, 68, 6):  # one column, where kernels turn their vectors
        yield (sparse(rng, length, 67 - length, length % FORMS, steps=1), whole(rng, (67 - length, 1))), {}
    for i in range(4):
        form = 2 * i + 1
        n = (1, 17, 9)[i % 3]
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
    for block, n in (((4, 25), 33), ((1, 16), 9), ((2, 200), 1)):  # blocks that a strip of columns cuts
        w = whole(rng, (8, 400), 9)
        yield (reference.sparse_bsr_pack(w, rng.random(w.shape) < 3 / 400, block=block), whole(rng, (400, n), 9)), {}
    for i, (m, k, n) in enumerate(MIDDLE):
        for form in (i, i + 4):
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
def sparse_matmul_strategy(draw):
    floats = draw(either(any_floats()))
    a = draw(drawn(floats))
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


def _blocks_begin_anew(a, x):
    """A block that goes on in the next strip of 192 columns begins there with its first weights."""
    if not isinstance(a, BSR):
        return reference.sparse_matmul(a, x)
    c, blocks = a.block[1], a.blocks.copy()
    for e, column in enumerate(a.indices.astype(int)):
        taken = -column * c % 192
        if 0 < taken < c:
            blocks[e, :, taken:] = np.resize(blocks[e, :, : c - taken], blocks[e, :, taken:].shape)
    return reference.sparse_matmul(with_fields(a, blocks=blocks), x)


def _blocks_turned(a, x):
    """The weights of a block by columns."""
    if not isinstance(a, BSR):
        return reference.sparse_matmul(a, x)
    blocks = np.ascontiguousarray(a.blocks.transpose(0, 2, 1)).reshape(a.blocks.shape)
    return reference.sparse_matmul(with_fields(a, blocks=blocks), x)


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
        "a block in two strips begins anew": _blocks_begin_anew,
        "the weights of a block by columns": _blocks_turned,
        "what is not stored multiplies": _absent_multiply,
        "stored zeros skipped": lambda a, x: reference.sparse_matmul(_without(a, a.numbers == 0), x),
        "stale output of empty rows": _stale_empty_rows,
    },
    right={
        "in sequence": _rows(in_sequence),
        "16 chains": _rows(lambda terms: interleaved(terms, 16)),
    },
)
