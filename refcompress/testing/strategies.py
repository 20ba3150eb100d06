"""Hypothesis strategies for each operation's input: small, hostile, oddly laid out, and built so that they shrink well.

Lengths go up to 40: the long sweep of ``samples`` has gone before. Import this module only where Hypothesis is
installed.
"""

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from .. import reference
from ..formats import CSR, Encoded, Mixed, Quantized
from . import floats_strategies, layouts

_LENGTH = st.sampled_from([*range(10), 15, 16, 17, 31, 32, 33, 40])  # one list: of two, shrinking sticks in the second
_FINITE = st.one_of(
    st.integers(-8, 8).map(float),
    st.sampled_from([0.0, -0.0, 0.5, -2.5, 2.0**-126, -(2.0**-149), 2.0**127, -3e38]),
    st.floats(width=32, allow_nan=False, allow_infinity=False))
_NO_NAN = st.one_of(_FINITE, st.sampled_from([np.inf, -np.inf]))
_ANY = st.one_of(_NO_NAN, st.just(np.nan))
_TAME = st.one_of(st.integers(-8, 8).map(float), st.floats(-1e3, 1e3, width=32))
_INT8 = st.one_of(st.integers(-128, 127), st.sampled_from([-128, 127]))
_SCALE = st.one_of(st.sampled_from([1.0, 0.5, 2.0**-126, 2.0**100]), st.floats(2.0**-20, 2.0**20, width=32))
_SHAPE = st.one_of(st.tuples(_LENGTH), st.tuples(_LENGTH, st.integers(0, 9)), st.tuples(*[st.integers(0, 4)] * 3))


def strategy(op: str):
    """Return the strategy of (args, kwargs) for the operation ``op``."""
    return st.builds(layouts.place, _PLAIN[op](), st.sampled_from(layouts.LAYOUTS))


def _array(dtype, shape, elements):
    return hnp.arrays(dtype, shape, elements=elements)


def _either(floats):
    """All elements tame, or all kinds: a NaN among many hides what else is wrong."""
    return st.sampled_from([_TAME, floats])


@st.composite
def _prune_magnitude(draw):
    w = draw(_array(np.float32, draw(_SHAPE), draw(_either(_NO_NAN))))
    if draw(st.booleans()):
        return (w,), {"keep": draw(st.integers(0, w.size))}
    share = {"sparsity": draw(st.floats(0, 1))}
    if draw(st.booleans()):
        return ({"first": w, "second": draw(_array(np.float32, draw(_SHAPE), _TAME))},), share
    return (w,), share


@st.composite
def _prune_select(draw):
    structure = draw(st.sampled_from(["element", "nm", "block", "row", "column", "filter", "channel"]))
    dtype, floats = draw(st.sampled_from([np.float32, np.float64])), draw(_either(_FINITE))
    shape = draw(_SHAPE if structure in ("element", "nm") else st.tuples(_LENGTH, st.integers(0, 9)))
    scores = draw(_array(dtype, shape, floats))
    if structure == "nm":
        m = draw(st.integers(1, 9))
        return (scores,), {"structure": structure, "n": draw(st.integers(0, m)), "m": m,
                           "axis": draw(st.none() | st.integers(-scores.ndim, scores.ndim - 1))}
    block = {"block": draw(st.tuples(*[st.integers(1, 5)] * 2))} if structure == "block" else {}
    both = {"first": scores, "second": scores[::-1].copy()} if draw(st.booleans()) else scores
    return (both,), {"structure": structure, "sparsity": draw(st.floats(0, 1)), **block}


@st.composite
def _prune_threshold(draw):
    return (draw(_array(np.float32, draw(_SHAPE), draw(_either(_FINITE)))),), {"quality": draw(st.floats(0, 4))}


@st.composite
def _prune_score(draw, signed: bool = True, by_input: bool = False):
    w = draw(_array(np.float32, (draw(_LENGTH), draw(_LENGTH)), draw(_either(_FINITE))))
    dtype = draw(st.sampled_from([np.float32, np.float64]))
    statistic = draw(_array(dtype, w.shape[1:] if by_input else w.shape, draw(_either(_FINITE))))
    return (w, statistic if signed else np.abs(statistic)), {}


