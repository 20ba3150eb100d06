"""Two model files of any two formats, compared tensor by tensor: by name, and then by shape and numbers.

Numbers are compared, not types: a float32 of 1 and an int8 of 1 are equal, so are two NaN, and 0 and -0. "Identical"
says more: the same type and the same bits. Numbers are compared as float64, which holds each of them exactly but for
integers beyond 2^53 beside floats.
"""

import hashlib
import math
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import arguments, checkpoints, formats, models, reference
from ..checkpoints.reading import is_compressed, open_compressed
from ..container.files import Path
from ..models.source import Tensor, Value
from .limits import limit_of, limit_of_others

__all__ = ["DIFFERENT", "VERDICTS", "Compared", "compared", "opened"]

STEP = 2**18  # numbers compared at a time
VERDICTS = {  # in the order of reports: what each says
    "identical": "the same type and the same bits",
    "equal": "the same numbers, in another type or with other bits (0 and -0, NaN)",
    "within": "numbers that differ by at most the error that was allowed",
    "different": "numbers that differ by more",
    "shape": "the same name, another shape",
    "only in A": "no tensor of B has its name, or its shape and numbers",
    "only in B": "no tensor of A has its name, or its shape and numbers",
}
DIFFERENT = ("different", "shape", "only in A", "only in B")


@dataclass(frozen=True)
class Compared:
    """Two tensors, or one that has no other. verdict : one of VERDICTS.

    a, b : their names; None where there is none. types, shapes : of both. numbers : how many there are. differ : how
    many of them differ. largest : the largest error, where it is (``at``), and the two numbers there. relative : the
    root of the sum of squares of all errors, over that of A's numbers.
    """

    verdict: str
    a: str | None
    b: str | None
    types: tuple[str | None, str | None]
    shapes: tuple[tuple[int, ...] | None, tuple[int, ...] | None]
    numbers: int = 0
    differ: int = 0
    largest: float = 0.0
    at: tuple[int, ...] | None = None
    values: tuple[Any, Any] | None = None
    relative: float = 0.0


@contextmanager
def opened(path: Path, *, implementation: object = reference, limit: int | None = None
           ) -> Iterator[Mapping[str, Tensor]]:
    """Give the tensors of a model by name, of a file of ours those that its entries stand for.

    limit : the most bytes that one tensor may have; None for what ``limits`` says
    """
    if is_compressed(path):
        limit = limit_of(path, limit)
        with open_compressed(path, implementation=implementation, limit=limit) as file:
            yield checkpoints.tensors_of(file, implementation=implementation, limit=limit)
        return
    npz = str(path).lower().endswith(".npz")
    with models.open(path, limit=limit_of_others(limit), bfloat16=npz, rest=True) as source:
        yield source


def compared(a: Mapping[str, Tensor], b: Mapping[str, Tensor], max_error: float = 0.0) -> Iterator[Compared]:
    """Yield what two models say of each tensor, in the order of A; what is in B alone comes last.

    max_error : the largest error of a number, absolute, that is no difference. Two tensors are in memory at a time.
    """
    max_error = arguments.real(max_error, "max_error", 0, sys.float_info.max)
    others = _by_numbers(a, b)
    for name, tensor in a.items():
        other = name if name in b else others.get(name)
        if other is None:
            yield Compared("only in A", name, None, (tensor.type, None), (tensor.shape, None), math.prod(tensor.shape))
        else:
            yield _pair(tensor, b[other], max_error)
    taken = set(others.values())
    for name, tensor in b.items():
        if name not in a and name not in taken:
            yield Compared("only in B", None, name, (None, tensor.type), (None, tensor.shape), math.prod(tensor.shape))


def _by_numbers(a: Mapping[str, Tensor], b: Mapping[str, Tensor]) -> dict[str, str]:
    """Return for tensors of A without a namesake in B one of B with the same shape and numbers, which has none in A."""
    alone = {name: tensor for name, tensor in a.items() if name not in b}
    shapes = {tensor.shape for tensor in alone.values()}
    free: dict[tuple, list[str]] = {}
    for name, tensor in b.items():
        if name not in a and tensor.shape in shapes:
            free.setdefault((tensor.shape, digest(tensor.read())), []).append(name)
    shapes = {shape for shape, _ in free}
    found = {}
    for name, tensor in alone.items():
        if tensor.shape in shapes and (names := free.get((tensor.shape, digest(tensor.read())))):
            found[name] = names.pop(0)
    return found


