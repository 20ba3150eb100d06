"""The grid of an int8 value, scale * (value - zero_point), as attributes of the nodes that give and take it."""

import numpy as np

from ... import arguments
from ...constants import LARGEST, SMALLEST_NORMAL
from ...errors import RefcompressError

__all__ = ["LARGEST_SUM", "checked_grids", "checked_ratio"]

LARGEST_SUM = 2**31 - 1


def checked_grids(**attributes) -> None:
    """Refuse a scale that is no float32 of 2**-126 or above, and a zero point, lowest or highest that is no int8."""
    for name, value in attributes.items():
        if name.endswith("scale"):
            if arguments.real(value, name, float(SMALLEST_NORMAL), LARGEST) != float(np.float32(value)):
                raise RefcompressError(name, f"must be a float32 number, not {value!r}")
        else:
            attributes[name] = arguments.integer(value, name, -128, 127)
    if "lowest" in attributes:
        lowest, highest = attributes["lowest"], attributes["highest"]
        if not lowest <= attributes["y_zero_point"] <= highest:
            rule = f"must be in lowest..highest, {lowest}..{highest}, not {attributes['y_zero_point']}"
            raise RefcompressError("y_zero_point", rule)


def checked_ratio(ratio: float | np.ndarray) -> None:
    """Refuse a quotient of scales that has no multiplier and shift."""
    for each in (np.min(ratio, initial=1.0), np.max(ratio, initial=1.0)):
        if not 2.0**-32 <= each < 2.0**30:
            raise RefcompressError("y_scale", f"must leave a quotient of scales in 2**-32 to 2**30, not {each:g}")
