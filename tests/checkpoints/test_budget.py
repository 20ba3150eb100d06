"""A budget is met or refused with the least size; an error is met by the fewest bytes."""

import numpy as np
import pytest
from checkpoint_examples import model, normal

from refcompress import RefcompressError, checkpoints, reference
from refcompress.checkpoints import Recipe, Rule
from refcompress.checkpoints.budget import chosen_for_budget, chosen_for_error


@pytest.mark.parametrize("budget", [14000, 6000])
def test_a_budget_is_met_and_a_larger_one_loses_less(budget):
    arrays = model()
    result, wider = (checkpoints.compress(arrays, Recipe(budget=b))
                     for b in (budget, 2 * budget))
    assert result.after <= budget

    def loss(found):
        return sum(row.error**2 * np.prod(row.shape) for row in found.rows)

    assert loss(result) > loss(wider) and result.after < wider.after
    assert result.after > 0.6 * budget  # what may be used is used
    again = checkpoints.compress(arrays, Recipe(budget=budget))
    assert again.table() == result.table()


def test_a_budget_below_the_least_is_refused_with_the_least():
    arrays = model()
    with pytest.raises(RefcompressError, match="budget: of 1,000 bytes is below the least that the file") as caught:
        checkpoints.compress(arrays, Recipe(budget=1000))
    least = int(str(caught.value).split("takes, ")[1].split(" ")[0].replace(",", ""))
    assert checkpoints.compress(arrays, Recipe(budget=least)).after == least
    with pytest.raises(RefcompressError, match=f"the file takes, {least:,} bytes"):
        checkpoints.compress(arrays, Recipe(budget=least - 1))
    assert checkpoints.plan(arrays, Recipe(budget=least)).total[1] == least  # a dry run promises the budget
    with pytest.raises(RefcompressError, match="budget: of 10 bytes is below the least"):
        checkpoints.plan(arrays, Recipe(budget=10))


@pytest.mark.parametrize("error", [0.2, 0.02, 0.0])
def test_no_tensor_has_a_larger_error_than_the_one_asked_for(error):
    arrays = model()
    result = checkpoints.compress(arrays, Recipe(max_error=error))
    assert max(result.errors().values()) <= error
    smaller = checkpoints.compress(arrays, Recipe(max_error=2 * error + 0.01))
    assert smaller.after < result.after


def test_rules_of_ones_own_come_before_what_is_measured():
    result = checkpoints.compress({"a.weight": normal(40, 40), "b.weight": normal(40, 40)},
                                  Recipe((Rule("a*", "int2"),), max_error=0.01))
    assert result.rows[0].stored.startswith("2 bits") and result.rows[0].error > 0.1 and result.rows[1].error <= 0.01


def test_candidates_are_chosen_by_bytes_and_by_the_weighted_squares_of_errors():
    measured = [[(100, 0.0), (50, 0.1), (25, 0.3)], [(100, 0.0), (50, 0.1), (25, 0.3)]]
    assert chosen_for_error(measured, 0.1) == [1, 1] and chosen_for_error(measured, 1.0) == [2, 2]
    assert chosen_for_budget(measured, [11, 10], 150, reference) == [0, 1]
    assert chosen_for_budget(measured, [10, 11], 150, reference) == [1, 0]
    assert chosen_for_budget(measured, [10, 10], 50, reference) == [2, 2]
