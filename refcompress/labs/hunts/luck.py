"""Luck: plain random inputs, thrown at a wrong kernel until one shows its bug."""

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from ... import reference
from ...ops import OPS
from ...testing import catalogue
from ...testing.catalogue import Kernel
from ...testing.judge import REFUSED, judged
from .plain import PLAIN

__all__ = ["KINDS", "THROWS", "call_of", "kernels", "thrown"]

KINDS = ("tail", "length", "values", "bits", "rounding", "rule", "format", "options")  # of one call on plain arrays
THROWS = 200  # at a kernel that may be dealt


def kernels() -> list[Kernel]:
    """Return the wrong kernels of the catalogue whose bugs one call with plain arrays can show."""
    return [k for k in catalogue.KERNELS
            if k.wrong and k.kind in KINDS and not k.alone and not k.needs and k.op in PLAIN]


def call_of(op: str, given: dict[str, Any]) -> tuple[tuple, dict[str, Any]]:
    """Return the call of arguments by name: a kernel need not name its operands as the reference does."""
    names = list(inspect.signature(getattr(reference, op)).parameters.values())
    args: list[Any] = []
    for parameter in names:
        if parameter.name not in given or parameter.kind is parameter.KEYWORD_ONLY:
            break
        args.append(given[parameter.name])
    return tuple(args), {name: value for name, value in given.items() if name not in
                         [parameter.name for parameter in names[: len(args)]]}


def thrown(kernel: Kernel, seed: int, enough: Callable[[int], bool]) -> tuple[int, bool]:
    """Throw plain random inputs at a kernel until ``enough`` of their number, or until one shows its bug.

    Return how many, and whether the last one does. Calls are those of this process.
    """
    random, count = np.random.default_rng(seed), 0
    while not enough(count):
        count += 1
        args, kwargs = call_of(kernel.op, PLAIN[kernel.op](random))
        outcome = judged(kernel.op, kernel.function, OPS[kernel.op].rule, args, kwargs)
        if outcome.kind == REFUSED:
            raise ValueError(f"{kernel.op}: the reference refuses a plain input: {outcome.reason}")
        if outcome.failed:
            return count, True
    return count, False
