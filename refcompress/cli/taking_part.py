"""Which arrays of a file are compressed, as what, and why the others are not."""

import argparse
import hashlib
import shlex
from collections.abc import Callable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

import numpy as np

from ..container.entries import DTYPES
from ..formats import Plain
from .refusals import Refused
from .show import printable

__all__ = ["Arrays", "taking_part"]

MATRICES = ("lowrank", "csr", "mixed")  # of other shapes these would give back only the elements
WIDENED = {"float16": "widened to float32", "bfloat16": "widened to float32", "float64": "rounded to float32"}


@dataclass
class Arrays:
    """The arrays of a file, by name, in its order.

    source : as the file holds them; stored : as they are stored if they are not compressed, which differs for bfloat16.
    weights : float32, those that take part, one of each content. left : why an array does not take part.
    converted : what an array of another type of float became. tied : name -> the earlier name with the same content.
    """

    source: dict[str, np.ndarray]
    stored: dict[str, np.ndarray]
    weights: dict[str, np.ndarray] = field(default_factory=dict)
    left: dict[str, str] = field(default_factory=dict)
    converted: dict[str, str] = field(default_factory=dict)
    tied: dict[str, str] = field(default_factory=dict)

    def leave(self, name: str, why: str) -> None:
        """Store an array as it is; only bfloat16, which no file holds, stays converted."""
        self.left[name] = why
        if self.stored[name] is self.source[name]:
            self.converted.pop(name, None)

    def all_of(self, layers: dict) -> dict:
        """Return ``layers``, the compressed weights, and all other arrays as stored, in the order of the file."""
        return {name: layers.get(self.tied.get(name, name), a) for name, a in self.stored.items()}


def taking_part(source: dict, options: argparse.Namespace, operation: Callable) -> Arrays:
    """Choose the arrays that take part, and convert them to float32.

    They are of floats, have two or more axes and an element, and no --exclude names them. Arrays of one content, shape
    and dtype (tied weights) are compressed once. -0.0 becomes +0.0.
    """
    arrays = Arrays(source, {})
    unused = [p for p in options.exclude or () if not any(_matches(name, p) for name in source)]
    if unused:
        raise Refused("--exclude", f"no array has a name that {unused[0]!r} matches")
    seen: dict[tuple, str] = {}
    for name, a in source.items():
        kind = a.type if isinstance(a, Plain) else a.dtype.name
        if kind == "bfloat16":
            a = operation("floats_decode")(a.patterns, "bfloat16")
        elif a.dtype not in DTYPES:
            raise Refused(f"array {printable(name)}", f"is of dtype {kind}, which a compressed file cannot hold")
        arrays.stored[name] = a
        why = _left(name, a, kind, options)
        if kind in WIDENED:
            arrays.converted[name] = f"{kind}, {WIDENED[kind]}"
        if why:
            arrays.leave(name, why)
            continue
        content = _content(a)
        if content in seen:
            arrays.tied[name] = seen[content]
            continue
        seen[content] = name
        arrays.weights[name] = _float32(name, a, options)
    return arrays


def _matches(name: str, pattern: str) -> bool:
    return name == pattern or fnmatchcase(name, pattern)


def _left(name: str, a: np.ndarray, kind: str, options: argparse.Namespace) -> str | None:
    """Return why an array does not take part, or None."""
    if any(_matches(name, pattern) for pattern in options.exclude or ()):
        return "excluded"
    if a.dtype.kind != "f":
        return f"{kind}, not floats"
    if a.size == 0:
        return "no elements"
    if a.ndim < 2:
        return "fewer than two axes"
    if a.ndim > 2 and options.method in MATRICES:
        return f"more than two axes, and {options.method} takes matrices"
    return None


def _content(a: np.ndarray) -> tuple:
    return a.shape, a.dtype, hashlib.sha256(a.data if a.size else b"").digest()


def _float32(name: str, a: np.ndarray, options: argparse.Namespace) -> np.ndarray:
    """Return an array of floats as float32 without -0.0; refuse the element that cannot be a weight."""
    good = ~np.isnan(a) if options.method == "csr" else np.isfinite(a)
    if not good.all():
        _refuse(
            name,
            a,
            good,
            "the method takes numbers only" if options.method == "csr" else "the method takes finite numbers only",
        )
    with np.errstate(over="ignore", under="ignore"):
        w = a.astype(np.float32, copy=False)
    if w is not a and a.dtype == np.float64 and not (good := np.isfinite(w) == np.isfinite(a)).all():
        _refuse(name, a, good, "lies beyond float32")
    if options.axis is not None and not -a.ndim <= options.axis < a.ndim:
        raise Refused(f"array {printable(name)}", f"has {a.ndim} axes, and --axis is {options.axis}")
    zeros = w == 0
    return np.where(zeros, np.float32(0), w) if np.any(np.signbit(w) & zeros) else w


def _refuse(name: str, a: np.ndarray, good: np.ndarray, why: str) -> None:
    where = np.unravel_index(int(np.argmin(good)), a.shape)
    raise Refused(f"array {printable(name)}, element {[int(i) for i in where]}",
                  f"is {a[where]}, and {why}; --exclude {shlex.quote(printable(name))} leaves the array as it is")
