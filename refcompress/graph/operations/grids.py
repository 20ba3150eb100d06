"""The grid of an int8 value, scale * (value - zero_point), as attributes of the nodes that give and take it."""

import numpy as np

from ... import arguments
from ...constants import LARGEST, SMALLEST_NORMAL
from ...errors import ArgumentTypeError, RefcompressError
from ..known import Known, Size
from .row import REQUIRED

__all__ = ["GRID_ATTRIBUTES", "LARGEST_SUM", "broadcast", "checked_grids", "int8"]

LARGEST_SUM = 2**31 - 1
GRID_ATTRIBUTES = {f"{value}_{part}": REQUIRED for value in "xy" for part in ("scale", "zero_point")}


def checked_grids(**attributes) -> None:
    """Refuse a scale that is no float32 of 2**-126 or above, and a zero point, lowest or highest that is no int8."""
    for name, value in attributes.items():
        if name.endswith("scale"):
            if arguments.real(value, name, float(SMALLEST_NORMAL), LARGEST) != np.float32(value):
                raise RefcompressError(name, f"must be a float32 number, not {value!r}")
        else:
            attributes[name] = arguments.integer(value, name, -128, 127)
    if "lowest" in attributes:
        lowest, highest = attributes["lowest"], attributes["highest"]
        if not lowest <= attributes["y_zero_point"] <= highest:
            raise RefcompressError("y_zero_point", f"must be in lowest..highest, {lowest}..{highest}")


def int8(*values: Known) -> None:
    """Refuse values that are not int8."""
    for name, value in zip("xb", values):
        if value.type != "int8":
            raise ArgumentTypeError("a" if len(values) > 1 and name == "x" else name,
                                    f"must be int8, not {value.type}")


def broadcast(a: tuple[Size, ...] | None, b: tuple[Size, ...] | None) -> tuple[Size, ...] | None:
    """Return the shape of what NumPy makes of two arrays of these shapes, or refuse them."""
    if a is None or b is None:
        return None
    size = max(len(a), len(b))
    found: list[Size] = []
    for x, y in zip((1,) * (size - len(a)) + a, (1,) * (size - len(b)) + b):
        if isinstance(x, int) and isinstance(y, int) and x != y and 1 not in (x, y):
            raise RefcompressError("a", f"has the shape {a}, which does not broadcast with {b}")
        found.append(y if x == 1 or isinstance(x, str) and y != 1 else x)
    return tuple(found)
