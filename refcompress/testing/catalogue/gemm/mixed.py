"""Kernels of gemm_f32mixed: wrong ones, each with its bug, and right ones."""

import numpy as np

from .... import reference
from ...values import with_fields
from ..kernels import Kernel

KERNELS: list[Kernel] = []


# gemm_f32mixed

def _parts_in_sequence(x, w):
    """Takes the narrow part's inputs or outputs for the first ones, and the wide part's for the last ones."""
    return reference.gemm_f32mixed(x, with_fields(w, wide=np.sort(w.wide)))


def _wide_values_cut(x, w):
    values = w.high.values.astype(np.int8).astype(np.int16)
    return reference.gemm_f32mixed(x, with_fields(w, high=with_fields(w.high, values=values)))


def _wide_scales_ignored(x, w):
    return reference.gemm_f32mixed(x, with_fields(w, high=with_fields(w.high, scale=np.ones_like(w.high.scale))))


KERNELS += [
    Kernel("gemm_f32mixed", "parts in sequence", "format",
           "The parts are taken to lie one behind the other, and the map of places is not read.",
           _parts_in_sequence),
    Kernel("gemm_f32mixed", "wide values cut to 8 bits", "bits",
           "The kernel of the narrow part was used for both.",
           _wide_values_cut),
    Kernel("gemm_f32mixed", "scales of the wide part ignored", "format",
           "The wide part was taken for numbers, not for codes.",
           _wide_scales_ignored),
]
