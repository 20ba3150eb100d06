"""Softmax and the norms: against exact fractions, the order of their sums, and what changes no bit."""

from decimal import Decimal, localcontext
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from implementations import BOTH, each

from refcompress import nn_layer_norm, nn_rms_norm, nn_softmax
from refcompress.reference.nn.rows import chain_sums

F = np.float32
EACH = each("impl", BOTH)
LENGTHS = [1, 2, 15, 16, 17, 40, 384]


def rows(k: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((5, k)).astype(F)


@pytest.mark.parametrize("k", [0, 1, 15, 16, 17, 33, 100])
def test_the_order_of_the_sums_is_sixteen_chains_and_a_tree(k):
    a = np.random.default_rng(k).standard_normal((3, k)) * 2.0 ** np.arange(k)
    for row, got in zip(a, chain_sums(a)):
        chains = [0.0] * 16
        for p, value in enumerate(row):
            chains[p % 16] += value
        for half in (8, 4, 2, 1):
            chains = [chains[c] + chains[c + half] for c in range(half)]
        assert chains == got.tolist()


# Softmax.

@pytest.mark.parametrize("k", LENGTHS)
def test_softmax_is_off_by_no_more_than_its_docstring_says(k):
    x = 3 * rows(k)[:2]
    for row, got in zip(x, nn_softmax(x)):
        with localcontext() as context:
            context.prec = 60
            e = [Decimal(float(a)).exp() for a in row]
            for b, exact in zip(got, (a / sum(e) for a in e)):
                allowed = Decimal("0.5") + (Decimal(k) / 16 + 150) * Decimal(2) ** -29
                assert abs(Decimal(float(b)) - exact) <= allowed * Decimal(float(np.spacing(b)))


@EACH
@pytest.mark.parametrize("k", LENGTHS)
def test_the_elements_of_a_softmax_are_not_negative_and_add_up_to_one(impl, k):
    y = impl.nn_softmax(30 * rows(k)).astype(np.float64)
    assert np.all(y >= 0)
    allowed = 2.0**-24 * (1 + 2.0**-20) + k * 2.0**-149  # half a unit of each, which is 2^-24 of it at most
    assert np.all(np.abs(y.sum(axis=-1) - 1) <= allowed)


@EACH
@given(st.lists(st.integers(-1000, 1000), min_size=1, max_size=40), st.integers(-1000, 1000))
def test_a_shift_that_is_exact_changes_no_bit_of_a_softmax(impl, row, shift):
    x = F(row)
    assert impl.nn_softmax(x).tobytes() == impl.nn_softmax(x + F(shift)).tobytes()


@EACH
def test_what_is_masked_has_no_part_and_a_row_that_is_masked_as_a_whole_is_nan(impl):
    x = rows(24)
    masked = np.where(np.arange(24) < 16, x, F(-np.inf))
    y = impl.nn_softmax(masked)
    assert np.all(y[:, 16:] == 0) and not np.signbit(y).any()
    assert y[:, :16].tobytes() == impl.nn_softmax(np.ascontiguousarray(x[:, :16])).tobytes()
    for row in ([-np.inf] * 3, [np.nan, 1, 2], [np.inf, 1, 2]):
        assert np.isnan(impl.nn_softmax(F(row))).all()


@EACH
def test_rows_of_a_softmax_that_are_too_long_to_be_kept_have_the_same_bits(impl):
    """A row of 2,048 and one of the same numbers with masked ones behind: the second is computed in another way."""
    x = np.random.default_rng(3).standard_normal(2048).astype(F)
    longer = np.concatenate([x, np.full(160, -np.inf, F)])
    assert impl.nn_softmax(longer)[:2048].tobytes() == impl.nn_softmax(x).tobytes()


# The norms.

def exact_norm(row, weight, bias, epsilon, centered):
    """((x - mean) / root) weight + bias in fractions, but for the root in 60 digits."""
    values = [Fraction(float(a)) for a in row]
    mean = sum(values) / len(values) if centered else Fraction(0)
    square = sum((a - mean) ** 2 for a in values) / len(values) + Fraction(epsilon)
    with localcontext() as context:
        context.prec = 60
        root = Fraction((Decimal(square.numerator) / Decimal(square.denominator)).sqrt())
    return [(a - mean) / root * Fraction(float(w)) + Fraction(float(b)) for a, w, b in zip(values, weight, bias)]


@EACH
@pytest.mark.parametrize("k", LENGTHS)
def test_the_norms_are_those_of_exact_fractions_but_for_half_a_unit_and_what_float64_rounds(impl, k):
    """In float64 the elements, below 2^3, lose 2^-50 by the mean; r, below 2^5 here, and all else are off by fewer than
    2^5 roundings of 2^-53 of what is below 2^6."""
    x, weight, bias = rows(k)[:2] + F(3), rows(k, 1)[0], rows(k, 2)[0]
    for centered in (True, False):
        y = impl.nn_layer_norm(x, weight, bias) if centered else impl.nn_rms_norm(x, weight)
        for row, got in zip(x, y):
            exact = exact_norm(row, weight, bias if centered else 0 * bias, 1e-5, centered)
            for b, true in zip(got, exact):
                assert abs(Fraction(float(b)) - true) <= Fraction(float(np.spacing(np.abs(b)))) / 2 + Fraction(1, 2**41)


@EACH
@given(st.lists(st.integers(-1000, 1000), min_size=2, max_size=40), st.integers(-1000, 1000), st.integers(-20, 20))
def test_exact_shifts_and_powers_of_two_change_no_bit_of_a_layer_norm(impl, row, shift, power):
    """The mean of 2^j integers is exact, and so is what is subtracted."""
    x = F((row * 32)[:32])
    y = impl.nn_layer_norm(x, epsilon=0.0)
    same = np.isnan(y) | (y == impl.nn_layer_norm(x + F(shift), epsilon=0.0))
    assert same.all()
    assert y.tobytes() == impl.nn_layer_norm(x * F(2.0**power), epsilon=0.0).tobytes()


@EACH
@given(st.lists(st.floats(-100, 100, width=32), min_size=1, max_size=40))
def test_an_rms_norm_is_odd_and_a_power_of_two_changes_no_bit(impl, row):
    x = F(row)
    x = np.where(np.abs(x) < 1e-10, F(0), x)
    y = impl.nn_rms_norm(x, epsilon=0.0)
    assert np.array_equal(impl.nn_rms_norm(-x, epsilon=0.0), -y, equal_nan=True)
    assert np.array_equal(impl.nn_rms_norm(x * F(0.125), epsilon=0.0), y, equal_nan=True)


@EACH
def test_each_row_is_normed_by_itself_and_what_is_not_finite_stays_in_its_row(impl):
    x = rows(40)
    for norm in (impl.nn_layer_norm, impl.nn_rms_norm, impl.nn_softmax):
        whole = norm(x)
        assert all(norm(row).tobytes() == got.tobytes() for row, got in zip(x, whole))
        bad = x.copy()
        bad[2, 5] = np.nan
        got = norm(bad)
        assert np.isnan(got[2]).all() and np.delete(got, 2, 0).tobytes() == np.delete(whole, 2, 0).tobytes()


def test_rows_without_elements_and_no_rows_are_empty():
    for norm in (nn_layer_norm, nn_rms_norm, nn_softmax):
        assert norm(np.zeros((3, 0), F)).shape == (3, 0) and norm(np.zeros((0, 3), F)).shape == (0, 3)
