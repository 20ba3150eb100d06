"""Which wrong kernel a hunt is about: drawn by a seed out of the catalogue, among those that no luck finds.

A kernel is dealt if three things are true. Its bug shows on one call with plain arrays: no odd layout, no call before.
Of :data:`luck.THROWS` plain random inputs none shows it: who knows nothing of the operation should not win. And one
of the fixed inputs of ``testing.check`` shows it, and can be handed in: made smaller, its size is the hunt's par.
"""

import inspect
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from ... import reference, testing
from ...errors import RefcompressError
from ...ops import OPS
from ...testing import catalogue
from ...testing.cases import Call
from ...testing.catalogue import Kernel
from ...testing.judge import Outcome, judged
from ...testing.own_time import OwnTime
from ...testing.smaller import smallest
from ...testing.task import Task
from . import inputs
from .luck import THROWS, kernels, thrown

__all__ = ["Hunt", "deal", "dealt"]

SMALLER_SECONDS = 5.0


@dataclass(frozen=True)
class Hunt:
    """What is dealt: the kernel, and how many numbers the smallest input has that we know."""

    kernel: Kernel
    par: int


@cache
def par(op: str, name: str) -> int | None:
    """Return the size of a small input that wins when it is handed in, or None where no fixed input of the check does.

    Which kernels have one is no matter of time; only how small it becomes may be.
    """
    kernel = catalogue.kernel(op, name)
    task = Task(op, kernel.function, OPS[op].rule, testing.samples, testing.refusals, (testing.layouts.contiguous,))

    def judge(case: Call) -> Outcome:
        return judged(op, kernel.function, task.rule, *case)

    for case in task.inputs():
        outcome = judge(case)
        size = _handed_in(kernel, case) if outcome.failed else None
        if size is not None:
            smaller = _handed_in(kernel, smallest(task, judge, case, outcome, SMALLER_SECONDS, OwnTime())[0])
            return size if smaller is None else min(size, smaller)
    return None


def _handed_in(kernel: Kernel, case: Call) -> int | None:
    """Return the size of an input that shows the bug as a file of arrays too, else None.

    A file holds no dict, and no number of NumPy where Python has one.
    """
    names = inspect.signature(getattr(reference, kernel.op)).parameters
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "input.npz")
        try:
            inputs.save(path, **dict(zip(names, case[0])), **case[1])
            args, kwargs = call = inputs.read(kernel.op, path)
        except RefcompressError:
            return None
    if inputs.too_large(call) is not None:
        return None
    outcome = judged(kernel.op, kernel.function, OPS[kernel.op].rule, args, kwargs)
    return inputs.size(call) if outcome.failed else None


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
