"""Kernels of patches and pools: wrong ones, each with its bug, and right ones."""

import numpy as np

from .... import reference
from ...sums import in_sequence
from ..kernels import Kernel

_F = np.float32

KERNELS: list[Kernel] = []


def without(name, value):
    """Return the change of options that passes one over."""
    return lambda options: {**options, name: value}


def with_options(op: str, change):
    """Return the operation with what ``change`` makes of its options."""
    return lambda *args, **options: getattr(reference, op)(*args, **change(options))


# nn_patches

def _columns_turned(x, kernel, **options):
    y = reference.nn_patches(x, kernel, **options)
    c = x.shape[3 if options.get("layout") == "nhwc" else 1]
    turned = y.reshape(len(y), *((*kernel, c) if options.get("layout") != "nhwc" else (c, *kernel)))
    return np.ascontiguousarray(np.moveaxis(turned, -1, 1)).reshape(y.shape)


def _pads_turned(options):
    top, left, bottom, right = options.get("pads", (0, 0, 0, 0))
    return {**options, "pads": (top, bottom, left, right)}


KERNELS += [
    Kernel("nn_patches", "the other order of columns", "format",
           "Channels come first in one layout and last in the other.",
           _columns_turned),
    Kernel("nn_patches", "zeros in the pads", "values",
           "Pads have a fill of their own.",
           with_options("nn_patches", without("fill", 0))),
    Kernel("nn_patches", "dilations ignored", "options",
           "The kernel was written before there were dilations.",
           with_options("nn_patches", without("dilations", (1, 1)))),
    Kernel("nn_patches", "pads axis by axis", "options",
           "Pads are given as begins and then ends; others give them axis by axis.",
           with_options("nn_patches", _pads_turned)),
]


# nn_max_pool

def _nan_passed_over(x, kernel, **options):
    if x.dtype == np.int8:
        return reference.nn_max_pool(x, kernel, **options)
    return reference.nn_max_pool(np.where(np.isnan(x), _F(-np.inf), x), kernel, **options)


def _at_least_zero(x, kernel, **options):
    """Takes the pads for zeros."""
    y = reference.nn_max_pool(x, kernel, **options)
    return np.maximum(y, y.dtype.type(0)) if any(options.get("pads", ())) else y


def _other_zero(x, kernel, **options):
    y = reference.nn_max_pool(x, kernel, **options)
    return np.where(y == 0, np.abs(y), y) if x.dtype == _F else y


KERNELS += [
    Kernel("nn_max_pool", "NaN passed over", "values",
           "A comparison with > never lets a NaN in.",
           _nan_passed_over),
    Kernel("nn_max_pool", "zeros in the pads", "values",
           "A pad of zero is larger than all negative inputs.",
           _at_least_zero),
    Kernel("nn_max_pool", "the sign of a zero lost", "values",
           "A maximum of 0 and -0.0 has either sign on most processors.",
           _other_zero),
    Kernel("nn_max_pool", "nothing is less than the least finite number", "values",
           "The search begins with -3.4e38, and not with minus infinity.",
           lambda x, kernel, **options: np.maximum(reference.nn_max_pool(x, kernel, **options), x.dtype.type(
               -128 if x.dtype == np.int8 else np.finfo(_F).min))),
    Kernel("nn_max_pool", "ceil ignored", "options",
           "The last window that reaches beyond the image is left out.",
           with_options("nn_max_pool", without("ceil", False))),
]


# nn_average_pool

def _sum_in_float32(x, kernel, **options):
    patches = reference.nn_patches(x, kernel, **{name: value for name, value in options.items()
                                                 if name not in ("ceil", "count_include_pad")})
    right = reference.nn_average_pool(x, kernel, **options)
    if options.get("ceil") or any(options.get("pads", ())) or not x.size:
        return right
    c = x.shape[3 if options.get("layout") == "nhwc" else 1]
    cells = patches.reshape(len(patches), *((-1, c) if options.get("layout") == "nhwc" else (c, -1)))
    cells = cells if options.get("layout") == "nhwc" else cells.transpose(0, 2, 1)
    mean = in_sequence(cells.transpose(1, 0, 2).reshape(cells.shape[1], -1)) / _F(cells.shape[1])
    mean = mean.reshape(len(x), -1, c)
    return (mean if options.get("layout") == "nhwc" else mean.transpose(0, 2, 1)).reshape(right.shape).astype(_F)


def _sums_that_run_along(x, kernel, **options):
    """Adds what comes into the window and takes away what leaves it: infinity less infinity is NaN."""
    y = reference.nn_average_pool(x, kernel, **options)
    columns = 2 if options.get("layout") == "nhwc" else 3
    met = np.logical_or.accumulate(~np.isfinite(x), axis=columns).astype(_F)
    options.pop("count_include_pad", None)
    behind = (reference.nn_max_pool(met, kernel, **options) > 0) & np.isfinite(y)
    return np.where(behind, _F(np.nan), y)


def _clipped(x, kernel, **options):
    return np.clip(reference.nn_average_pool(x, kernel, **options), np.finfo(_F).min, np.finfo(_F).max)


KERNELS += [
    Kernel("nn_average_pool", "sums that run along", "values",
           "A running sum takes away what leaves the window, and infinity less infinity is NaN.",
           _sums_that_run_along),
    Kernel("nn_average_pool", "infinity is the largest number", "values",
           "Results are clipped to what is finite.", _clipped),
    Kernel("nn_average_pool", "pads always counted", "options",
           "The sum is divided by the size of the kernel everywhere.",
           with_options("nn_average_pool", without("count_include_pad", True))),
    Kernel("nn_average_pool", "pads never counted", "options",
           "The sum is divided by the number of inputs everywhere.",
           with_options("nn_average_pool", without("count_include_pad", False))),
    Kernel("nn_average_pool", "sum in float32", "bits",
           "The sum is kept in float32.",
           _sum_in_float32),
]
