"""Kernels of quantize_clip and quantize_awq: wrong ones, each with its bug, and right ones."""

import numpy as np

from .... import reference
from ..kernels import Kernel

KERNELS: list[Kernel] = []


# quantize_clip

def _not_clipped(w, hessian, *, steps=20, narrowest=0.5, **kwargs):
    return reference.quantize_nearest(w, hessian, **{"bits": 4, **kwargs})


def _by_the_weights(w, hessian, **kwargs):
    """Takes the error of the weights for that of the output."""
    return reference.quantize_clip(w, np.diag((hessian.diagonal() > 0).astype(float)), **kwargs)


def _half_of_the_ratios(w, hessian, **kwargs):
    return reference.quantize_clip(w, hessian, **{**kwargs, "steps": 1})


KERNELS += [
    Kernel("quantize_clip", "ranges that stay", "rule",
           "No ratio below one is ever tried.",
           _not_clipped),
    Kernel("quantize_clip", "the error of the weights", "rule",
           "The search measures the error of the weights, not that of the layer's output.",
           _by_the_weights),
    Kernel("quantize_clip", "only the ends tried", "options",
           "The number of steps is passed by, and only the ends of the grid are tried.",
           _half_of_the_ratios),
]


# quantize_awq

def _not_scaled(w, x, **kwargs):
    return reference.quantize_awq(w, x, **{**kwargs, "steps": 1})


def _never_clipped(w, x, **kwargs):
    return reference.quantize_awq(w, x, **{**kwargs, "clip": False})


KERNELS += [
    Kernel("quantize_awq", "inputs that are not scaled", "options",
           "The search has one step, and that one scales nothing.",
           _not_scaled),
    Kernel("quantize_awq", "ranges that stay", "options",
           "The option that clips the ranges afterwards is passed by.",
           _never_clipped),
]
