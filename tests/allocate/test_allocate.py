"""Laws of the allocation: optimal against brute force, its front and its gap true, curvatures exact where they must."""

import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from implementations import BOTH, each
from rounding import UNIT64

from refcompress import (
    ArgumentTypeError,
    LimitError,
    Quantized,
    RefcompressError,
    allocate_cost,
    allocate_exact,
    allocate_fisher,
    allocate_front,
    allocate_lagrange,
    allocate_trace,
    quantize_s8,
)
from refcompress.reference.allocate import bits

COSTS = st.one_of(st.integers(0, 9).map(float), st.floats(-1e3, 1e3))


@st.composite
def problems(draw, costs=COSTS):
    layers, choices = draw(st.integers(0, 5)), draw(st.integers(1, 4))
    cost = draw(hnp.arrays(np.float64, (layers, choices), elements=costs))
    size = draw(hnp.arrays(np.int64, (layers, choices), elements=st.integers(0, 12)))
    least = int(size.min(axis=1).sum()) if layers else 0
    return cost, size, least + draw(st.integers(0, 20))


def every_allocation(cost, size):
    """Yield (cost, size, choice) of all, the costs summed from the first layer on."""
    for choice in itertools.product(range(cost.shape[1]), repeat=len(cost)):
        total = 0.0
        for i, j in enumerate(choice):
            total += float(cost[i, j])
        yield total, sum(int(size[i, j]) for i, j in enumerate(choice)), choice


@given(problems())
def test_dynamic_programming_finds_what_brute_force_finds(problem):
    cost, size, budget = problem
    best = allocate_exact(cost, size, budget)
    assert (best.cost, best.size) == min((c, s) for c, s, _ in every_allocation(cost, size) if s <= budget)
    assert (best.cost, best.size, tuple(best.choice.tolist())) in set(every_allocation(cost, size))
    assert best.gap == 0


@given(problems())
def test_the_budget_is_kept_and_used_to_its_last_byte(problem):
    """At the size of each allocation, and one byte below it: what just fits is taken, what just does not fit is not."""
    cost, size, _ = problem
    everything = list(every_allocation(cost, size))
    least = min(s for _, s, _ in everything)
    for budget in {s - step for _, s, _ in everything for step in (0, 1)}:
        if budget >= least:
            best = min((c, s) for c, s, _ in everything if s <= budget)
            a = allocate_exact(cost, size, budget)
            assert (a.cost, a.size) == best
            sizes, costs, _ = allocate_front(cost, size, budget)
            assert (costs[-1], sizes[-1]) == best and sizes[-1] <= budget
            assert allocate_lagrange(cost, size, budget).size <= budget


def test_a_choice_that_takes_the_whole_budget_is_taken_and_one_byte_more_is_not():
    cost, size = np.float64([[9, 0]]), np.int64([[1, 10]])
    for function in (allocate_exact, allocate_lagrange):
        assert [function(cost, size, budget).choice.tolist() for budget in (1, 9, 10, 11)] == [[0], [0], [1], [1]]
    assert [len(allocate_front(cost, size, budget)[0]) for budget in (1, 9, 10, 11)] == [1, 1, 2, 2]


@given(problems())
def test_the_front_is_the_optimum_of_every_budget_and_nothing_else(problem):
    cost, size, budget = problem
    sizes, costs, choices = allocate_front(cost, size, budget)
    everything = list(every_allocation(cost, size))
    assert np.all(np.diff(sizes) > 0) and np.all(np.diff(costs) < 0)
    for s, c, choice in zip(sizes.tolist(), costs.tolist(), choices.tolist()):
        assert (c, s, tuple(choice)) in everything
        assert c == min(other for other, bytes_, _ in everything if bytes_ <= s)
    for c, s, _ in everything:
        if s <= budget:
            assert np.any((costs <= c) & (sizes <= s))


@given(problems())
def test_the_lagrangian_is_feasible_and_optimal_for_its_own_size_and_its_bound_is_below_the_optimum(problem):
    cost, size, budget = problem
    everything = set(every_allocation(cost, size))
    for tight in range(int(size.min(axis=1).sum()), budget + 1):  # every budget: also of what just fails to fit
        best, found = allocate_exact(cost, size, tight), allocate_lagrange(cost, size, tight)
        assert (found.cost, found.size, tuple(found.choice.tolist())) in everything
        assert found.size <= tight and found.bound <= best.cost <= found.cost
        # Everett's theorem, to rounding: costs below 1e3 in at most 5 layers, so a sum is off by less than
        # 5 * 5e3 * 2**-53.
        assert found.cost - allocate_exact(cost, size, found.size).cost <= 5 * 5e3 * 2.0**-53


