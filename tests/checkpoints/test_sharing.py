"""Sharing at the size of real layers is the exact k-means of few values, and close to it of many."""

import numpy as np
import pytest
from checkpoint_examples import normal

from refcompress import reference
from refcompress.checkpoints import sharing
from refcompress.reference.share.kmeans import nearest as nearest_of_reference

try:
    from refcompress.native import share_optimal
except ImportError:  # without kernels the reference takes minutes for these
    share_optimal = None


def operation(name):
    return share_optimal if name == "share_optimal" and share_optimal else getattr(reference, name)


def squares(w, shared):
    return float(np.sum((w.astype(np.float64) - shared.dense()) ** 2))


RNG = np.random.default_rng(3)
HEAVY = {"normal": normal(40, 500), "student": (RNG.standard_t(2, 20000) * 0.01).astype(np.float32),
         "outlier": np.append(normal(19999), np.float32(50)), "ramp": np.linspace(-1, 3, 20000, dtype=np.float32),
         "two scales": np.concatenate([normal(10000, scale=1e-6), normal(10000)])}


@pytest.mark.skipif(share_optimal is None, reason="the C kernels are not built, and the reference takes minutes")
@pytest.mark.parametrize("name", HEAVY)
@pytest.mark.parametrize("bits", [2, 4])
def test_the_squared_error_is_near_the_least(name, bits):
    w = HEAVY[name]
    best, found = share_optimal(w, bits=bits), sharing.share_best(w, bits, False, operation)
    assert len(found.codebook) <= 2**bits and squares(w, found) <= 1.005 * squares(w, best)


def test_few_values_lose_nothing():
    book = np.float32([-3, -1, 0, 0.5, 7])
    w = book[RNG.integers(0, 5, (300, 50))]
    for zeros in (False, True):
        found = sharing.share_best(w, 3, zeros, operation)
        assert np.array_equal(found.dense(), w) and (not zeros or found.pruned)


@pytest.mark.parametrize("count", [1, 2, 31, 256, 1000])
def test_each_weight_is_at_its_nearest_value(count):
    w = normal(100, 90)
    w[::7] = 0
    book = np.unique(normal(count))
    for zeros in (False, True):
        found = sharing.nearest(w, book, zeros)
        expected = nearest_of_reference(w, np.sort(w[w != 0] if zeros else w.reshape(-1)).astype(np.float64),
                                        book.astype(np.float64), zeros)
        assert found == expected


def test_a_weight_between_two_values_goes_to_the_lower():
    found = sharing.nearest(np.float32([[0.5, 0.75, 1.5], [0, 3, 2]]), np.float32([0, 1, 2]), False)
    assert found.dense().tolist() == [[0, 1, 1], [0, 2, 2]]
