"""The option of integer products that most kernels of the catalogue need not know: the zero point of x."""

from collections.abc import Callable
from functools import wraps

import numpy as np


def with_zero_point(product: Callable) -> Callable:
    """Return an integer product that has the option x_zero_point, of one that has no options.

    Its share, x_zero_point times the sums of w's rows, is taken off. At zero point 0 the product's own result is
    returned. A kernel without the option would be wrong by that alone, whatever its bug.
    """
    @wraps(product)
    def with_option(x, w, *, x_zero_point=0):
        y = product(x, w)
        if not x_zero_point:
            return y
        return y - (int(x_zero_point) * np.asarray(w).sum(axis=1, dtype=np.int64)).astype(y.dtype)

    return with_option