def test_the_bound_is_below_the_cost_in_fractions_too():
    """The roundings of the bound's own sums must not lift it above an allocation, even where there is no gap."""
    rng = np.random.default_rng(0)
    tight = 0
    for _ in range(2000):
        cost, size = rng.random((6, 3)) * 10.0 ** rng.integers(-3, 4, (6, 1)), rng.integers(1, 9, (6, 3))
        budget = int(size.min(axis=1).sum()) + int(rng.integers(0, 20))
        found = allocate_lagrange(cost, size, budget)
        if found.bound < found.cost:  # a step did not fit: the bound is the dual value at its price
            exact = sum(Fraction(float(cost[i, j])) for i, j in enumerate(found.choice))
            assert Fraction(found.bound) <= exact
            tight += found.size == budget  # then the dual value is that cost, but for rounding
    assert tight > 100


@given(problems())
def test_where_all_steps_fit_the_lagrangian_is_the_cheapest_and_has_no_gap(problem):
    cost, size, _ = problem
    found = allocate_lagrange(cost, size, 1000)
    assert found.gap == 0 and found.cost == allocate_exact(cost, size, 1000).cost


@given(problems(st.integers(0, 9).map(float)))
def test_the_lagrangians_gap_is_at_most_the_step_that_did_not_fit(problem):
    cost, size, budget = problem
    found = allocate_lagrange(cost, size, budget)
    # The step that ends the walk would have closed the gap, and it saves no more than a layer's whole range of costs.
    # Costs are integers of at most 9, and their sums exact. The price is at most 9 too, so the numbers of the bound sum
    # to at most ``largest``. Two roundings a term and one for each sum may have lowered it; as much is taken off.
    largest = sum(9 + 9 * int(each.max()) for each in size) + 9 * budget
    allowed = 2 * (len(cost) + 4) * 2 * UNIT64 * largest
    assert found.gap <= (np.ptp(cost, axis=1).max() if len(cost) else 0) + allowed


@each("space", BOTH)
def test_a_hundred_layers_of_millions_of_weights_are_solved_exactly(space):
    rng = np.random.default_rng(0)
    weights = rng.integers(1, 9, 100) * 262_144
    bits = np.int64([2, 4, 8, 16])
    size, cost = weights[:, None] * bits // 8, rng.random((100, 1)) * weights[:, None] * 4.0**-bits
    budget = int(size[:, 1].sum())
    best, found = space.allocate_exact(cost, size, budget), allocate_lagrange(cost, size, budget)
    assert best.size <= budget and found.bound <= best.cost <= found.cost
    assert found.gap < 0.02 * best.cost  # a hundred layers: one step of one layer matters little


COST, SIZE = np.float64([[2, 1], [3, 0]]), np.int64([[1, 2], [1, 3]])


@pytest.mark.parametrize("function", [allocate_exact, allocate_front, allocate_lagrange])
@pytest.mark.parametrize("change, error, argument", [
    ({"cost": COST.astype(np.float32)}, ArgumentTypeError, "cost"),
    ({"cost": COST[0]}, RefcompressError, "cost"),
    ({"cost": np.float64([[2, np.nan], [3, 0]])}, RefcompressError, "cost[0, 1]"),
    ({"cost": np.full((2, 2), 1.7e308)}, RefcompressError, "cost"),
    ({"cost": np.zeros((2, 0)), "size": np.zeros((2, 0), np.int64)}, RefcompressError, "cost"),
    ({"size": SIZE.astype(np.float64)}, ArgumentTypeError, "size"),
    ({"size": SIZE[:, :1]}, RefcompressError, "size"),
    ({"size": np.int64([[1, 2], [-1, 3]])}, RefcompressError, "size[1, 0]"),
    ({"size": np.full((2, 2), 2**62)}, LimitError, "size"),
    ({"budget": 1}, RefcompressError, "budget"),
    ({"budget": 5.0}, ArgumentTypeError, "budget"),
    ({"budget": -1}, RefcompressError, "budget"),
])
def test_allocations_refuse_by_name(function, change, error, argument):
    with pytest.raises(RefcompressError) as caught:
        function(**{"cost": COST, "size": SIZE, "budget": 5, **change})
    assert type(caught.value) is error and caught.value.argument == argument


