"""Agreement to the last bit, and what the other rules share."""

from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

UNDERFLOW = 2.0**-150  # half of the smallest subnormal: the most that rounding to nearest loses below 2**-126


class Disagreement(AssertionError):
    """A result that differs from the reference by more than the operation's rule allows.

    One that ``testing.check`` raises says on what: the operation, the input (``case`` is ``args`` and ``kwargs``), both
    results, the seed of the search, a program that shows it, where else it is wrong, and the verdict. ``verdicts`` are
    those of ``testing.check_all``.
    """

    op: str | None = None
    case: tuple[tuple, dict] | None = None
    kwargs: dict
    expected: Any = None
    got: Any = None
    seed: int | None = None
    code: str = ""
    pattern: str = ""
    verdict: Any = None
    verdicts: tuple = ()

    def __init__(self, message: str = "") -> None:
        super().__init__(message)
        self.message, self.kwargs = message, {}

    def __str__(self) -> str:  # ``args`` are those of the operation, once an input is known
        return self.message

    def __reduce__(self):
        return type(self), (self.message,), {name: value for name, value in vars(self).items() if name != "message"}


class NoBound(AssertionError):
    """Some elements can be neither confirmed nor refuted: no bound holds there. All others agreed."""


def exactly(expected: Any, got: Any, args: tuple = (), kwargs: dict | None = None) -> None:
    """Raise Disagreement unless ``got`` is ``expected``: type, dtype, shape and every bit.

    +0.0 and -0.0 differ; NaNs are equal whatever their payload and sign. Formats are compared field by field, dicts
    key by key, in any order. For an array of no dimensions a NumPy scalar of its type stands too.
    """
    _exactly(expected, got, "result")


def _exactly(expected, got, where: str) -> None:
    if isinstance(expected, np.ndarray):
        same_kind(expected, got, where)
        same = np.asarray(expected == got)
        if expected.dtype.kind == "f":
            same = (same & (np.signbit(expected) == np.signbit(got))) | (np.isnan(expected) & np.isnan(got))
        everywhere(same, expected, got, where, None)
        return
    if type(got) is not type(expected):
        raise Disagreement(f"{where}: got a {type(got).__name__}, expected a {type(expected).__name__}")
    if is_dataclass(expected):
        for field in fields(expected):
            _exactly(getattr(expected, field.name), getattr(got, field.name), f"{where}.{field.name}")
    elif isinstance(expected, dict):
        if set(got) != set(expected):
            raise Disagreement(f"{where}: got the keys {list(got)}, expected {list(expected)}")
        for key in expected:
            _exactly(expected[key], got[key], f"{where}[{key!r}]")
    elif isinstance(expected, (list, tuple)):
        if len(got) != len(expected):
            raise Disagreement(f"{where}: got {len(got)} items, expected {len(expected)}")
        for i, (e, g) in enumerate(zip(expected, got)):
            _exactly(e, g, f"{where}[{i}]")
    elif isinstance(expected, float):
        _exactly(np.array([expected]), np.array([got]), where)  # so that NaN and -0.0 count as in arrays
    elif got != expected:
        raise Disagreement(f"{where}: got {got!r}, expected {expected!r}")


def python_numbers(options: dict | None) -> dict:
    """Return options with Python's numbers in place of NumPy's scalars, whose powers and products may overflow."""
    return {name: value.item() if isinstance(value, np.generic) else value for name, value in (options or {}).items()}


def same_kind(expected: np.ndarray, got, where: str) -> None:
    scalar = expected.ndim == 0 and isinstance(got, np.generic)
    if type(got) is not np.ndarray and not scalar:  # not a matrix either, nor a masked array: they compute otherwise
        raise Disagreement(f"{where}: got a {type(got).__name__}, expected an array")
    if got.dtype != expected.dtype:
        raise Disagreement(f"{where}: got dtype {got.dtype}, expected {expected.dtype}")
    if got.shape != expected.shape:
        raise Disagreement(f"{where}: got shape {got.shape}, expected {expected.shape}")


def everywhere(good: np.ndarray, expected: np.ndarray, got: np.ndarray, where: str, allowed: np.ndarray | None) -> None:
    if np.all(good):
        return
    at = np.unravel_index(int(np.argmin(good)), good.shape)
    rule = "every bit must agree" if allowed is None else f"allowed difference {allowed[at]:g}"
    place = f"{where}[{', '.join(str(int(i)) for i in at)}]"
    raise Disagreement(f"{place}: got {got[at]!s}, expected {expected[at]!s}; {rule} "
                       f"({np.count_nonzero(~good)} of {good.size} elements disagree)")
