"""A wrong input becomes one that can be read: few axes, numbers near one, few bits."""

import numpy as np

from refcompress import reference
from refcompress.ops import OPS
from refcompress.testing.judge import WRONG, Outcome
from refcompress.testing.sampling import refusals, samples
from refcompress.testing.smaller import smallest
from refcompress.testing.task import Task

F = np.float32
TASK = Task("quantize_s8", reference.quantize_s8, OPS["quantize_s8"].rule, samples, refusals)
FAILED = Outcome(WRONG, "result: wrong")


def shrunk(x, wrong, **options):
    def judge(case):
        (a, *_), kwargs = case
        return FAILED if wrong(a, **kwargs) else Outcome()

    (found, *_), kwargs = smallest(TASK, judge, ((x,), options), FAILED, 1e9, lambda: 0.0)[0]
    return found, kwargs


def test_what_depends_on_proportions_is_shown_near_one():
    """The second of two numbers is 3/4 of the first, at any scale: 2e-28 is no number to learn from."""
    def wrong(a):
        return a.size >= 2 and a.dtype == F and a.flat[0] != 0 and a.flat[1] == F(0.75) * a.flat[0]

    for scale in (2.0**-90, 2.0**-149 * 4, 2.0**100):
        found, _ = shrunk(F([1, 0.75, 0.3, 0.1]) * F(scale), wrong)
        assert found.tolist() == [1, 0.75] and found.dtype == F


def test_numbers_keep_no_more_bits_than_the_fault_needs():
    found, _ = shrunk(F([np.pi, np.e - 2, 0.1]), lambda a: a.size > 1 and 0.5 < a.flat[1] < 1)
    assert found.tolist() == [0, 0.75]
    found, _ = shrunk(F([1234.567]), lambda a: a.size and a.flat[0] > 1000)
    assert found.tolist() == [1024]


def test_axes_of_one_element_go_where_the_fault_does_not_need_them():
    found, _ = shrunk(np.ones((3, 4, 5), F), lambda a: a.size > 1)
    assert found.shape == (2,)
    found, kwargs = shrunk(np.ones((3, 4, 5), F), lambda a, axis=None: a.ndim > 1 and axis == 0, axis=0)
    assert found.shape == (1, 1) and kwargs == {"axis": 0}
