"""The cases of the lowrank family: every shape, matrices without full rank, equal singular values."""

import numpy as np

from ... import reference
from ...formats import LowRank
from ..cases import Cases
from ..draws import any_floats, array, composite, either, st, tame
from ..values import (
    HOSTILE,
    LENGTHS,
    MIDDLE,
    WITH_INFINITY,
    not_arrays,
    ordinary,
    other_dimensions,
    sizes,
    whole,
    with_fields,
)

_F = np.float32

CASES: dict[str, Cases] = {}


# lowrank_svd

def lowrank_svd_sweep():
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


def lowrank_svd_refusals():
    w = _F([[3, 1, 2], [0, -1, 5]])
    for bad in (*not_arrays(w), *other_dimensions(w), _F([[1, np.nan]]), WITH_INFINITY):
        yield (bad,), {"rank": 1}
    for kwargs in ({}, {"rank": 1, "energy": 0.5}, {"rank": -1}, {"rank": 3}, {"rank": True}, {"rank": 1.0},
                   {"energy": -0.1}, {"energy": 1.1}, {"energy": np.nan}, {"error": -0.1}, {"error": np.nan}):
        yield (w,), kwargs


@composite
def lowrank_svd_strategy(draw):
    shape = (draw(st.integers(0, 9)), draw(st.integers(0, 9)))
    w = draw(array(np.float32, shape, tame()))
    return (w,), {"rank": draw(st.integers(0, min(shape)))}


def _sign_flipped(w, **kwargs):
    low = reference.lowrank_svd(w, **kwargs)
    return with_fields(low, u=-low.u, vt=-low.vt)


def _one_rank_less(w, **kwargs):
    low = reference.lowrank_svd(w, **kwargs)
    return with_fields(low, u=low.u[:, :-1], s=low.s[:-1], vt=low.vt[:-1])


def _smallest_kept(w, **kwargs):
    """Takes the singular values in ascending order, as eigh gives them."""
    low = reference.lowrank_svd(w, **kwargs)
    u, s, vt = np.linalg.svd(w.astype(np.float64), full_matrices=False)
    last = slice(len(s) - low.rank, None)
    u, s, vt = (a.astype(np.float32) for a in (u[:, last], s[last], vt[last]))
    return with_fields(low, u=u, s=s, vt=vt)


CASES["lowrank_svd"] = Cases(
    lowrank_svd_sweep, lowrank_svd_refusals, lowrank_svd_strategy,
    wrong={
        "sign of u flipped": _sign_flipped,
        "one rank less": _one_rank_less,
        "smallest singular values kept": _smallest_kept,
    },
)


# lowrank_matmul

def lowrank_matmul_sweep():
    rng = np.random.default_rng(41)
    for i, (m, k, n) in enumerate(sizes(rng)):
        r = i % 4
        yield (LowRank(whole(rng, (m, r), 3), whole(rng, r, 3), whole(rng, (r, k), 3)), whole(rng, (k, n))), {}
    for r in LENGTHS:
        yield (LowRank(whole(rng, (3, r), 3), whole(rng, r, 3), whole(rng, (r, 4), 3)), whole(rng, (4, 2))), {}
    a = LowRank(ordinary(rng, (5, 3)), np.abs(ordinary(rng, 3)), ordinary(rng, (3, 17)))
    for _ in HOSTILE:
        yield (a, rng.permutation(HOSTILE)[:, None]), {}
    nothing = LowRank(np.ones((5, 0), np.float32), np.ones(0, np.float32), np.ones((0, 17), np.float32))
    yield (nothing, HOSTILE[:, None].copy()), {}
    for m, k, n in MIDDLE:
        a = LowRank(ordinary(rng, (m, 9)), np.abs(ordinary(rng, 9)), ordinary(rng, (9, k)))
        yield (a, ordinary(rng, (k, n))), {}


def lowrank_matmul_refusals():
    a = LowRank(np.ones((4, 2), np.float32), np.ones(2, np.float32), np.ones((2, 3), np.float32))
    x = np.ones((3, 5), np.float32)
    for bad in (*not_arrays(x), *other_dimensions(x), x[:2]):
        yield (a, bad), {}
    for bad in (None, a.dense(), x):
        yield (bad, x), {}


@composite
def lowrank_matmul_strategy(draw):
    m, k, n, r = draw(st.tuples(*[st.integers(0, 9)] * 4))
    a = LowRank(*(draw(array(np.float32, shape, tame())) for shape in ((m, r), (r,), (r, k))))
    return (a, draw(array(np.float32, (k, n), draw(either(any_floats()))))), {}


def _last_rank_lost(a, x):
    r = max(a.rank - 1, 0)
    return reference.lowrank_matmul(LowRank(a.u[:, :r], a.s[:r], a.vt[:r]), x)


def _scaled_twice(a, x):
    with np.errstate(all="ignore"):
        scaled = a.s[:, None].astype(np.float64) * (a.vt.astype(np.float64) @ x)
        return ((a.u * a.s).astype(np.float64) @ scaled).astype(np.float32)


