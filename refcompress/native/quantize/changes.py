"""quantize_changes in C: parts are independent, so threads share them."""

from functools import wraps

import numpy as np

from ... import reference
from ...reference.quantize.changes import PART, changes_arguments
from .. import threads
from .._call import check, pointer

SPEED = 1e9  # elements a second and thread, to the order of magnitude: memory sets it


def quantize_changes(kernel, row):
    """Return the operation quantize_changes computed by a C kernel."""
    speed = min(row.speed, SPEED)

    @wraps(reference.quantize_changes)
    def quantize_changes(x, y):
        x, y = changes_arguments(x, y)
        sums = np.empty((-(-x.size // PART), 2))
        operands = x.size, pointer(x), pointer(y), pointer(sums, writable=True)
        threads.run(lambda begin, end: check(kernel(begin, end, *operands), "x"), len(sums), x.size / speed)
        return sums

    return quantize_changes
