"""The cases of the lowrank family: every shape, matrices without full rank, equal singular values."""

import numpy as np

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


CASES["lowrank_svd"] = Cases(lowrank_svd_sweep, lowrank_svd_refusals, lowrank_svd_strategy)


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


CASES["lowrank_matmul"] = Cases(lowrank_matmul_sweep, lowrank_matmul_refusals, lowrank_matmul_strategy)


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


CASES["lowrank_randomized"] = Cases(lowrank_randomized_sweep, lowrank_randomized_refusals, lowrank_randomized_strategy)


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


CASES["lowrank_whitened"] = Cases(lowrank_whitened_sweep, lowrank_whitened_refusals, lowrank_whitened_strategy)
