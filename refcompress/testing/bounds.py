"""The rule of an operation, for other people's tests: what a result may be, and whether one is.

``bound`` returns numbers, ``assert_agrees`` judges. Neither needs Hypothesis, nor pytest.
"""

from typing import Any

import numpy as np

from .. import arguments
from ..agreement import Disagreement, NoBound
from ..agreement.dot_bound import dot_bound
from ..agreement.exact import exactly
from ..ops import OPS
from .clauses import clause
from .expected import expected_of
from .judge import accepted

__all__ = ["assert_agrees", "bound"]


def bound(op: str, *args: Any, **kwargs: Any) -> np.ndarray | float | None:
    """Return how far a result of ``op`` may be from the reference's.

    Parameters
    ----------
    op : str
        A name of OPS.
    args, kwargs
        Of the operation.

    Returns
    -------
    allowed : float, array of float64, or None
        0.0 where every bit must agree. Of a float32 product the allowed difference of each element: 0 where the data
        are so that no order of sums rounds, or where an infinity or a NaN decides the result; infinity where no bound
        holds. None where several results are right, and a rule says what they have in common (OPS[op].rule).

    >>> bound("quantize_s8", np.float32([1, 2]))
    0.0
    >>> x = np.float32([[1, 2], [3, 4]])
    >>> bound("gemm_f32f32", x, x).tolist()
    [[0.0, 0.0], [0.0, 0.0]]
    >>> bool(0 < bound("gemm_f32f32", x / np.float32(3), x).max() < 2**-19)
    True
    """
    rule = OPS[arguments.choice(op, "op", OPS)].rule
    if rule is exactly:
        return 0.0
    if not hasattr(rule, "terms"):
        return None
    return _of_products(rule, expected_of(op, args, kwargs), args, kwargs)


def assert_agrees(op: str, got: Any, *args: Any, **kwargs: Any) -> None:
    """Raise Disagreement unless ``got`` is a right result of ``op`` for these arguments.

    An element without a bound (its sum may overflow in one order and not in another) is not judged; where none of them
    has one, NoBound is raised.

    >>> assert_agrees("gemm_s8s8", np.int32([[31]]), np.int8([[2, 3]]), np.int8([[5, 7]]))
    """
    rule, expected = OPS[arguments.choice(op, "op", OPS)].rule, expected_of(op, args, kwargs)
    try:
        rule(expected, accepted(expected, got), args, kwargs)
    except NoBound:
        if np.isinf(_of_products(rule, expected, args, kwargs)).all():
            raise
    except Disagreement as wrong:
        raise Disagreement(f"{op}: {wrong}\n  {clause(op)}") from wrong.__cause__


def _of_products(rule: Any, expected: np.ndarray, args: tuple, kwargs: dict) -> np.ndarray:
    allowed, bounded, special = dot_bound(rule.terms(*args, **kwargs), expected.astype(np.float64))
    return np.where(bounded, np.where(special, 0.0, allowed), np.inf)
