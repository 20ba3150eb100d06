"""Kernels of sparse_s8s8: wrong ones, each with its bug, and right ones."""

import numpy as np

from .... import reference
from ...values import with_fields
from ..kernels import Kernel

_F = np.float32

KERNELS: list[Kernel] = []


# sparse_s8s8

def _as_u8(x, x_scale, w, bias=None):
    """Takes the inputs with 128 added for what they were."""
    reference.sparse_s8s8(x, x_scale, w, bias)
    values = np.zeros(w.shape)
    values[w.kept] = w.values
    scale = np.repeat(np.broadcast_to(w.scale, (len(values), w.scale.shape[1])), w.segment, axis=1)[:, : w.shape[1]]
    y = (x.astype(np.float64) + 128) @ (values * scale).T * x_scale[:, None]
    return (y if bias is None else y + bias).astype(_F)


def _rounded_early(x, x_scale, w, bias=None):
    y = reference.sparse_s8s8(x, x_scale, w)
    return y if bias is None else y + bias


def _sixteen_bit_sums(x, x_scale, w, bias=None):
    """Adds pairs of products in 16 bits, which saturate."""
    reference.sparse_s8s8(x, x_scale, w, bias)
    values = np.zeros(w.shape, np.int64)
    values[w.kept] = w.values
    scale = np.repeat(np.broadcast_to(w.scale, (len(values), w.scale.shape[1])), w.segment, axis=1)[:, : w.shape[1]]
    products = x.astype(np.int64)[:, None] * values
    pairs = products[..., 0 : products.shape[2] // 2 * 2].reshape(*products.shape[:2], -1, 2).sum(axis=3)
    lost = pairs - np.clip(pairs, -(2**15), 2**15 - 1)
    lost = (lost * scale[:, 0 : lost.shape[2] * 2 : 2]).sum(axis=2) * x_scale[:, None]
    return (reference.sparse_s8s8(x, x_scale, w, bias) - lost).astype(_F)


KERNELS += [
    Kernel("sparse_s8s8", "128 left on the inputs", "format",
           "Inputs get 128 added for an unsigned instruction, and the correction is missing.",
           _as_u8),
    Kernel("sparse_s8s8", "rounded to float32 before the bias", "rounding",
           "The bias is added in float32, after the sum was rounded.",
           _rounded_early),
    Kernel("sparse_s8s8", "pairs saturate at 16 bits", "bits",
           "vpmaddubsw adds two products in 16 bits, which saturate.",
           _sixteen_bit_sums),
    Kernel("sparse_s8s8", "one scale for all rows of x", "format",
           "The scale of the first row was read once, before the loop.",
           lambda x, x_scale, w, bias=None:
            reference.sparse_s8s8(x, np.resize(x_scale[:1], x_scale.shape), w, bias)),
    Kernel("sparse_s8s8", "one scale for all groups", "format",
           "The scale of the first group was read once, before the loop.",
           lambda x, x_scale, w, bias=None: reference.sparse_s8s8(
            x, x_scale, with_fields(w, scale=np.broadcast_to(w.scale[:, :1], w.scale.shape).copy()), bias)),
]
