"""Rules of results that hang on LAPACK's last bits: a near tie may go either way, and nothing else may."""

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
from implementations import native, needs_native

from refcompress import reference
from refcompress.agreement import (
    Disagreement,
    exactly,
    least_error,
    near_clip,
    near_fit,
    near_gptq,
    near_obs,
    near_sparsegpt,
    same_product,
)
from refcompress.constants import U64
from refcompress.reference.hessian import inverse_factor
from refcompress.reference.quantize.layer import LayerFit
from refcompress.testing import samples

F = np.float32
COUPLED = np.float64([[2, 1], [1, 2]])
ALONE = 2 * np.eye(2)


def _obs(w, h, mask):
    """Return the mask and the best weights for it, of two inputs."""
    went = int(np.argmin(mask))
    moved = w[0, 1 - went] + h[1 - went, went] / h[1 - went, 1 - went] * w[0, went]
    return np.bool_([mask]), F([[0, moved] if went == 0 else [moved, 0]])


@pytest.mark.parametrize("mask", [[True, False], [False, True]])
def test_either_of_two_weights_may_go_whose_losses_differ_by_rounding_alone(mask):
    w, options = F([[1, 1]]), {"keep": 1, "damping": 0}
    near_obs(reference.prune_obs(w, COUPLED, **options), _obs(w, COUPLED, mask), (w, COUPLED), options)


def test_of_two_weights_whose_losses_differ_by_more_the_cheaper_one_must_go():
    w, options = F([[1, 1.0001]]), {"keep": 1, "damping": 0}
    expected = reference.prune_obs(w, COUPLED, **options)
    near_obs(expected, _obs(w, COUPLED, [False, True]), (w, COUPLED), options)
    with pytest.raises(Disagreement, match=r"result\[0\]\[0, 1\]: went, at a loss of"):
        near_obs(expected, _obs(w, COUPLED, [True, False]), (w, COUPLED), options)


def test_where_nothing_is_coupled_ties_go_to_the_highest_index_and_row():
    w, options = F([[1, 1]]), {"keep": 1, "damping": 0}
    expected = reference.prune_obs(w, ALONE, **options)
    assert expected[0].tolist() == [[True, False]]
    with pytest.raises(Disagreement, match=r"result\[0\]\[0, 0\]: went"):
        near_obs(expected, _obs(w, ALONE, [False, True]), (w, ALONE), options)
    rows = F([[1, 5], [1, 5]])
    for h in (ALONE, COUPLED):  # two rows that are the same have the same losses in every arithmetic
        expected = reference.prune_obs(rows, h, keep=3, damping=0)
        with pytest.raises(Disagreement, match=r"result\[0\]: row 0 lost"):
            near_obs(expected, (expected[0][::-1], expected[1][::-1]), (rows, h), {"keep": 3, "damping": 0})


def test_a_column_of_equal_weights_loses_those_of_the_highest_rows_whatever_the_factor_is():
    w, options = F([[1, 3], [1, 3]]), {"sparsity": 0.5, "block": 1, "damping": 0}
    mask, weights = reference.prune_sparsegpt(w, COUPLED, **options)
    assert mask.tolist() == [[True, False], [False, True]]
    with pytest.raises(Disagreement, match=r"result\[0\]\[0, 0\]: went, and \[1, 0\]"):
        near_sparsegpt((mask, weights), (mask[::-1], weights[::-1]), (w, COUPLED), options)


@pytest.mark.parametrize("op, rule", [("prune_obs", near_obs), ("prune_sparsegpt", near_sparsegpt)])
def test_a_weight_is_right_to_a_unit_of_float32_and_not_to_a_unit_and_a_half(op, rule):
    rng = np.random.default_rng(0)
    w, x = rng.standard_normal((4, 6)).astype(F), rng.standard_normal((30, 6))
    h, options = x.T @ x, {"sparsity": 0.5}
    expected = getattr(reference, op)(w, h, **options)
    moved = expected[0] & (expected[1] != w)
    assert moved.any()
    for at in zip(*np.nonzero(moved)):
        for far in (-np.inf, np.inf):
            got = expected[1].copy()
            got[at] = np.nextafter(np.nextafter(got[at], F(far)), F(far))
            with pytest.raises(Disagreement, match=r"result\[1\]\[.*allowed difference"):
                rule(expected, (expected[0], got), (w, h), options)


