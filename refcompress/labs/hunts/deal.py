"""Which wrong kernel a hunt is about: drawn by a seed out of the catalogue, among those that no luck finds.

A kernel is dealt if three things are true. Its bug shows on one call with plain arrays: no odd layout, no call before.
Of :data:`THROWS` plain random inputs none shows it: who knows nothing of the operation should not win. And
``testing.check`` finds it on such arrays: there is a small input that wins, and its size is the hunt's par.
"""

import inspect
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from ... import reference, testing
from ...agreement import Disagreement
from ...errors import RefcompressError
from ...ops import OPS
from ...testing import catalogue
from ...testing.catalogue import Kernel
from ...testing.judge import REFUSED, judged
from . import inputs
from .plain import PLAIN

__all__ = ["THROWS", "Hunt", "call_of", "deal", "dealt", "kernels", "thrown"]

KINDS = ("tail", "length", "values", "bits", "rounding", "rule", "format", "options")  # of one call on plain arrays
THROWS = 200


@dataclass(frozen=True)
class Hunt:
    """What is dealt: the kernel, and how many numbers the smallest input has that our own check finds."""

    kernel: Kernel
    par: int


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


@cache
def par(op: str, name: str) -> int | None:
    """Return the size of the smallest input that the check finds, or None where it finds none that can be handed in."""
    kernel = catalogue.kernel(op, name)
    try:
        testing.check(op, kernel.function, layouts=("contiguous",), examples=0, states=False)
    except Disagreement as wrong:
        return _handed_in(kernel, wrong.case)
    return None


def _handed_in(kernel: Kernel, case: tuple[tuple, dict[str, Any]] | None) -> int | None:
    """Return the size of an input that shows the bug as a file of arrays too, else None.

    A file holds no dict, and no number of NumPy where Python has one.
    """
    if case is None:
        return None
    names = inspect.signature(getattr(reference, kernel.op)).parameters
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "input.npz")
        try:
            inputs.save(path, **dict(zip(names, case[0])), **case[1])
            args, kwargs = call = inputs.read(kernel.op, path)
        except RefcompressError:
            return None
    wins = inputs.too_large(call) is None and testing.outcome(kernel.op, kernel.function, *args, **kwargs).failed
    return inputs.size(call) if wins else None


@cache
def _hard(op: str, name: str) -> bool:
    return not thrown(catalogue.kernel(op, name), 0, lambda count: count >= THROWS)[1]


def dealt(seed: int) -> Iterator[Hunt]:
    """Yield hunts in the order that a seed gives; each kernel comes once."""
    pool = kernels()
    for i in np.random.default_rng(seed).permutation(len(pool)):
        kernel = pool[i]
        if _hard(kernel.op, kernel.name):
            found = par(kernel.op, kernel.name)
            if found is not None:
                yield Hunt(kernel, found)


def deal(seed: int) -> Hunt:
    """Return the hunt of a seed."""
    if not 0 <= seed < 2**63:
        raise RefcompressError("seed", f"must be in [0, 2**63), not {seed}")
    return next(dealt(seed))
