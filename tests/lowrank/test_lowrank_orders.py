"""The bound of lowrank_matmul holds for every order of its three products, also where an inner one underflows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refcompress import reference
from refcompress.agreement import Disagreement, NoBound
from refcompress.formats import LowRank
from refcompress.ops import OPS

ORDERS = {
    "u (s (vt x))": lambda u, s, vt, x: u @ (s[:, None] * (vt @ x)),
    "(u s) (vt x)": lambda u, s, vt, x: (u * s) @ (vt @ x),
    "((u s) vt) x": lambda u, s, vt, x: ((u * s) @ vt) @ x,
    "(u (s vt)) x": lambda u, s, vt, x: (u @ (s[:, None] * vt)) @ x,
}


def _result(order, a, x):
    with np.errstate(all="ignore"):
        return ORDERS[order](a.u, a.s, a.vt, x).astype(np.float32)


@pytest.mark.parametrize("order", ORDERS)
@given(seed=st.integers(0, 2**32 - 1), sizes=st.tuples(*[st.integers(1, 4)] * 4))
def test_no_order_is_blamed_whatever_the_magnitudes_are(order, seed, sizes):
    rng, (m, n, rank, columns) = np.random.default_rng(seed), sizes

    def drawn(*shape):
        with np.errstate(all="ignore"):
            return (rng.standard_normal(shape) * 10.0 ** rng.uniform(*np.sort(rng.uniform(-45, 15, 2)), shape)).astype(
                np.float32)

    a, x = LowRank(drawn(m, rank), drawn(rank), drawn(rank, n)), drawn(n, columns)
    try:
        OPS["lowrank_matmul"].rule(reference.lowrank_matmul(a, x), _result(order, a, x), (a, x))
    except NoBound:
        pass  # of some elements; the others agree


def test_a_subnormal_product_of_factors_that_is_made_larger_afterwards_has_a_bound():
    a = LowRank(np.float32([[2.0**-142]]), np.float32([2.0**-7 * 1.5]), np.float32([[2.0**20]]))
    x = np.float32([[1]])
    expected, rule = reference.lowrank_matmul(a, x), OPS["lowrank_matmul"].rule
    scaled_first = _result("(u s) (vt x)", a, x)
    assert (expected[0, 0], scaled_first[0, 0]) == (1.5 * 2.0**-129, 2.0**-128)
    rule(expected, scaled_first, (a, x))
    with pytest.raises(Disagreement, match="allowed difference"):
        rule(expected, expected * np.float32(64), (a, x))
