"""Kernels of the quantize family."""

from . import adaround, changes, few_levels, gptq, integers, packing, ranges, requantization, searches

KERNELS = (integers.KERNELS + ranges.KERNELS + packing.KERNELS + requantization.KERNELS + gptq.KERNELS
           + searches.KERNELS + few_levels.KERNELS + adaround.KERNELS + changes.KERNELS)