@st.composite
def _prune_score_units(draw, floats: bool):
    count = draw(st.integers(1, 1000))
    elements = _FINITE if floats else st.integers(0, count)
    return (draw(_array(np.float64 if floats else np.int64, draw(_LENGTH), elements)), count), {}


@st.composite
def _share_kmeans(draw):
    w = draw(_array(np.float32, draw(_SHAPE), draw(_either(_FINITE))))
    kwargs = {"init": draw(st.sampled_from(["linear", "density", "random"])), "pruned": draw(st.booleans()),
              "seed": draw(st.integers(0, 9)), "iterations": draw(st.integers(0, 9))}
    if w.size > 1 and draw(st.booleans()):
        kwargs["clusters"] = draw(st.integers(1 + kwargs["pruned"], min(w.size, 20)))
    else:
        kwargs["bits"] = draw(st.integers(1, 4))
    if w.size and draw(st.booleans()):
        weights = draw(_array(np.float32, w.shape, st.integers(0, 3).map(float)))
        weights.flat[0] = 1
        kwargs["weights"] = weights
    return (w,), kwargs


@st.composite
def _quantize_s8(draw):
    x = draw(_array(np.float32, draw(_SHAPE), draw(_either(_FINITE))))
    kwargs = {"scheme": draw(st.sampled_from(["symmetric", "affine"]))}
    kind = draw(st.sampled_from(["whole", "axis", "group"]))
    if kind == "axis":
        kwargs["axis"] = draw(st.integers(-x.ndim, x.ndim - 1))
    elif kind == "group":
        kwargs["group"] = draw(st.integers(1, 20))
    return (x,), kwargs