@each("space", BOTH)
def test_too_many_partial_allocations_are_refused_before_they_are_held(space, monkeypatch):
    monkeypatch.setattr(bits, "MOST_STATES", 100)
    size = np.int64([[0, 2**i] for i in range(12)])  # every sum differs, and every byte saves: no allocation undercuts
    assert len(space.allocate_front(-size[:5].astype(np.float64), size[:5])[0]) == 2**5
    with pytest.raises(LimitError, match="budget"):
        space.allocate_exact(-size.astype(np.float64), size, 2**44)


# Sensitivities --------------------------------------------------------------------------------------------------------


@given(hnp.arrays(np.float32, (3, 7), elements=st.integers(-8, 8).map(float)), st.integers(0, 2**32))
def test_the_cost_is_the_exact_change_of_a_quadratic_loss_at_its_minimum(w, seed):
    rng = np.random.default_rng(seed)
    h, other = rng.integers(0, 9, w.shape).astype(np.float64), rng.integers(-8, 9, w.shape).astype(np.float32)
    loss = 0.5 * np.sum(h * (other.astype(np.float64) - w) ** 2)
    assert allocate_cost(w, [w, other], curvature=h).tolist() == [0, loss]


def test_formats_are_costed_by_what_they_stand_for_and_more_bits_cost_less():
    w = np.random.default_rng(0).standard_normal((20, 30)).astype(np.float32)
    coarse = quantize_s8(w, scale=1.0)
    fine = quantize_s8(w, axis=0)
    cost = allocate_cost(w, [coarse, coarse.dense(), fine, w])
    assert cost[0] == cost[1] > cost[2] > cost[3] == 0
    assert isinstance(fine, Quantized) and cost[2] <= 0.5 * w.size * (0.501 * fine.scale.max()) ** 2


@given(hnp.arrays(np.float64, st.integers(1, 8), elements=st.integers(-99, 99).map(float)), st.integers(1, 5))
def test_hutchinsons_estimate_of_a_diagonal_matrix_is_its_trace(diagonal, samples):
    estimate = allocate_trace(lambda v: diagonal * v, len(diagonal), samples=samples)
    assert estimate.value == diagonal.sum() and estimate.error == (0 if samples > 1 else np.inf)


def test_hutchinsons_estimate_lies_within_its_own_error_of_the_trace():
    rng = np.random.default_rng(2)
    h = rng.standard_normal((30, 30))
    h = h @ h.T
    estimates = [allocate_trace(lambda v: h @ v, 30, samples=100, seed=seed) for seed in range(50)]
    off = np.array([(e.value - np.trace(h)) / e.error for e in estimates])
    # Nearly normal: more than 4 errors off happens once in 16,000 times, and half are within 0.67 (14 to 36 of 50:
    # 99.9 %).
    assert np.abs(off).max() < 4 and 14 <= np.count_nonzero(np.abs(off) < 0.67) <= 36


@given(st.lists(hnp.arrays(np.float32, 3, elements=st.integers(-9, 9).map(float)), min_size=1, max_size=6))
def test_fisher_is_the_mean_of_squares(gradients):
    squares = [g.astype(np.float64) ** 2 for g in gradients]
    assert np.array_equal(allocate_fisher(iter(gradients)), sum(squares) / len(squares))


W = np.float32([1, 2])


@pytest.mark.parametrize("call, argument", [
    (lambda: allocate_cost(np.float64([1]), []), "w"),
    (lambda: allocate_cost(np.float32([1, np.inf]), []), "w[1]"),
    (lambda: allocate_cost(W, [W, np.float32([1])]), "versions[1]"),
    (lambda: allocate_cost(W, [np.float32([1, np.nan])]), "versions[0][1]"),
    (lambda: allocate_cost(W, [W], curvature=-1), "curvature"),
    (lambda: allocate_cost(W, [W], curvature=np.float64([1, -1])), "curvature[1]"),
    (lambda: allocate_cost(W, [W], curvature=np.ones(3)), "curvature"),
    (lambda: allocate_trace(lambda v: v, 0), "size"),
    (lambda: allocate_trace(lambda v: v, 3, samples=0), "samples"),
    (lambda: allocate_trace(lambda v: v[:2], 3), "product"),
    (lambda: allocate_trace(lambda v: v * np.nan, 3), "product[0]"),
    (lambda: allocate_fisher([]), "gradients"),
    (lambda: allocate_fisher(3), "gradients"),
    (lambda: allocate_fisher([W, np.ones(3, np.float32)]), "gradients[1]"),
])
def test_sensitivities_refuse_by_name(call, argument):
    with pytest.raises(RefcompressError) as caught:
        call()
    assert caught.value.argument == argument
