"""What kernels read of the way from int32 sums to int8, with the arrays that it points at."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ._call import pointer
from ._kernels import ffi


@dataclass(frozen=True)
class Held:
    """A struct for the kernels, and what keeps alive that it points at."""

    struct: Any
    arrays: tuple


def to_s8(bias, multiplier: np.ndarray, shift: np.ndarray, zero_point: int, lowest: int, highest: int) -> Held:
    """Return a struct rc_to_s8."""
    arrays = (ffi.NULL if bias is None else pointer(bias), pointer(multiplier), pointer(shift))
    return Held(ffi.new("struct rc_to_s8 *", (*arrays, zero_point, lowest, highest)), arrays)
