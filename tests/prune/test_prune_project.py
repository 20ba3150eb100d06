"""Projections and proximal steps: the constraint holds always, and nothing that satisfies it is nearer."""

import math
from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import refcompress as rc
from refcompress import ArgumentTypeError, RefcompressError

FINITE = st.floats(width=32, allow_nan=False, allow_infinity=False)
ARRAYS = hnp.arrays(np.float32, hnp.array_shapes(min_dims=1, max_dims=2, min_side=0, max_side=8), elements=FINITE)


def exact_sum(a):
    return sum((Fraction(abs(float(v))) for v in np.ravel(a)), Fraction(0))


def kkt(w, v, radius):
    """What is wrong with v as the projection of w onto the L1 ball, in rational numbers; None if nothing is."""
    if exact_sum(v) > Fraction(radius):
        return "the constraint does not hold"
    if exact_sum(w) <= Fraction(radius):
        return None if np.array_equal(w, v) else "w satisfied the constraint"
    if np.any(np.sign(v) * np.sign(w) < 0) or np.any(np.abs(v) > np.abs(w)):
        return "an entry turned its sign or grew"
    # One multiplier t for all: |w| - |v| = t where v is not 0, |w| <= t elsewhere, to one step of float32 (v is rounded
    # towards zero) and of the float64 in which t and |w| - t are.
    a, b = np.abs(w.astype(np.float64)).ravel(), np.abs(v.astype(np.float64)).ravel()
    step = np.spacing(np.abs(v).ravel()).astype(np.float64) + 4 * np.spacing(a)
    on = b > 0
    low, high = (a - b - step)[on].max(initial=0), (a - b + step)[on].min(initial=np.inf)
    if low > high:
        return "no multiplier serves all entries"
    if np.any(a[~on] > high + step[~on] + 2.0**-149):
        return "an entry above the multiplier is zero"
    # What the sum falls short of the radius is rounding: a step of float32 an entry.
    if float(Fraction(radius) - exact_sum(v)) > step[on].sum() + len(a) * 2.0**-149 + 4 * len(a) * np.spacing(a.max()):
        return "the sum is short of the radius"
    return None


def test_ten_thousand_projections_onto_the_l1_ball_satisfy_its_kkt_conditions():
    rng = np.random.default_rng(0)
    wrong = []
    for case in range(10_000):
        n = int(rng.integers(1, 30))
        w = rng.standard_normal(n) * 10.0 ** rng.integers(-6, 7) * (rng.random(n) < rng.choice([0.3, 1]))
        w = w.astype(np.float32)
        if case % 3 == 0:
            w = np.repeat(w[: n // 2 + 1], 2)[:n]  # ties
        radius = float(np.abs(w).sum(dtype=np.float64) * rng.choice([0, 1e-3, 0.3, 0.999, 1, 2]))
        problem = kkt(w, rc.prune_project_l1(w, radius=radius), radius)
        if problem:
            wrong.append((case, problem))
    assert wrong == []


@given(ARRAYS, st.floats(0, 1e30))
def test_the_l1_constraint_holds_for_any_array_and_any_radius(w, radius):
    v = rc.prune_project_l1(w, radius=radius)
    assert v.shape == w.shape and v.dtype == np.float32 and exact_sum(v) <= Fraction(radius)
    assert not np.any(np.signbit(v[v == 0]))
    again = rc.prune_project_l1(v, radius=radius)
    assert np.array_equal(again, v)


def test_the_check_of_kkt_notices_other_projections():
    w = np.float32([3, -1, 0.5])
    assert kkt(w, np.float32([2.5, -0.5, 0]), 3) is None
    for v in ([3, 0, 0], [2.5, -0.25, 0.25], [1.5, -0.5, 0], [2.6, -0.6, 0], [2.5, 0.5, 0]):
        assert kkt(w, np.float32(v), 3) is not None


@given(hnp.arrays(np.float32, st.integers(0, 7), elements=st.integers(-4, 4)), st.data())
def test_no_array_of_so_many_entries_is_nearer(w, data):
    keep = data.draw(st.integers(0, w.size))
    v = rc.prune_project_l0(w, keep=keep)
    assert np.count_nonzero(v) <= keep
    best = min(sum(float(w[i]) ** 2 for i in range(w.size) if i not in kept)
               for kept in combinations(range(w.size), keep))
    assert float(np.sum((w - v) ** 2, dtype=np.float64)) == best


@given(hnp.arrays(np.float32, st.integers(0, 6), elements=st.floats(-4, 4, width=32)), st.floats(0, 8))
def test_penalties_are_paid_entry_by_entry_as_cheaply_as_can_be(w, penalty):
    hard, soft = rc.prune_penalty_l0(w, penalty=penalty), rc.prune_penalty_l1(w, penalty=penalty)
    for x, h, s in zip(w.astype(np.float64), hard.astype(np.float64), soft.astype(np.float64)):
        assert (x - h) ** 2 / 2 + penalty * (h != 0) == min(x**2 / 2, penalty if x else 0.0)
        assert abs(s - math.copysign(max(abs(x) - penalty, 0), x)) <= 2.0**-24 * abs(s) + 2.0**-150


@pytest.mark.parametrize("call, error, argument", [
    (lambda: rc.prune_project_l1(np.float32([1]), radius=-1), RefcompressError, "radius"),
    (lambda: rc.prune_project_l1(np.float32([1]), radius=np.nan), RefcompressError, "radius"),
    (lambda: rc.prune_project_l1(np.float64([1]), radius=1), ArgumentTypeError, "w"),
    (lambda: rc.prune_project_l1(np.float32([np.inf]), radius=1), RefcompressError, "w[0]"),
    (lambda: rc.prune_project_l0(np.float32([1]), keep=2), RefcompressError, "keep"),
    (lambda: rc.prune_project_l0(np.float32([np.nan]), keep=1), RefcompressError, "w[0]"),
    (lambda: rc.prune_penalty_l0(np.float32([1]), penalty=-1), RefcompressError, "penalty"),
    (lambda: rc.prune_penalty_l1(np.float32([1]), penalty=np.inf), RefcompressError, "penalty"),
])
def test_refuses_by_name(call, error, argument):
    with pytest.raises(error) as caught:
        call()
    assert caught.value.argument == argument