@pytest.mark.parametrize("value, right", [(1, True), (2, True), (0, False), (3, False)])
def test_an_integer_may_be_what_either_end_of_its_bound_rounds_to(value, right):
    """The second weight becomes 1.5 - 2**-24, half way between two float32: one rounds to 1, the other to 2."""
    w, options = F([[0.25 - 2**-23, 1.375]]), {"bits": 4, "scale": 1.0, "damping": 0}
    fit = reference.quantize_gptq(w, COUPLED, **options)
    q = replace(fit.weight, values=np.int8([[0, value]]))
    d = q.values - w.astype(np.float64)
    got = replace(fit, weight=q, after=float(np.sum(d @ COUPLED * d)))
    if right:
        near_gptq(fit, got, (w, COUPLED), options)
        return
    with pytest.raises(Disagreement, match=r"result.weight.values\[0, 1\]: got ., expected 1 to 2"):
        near_gptq(fit, got, (w, COUPLED), options)


def _rounded_in_turn(w, h, bits, damping, u):
    """Return the fit of GPTQ by a factor u, and the last input's weights in steps."""
    near = reference.quantize_s8(w, bits=bits, axis=0)
    s, now, values = near.scale[:, 0], w.T.astype(np.float64), near.values.copy()
    highest = 2 ** (bits - 1) - 1
    for i in range(w.shape[1]):
        values[:, i] = np.clip(np.rint(now[i].astype(F) / s), -highest, highest)
        now[i + 1 :] -= np.outer(u[i, i + 1 :], (now[i] - s.astype(np.float64) * values[:, i]) / u[i, i])
    return LayerFit.of(w, h, replace(near, values=values), near), now[-1] / s


def _layer(k, rows):
    rng = np.random.default_rng(k)
    x = rng.standard_normal((2 * k + 3, k)) + rng.standard_normal((2 * k + 3, 1))
    h = x.T @ x
    return rng.standard_normal((rows, k)).astype(F), (h + h.T) / 2


@pytest.mark.parametrize("k", [5, 40, 135])
def test_an_integer_is_judged_by_its_distance_from_a_tie_however_many_inputs_went_before(k):
    w, h = _layer(k, 60)
    fit, last = _rounded_in_turn(w, h, 3, 0.01, inverse_factor(h, 0.01))
    off = np.abs(np.abs(last - np.floor(last)) - 0.5)
    for row in np.flatnonzero((off > 0.05) & (np.abs(last) < 2.9)):
        values = fit.weight.values.copy()
        values[row, -1] = 2 * np.floor(last[row]) + 1 - values[row, -1]  # the other one of its two neighbours
        moved = LayerFit.of(w, h, replace(fit.weight, values=values), reference.quantize_s8(w, bits=3, axis=0))
        with pytest.raises(Disagreement, match=r"result.weight.values\["):
            near_gptq(fit, moved, (w, h), {"bits": 3})


@pytest.mark.parametrize("k", [3, 40, 150])
@pytest.mark.parametrize("damping", [0.0, 1e-6, 0.01])
def test_a_factor_of_another_arithmetic_makes_a_right_layer(k, damping):
    w, h = _layer(k, 300)
    whole = h + damping * np.diag(np.full(k, h.diagonal().mean()))
    by_eigenvalues = (lambda values, vectors: (vectors / values) @ vectors.T)(*np.linalg.eigh(whole))
    turned = np.linalg.cholesky(whole[::-1, ::-1])[::-1, ::-1]  # h = t t.T, t upper triangular, so u is its inverse
    expected = reference.quantize_gptq(w, h, bits=6, damping=damping)
    for u in (np.linalg.cholesky(by_eigenvalues).T, np.linalg.inv(turned)):
        near_gptq(expected, _rounded_in_turn(w, h, 6, damping, u)[0], (w, h), {"bits": 6, "damping": damping})


