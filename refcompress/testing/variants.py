"""Calls that are made of those of a sweep, in the same way for every operation.

Operands of which all rows are one, or all columns, with strides of 0; axes of size 1 with any stride (:mod:`single`);
one operand in Fortran order and another in C order; both the same object; options as NumPy scalars, and tuples of them
as lists and arrays; operands that are half zeros, with one infinity; numbers so small that they are subnormal, or
that results are. What the reference refuses is left out.
"""

from collections.abc import Callable, Iterator

import numpy as np

from . import layouts
from .cases import Call, Calls
from .expected import accepts
from .single import single
from .spread import spread

EACH = 9  # calls of each kind
VALUES = 4  # of each option that are given in other forms
LARGEST = 20_000  # elements of a call that a variant is made of
SCALARS = (np.uint8, np.int8, np.int16, np.uint64, np.int32, np.uint16, np.int64)
REALS = (np.float32, np.float64, np.float16)


def variants(op: str, sweep: Callable[[], Calls]) -> Calls:
    """Yield variants of calls of the sweep: of each kind a few, from its beginning to its end.

    Options take other forms by a table: each of them, at several of its values.
    """
    counts = dict.fromkeys(KINDS, 0)
    calls = list(sweep())
    calls = spread([case for case in calls if _size(case) <= LARGEST])
    for kind in KINDS:
        for case in calls[: 3 * EACH]:
            if counts[kind] >= EACH:
                break
            for other in kind(*case, counts[kind]):
                if accepts(op, *other):
                    counts[kind] += 1
                    yield other
    yield from single(op, calls)
    number = 0
    for case in _of_each_option(calls):
        for kind in FORMS:
            for other in kind(*case, number):
                if accepts(op, *other):
                    yield other
        number += 1


def rows_alike(args: tuple, kwargs: dict, number: int) -> Iterator[Call]:
    """Yield the call with an operand of which all rows are the first one, by a stride of 0."""
    yield from _alike(args, kwargs, number, 0)


def columns_alike(args: tuple, kwargs: dict, number: int) -> Iterator[Call]:
    """Yield the call with an operand of which all columns are the first one, by a stride of 0."""
    yield from _alike(args, kwargs, number, -1)


def scalars(args: tuple, kwargs: dict, number: int) -> Iterator[Call]:
    """Yield the call with each option that is a number as a NumPy scalar of a type that holds it."""
    for name, value in kwargs.items():
        other = _scalar(value, number)
        if other is not None:
            yield args, {**kwargs, name: other}
    for i, value in enumerate(args):
        other = _scalar(value, number)
        if other is not None:
            yield (*args[:i], other, *args[i + 1 :]), kwargs


def half_zeros(args: tuple, kwargs: dict, number: int) -> Iterator[Call]:
    """Yield the call with zeros of either sign in half of the places of an operand, and infinity at one of another.

    Where there is no other, the infinity is alone.
    """
    floats = [i for i, a in enumerate(args) if _is_float(a) and a.size > 31]
    rng = np.random.default_rng(number)
    if len(floats) == 1:
        alone = args[floats[0]].copy()
        alone.flat[rng.integers(alone.size)] = (np.inf, -np.inf)[number % 2]
        yield (*args[: floats[0]], alone, *args[floats[0] + 1 :]), kwargs
    for i in floats[:2]:
        zeros = np.where(rng.random(args[i].shape) < 0.5, np.copysign(0, args[i]), args[i]).astype(args[i].dtype)
        changed = [*args[:i], zeros, *args[i + 1 :]]
        yield tuple(changed), kwargs
        for j in floats[:2]:
            if j != i:
                changed[j] = args[j].copy()
                changed[j].flat[rng.integers(args[j].size)] = (np.inf, -np.inf)[number % 2]
                yield tuple(changed), kwargs


def small(args: tuple, kwargs: dict, number: int) -> Iterator[Call]:
    """Yield the call with its floats times powers of two: subnormals, or normal numbers with subnormal products."""
    exponents = ((-66, -66), (-130, 0), (0, -130), (-146, -146), (-64, -70), (-126, -3))[number % 6]
    floats = [i for i, a in enumerate(args) if _is_float(a) and a.size]
    if floats:
        changed = list(args)
        for i, exponent in zip(floats, exponents if len(floats) > 1 else (exponents[0] or -126,)):
            with np.errstate(all="ignore"):
                changed[i] = np.ldexp(args[i], exponent).astype(args[i].dtype)
        yield tuple(changed), kwargs


