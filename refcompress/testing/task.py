"""What is to be judged: a function, as which operation, by which rule, on which inputs."""

import ctypes
import importlib
import importlib.util
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..errors import RefcompressError
from . import features, layouts
from .cases import Call

LIBRARIES = (".so", ".dylib", ".dll")
OWN = frozenset(["at a guard page"])  # where an array lies is no matter of layouts: it is contiguous all the same


@dataclass
class Task:
    """A function under test: itself, or the name by which it is loaded (in the process that calls it).

    samples : yields the fixed inputs. layouts : those tried, or None for all. not_offered : words that
    :func:`left_out` understands.
    """

    op: str
    given: Callable | str
    rule: Callable
    samples: Callable[[str], Iterator[Call]]
    refusals: Callable[[str], Iterator[Call]]
    layouts: tuple[Callable, ...] | None = None
    not_offered: tuple[str, ...] = ()

    @cached_property
    def function(self) -> Callable:
        return loaded(self.op, self.given) if isinstance(self.given, str) else self.given

    @cached_property
    def names(self) -> features.Names:
        return features.Names(self.op)

    def inputs(self) -> Iterator[Call]:
        """Yield the fixed inputs, in the layouts that are tried."""
        for i, case in enumerate(self.samples(self.op)):
            yield self.laid(case, i)

    def laid(self, case: Call, i: int = 0) -> Call:
        """Return an input with its arrays in a layout that is tried."""
        if self.layouts is None:
            return case
        again = self.layouts[i % len(self.layouts)]
        args, kwargs = case
        return _laid(args, again, self.allowed), _laid(kwargs, again, self.allowed)

    @cached_property
    def allowed(self) -> frozenset[str]:
        """The words for how an array may lie."""
        probe = np.ones((3, 5), np.float32)
        return OWN.union(*(features.words(layout(probe)) for layout in self.layouts or ()))

    def likeness(self, case: Call) -> features.Features:
        """Return what an input is like."""
        with np.errstate(all="ignore"):
            return features.features_of(self.names, *case)

    def left_out(self, case: Call) -> str | None:
        """Return the word of ``not_offered`` that an input has: an option, an option's value, a type or a layout."""
        if not self.not_offered:
            return None
        said = self.likeness(case)
        has = {*said.options, *(option.partition("=")[0] for option in said.options), *said.types, *said.layouts}
        return next((word for word in self.not_offered if word in has), None)


def _laid(value: Any, layout: Callable, allowed: frozenset[str]) -> Any:
    if type(value) is np.ndarray:
        extra = features.words(value) - allowed
        if extra == {"read-only"} and "at a guard page" in features.words(value):
            value.flags.writeable = True  # to NumPy: the processor refuses a write all the same
            return value
        return layout(value.astype(value.dtype.newbyteorder("="))) if extra else value
    if isinstance(value, dict):
        return {key: _laid(item, layout, allowed) for key, item in value.items()}
    if type(value) in (tuple, list):
        return type(value)(_laid(item, layout, allowed) for item in value)
    return value


def layouts_named(names) -> tuple[Callable, ...] | None:
    """Return the functions of :mod:`layouts` by their names; functions stay as they are."""
    if names is None:
        return None
    known = {layout.__name__.rstrip("_"): layout for layout in layouts.LAYOUTS}
    found = []
    for name in (names,) if isinstance(names, str) or callable(names) else names:
        layout = name if callable(name) else known.get(str(name).rstrip("_"))
        if layout is None:
            raise RefcompressError("layouts", f"must be of {', '.join(known)}, not {name!r}")
        found.append(layout)
    if not found:
        raise RefcompressError("layouts", f"must name one or more of {', '.join(known)}")
    return tuple(found)


def loaded(op: str, where: str) -> Callable:
    """Return the function that "module:name", "file.py:name" or "library.so:symbol" stands for."""
    place, colon, name = where.rpartition(":")
    if not colon or not place or not name:
        raise RefcompressError("function", f"must be module:name, file.py:name or library.so:symbol, not {where!r}")
    if place.endswith(LIBRARIES):
        return _symbol(op, place, name)
    try:
        value = _module(place)
    except Exception as error:  # whatever a stranger's module does while it is loaded
        raise RefcompressError("function", f"{place} cannot be loaded: {type(error).__name__}: {error}") from error
    for part in name.split("."):
        if not hasattr(value, part):
            raise RefcompressError("function", f"{place} has no {name}")
        value = getattr(value, part)
    if not callable(value):
        raise RefcompressError("function", f"{where} is a {type(value).__name__}, which cannot be called")
    return value


def _module(place: str) -> Any:
    if not place.endswith(".py"):
        if os.getcwd() not in sys.path and "" not in sys.path:
            sys.path.insert(0, os.getcwd())
        return importlib.import_module(place)
    name = os.path.splitext(os.path.basename(place))[0]
    spec = importlib.util.spec_from_file_location(name, place)
    if spec is None or spec.loader is None or not os.path.exists(place):
        raise FileNotFoundError(f"there is no {place}")
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault(name, module)
    spec.loader.exec_module(module)
    return module


_LIBRARIES: list[ctypes.CDLL] = []  # kept open: the operation has an address alone


def _symbol(op: str, place: str, name: str) -> Callable:
    from .. import native

    try:
        library = ctypes.CDLL(os.path.abspath(place))
    except OSError as error:
        raise RefcompressError("function", f"{place} cannot be loaded: {error}") from None
    try:
        address = ctypes.cast(getattr(library, name), ctypes.c_void_p).value
    except AttributeError:
        raise RefcompressError("function", f"{place} has no symbol {name}") from None
    _LIBRARIES.append(library)
    function = native.wrap(op, address)
    function.where = f"{os.path.abspath(place)}:{name}"  # type: ignore[attr-defined]
    return function
