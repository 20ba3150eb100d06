"""Scores from gradients, activations and curvature: what each predicts, exactly."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from rounding import gamma

import refcompress as rc
from refcompress import RefcompressError
from refcompress.testing.layouts import ODD

WHOLE = st.integers(-9, 9).map(float)
SHAPES = st.tuples(st.integers(1, 7), st.integers(1, 7))


def matrices(shape, elements=WHOLE, dtype=np.float64):
    return hnp.arrays(dtype, shape, elements=elements)


@given(SHAPES.flatmap(lambda s: st.tuples(matrices(s, dtype=np.float32), matrices(s), matrices(s))))
def test_brain_damage_predicts_a_quadratics_change_exactly(case):
    """Of a loss with a diagonal Hessian, at its minimum, for any set of weights that goes."""
    w, h, chosen = case
    mask = chosen > 0
    pruned = np.where(mask, w, 0).astype(np.float64)
    change = np.sum(h * (pruned - w) ** 2) / 2  # loss(w') = sum of h (w' - w)**2 / 2, whose minimum w is
    scores = rc.prune_score_obd(w, h)
    assert scores.dtype == np.float32 and np.sum(scores[~mask], dtype=np.float64) == change


@given(SHAPES.flatmap(lambda s: st.tuples(matrices(s, dtype=np.float32), matrices(s), matrices(s))),
       st.data())
def test_taylor_and_brain_damage_together_predict_a_quadratic_away_from_its_minimum(case, data):
    w, h, best = case
    gradient = h * (w - best)
    i = data.draw(st.integers(0, w.size - 1))
    one = w.astype(np.float64)
    one.flat[i] = 0
    change = np.sum(h * (one - best) ** 2 - h * (w - best) ** 2) / 2
    movement, second = rc.prune_score_movement(w, gradient), rc.prune_score_obd(w, h)
    assert movement.flat[i] + second.flat[i] == change  # -w g + h w**2 / 2
    assert np.array_equal(rc.prune_score_taylor(w, gradient), np.abs(movement))


@given(st.integers(1, 20), st.integers(1, 6), st.integers(1, 6), st.integers(0, 99))
def test_wanda_is_the_outputs_change_when_one_weight_goes(samples, n, k, seed):
    """The norm, over the samples, of what the output loses."""
    rng = np.random.default_rng(seed)
    w, x = rng.integers(-9, 10, (n, k)).astype(np.float32), rng.integers(-9, 10, (samples, k)).astype(np.float64)
    scores = rc.prune_score_wanda(w, np.sqrt(np.sum(x**2, axis=0)))
    for i in range(n):
        for j in range(k):
            lost = np.linalg.norm(x[:, j] * w[i, j])
            # The sums of squares of integers are exact. Each side has a root and a product in float64; then float32.
            assert abs(scores[i, j] - lost) <= 2.0**-24 * lost * (1 + gamma(2)) + gamma(4) * lost


@given(SHAPES.flatmap(
    lambda s: st.tuples(matrices(s, dtype=np.float32), st.lists(matrices(s), min_size=1, max_size=4))))
def test_fisher_is_the_mean_of_the_squared_first_terms_halved(case):
    w, gradients = case
    scores = rc.prune_score_fisher(w, sum(g**2 for g in gradients) / len(gradients))
    mean = sum((w * g) ** 2 for g in gradients) / len(gradients) / 2
    # Rounded once, to float32 (of subnormal numbers by 2**-150); before that a few roundings of float64 on both sides.
    assert np.all(np.abs(scores - mean) <= 2.0**-24 * mean * (1 + 2.0**-20) + 2.0**-150)


@given(hnp.arrays(np.bool_, st.tuples(st.integers(1, 30), st.integers(1, 9))))
def test_apoz_and_mean_activation_of_zeros_and_ones_are_the_same(active):
    count = len(active)
    scores = rc.prune_score_apoz((~active).sum(axis=0), count)
    assert np.array_equal(scores, rc.prune_score_activation(active.sum(axis=0, dtype=np.float64), count))
    assert np.array_equal(scores, rc.prune_score_apoz((~active).sum(axis=0).astype(np.float64), count))


FINITE = st.floats(width=32, allow_nan=False, allow_infinity=False)


@given(FINITE, st.floats(allow_nan=False, allow_infinity=False))
def test_scores_are_rounded_once(w, statistic):
    """Against exact fractions: |score - exact| is at most half a unit in the last place, and a float64 rounding."""
    product = Fraction(w) * Fraction(statistic)
    got = rc.prune_score_movement(np.float32([w]), np.float64([statistic]))[0]
    if abs(product) < 2**128 - 2**103:
        slack = abs(product) * Fraction(2**29 + 1, 2**53) + Fraction(1, 2**150) + Fraction(1, 2**1000)
        assert abs(Fraction(float(got)) + product) <= slack
    else:
        assert abs(got) >= 3.4e38


PAIRS = ["prune_score_taylor", "prune_score_movement", "prune_score_obd", "prune_score_fisher"]


@pytest.mark.parametrize("layout", ODD, ids=lambda f: f.__name__)
@pytest.mark.parametrize("op", PAIRS)
def test_every_layout_gives_the_same_scores_and_is_left_alone(op, layout):
    rng = np.random.default_rng(3)
    w, statistic = rng.standard_normal((9, 17)).astype(np.float32), rng.random((9, 17))
    odd = layout(w), layout(statistic)
    assert np.array_equal(getattr(rc, op)(*odd), getattr(rc, op)(w, statistic))
    assert np.array_equal(odd[0], w) and np.array_equal(odd[1], statistic)


@pytest.mark.parametrize("op", ["prune_score_apoz", "prune_score_activation"])
def test_an_empty_calibration_set_is_refused(op):
    with pytest.raises(RefcompressError) as caught:
        getattr(rc, op)(np.zeros(3), 0)
    assert caught.value.argument == "count"


OF_WEIGHTS = {"prune_score_wanda": "norms", "prune_score_taylor": "gradient", "prune_score_movement": "gradient_sum",
              "prune_score_obd": "diagonal", "prune_score_fisher": "squared_gradients"}
OF_UNITS = {"prune_score_activation": "sums", "prune_score_apoz": "zeros"}


@pytest.mark.parametrize("op, argument", [*OF_WEIGHTS.items(), *OF_UNITS.items()])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_statistic_that_is_not_finite_is_named_by_its_index(op, argument, bad):
    statistic = np.ones(2) if op in OF_UNITS or op == "prune_score_wanda" else np.ones((2, 2))
    statistic[1] = bad
    with pytest.raises(RefcompressError) as caught:
        getattr(rc, op)(*((statistic, 4) if op in OF_UNITS else (np.ones((2, 2), np.float32), statistic)))
    assert caught.value.argument == f"{argument}[{'1' if statistic.ndim == 1 else '1, 0'}]"