def digest(value: Value) -> bytes:
    """Return a digest of the numbers of a value, whatever its type; 0 and -0 are one, and so are all NaN.

    >>> digest(np.float32([0.0, 1.0])) == digest(np.int8([0, 1])) == digest(np.float64([-0.0, 1]))
    True
    """
    found = hashlib.blake2b(digest_size=16)
    for x in _steps(_dense(value)):
        x = x.astype(np.complex128 if x.dtype.kind == "c" else np.float64) + 0.0
        x[np.isnan(x)] = np.nan
        found.update(np.ascontiguousarray(x).data)
    return found.digest()


def _dense(value: Value) -> np.ndarray:
    """Return the numbers of a value along one axis."""
    return (value if isinstance(value, np.ndarray) else np.asarray(value.dense())).reshape(-1)


def _steps(x: np.ndarray) -> Iterator[np.ndarray]:
    for start in range(0, len(x), STEP):
        yield x[start : start + STEP]


def _pair(a: Tensor, b: Tensor, max_error: float) -> Compared:
    """Return what two tensors say of each other."""
    same: dict[str, Any] = {"a": a.name, "b": b.name, "types": (a.type, b.type), "shapes": (a.shape, b.shape),
            "numbers": math.prod(a.shape)}
    if a.shape != b.shape:
        return Compared("shape", **same)
    first, second = a.read(), b.read()
    if type(first) is type(second) and a.type == b.type and formats.same(first, second):
        return Compared("identical", **same)
    x, y = _dense(first), _dense(second)
    del first, second
    differ, largest, place, squares, whole = 0, 0.0, 0, 0.0, 0.0
    for start, (p, q) in zip(range(0, len(x), STEP), zip(_steps(x), _steps(y))):
        unequal, error = _errors(p, q)
        differ += int(np.count_nonzero(unequal))
        if len(error) and float(error.max()) > largest:
            place = start + int(np.argmax(error))
            largest = float(error.max())
        with np.errstate(all="ignore"):
            squares += float(np.sum(error * error))
            whole += float(np.sum(np.square(np.abs(p.astype(np.complex128 if p.dtype.kind == "c" else np.float64)))))
    if not differ:
        return Compared("equal", **same)
    at = tuple(int(i) for i in np.unravel_index(place, a.shape))
    relative = math.sqrt(squares / whole) if whole and math.isfinite(whole) else math.inf
    return Compared("within" if largest <= max_error else "different", **same, differ=differ, largest=largest, at=at,
                    values=(x[place].item(), y[place].item()), relative=relative)


def _errors(p: np.ndarray, q: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return which numbers differ, and by how much; what is infinite or NaN on one side alone differs by infinity."""
    if p.dtype.kind in "biu" and q.dtype.kind in "biu":
        return _errors_of_integers(p, q)
    wide = np.complex128 if "c" in (p.dtype.kind, q.dtype.kind) else np.float64
    with np.errstate(all="ignore"):  # a NaN that signals is a NaN like others
        p, q = p.astype(wide), q.astype(wide)
        unequal = (p != q) & ~(np.isnan(p) & np.isnan(q))
        error = np.where(unequal, np.abs(p - q), 0.0)
    return unequal, np.where(unequal & np.isnan(error), np.inf, error)


def _errors_of_integers(p: np.ndarray, q: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return which integers differ, and by how much: the exact difference, rounded once.

    Both are taken modulo 2**64, where the larger one minus the smaller one is the difference, which is below 2**64.
    """
    below = np.zeros(p.shape, bool)  # where a negative number is beside one of uint64
    common = np.result_type(p.dtype, q.dtype)
    if common.kind == "f":  # int64 and uint64 have no common type of integers
        p, q = (p, q) if p.dtype.kind == "i" else (q, p)
        below = p < 0
        common = np.dtype(np.uint64)
    p, q = p.astype(common), q.astype(common)
    larger, smaller = np.maximum(p, q).astype(np.uint64), np.minimum(p, q).astype(np.uint64)
    apart = (larger - smaller).astype(np.float64)
    if below.any():
        other = (~p + np.uint64(1)).astype(np.float64)  # of a negative number its magnitude
        apart = np.where(below, q.astype(np.float64) + other, apart)
    return (p != q) | below, apart