def _last_input_lost(a, x):
    k = max(a.shape[1] - 1, 0)
    return reference.lowrank_matmul(LowRank(a.u, a.s, a.vt[:, :k]), x[:k])


def _in_float32(a, x):
    with np.errstate(all="ignore"):
        return (a.u * a.s) @ (a.vt @ x)


CASES["lowrank_matmul"] = Cases(
    lowrank_matmul_sweep, lowrank_matmul_refusals, lowrank_matmul_strategy,
    wrong={
        "the last rank lost": _last_rank_lost,
        "scaled twice": _scaled_twice,
        "the last input lost": _last_input_lost,
    },
    right={
        "in float32, scaled first": _in_float32,
    },
)


# lowrank_randomized

def lowrank_randomized_sweep():
    rng = np.random.default_rng(44)
    for i, length in enumerate(LENGTHS):
        for shape in ((length, 5), (4, length), (length, 40)):
            most = min(shape)
            yield (ordinary(rng, shape),), {"rank": (0, min(1, most), most // 2, most)[i % 4], "seed": i}
    yield (np.zeros((3, 5), np.float32),), {"rank": 2}
    yield (np.eye(50, dtype=np.float32),), {"rank": 9}  # equal singular values
    yield (np.outer(np.arange(60), np.arange(70)).astype(np.float32),), {"rank": 3}  # of rank 1
    for size in (1e-40, 1e-30, 1e30):
        yield ((ordinary(rng, (50, 70)) * size).astype(np.float32),), {"rank": 3}
    for shape in ((129, 67), (67, 300), (512, 256)):
        falling = (0.7 ** np.arange(shape[0]))[:, None]
        yield (ordinary(rng, shape),), {"rank": 17}
        yield ((ordinary(rng, shape) * falling).astype(np.float32),), {"rank": 6, "tolerance": 0.1}
        yield (ordinary(rng, shape),), {"rank": 20, "certify": False, "block": 7}


def lowrank_randomized_refusals():
    w = _F([[3, 1, 2], [0, -1, 5]])
    for bad in (*not_arrays(w), *other_dimensions(w), _F([[1, np.nan]]), WITH_INFINITY):
        yield (bad,), {"rank": 1}
    for kwargs in ({"rank": -1}, {"rank": 3}, {"rank": True}, {"rank": 1.0}, {"rank": 1, "tolerance": 0},
                   {"rank": 1, "tolerance": np.nan}, {"rank": 1, "failure": 0}, {"rank": 1, "failure": 1},
                   {"rank": 1, "block": 0}, {"rank": 1, "certify": 1}, {"rank": 1, "seed": -1}):
        yield (w,), kwargs


@composite
def lowrank_randomized_strategy(draw):
    shape = (draw(st.integers(0, 20)), draw(st.integers(0, 20)))
    w = draw(array(np.float32, shape, tame()))
    rank, seed = draw(st.integers(0, min(shape))), draw(st.integers(0, 9))
    return (w,), {"rank": rank, "seed": seed, "certify": draw(st.booleans())}


def _randomized(change):
    """Return a lowrank_randomized whose factors ``change`` changes, past the checks of the format."""
    def lowrank_randomized(w, **kwargs):
        found = reference.lowrank_randomized(w, **kwargs)
        return with_fields(found, factors=change(found.factors))
    return lowrank_randomized


def _one_step(w, **kwargs):
    """The space of a single product: what a range finder gives that makes no step."""
    w = np.asarray(w, np.float32)
    found = reference.lowrank_randomized(w, **kwargs)
    r = found.factors.rank
    if not r or not w.any():
        return found
    q = np.linalg.qr(w.astype(np.float64) @ np.random.default_rng(0).standard_normal((w.shape[1], r)))[0]
    u, s, vt = np.linalg.svd(q.T @ w, full_matrices=False)
    u = q @ u
    signs = np.where(u[np.abs(u).argmax(axis=0), range(r)] < 0, -1, 1)
    factors = LowRank(*(a.astype(np.float32) for a in (u * signs, s, (vt.T * signs).T)))
    return with_fields(found, factors=factors, frobenius=np.inf, spectral=np.inf)


def _without_the_last(f):
    return LowRank(f.u, np.where(np.arange(f.rank) == f.rank - 1, np.float32(0), f.s), f.vt)


def _certified_too_low(w, **kwargs):
    found = reference.lowrank_randomized(w, **kwargs)
    return with_fields(found, frobenius=0.99 * found.frobenius)


CASES["lowrank_randomized"] = Cases(
    lowrank_randomized_sweep, lowrank_randomized_refusals, lowrank_randomized_strategy,
    wrong={
        "the last rank lost": _randomized(_without_the_last),
        "a sign flipped": _randomized(lambda f: LowRank(-f.u, f.s, -f.vt)),
        "one product and no step": _one_step,
        "a certificate below the error": _certified_too_low,
    },
)


# lowrank_whitened

def _hessian(rng, k: int, samples: int | None = None, falling: float = 1.0) -> np.ndarray:
    """Return the Hessian of inputs that go together, each with ``falling`` times the values of the one before."""
    n = 2 * k + 3 if samples is None else samples
    x = ((ordinary(rng, (n, k)) + ordinary(rng, (n, 1))) * falling ** np.arange(k)).astype(np.float64)
    h = x.T @ x
    return (h + h.T) / 2


def lowrank_whitened_sweep():
    rng = np.random.default_rng(71)
    for i, length in enumerate(LENGTHS):
        for m, k in ((length, 5), (4, length), (length, length % 7)):
            rank = (0, min(1, m, k), min(m, k) // 2, min(m, k))[i % 4]
            yield (ordinary(rng, (m, k)), _hessian(rng, k)), {"rank": rank}
    w = ordinary(rng, (6, 9))
    for rank in range(7):
        yield (w, _hessian(rng, 9, falling=0.1)), {"rank": rank}  # inputs that matter, and inputs that hardly do
        yield (w, _hessian(rng, 9, samples=rank)), {"rank": rank}  # fewer samples than inputs; 0: all are dead
        yield (w, np.eye(9)), {"rank": rank}
    h = _hessian(rng, 9)
    h[[2, 5]], h[:, [2, 5]] = 0, 0  # dead inputs
    yield (w, h), {"rank": 3}
    for scale in (1e-30, 1e30):  # no result depends on a factor of the Hessian
        yield (w, h * scale), {"rank": 3}
    for size in (1e-40, 1e-30, 1e30):
        yield ((w * size).astype(np.float32), h), {"rank": 3}
    yield (np.eye(6, dtype=np.float32), np.eye(6)), {"rank": 4}  # equal singular values
    yield (np.zeros((3, 5), np.float32), _hessian(rng, 5)), {"rank": 2}
    for shape in ((129, 67), (67, 129)):
        yield (ordinary(rng, shape), _hessian(rng, shape[1])), {"rank": 31}


def lowrank_whitened_refusals():
    w, h = _F([[3, 1, 2], [0, -1, 5]]), np.diag([1.0, 2, 3])
    for bad in (*not_arrays(w), *other_dimensions(w), _F([[1, np.nan, 2]]), WITH_INFINITY, w[:, :2]):
        yield (bad, h), {"rank": 1}
    lopsided, beside_zero = h.copy(), h.copy()
    lopsided[0, 1], beside_zero[0, 0], beside_zero[0, 1], beside_zero[1, 0] = 1, 0, 1e-9, 1e-9
    indefinite = np.float64([[1, 2, 0], [2, 1, 0], [0, 0, 1]])
    for bad in (None, h.astype(np.float32), h[0], h[:2], np.full_like(h, np.nan), np.full_like(h, np.inf), -h, lopsided,
                beside_zero, indefinite):
        yield (w, bad), {"rank": 1}
    for rank in (-1, 3, True, 1.0):
        yield (w, h), {"rank": rank}


@composite
def lowrank_whitened_strategy(draw):
    m, k, n = draw(st.integers(0, 9)), draw(st.integers(0, 9)), draw(st.integers(0, 12))
    x = draw(array(np.float32, (n, k), tame())).astype(np.float64)
    h = x.T @ x
    w = draw(array(np.float32, (m, k), tame()))
    return (w, (h + h.T) / 2), {"rank": draw(st.integers(0, min(m, k)))}


def _hessian_ignored(w, hessian, **kwargs):
    return reference.lowrank_svd(w, **kwargs)


def _diagonal_only(w, hessian, **kwargs):
    """Takes inputs for uncorrelated."""
    return reference.lowrank_whitened(w, np.diag(np.diagonal(hessian)), **kwargs)


def _smallest_whitened(w, hessian, *, rank):
    """Takes the eigenvectors of w h w.T in ascending order, as eigh gives them."""
    wide = np.asarray(w, np.float64)
    p = np.linalg.eigh(wide @ np.asarray(hessian) @ wide.T)[1][:, :rank]
    return reference.lowrank_svd((p @ (p.T @ wide)).astype(np.float32), rank=rank)


def _whitened_sign_flipped(w, hessian, **kwargs):
    low = reference.lowrank_whitened(w, hessian, **kwargs)
    return with_fields(low, u=-low.u, vt=-low.vt)


def _whitened_last_lost(w, hessian, **kwargs):
    return _without_the_last(reference.lowrank_whitened(w, hessian, **kwargs))


CASES["lowrank_whitened"] = Cases(
    lowrank_whitened_sweep, lowrank_whitened_refusals, lowrank_whitened_strategy,
    wrong={
        "the Hessian ignored": _hessian_ignored,
        "inputs taken for uncorrelated": _diagonal_only,
        "smallest eigenvalues kept": _smallest_whitened,
        "the sign flipped": _whitened_sign_flipped,
        "the last rank lost": _whitened_last_lost,
    },
)
