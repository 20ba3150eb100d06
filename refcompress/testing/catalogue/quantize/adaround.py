"""Kernels of quantize_adaround: wrong ones, each with its bug, and right ones."""

import numpy as np

from .... import reference
from ..kernels import Kernel

KERNELS: list[Kernel] = []


# quantize_adaround

def _nearest(w, hessian, *, iterations=1000, learning_rate=0.02, **kwargs):
    return reference.quantize_nearest(w, hessian, **{"bits": 4, **kwargs})


def _by_the_diagonal(w, hessian, **kwargs):
    """Takes each input for itself."""
    fit = reference.quantize_adaround(w, np.diag(hessian.diagonal()), **kwargs)
    near = _nearest(w, hessian, **kwargs)
    return type(fit).of(w, hessian, fit.weight, near.weight)


def _one_step_less(w, hessian, *, iterations=1000, **kwargs):
    return reference.quantize_adaround(w, hessian, iterations=max(iterations - 1, 0), **kwargs)


def _slower(w, hessian, *, learning_rate=0.02, **kwargs):
    return reference.quantize_adaround(w, hessian, learning_rate=learning_rate / 2, **kwargs)


KERNELS += [
    Kernel("quantize_adaround", "rounded to nearest", "rule",
           "A baseline was left in, and nothing is learned.",
           _nearest),
    Kernel("quantize_adaround", "the Hessian taken for diagonal", "rule",
           "Each input is taken for itself.",
           _by_the_diagonal),
    Kernel("quantize_adaround", "one step less", "options",
           "The loop begins at one, or ends before the last step.",
           _one_step_less),
    Kernel("quantize_adaround", "half of the rate", "options",
           "A gradient without its factor of two is half as long.",
           _slower),
]
