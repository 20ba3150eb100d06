"""Kernels of ranges: wrong ones, each with its bug, and right ones."""

import numpy as np

from .... import reference
from ..kernels import Kernel

KERNELS: list[Kernel] = []


# quantize_range_minmax

def _without_zero(x, *, axis=None, group=None):
    if axis is not None or group is not None or not x.size:
        return reference.quantize_range_minmax(x, axis=axis, group=group)
    return np.full((1,) * x.ndim, x.min(), np.float64), np.full((1,) * x.ndim, x.max(), np.float64)


def _last_group_dropped(x, *, axis=None, group=None):
    low, high = reference.quantize_range_minmax(x, axis=axis, group=group)
    if group is not None and x.shape[-1] % group:
        high[..., -1] = 0
    return low, high


KERNELS += [
    Kernel("quantize_range_minmax", "zero not in the range", "rule",
           "The range is the plain minimum and maximum; the rule widens it to hold zero, so that zero has a code.",
           _without_zero),
    Kernel("quantize_range_minmax", "last group dropped", "tail",
           "A reshape by whole groups leaves out the shorter last one.",
           _last_group_dropped),
]


# quantize_range_percentile

def _shared(reference_op, change):
    """Return the operation with its range changed, where there is one."""
    def operation(x, **kwargs):
        low, high = reference_op(x, **kwargs)
        return change(x, low, high, **kwargs)
    return operation


def _interpolates(x, *, percentile=99.99, axis=None, group=None):
    low, high = reference.quantize_range_percentile(x, percentile=percentile, axis=axis, group=group)
    if axis is not None or group is not None or not x.size:
        return low, high
    t = np.percentile(np.abs(x).astype(np.float64), percentile)
    ends = reference.quantize_range_minmax(x)
    return np.maximum(ends[0], -t) + 0.0, np.minimum(ends[1], t) + 0.0


def _rank_one_above(x, *, percentile=99.99, **kwargs):
    return reference.quantize_range_percentile(x, percentile=min(100, percentile * (1 + 1e-9)), **kwargs)


KERNELS += [
    Kernel("quantize_range_percentile", "interpolates between two", "rule",
           "numpy.percentile interpolates by default; the stated rule takes an element.",
           _interpolates),
    Kernel("quantize_range_percentile", "one rank above a whole number", "rounding",
           "A rank that is a whole number was rounded up once more.",
           _rank_one_above),
]


# quantize_range_mse

def _narrowest_of_equals(x, *, steps=100, **kwargs):
    """Goes from the narrowest range up, and keeps the first of equal errors."""
    low, high = reference.quantize_range_mse(x, steps=steps, **kwargs)
    if kwargs.get("axis") is not None or kwargs.get("group") is not None or not x.size:
        return low, high
    bits, scheme = kwargs.get("bits", 8), kwargs.get("scheme", "symmetric")
    least, most = reference.quantize_range_minmax(x)
    best = None
    for i in range(1, steps + 1):
        t = np.maximum(-least, most) * (i / steps)
        ends = np.maximum(least, -t) + 0.0, np.minimum(most, t) + 0.0
        scale, zero_point = reference.quantize_scale(*ends, bits=bits, scheme=scheme)
        quantize = reference.quantize_s16 if bits == 16 else lambda x, **s: reference.quantize_s8(x, bits=bits, **s)
        q = quantize(x, scheme=scheme, scale=scale, zero_point=zero_point)
        error = np.sum((q.dense().astype(np.float64) - x) ** 2)
        if best is None or error < best[0]:
            best = error, ends
    return best[1]


def _without_the_whole_range(x, *, steps=100, **kwargs):
    low, high = reference.quantize_range_mse(x, steps=steps, **kwargs)
    share = 1 - 1 / (2 * steps)
    return low * share, high * share


KERNELS += [
    Kernel("quantize_range_mse", "narrowest of equal errors", "rule",
           "The search goes from narrow to wide and keeps the first of equal errors.",
           _narrowest_of_equals),
    Kernel("quantize_range_mse", "steps in the middle", "options",
           "The grid of ratios is shifted by half a step.",
           _without_the_whole_range),
]


# quantize_range_kl

def _one_bin_less(x, low, high, *, bins=2048, **kwargs):
    least, most = reference.quantize_range_minmax(x, axis=kwargs.get("axis"), group=kwargs.get("group"))
    t = np.maximum(-low, high) - np.maximum(-least, most) / bins
    return np.maximum(low, -t) + 0.0, np.minimum(high, t) + 0.0


def _whole_range(x, low, high, *, axis=None, group=None, **kwargs):
    return reference.quantize_range_minmax(x, axis=axis, group=group)


def _between_bins(x, low, high, **kwargs):
    return np.nextafter(low, 0), np.nextafter(high, 0)


KERNELS += [
    Kernel("quantize_range_kl", "one bin less", "options",
           "The end of the range is the left edge of the last bin, not the right one.",
           _shared(reference.quantize_range_kl, _one_bin_less)),
    Kernel("quantize_range_kl", "the whole range", "rule",
           "The search is skipped, and the range is that of the data.",
           _shared(reference.quantize_range_kl, _whole_range)),
    Kernel("quantize_range_kl", "ends beside a bin", "rounding",
           "The end of the range is computed by repeated addition, and is one unit in the last place beside the "
           "edge.",
           _shared(reference.quantize_range_kl, _between_bins)),
]
