"""The rank of a layer is the cheapest of all."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import refcompress as rc
from refcompress import RefcompressError


@given(hnp.arrays(np.float64, st.integers(0, 12), elements=st.floats(0, 10)), st.floats(0, 5), st.floats(0, 3),
       st.data())
def test_the_rank_is_the_cheapest_of_all(sigma, mu, alpha, data):
    sigma = np.sort(sigma)[::-1]
    cost = alpha * np.array(sorted(data.draw(hnp.arrays(np.float64, len(sigma) + 1, elements=st.floats(0, 9)))))
    r = rc.allocate_rank(sigma, cost, mu=mu)
    exact = [Fraction(c) + Fraction(mu) / 2 * sum((Fraction(s) ** 2 for s in sigma[j:]), Fraction(0))
             for j, c in enumerate(cost)]
    # The sums are rounded some n times each: what was chosen may lose to another by so much.
    assert float(exact[r] - min(exact)) <= 4 * (len(sigma) + 4) * 2.0**-53 * float(max(exact))


@pytest.mark.parametrize("call, error, argument", [
    (lambda: rc.allocate_rank(np.array([1.0, 2.0]), np.zeros(3), mu=1), RefcompressError, "sigma[1]"),
    (lambda: rc.allocate_rank(np.array([-1.0]), np.zeros(2), mu=1), RefcompressError, "sigma[0]"),
    (lambda: rc.allocate_rank(np.array([1.0]), np.zeros(3), mu=1), RefcompressError, "cost"),
    (lambda: rc.allocate_rank(np.array([1.0]), np.zeros(2), mu=-1), RefcompressError, "mu"),
])
def test_refuses_by_name(call, error, argument):
    with pytest.raises(error) as caught:
        call()
    assert caught.value.argument == argument
