"""Squared changes: what they are, the order in which they are added, and that a report of a compression has them."""

import math

import numpy as np
import pytest
from implementations import BOTH, each

import refcompress as rc

PART = 2**15


def in_the_stated_order(terms: list[float]) -> float:
    """Return the sum of at most 2^15 terms as the contract writes it."""
    n = len(terms)
    if n > 128:
        half = n // 2 // 8 * 8
        return in_the_stated_order(terms[:half]) + in_the_stated_order(terms[half:])
    whole = n // 8 * 8
    s = [0.0] * 8
    for p, term in enumerate(terms[:whole]):
        s[p % 8] += term
    total = ((s[0] + s[1]) + (s[2] + s[3])) + ((s[4] + s[5]) + (s[6] + s[7]))
    for term in terms[whole:]:
        total += term
    return total


@each("space", BOTH)
@pytest.mark.parametrize("size", [0, 1, 7, 8, 15, 128, 129, 257, 1000, PART - 1, PART, PART + 300])
def test_squares_are_added_in_the_stated_order(space, size):
    x, y = np.random.default_rng(size).standard_normal((2, size), dtype=np.float32)
    before, after = x.astype(np.float64), y.astype(np.float64)
    terms = ((before - after) ** 2).tolist(), (before**2).tolist()
    expected = [[in_the_stated_order(row[i : i + PART]) for row in terms] for i in range(0, size, PART)]
    assert rc.same(space.quantize_changes(x, y), np.float64(expected).reshape(-1, 2))


@each("space", BOTH)
def test_parts_follow_each_other_row_by_row_and_a_change_counts_in_its_own(space):
    x = np.ones((3, PART), np.float32)
    y = x.copy()
    y[1, 5], y[2, PART - 1] = 3, -1
    assert space.quantize_changes(x, y).tolist() == [[0, PART], [4, PART], [4, PART]]
    assert rc.same(space.quantize_changes(x[:, ::2], y[:, ::2]), space.quantize_changes(x[:, ::2].copy(), y[:, ::2]))


@each("space", BOTH)
def test_a_report_has_the_error_of_the_changes(space, tmp_path):
    w = np.random.default_rng(5).standard_normal((300, 500), dtype=np.float32)
    result = rc.compress({"w": w}, rc.Recipe((rc.Rule("*", "int8", {}),)), target=tmp_path / "w.rcz",
                         implementation=space)
    changes, squares = rc.quantize_changes(w, rc.load(result.path)["w"].dense()).T.tolist()
    assert result.errors() == {"w": math.sqrt(sum(changes) / sum(squares))}
