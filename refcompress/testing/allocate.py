"""The cases of the allocate family: ties in cost and in bytes, budgets that just fit, costs below zero, no layer."""

import numpy as np

from .cases import Cases
from .draws import array, composite, st
from .values import LENGTHS, whole

CASES: dict[str, Cases] = {}


def _problem(rng, layers: int, choices: int, tied: bool):
    """Return cost, size and a budget between the least and what all layers could take."""
    cost = whole(rng, (layers, choices), 4, np.float64) if tied else rng.standard_normal((layers, choices))
    size = rng.integers(0, 5, (layers, choices))
    return cost, size, int(size.min(axis=1).sum()) + int(rng.integers(0, 40)) if layers else 3


def allocate_exact_sweep():
    rng = np.random.default_rng(41)
    for length in LENGTHS:
        yield _problem(rng, length, 3, tied=bool(length % 2)), {}
        if length:
            yield _problem(rng, 3, length, tied=bool(length % 2)), {}
    cost, size = np.array([[9.0, 0], [0, 9]]), np.array([[1, 10], [5, 5]])
    for budget in (6, 7, 14, 15, 16, 2**63 - 1):  # one byte below what the second choice takes, and all there is
        yield (cost, size, budget), {}
    for tiny in (2.0**-53, 1.5):  # sums are rounded, from the first layer on
        yield (np.array([[1, 0], [tiny, 0], [tiny, 0.0]]), np.array([[0, 1]] * 3), 2), {}
    yield (np.array([[-0.0, 0.0], [0.0, -0.0]]), np.array([[2, 1], [1, 2]]), 4), {}
    yield (np.array([[1.0, 2.0]]), np.array([[2**62, 2**61]]), 2**62), {}
    yield (np.zeros((0, 0)), np.zeros((0, 0), np.int64), 0), {}
    yield (rng.random((12, 4)), rng.integers(1, 2**20, (12, 4)), 6 * 2**20), {}


def allocate_front_sweep():
    for i, ((cost, size, budget), kwargs) in enumerate(allocate_exact_sweep()):
        yield (cost, size), kwargs if i % 3 and size.max(initial=0) < 100 else {"budget": budget}


def _refusals(with_budget: bool):
    cost, size = np.array([[2.0, 1], [3, 0]]), np.array([[1, 2], [1, 3]])
    given = (5,) if with_budget else ()
    for bad in (None, "text", cost.astype(np.float32), cost.astype(object), np.ma.masked_array(cost), cost[0],
                cost[None], cost * np.nan, np.array([[2, np.inf], [3, 0]]), np.full((2, 2), 1.7e308), cost[:1]):
        yield (bad, size, *given), {}
    for bad in (None, "text", size.astype(np.float64), size.astype(np.int32), size[0], size[:, :1], -size,
                np.full((2, 2), 2**62)):
        yield (cost, bad, *given), {}
    yield (np.zeros((2, 0)), np.zeros((2, 0), np.int64), *given), {}
    for budget in (1, -1, 5.0, True, None, "5", 2**63):
        yield (cost, size, budget), {}


@composite
def _strategy(draw):
    layers, choices = draw(st.integers(0, 5)), draw(st.integers(1, 4))
    costs = st.one_of(st.integers(-3, 9).map(float), st.floats(-1e3, 1e3))
    cost = draw(array(np.float64, (layers, choices), costs))
    size = draw(array(np.int64, (layers, choices), st.integers(0, 12)))
    return (cost, size, (int(size.min(axis=1).sum()) if layers else 0) + draw(st.integers(0, 20))), {}


CASES["allocate_exact"] = Cases(allocate_exact_sweep, lambda: _refusals(with_budget=True), _strategy)

CASES["allocate_front"] = Cases(allocate_front_sweep, lambda: _refusals(with_budget=False), _strategy)
