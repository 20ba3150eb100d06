"""Arrays and numbers from outside: converted without loss, or refused by name.

The checks of arrays stand in ``array_arguments.py``. They are loaded, and NumPy with them, when the first one is asked
for (PEP 562): who reads the header of a file checks numbers alone.
"""

import math
import operator
import sys
from importlib import import_module
from typing import TYPE_CHECKING

from .errors import ArgumentTypeError, LimitError, RefcompressError

if TYPE_CHECKING:  # what __getattr__ below finds, for tools that only read
    from .array_arguments import *  # noqa: F403

MAX_SIZE = 2**63 - 1  # elements or bytes: what an int64 index can count
MAX_NDIM = 32  # dimensions: what every supported NumPy holds


def __getattr__(name: str):
    """Return a check of arrays."""
    if name.startswith("__"):  # what Python asks each module for
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    arrays = import_module(f"{__package__}.array_arguments")
    if name not in arrays.__all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals().update({each: getattr(arrays, each) for each in arrays.__all__})
    return globals()[name]


def _of_numpy(value, *classes: str) -> bool:
    """Return whether a value is of one of NumPy's classes; who has such a value has loaded NumPy."""
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(value, tuple(getattr(numpy, name) for name in classes))


def integer(value, argument: str, low: int, high: int = MAX_SIZE) -> int:
    """Return ``value`` as an int in [low, high]; a bool or a float is not an integer."""
    if type(value) is not int and (isinstance(value, bool) or _of_numpy(value, "bool_")):
        raise ArgumentTypeError(argument, "must be an integer, not a bool")
    try:
        number = operator.index(value)
    except TypeError:
        raise ArgumentTypeError(argument, f"must be an integer, not {type(value).__name__}") from None
    if not low <= number <= high:
        raise RefcompressError(argument, f"must be between {low} and {high}, not {_text(number)}")
    return number


def real(value, argument: str, low: float, high: float) -> float:
    """Return ``value`` as a float in [low, high]; NaN is never inside."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) and not _of_numpy(value, "integer", "floating"):
        raise ArgumentTypeError(argument, f"must be a number, not {type(value).__name__}")
    # An int is compared before its conversion, which would overflow for 400 digits. NumPy's numbers are compared after
    # it: beside float16(0) a limit of 2**-126 would become 0, and be kept.
    number = value if isinstance(value, int) else float(value)
    if not low <= number <= high:
        raise RefcompressError(argument, f"must be between {low:g} and {high:g}, not {_text(value)}")
    return float(number)


def boolean(value, argument: str) -> bool:
    """Return ``value`` as a bool; nothing else has a truth that it was meant to have."""
    if not isinstance(value, bool) and not _of_numpy(value, "bool_"):
        raise ArgumentTypeError(argument, f"must be a bool, not {type(value).__name__}")
    return bool(value)


def _text(number) -> str:
    """Return a number for a message; Python refuses to write out an int of thousands of digits."""
    if isinstance(number, int) and abs(number) >= 10**40:
        return f"an integer of {number.bit_length()} bits"
    return str(number)


def choice(value, argument: str, allowed) -> str:
    """Return ``value`` if it is one of the strings ``allowed``."""
    if not isinstance(value, str):
        raise ArgumentTypeError(argument, f"must be a string, not {type(value).__name__}")
    if value not in allowed:
        raise RefcompressError(argument, f"must be one of {', '.join(map(repr, allowed))}, not {value!r}")
    return value


def settle(instance, **checked) -> None:
    """Give a frozen dataclass, from its __post_init__, the numbers that its fields were checked to be."""
    for name, value in checked.items():
        object.__setattr__(instance, name, value)


def exactly_one(**given) -> str:
    """Return the name of the one argument that is not None; refuse none and more than one."""
    named = [name for name, value in given.items() if value is not None]
    if len(named) != 1:
        raise RefcompressError(" or ".join(given), f"exactly one must be given, not {len(named)}")
    return named[0]


def shape(value, argument: str = "shape", itemsize: int = 1) -> tuple[int, ...]:
    """Return ``value`` as a tuple of sizes whose product, in bytes, an int64 can count (LimitError otherwise)."""
    try:
        items = tuple(value)
    except TypeError:
        raise ArgumentTypeError(argument, f"must be a sequence of integers, not {type(value).__name__}") from None
    sizes = tuple(integer(n, f"{argument}[{i}]", 0) for i, n in enumerate(items))
    if math.prod(n for n in sizes if n) * itemsize > MAX_SIZE:  # zero sizes too: numpy multiplies the others
        said = sizes if len(sizes) <= 8 else f"an array of {len(sizes)} sizes"
        raise LimitError(argument, f"{said} has more than 2**63 - 1 bytes")
    return sizes