def one_in_fortran_order(args: tuple, kwargs: dict, number: int) -> Iterator[Call]:
    """Yield the call with one matrix in Fortran order, and the others in C order."""
    matrices = [i for i, a in enumerate(args) if isinstance(a, np.ndarray) and a.ndim > 1 and min(a.shape) > 1]
    for i in matrices if len(matrices) > 1 else ():
        yield tuple((layouts.fortran if j == i else layouts.contiguous)(a) if isinstance(a, np.ndarray) else a
                    for j, a in enumerate(args)), kwargs


def same_object(args: tuple, kwargs: dict, number: int) -> Iterator[Call]:
    """Yield the call with one array as two operands: a kernel may not take them for symmetric, or for its own."""
    arrays = [i for i, a in enumerate(args) if isinstance(a, np.ndarray) and a.ndim and a.size]
    for i, j in ((i, j) for i in arrays for j in arrays if i < j):
        for one in (args[i], args[j]):
            yield tuple(one if at in (i, j) else a for at, a in enumerate(args)), kwargs


def sequences(args: tuple, kwargs: dict, number: int) -> Iterator[Call]:
    """Yield the call with each option that is a tuple of integers as a list, and as arrays, of the least type too."""
    def is_tuple(value) -> bool:
        return isinstance(value, tuple) and bool(value) and all(type(item) is int for item in value)

    def of_least_type(value) -> np.ndarray:
        return np.array(value, np.result_type(*(np.min_scalar_type(item) for item in value)))

    for turn in (list, np.array, of_least_type):
        for name, value in kwargs.items():
            if is_tuple(value):
                yield args, {**kwargs, name: turn(value)}
        for i, value in enumerate(args):
            if is_tuple(value):
                yield (*args[:i], turn(value), *args[i + 1 :]), kwargs


def without_options(args: tuple, kwargs: dict, number: int) -> Iterator[Call]:
    """Yield the call with none of its options."""
    if kwargs:
        yield args, {}


KINDS: tuple[Callable, ...] = (without_options, rows_alike, columns_alike, half_zeros, small, one_in_fortran_order,
                               same_object)
FORMS: tuple[Callable, ...] = (scalars, sequences)


def _of_each_option(calls: list[Call]) -> list[Call]:
    """Return calls in which each option that is a number, or a tuple of them, has several values: some of all it has.
    """
    values: dict[int | str, dict[str, int]] = {}
    for i, (args, kwargs) in enumerate(calls):
        for name, value in [*enumerate(args), *kwargs.items()]:
            if isinstance(value, (bool, int, float, tuple)):
                values.setdefault(name, {}).setdefault(repr(value), i)
    chosen: set[int] = set()
    for places in map(list, map(dict.values, values.values())):
        chosen.update(places[len(places) * turn // VALUES] for turn in range(VALUES))
        chosen.add(places[-1])
    return [calls[i] for i in sorted(chosen)]


def _alike(args: tuple, kwargs: dict, number: int, axis: int) -> Iterator[Call]:
    items = [*args, *kwargs.values()]
    arrays = [i for i, a in enumerate(items) if isinstance(a, np.ndarray) and a.ndim and a.shape[axis] > 1]
    for i in arrays[number % len(arrays) :][:1] if number % 4 and arrays else arrays:
        items[i] = layouts.repeated(np.repeat(items[i].take([0], axis=axis), items[i].shape[axis], axis=axis))
    if arrays:
        yield tuple(items[: len(args)]), dict(zip(kwargs, items[len(args) :]))


def _scalar(value, number: int):
    if type(value) is int:
        kinds: tuple = tuple(kind for kind in SCALARS if np.iinfo(kind).min <= value <= np.iinfo(kind).max)
        return kinds[number % len(kinds)](value) if kinds else None
    if type(value) is bool:
        return np.bool_(value)
    if type(value) is float:
        with np.errstate(all="ignore"):
            kinds = tuple(kind for kind in REALS if np.float64(kind(value)) == value)
        return kinds[number % len(kinds)](value) if kinds else None
    if isinstance(value, tuple) and value and all(type(item) is int for item in value):
        kind = SCALARS[number % len(SCALARS)]
        inside = all(np.iinfo(kind).min <= item <= np.iinfo(kind).max for item in value)
        return tuple(kind(item) for item in value) if inside else None
    return None


def _is_float(a) -> bool:
    return isinstance(a, np.ndarray) and a.dtype.kind == "f"


def _size(case: Call) -> int:
    return sum(a.size for a in (*case[0], *case[1].values()) if isinstance(a, np.ndarray))

