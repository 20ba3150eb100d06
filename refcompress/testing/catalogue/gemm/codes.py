"""Kernels of int8 inputs by weights of 4 bits: wrong ones, each with its bug, and right ones."""

import numpy as np

from .... import reference
from ....formats import Packed, Quantized, Shared
from ....reference.gemm.codes import quantized_codebook
from ..kernels import Kernel

_F = np.float32

KERNELS: list[Kernel] = []


# gemm_s8s4

def _refused_first(op):
    """Return what makes of a wrong product one that refuses what the operation refuses."""
    def wrap(product):
        def wrong(x, x_scale, w):
            getattr(reference, op)(x, x_scale, w)
            return product(x, x_scale, w)
        return wrong
    return wrap


def _parts(w):
    """Return the integers, the scales of groups, and the inputs of a group."""
    if isinstance(w, Shared):
        steps, scale = quantized_codebook(w)
    else:
        q = reference.quantize_unpack(w)
        steps, scale = q.values.astype(np.int64) - q.expand(q.zero_point), np.broadcast_to(w.scale, (
            len(q.values), w.scale.shape[1]))
    return steps.astype(np.int64), scale, max(1, min(w.group or w.shape[1], w.shape[1]))


def _in(dtype, backwards=False):
    """Return the product with its sums of groups in another type, or in another order."""
    @np.errstate(all="ignore")
    def product(x, x_scale, w):
        steps, scale, group = _parts(w)
        y = np.zeros((len(x), len(steps)), dtype)
        firsts = list(enumerate(range(0, x.shape[1], group)))
        for g, first in reversed(firsts) if backwards else firsts:
            acc = x[:, first : first + group].astype(np.int64) @ steps[:, first : first + group].T
            y += acc.astype(dtype) * scale[:, g].astype(dtype)
        return (y * x_scale[:, None]).astype(_F)
    return product


def _saturating(x, x_scale, w):
    """The sums of pairs clipped to int16."""
    steps, scale, group = _parts(w)
    y = np.zeros((len(x), len(steps)), _F)
    for g, first in enumerate(range(0, x.shape[1], group)):
        products = x[:, None, first : first + group].astype(np.int64) * steps[None, :, first : first + group]
        products = np.concatenate([products, np.zeros((*products.shape[:2], products.shape[2] % 2), np.int64)], axis=2)
        acc = np.clip(products[..., ::2] + products[..., 1::2], -32768, 32767).sum(axis=2)
        y += acc.astype(_F) * scale[:, g]
    return y * x_scale[:, None]


def _changed(op, change):
    """Return the product with what ``change`` makes of its arguments."""
    return lambda x, x_scale, w: getattr(reference, op)(*change(x, x_scale, w))


def _no_zero_points(x, x_scale, w):
    return x, x_scale, Packed(w.data, w.shape, 4, w.scale, 0 * w.zero_point, w.group)


def _halves_swapped(x, x_scale, w):
    q = reference.quantize_unpack(w)
    values, pairs = q.values.copy(), w.shape[1] // 2 * 2
    values[:, :pairs] = values[:, :pairs].reshape(len(values), -1, 2)[..., ::-1].reshape(len(values), pairs)
    return x, x_scale, reference.quantize_pack(Quantized(values, q.scale, q.zero_point, q.group))


def _float32_weights(x, x_scale, w):
    """The codebook as it is."""
    with np.errstate(all="ignore"):
        return (x.astype(np.float64) @ w.dense().astype(np.float64).T * x_scale[:, None]).astype(_F)


def _one_codebook(x, x_scale, w):
    return x, x_scale, w if w.codebook.ndim == 1 or not w.codes.size else Shared(w.codes, w.codebook[0, 0].copy())


KERNELS += [
    Kernel("gemm_s8s4", "sums of groups in float64", "rounding",
           "The sums of groups are added in float64; the stated order rounds each to float32.",
           _refused_first("gemm_s8s4")(_in(np.float64))),
    Kernel("gemm_s8s4", "products rounded before they are added", "rounding",
           "Product and sum are two instructions where the stated order has one fused.",
           _refused_first("gemm_s8s4")(_in(_F))),
    Kernel("gemm_s8s4", "groups added from the last", "rule",
           "The groups are walked from the end, as a loop that counts down does.",
           _refused_first("gemm_s8s4")(_in(np.float64, backwards=True))),
    Kernel("gemm_s8s4", "zero points of the weights ignored", "format",
           "A kernel for symmetric weights was given others.",
           _refused_first("gemm_s8s4")(_changed("gemm_s8s4", _no_zero_points))),
    Kernel("gemm_s8s4", "both values of a byte exchanged", "format",
           "The first of two values lies in the low half of a byte.",
           _refused_first("gemm_s8s4")(_changed("gemm_s8s4", _halves_swapped))),
]


# gemm_s8lut4

KERNELS += [
    Kernel("gemm_s8lut4", "the codebook not quantized", "rule",
           "The codebook is taken as it is; the rule quantizes it to int8 first.",
           _refused_first("gemm_s8lut4")(_float32_weights)),
    Kernel("gemm_s8lut4", "one codebook for all", "format",
           "The codebook is loaded once a matrix.",
           _refused_first("gemm_s8lut4")(_changed("gemm_s8lut4", _one_codebook))),
    Kernel("gemm_s8lut4", "saturating pairs", "bits",
           "vpmaddubsw adds two products in 16 bits, which saturate.",
           _refused_first("gemm_s8lut4")(_saturating)),
    Kernel("gemm_s8lut4", "sums of groups in float64", "rounding",
           "The sums of groups are added in float64; the stated order rounds each to float32.",
           _refused_first("gemm_s8lut4")(_in(np.float64))),
]
