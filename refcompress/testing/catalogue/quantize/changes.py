"""Kernels of quantize_changes: wrong ones, each with its bug."""

import math

import numpy as np

from .... import reference
from ....reference.quantize.changes import PART
from ..kernels import Kernel

KERNELS: list[Kernel] = []


def _in_sequence(x, y):
    x, y = (np.asarray(a, np.float64).reshape(-1) for a in (x, y))
    sums = [[np.add.accumulate(a[i : i + PART])[-1] for a in ((x - y) ** 2, x**2)] for i in range(0, x.size, PART)]
    return np.array(sums, np.float64).reshape(-1, 2)


def _of_float32(x, y):
    sums = reference.quantize_changes(x, y)
    changes = np.square(np.subtract(x, y)).reshape(-1).astype(np.float64)
    for i in range(len(sums)):
        sums[i, 0] = np.sum(changes[i * PART : (i + 1) * PART])
    return sums


def _last_part_dropped(x, y):
    sums = reference.quantize_changes(x, y)
    if len(sums) > 1 and np.size(x) % PART:
        sums[-1] = 0
    return sums


def _roots(x, y):
    sums = reference.quantize_changes(x, y)
    return np.stack([sums[:, 0], [math.sqrt(s) if s >= 0 else s for s in sums[:, 1]]], axis=1)


KERNELS += [
    Kernel("quantize_changes", "one element after the other", "rule",
           "The squares are added in the order of the elements, where the contract has eight sums and halves.",
           _in_sequence),
    Kernel("quantize_changes", "squares in float32", "bits",
           "Differences and squares are rounded to float32 before they are added.",
           _of_float32),
    Kernel("quantize_changes", "last part dropped", "tail",
           "A loop over whole parts leaves out the shorter last one.",
           _last_part_dropped),
    Kernel("quantize_changes", "norm of the elements", "rule",
           "The second sum is given as its root, for who divides norms.",
           _roots),
]
