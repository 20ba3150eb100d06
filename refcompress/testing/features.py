"""What an input is like, in words and numbers: for the list of what was tried, and for the map of where it is wrong."""

import inspect
import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any, NamedTuple

import numpy as np

from .. import reference

STRANGE = "not C-contiguous"
_LETTERS = re.compile(r"\((\w+(?:, \w+)*),?\)")
_HUGE, _SMALLEST = 2.0**100, 2.0**-126


class Features(NamedTuple):
    """Of one input: its sizes by letter, how its arrays lie, its options, its kinds of values, its types."""

    sizes: dict[str, int]
    layouts: frozenset[str]
    options: frozenset[str]
    values: frozenset[str]
    types: frozenset[str]


class Names:
    """The names of an operation's parameters, and the letters of their axes as the docstring has them."""

    def __init__(self, op: str) -> None:
        function = getattr(reference, op)
        self.defaults = {name: p.default for name, p in inspect.signature(function).parameters.items()}
        self.parameters = tuple(self.defaults)
        self.letters: dict[str, tuple[str, ...]] = {}
        for line in (inspect.getdoc(function) or "").splitlines():
            names, colon, said = line.partition(" : ")
            found = _LETTERS.search(said) if colon else None
            for name in names.split(", ") if found else ():
                if name in self.parameters and found:
                    self.letters[name] = tuple(found[1].split(", "))

    def of(self, args: tuple, kwargs: dict) -> dict[str, Any]:
        """Return the arguments of a call by name."""
        return dict(zip(self.parameters, args)) | kwargs


def features_of(names: Names, args: tuple, kwargs: dict) -> Features:
    """Return what a call is like."""
    sizes: dict[str, int] = {}
    layouts, options, values, types = set(), set(), set(), set()
    for name, value in names.of(args, kwargs).items():
        shape = getattr(value, "shape", None)
        if isinstance(shape, tuple):
            letters = names.letters.get(name, ())
            for axis, size in enumerate(shape):
                known = len(letters) == len(shape) and letters[axis].isidentifier()
                sizes.setdefault(letters[axis] if known else f"{name}.shape[{axis}]", int(size))
        if is_dataclass(value):
            types.add(type(value).__name__)
        for a, inside in _leaves(value):
            layouts |= words(a) if not inside else words(a) & {"at a guard page"}
            values |= _kinds(a)
            types.add(a.dtype.name)
        if not isinstance(value, np.ndarray) and not is_dataclass(value) and not isinstance(value, (list, bytes)):
            default = names.defaults.get(name, inspect.Parameter.empty)
            if value is not None and not (type(value) is type(default) and value == default):
                options.add(f"{name}={value!r}")
        elif names.defaults.get(name, inspect.Parameter.empty) is None:
            options.add(name)
    return Features(sizes, frozenset(layouts or {"contiguous"}), frozenset(options), frozenset(values),
                    frozenset(types))


def words(a: np.ndarray) -> set[str]:
    """Return how an array lies in memory, in words; none of an array that a copy would be."""
    said = set()
    if not a.flags.c_contiguous:
        long = [stride for size, stride in zip(a.shape, a.strides) if size > 1]
        said |= {STRANGE, "in Fortran order" if a.flags.f_contiguous else "of negative strides" if min(long) < 0
                 else "of zero strides" if 0 in long else "of wide strides"}
    if not a.flags.writeable:
        said.add("read-only")
    if not a.flags.aligned:
        said.add("not aligned")
    if not a.dtype.isnative:
        said.add("of the other byte order")
    base = a.base
    while isinstance(base, np.ndarray):
        base = base.base
    if type(base).__name__ == "mmap":
        said.add("at a guard page")
    return said


def _leaves(value: Any, inside: bool = False) -> Iterator[tuple[np.ndarray, bool]]:
    """Yield each array, and whether it is a field of a format."""
    if isinstance(value, np.ndarray):
        yield value, inside
    elif isinstance(value, (tuple, list)):
        for item in value:
            yield from _leaves(item, inside)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _leaves(item, inside)
    elif is_dataclass(value):
        for field in fields(value):
            yield from _leaves(getattr(value, field.name), True)


def _kinds(a: np.ndarray) -> set[str]:
    """Return which kinds of values an array holds."""
    if not a.size:
        return {"no elements"}
    said = set()
    if a.dtype.kind == "f":
        if a.dtype.itemsize < 4:
            a = a.astype(np.float32)
        size = np.abs(a)
        finite = np.isfinite(a)
        if not finite.all():
            said |= {word for word, there in (("NaN", np.isnan(a).any()), ("infinity", np.isinf(a).any())) if there}
            size = size[finite]
        if (np.signbit(a) & (a == 0)).any():
            said.add("-0.0")
        if ((size > 0) & (size < _SMALLEST)).any():
            said.add("subnormal numbers")
        if (size > _HUGE).any():
            said.add("numbers above 2**100")
        if size.size and (size != np.rint(size)).any():
            said.add("fractions")
    elif a.dtype.kind in "iu":
        ends = np.iinfo(a.dtype)
        if a.dtype.kind == "i" and (a == ends.min).any():
            said.add(f"{ends.min}")
        if (a == ends.max).any():
            said.add(f"{ends.max}")
    if not a.any():
        said.add("zeros alone")
    return said