@st.composite
def _quantized(draw, shape):
    """Return a Quantized of this shape with any permitted shape of scales."""
    group = draw(st.none() | st.integers(1, 20))
    full = shape if group is None else (*shape[:-1], -(-shape[-1] // group))
    some = tuple(draw(st.sampled_from([1, n])) for n in full)
    if group is not None:
        some = (*some[:-1], full[-1])
    values = draw(_array(np.int8, shape, _INT8))
    return Quantized(values, draw(_array(np.float32, some, _SCALE)), draw(_array(np.int8, some, _INT8)), group)


@st.composite
def _dequantize_s8(draw):
    return (draw(_quantized(draw(_SHAPE))),), {}


@st.composite
def _lowrank_svd(draw):
    shape = (draw(st.integers(0, 9)), draw(st.integers(0, 9)))
    w = draw(_array(np.float32, shape, _TAME))
    return (w,), {"rank": draw(st.integers(0, min(shape)))}


@st.composite
def _csr(draw, floats):
    """Return a CSR: of a matrix with a mask, or with columns in any order and more than once."""
    m, k = draw(_LENGTH), draw(_LENGTH)
    if k == 0 or draw(st.booleans()):
        w, mask = draw(_array(np.float32, (m, k), floats)), draw(_array(np.bool_, (m, k), st.booleans()))
        return reference.csr_from_dense(w, mask)
    # Arrays, not lists of lists, and few entries: these shrink in seconds.
    nnz = draw(st.integers(0, 20)) if m else 0
    inner = np.sort(draw(_array(np.int64, max(m - 1, 0), st.integers(0, nnz))))
    indptr = np.concatenate([[0], inner, [nnz]]) if m else np.zeros(1, np.int64)
    indices = draw(_array(np.int64, nnz, st.integers(0, k - 1)))
    return CSR((m, k), indptr, indices, draw(_array(np.float32, nnz, floats)), canonical=False)


@st.composite
def _csr_from_dense(draw):
    shape = (draw(_LENGTH), draw(_LENGTH))
    w = draw(_array(np.float32, shape, _ANY))
    mask = draw(st.none() | _array(np.bool_, shape, st.booleans()))
    return (w,), {} if mask is None else {"mask": mask}


@st.composite
def _csr_to_dense(draw):
    return (draw(_csr(_ANY)),), {}


@st.composite
def _csr_matmul(draw):
    floats = draw(_either(_ANY))
    a = draw(_csr(floats))
    return (a, draw(_array(np.float32, (a.shape[1], draw(_LENGTH)), floats))), {}


@st.composite
def _gemm(draw, dtype):
    k = draw(_LENGTH)
    x = draw(_array(dtype, (draw(_LENGTH), k), hnp.from_dtype(np.dtype(dtype))))
    return (x, draw(_array(np.int8, (draw(_LENGTH), k), _INT8))), {}


@st.composite
def _gemm_f32s8(draw):
    k = draw(_LENGTH)
    x = draw(_array(np.float32, (draw(st.integers(0, 9)), k), draw(_either(_ANY))))
    return (x, draw(_quantized((draw(_LENGTH), k)))), {}


@st.composite
def _gemm_f32mixed(draw):
    n, k, axis = draw(_LENGTH), draw(_LENGTH), draw(st.integers(0, 1))
    wide = draw(_array(np.bool_, (n, k)[axis], st.booleans()))
    count = int(np.count_nonzero(wide))
    low = draw(_quantized((n - count, k) if axis == 0 else (n, k - count)))
    q = draw(_quantized((count, k) if axis == 0 else (n, count)))
    steps = draw(st.sampled_from([1, 255, -256]))  # the values in turn small, and out to both ends of int16
    high = Quantized(q.values.astype(np.int16) * np.int16(steps), q.scale, q.zero_point.astype(np.int16), q.group)
    x = draw(_array(np.float32, (draw(st.integers(0, 9)), k), draw(_either(_ANY))))
    return (x, Mixed(low, high, wide, axis)), {}


def _counts(most: int = 40):
    return _array(np.int64, st.integers(0, most), st.one_of(st.integers(0, 4), st.integers(0, 2**40)))


@st.composite
def _huffman_lengths(draw):
    counts = draw(_counts())
    return (counts,), {"limit": draw(st.integers(max(1, int(np.count_nonzero(counts) - 1).bit_length()), 15))}


@st.composite
def _coded(draw):
    counts = draw(_counts())
    code = reference.huffman_code(reference.huffman_lengths(counts))
    used = np.flatnonzero(counts)
    dtype = draw(st.sampled_from([np.uint8, np.uint16]))
    size = draw(st.integers(0, 70)) if len(used) else 0
    symbols = draw(_array(dtype, size, st.sampled_from(used.tolist() or [0])))
    return symbols, code


@st.composite
def _huffman_decode(draw):
    symbols, code = draw(_coded())
    encoded = reference.huffman_encode(symbols, code)
    return (Encoded(encoded.words, encoded.count, code),), {}


_PLAIN = {
    "prune_magnitude": _prune_magnitude, "prune_select": _prune_select, "prune_threshold": _prune_threshold,
    "prune_score_wanda": lambda: _prune_score(signed=False, by_input=True), "prune_score_taylor": _prune_score,
    "prune_score_movement": _prune_score, "prune_score_apoz": lambda: _prune_score_units(floats=False),
    "prune_score_activation": lambda: _prune_score_units(floats=True), "prune_score_obd": _prune_score,
    "prune_score_fisher": lambda: _prune_score(signed=False),
    "share_kmeans": _share_kmeans, "quantize_s8": _quantize_s8,
    "dequantize_s8": _dequantize_s8, "lowrank_svd": _lowrank_svd, "csr_from_dense": _csr_from_dense,
    "csr_to_dense": _csr_to_dense, "csr_matmul": _csr_matmul, "gemm_s8s8": lambda: _gemm(np.int8),
    "gemm_u8s8": lambda: _gemm(np.uint8), "gemm_f32s8": _gemm_f32s8, "gemm_f32mixed": _gemm_f32mixed,
    "huffman_lengths": _huffman_lengths,
    "huffman_code": lambda: _counts().map(lambda c: ((reference.huffman_lengths(c),), {})),
    "huffman_encode": lambda: st.tuples(_coded(), st.just({})), "huffman_decode": _huffman_decode,
} | floats_strategies.PLAIN

from . import strategies_quantize  # noqa: E402  at the end, for it builds on what stands above

_PLAIN |= strategies_quantize.PLAIN
