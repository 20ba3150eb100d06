"""Kernels of the nn family."""

from . import depthwise, integer_images, integers, rows, windows

KERNELS = rows.KERNELS + windows.KERNELS + depthwise.KERNELS + integers.KERNELS + integer_images.KERNELS
