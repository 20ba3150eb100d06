"""Kernels of depthwise convolution: wrong ones, each with its bug, and right ones."""

from typing import Any

import numpy as np

from .... import reference
from ...sums import in_sequence
from ..kernels import Kernel
from .windows import with_options

_F = np.float32

KERNELS: list[Kernel] = []


# nn_depthwise_f32

def _by_sums(total):
    """Return a kernel of its own that adds up the products and the bias of each output by ``total``."""
    def nn_depthwise_f32(x, weight, bias=None, **options) -> Any:
        last = options.get("layout") == "nhwc"
        c = x.shape[3 if last else 1]
        right = reference.nn_depthwise_f32(x, weight, bias, **options)
        if not right.size:
            return right
        patches = reference.nn_patches(x, weight.shape[2:], **options)
        cells = patches.reshape(len(patches), *((-1, c) if last else (c, -1)))
        cells = cells if last else cells.transpose(0, 2, 1)  # (places, h w, c)
        taps = weight.reshape(c, len(weight) // c, -1).transpose(2, 0, 1)
        with np.errstate(all="ignore"):
            y = total((cells.transpose(1, 0, 2)[..., None] * taps[:, None]).reshape(taps.shape[0], -1))
            y = y.reshape(len(x), -1, len(weight))
            y = y if bias is None else y + bias
        return (y if last else y.transpose(0, 2, 1)).reshape(right.shape).astype(_F)
    return nn_depthwise_f32


def _pads_swapped(options):
    top, left, bottom, right = options.get("pads", (0, 0, 0, 0))
    return {**options, "pads": (bottom, right, top, left)}


def _turned(x, weight, bias=None, **options):
    return reference.nn_depthwise_f32(x, weight[:, :, ::-1, ::-1].copy(), bias, **options)


KERNELS += [
    Kernel("nn_depthwise_f32", "kernels turned", "rule",
           "A convolution of mathematics turns the kernel; that of networks does not.",
           _turned),
    Kernel("nn_depthwise_f32", "bias forgotten", "rule",
           "The bias is an argument of the layer, and the kernel was written before it.",
           lambda x, weight, bias=None, **options: reference.nn_depthwise_f32(x, weight, **options)),
    Kernel("nn_depthwise_f32", "the last product lost", "tail",
           "The loop over the window ends one early.",
           _by_sums(lambda terms: in_sequence(terms[: max(1, len(terms) - 1)]))),
    Kernel("nn_depthwise_f32", "pads at the wrong end", "options",
           "Begins and ends of the pads are exchanged.",
           with_options("nn_depthwise_f32", _pads_swapped)),
]