def test_one_chain_reaches_a_twentieth_of_the_bound_of_an_error_and_twenty_times_as_much_is_refused():
    k = 200
    w, h = np.ones((1, k), F), np.diag(np.append(1.0, np.full(k - 1, 0.99 * U64)))
    fit = reference.quantize_clip(w, h)
    chain = 0.0
    for each in h.diagonal():
        chain += float(each)
    lost = fit.output - chain
    assert chain == 1.0 and lost > 0
    near_fit(fit, replace(fit, output=chain), (w, h), {})
    with pytest.raises(Disagreement, match="result.output: got .* allowed difference"):
        near_fit(fit, replace(fit, output=fit.output - 20 * lost), (w, h), {})


def test_of_clipped_ranges_of_equal_errors_the_wider_one_is_taken_where_the_errors_are_exact():
    w, h, options = F([[0, 0]]), COUPLED, {"steps": 2}
    fit = reference.quantize_clip(w, h, **options)
    narrow = replace(fit, weight=replace(fit.weight, scale=fit.weight.scale * F(0.5)))
    with pytest.raises(Disagreement, match=r"result.weight.scale\[0\]: .* not of least error"):
        near_clip(fit, narrow, (w, h), options)


@pytest.mark.parametrize("x, steps, right", [
    ([2, 4], 2, (1.0,)),  # up to 4 the error is 2**2 for the first, up to 2 for the second: equal, and exact
    ([2, 4], 4, (0.75,)),  # up to 3 it is 1 + 1
    ([2.2, 4.4, 1e-6, 3e-6], 2, (1.0, 0.5)),  # the same with small squares beside it, whose sum is rounded
])
def test_of_ranges_of_equal_errors_the_widest_is_taken_where_no_order_rounds_and_any_elsewhere(x, steps, right):
    x, options = F(x), {"bits": 2, "steps": steps}
    expected, largest = reference.quantize_range_mse(x, **options), float(x.max())
    for share in (1.0, 0.75, 0.5):
        got = np.float64([0]), np.float64([largest * share])
        if share in right:
            least_error(expected, got, (x,), options)
            continue
        with pytest.raises(Disagreement, match=r"result\[0\]"):
            least_error(expected, got, (x,), options)


def test_the_rank_of_an_energy_may_be_another_one_only_where_singular_values_are_not_exact():
    turned = np.linalg.qr(np.random.default_rng(1).standard_normal((4, 4)))[0]
    w, options = turned.astype(F), {"energy": 0.5}  # four singular values of 1, but for the rounding of w
    value = float(np.sum(np.linalg.svd(w.astype(np.float64))[1][:2] ** 2) / np.sum(w.astype(np.float64) ** 2))
    for rank, right in ((1, False), (2, True), (3, True), (4, False)):
        near = {"energy": value}
        got = reference.lowrank_svd(w, rank=rank)
        if right:
            same_product(reference.lowrank_svd(w, **near), got, (w,), near)
            continue
        with pytest.raises(Disagreement, match="rank"):
            same_product(reference.lowrank_svd(w, **near), got, (w,), near)
    exact = np.eye(4, dtype=F)
    with pytest.raises(Disagreement, match="rank 3, expected"):
        same_product(reference.lowrank_svd(exact, **options), reference.lowrank_svd(exact, rank=3), (exact,), options)


@needs_native
@pytest.mark.parametrize("op", ["prune_obs", "prune_sparsegpt", "quantize_gptq", "quantize_clip", "quantize_awq",
                                "quantize_adaround", "quantize_range_mse"])
def test_our_own_kernels_give_the_references_bits_although_the_rule_asks_for_less(op):
    for args, kwargs in islice(samples(op), 0, None, 3):
        exactly(getattr(reference, op)(*args, **kwargs), getattr(native, op)(*args, **kwargs))
