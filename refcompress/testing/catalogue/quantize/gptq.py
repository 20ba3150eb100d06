"""Kernels of quantize_gptq: wrong ones, each with its bug, and right ones."""

import numpy as np

from .... import reference
from ..kernels import Kernel

KERNELS: list[Kernel] = []


# quantize_gptq

def _nearest(w, hessian, *, damping=0.01, order="given", **kwargs):
    return reference.quantize_nearest(w, hessian, **{"bits": 4, **kwargs})


def _first_scales(w, hessian, **kwargs):
    """Takes the scales of a group from the weights as they came."""
    q = _nearest(w, hessian, **kwargs).weight
    return reference.quantize_gptq(w, hessian, **{**kwargs, "scale": q.scale, "zero_point": q.zero_point})


def _given_order(w, hessian, **kwargs):
    return reference.quantize_gptq(w, hessian, **{**kwargs, "order": "given"})


def _zeros_move(w, hessian, **kwargs):
    return reference.quantize_gptq(np.where(w == 0, np.float32(1e-30), w), hessian, **kwargs)


def _undamped(w, hessian, **kwargs):
    return reference.quantize_gptq(w, hessian, **{**kwargs, "damping": 1e-9})


def _panels_apart(w, hessian, **kwargs):
    """Forgets what the inputs of one panel of eight move in the next."""
    panel = np.arange(len(hessian)) // 8
    return reference.quantize_gptq(w, np.where(panel == panel[:, None], hessian, 0), **kwargs)


KERNELS += [
    Kernel("quantize_gptq", "rounded to nearest", "rule",
           "A baseline was left in: each weight is rounded alone, and no error is passed on.",
           _nearest),
    Kernel("quantize_gptq", "groups with the scales of the weights as they came", "rule",
           "The scales of all groups are taken before the first column; the rule takes them when the group begins.",
           _first_scales),
    Kernel("quantize_gptq", "inputs always in the order given", "options",
           "The order by activation is an option, and the kernel never sorts.",
           _given_order),
    Kernel("quantize_gptq", "pruned weights move", "values",
           "A pruned weight is zero and must stay so; the update adds the error of others to it.",
           _zeros_move),
    Kernel("quantize_gptq", "damping forgotten", "options",
           "The damping is read and not added to the diagonal.",
           _undamped),
    Kernel("quantize_gptq", "panels that move nothing in the next", "tail",
           "A blocked update stays inside its panel: the columns behind it see no error.",
           _panels_apart),
]
