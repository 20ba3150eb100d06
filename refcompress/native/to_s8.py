"""What kernels read of the way from int32 sums to int8."""

import numpy as np

from ._call import pointer
from ._kernels import ffi
from .packing import Held


def to_s8(bias, multiplier: np.ndarray, shift: np.ndarray, zero_point: int, lowest: int, highest: int) -> Held:
    """Return a struct rc_to_s8."""
    arrays = (ffi.NULL if bias is None else pointer(bias), pointer(multiplier), pointer(shift))
    return Held(ffi.new("struct rc_to_s8 *", (*arrays, zero_point, lowest, highest)), arrays)
