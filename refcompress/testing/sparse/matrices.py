"""Matrices of the sparse family: every format with every kind of values, and how Hypothesis draws them."""

import numpy as np

from ... import reference
from ...formats import BSR, Bitmask, Quantized, Shared
from ...formats.kept import Kept
from ..draws import array, composite, finite, int8, lengths, scales, st
from ..values import whole

_F = np.float32

# float32; int8 with a scale for all, rows, groups, groups of all rows; codes; codes by relative index; blocks of
# float32 (every third matrix whose columns allow it is an NM instead, but for the last two)
FORMS = 8


def dense(rng, m: int, k: int, form: int, *, high: int = 127, steps: int = 3) -> np.ndarray | Quantized | Shared:
    """Return the weights of a matrix in one of the forms, none of them 0; scales are powers of two."""
    if form in (0, 7):
        return whole(rng, (m, k))
    if form in (5, 6):
        c = int(rng.choice([2, 5, 16, 17, 32, 33, 256]))
        return Shared(rng.integers(1, c, (m, k)).astype(np.uint8), np.concatenate([np.zeros(1, _F), whole(rng, c - 1)]))
    group = None if form < 3 else int(rng.choice([8, 16, 24, 64]))
    shape = (1 if form in (1, 4) else m, 1 if group is None else -(-k // group))
    scale = np.ldexp(_F(1), rng.integers(-steps, steps + 1, shape))
    return Quantized(whole(rng, (m, k), high, np.int8), scale, np.zeros(shape, np.int8), group)


def sparse(rng, m: int, k: int, form: int, density: float = 0.5, **how) -> Kept:
    """Return a sparse matrix with values of one of the forms."""
    if form == 7:
        return blocks(rng, whole(rng, (m, k)), density)
    w, mask = dense(rng, m, k, form, **how), rng.random((m, k)) < density
    if form == 6 and isinstance(w, Shared):
        return reference.sparse_relative_pack(w, mask, bits=int(rng.choice([1, 2, 3, 4, 5, 8])))
    if k and k % 4 == 0 and m % 3 == 0:
        places = rng.random((m, k // 4, 4)).argsort(axis=2).reshape(m, k)
        return reference.sparse_nm_pack(w, places < rng.integers(1, 3))
    return reference.sparse_bitmask_pack(w, mask)


def blocks(rng, w: np.ndarray, density: float) -> BSR:
    """Return some blocks of a matrix, of any size that divides it."""
    r, c = (int(rng.choice([d for d in range(1, 18) if size % d == 0])) for size in w.shape)
    mask = rng.random((w.shape[0] // r, w.shape[1] // c)) < density
    return reference.sparse_bsr_pack(w, mask.repeat(r, axis=0).repeat(c, axis=1), block=(r, c))


def of_floats(rng, m: int, k: int, values, density: float = 0.5) -> Bitmask:
    """Return a matrix of some of the values, stored zeros among them."""
    return reference.sparse_bitmask_pack(rng.choice(values, (m, k)), rng.random((m, k)) < density)


@composite
def drawn(draw, floats, integers=False):
    m, k = draw(lengths()), draw(lengths())
    mask = draw(array(np.bool_, (m, k), st.booleans()))
    form = 1 if integers else draw(st.integers(0, 4))
    if form == 4:
        r, c = (draw(st.sampled_from([d for d in range(1, 10) if size % d == 0])) for size in (m, k))
        return reference.sparse_bsr_pack(draw(array(_F, (m, k), floats)), mask, block=(r, c))
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
