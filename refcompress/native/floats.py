"""The floats family in C: numbers one by one, and blocks of them that share a scale."""

from functools import wraps

import numpy as np

from .. import arguments, reference
from ..formats import MX, NF4, NVFP4
from ..formats.base import block_shape, matrix_shape, rows_shape
from ..formats.floats import MX_BLOCK, NF4_LEVELS
from ..formats.nvfp4 import NVFP4_BLOCK
from ..reference.floats.blocks import blocks_argument, mx_arguments, nf4_arguments, of_kind
from ..reference.floats.codes import decode_arguments, encode_arguments
from ..reference.floats.nvfp4 import nvfp4_tensor_scale
from . import threads
from ._call import LINE, check, empty, freeze, pointer
from ._kernels import lib
from ._table import widest

__all__ = [
    "floats_encode", "floats_decode",
    "floats_mx_encode", "floats_mx_decode",
    "floats_nf4_encode", "floats_nf4_decode",
    "floats_nvfp4_encode", "floats_nvfp4_decode",
]

MOST = 4e9  # elements a second and thread, to the order of magnitude: memory sets it


def floats_encode(kernel, row):
    """Return the operation floats_encode computed by a C kernel."""

    @wraps(reference.floats_encode)
    def floats_encode(x, format, *, overflow="saturate"):
        x, f, overflow = encode_arguments(x, format, overflow, numbers=False)
        codes = empty(x.shape, f.dtype)
        operands = (_number(f), overflow == "saturate", pointer(x), pointer(codes, writable=True))

        def some(begin, end):
            status = kernel(begin, end, *operands)
            if status == lib.RC_BAD_VALUE:
                arguments.not_nan(x, "x")  # says which
            check(status, "x")

        threads.run(some, x.size, x.size / row.speed, LINE)
        return codes

    return floats_encode


def floats_decode(kernel, row):
    """Return the operation floats_decode computed by a C kernel."""

    @wraps(reference.floats_decode)
    def floats_decode(codes, format):
        codes, f = decode_arguments(codes, format)
        arguments.shape(codes.shape, "codes", itemsize=4)  # of no rows
        x = empty(codes.shape, np.float32)
        operands = (_number(f), pointer(codes), pointer(x, writable=True))
        threads.run(lambda begin, end: check(kernel(begin, end, *operands), "codes"), x.size, x.size / row.speed, LINE)
        return x

    return floats_decode


def floats_mx_encode(kernel, row):
    """Return the operation floats_mx_encode computed by a C kernel."""

    @wraps(reference.floats_mx_encode)
    def floats_mx_encode(x, format):
        x, format, element = mx_arguments(x, format, finite=False)
        codes, scales = empty(x.shape, np.uint8), empty(block_shape(matrix_shape(x.shape), MX_BLOCK), np.uint8)
        _encoded(kernel, row, x, scales.size, _mx_number(format), pointer(x), codes, scales)
        return MX(codes.view(np.int8) if element is None else codes, scales, format)

    return floats_mx_encode


def floats_mx_decode(kernel, row):
    """Return the operation floats_mx_decode computed by a C kernel."""

    @wraps(reference.floats_mx_decode)
    def floats_mx_decode(q):
        q = of_kind(q, MX)
        return _decoded(kernel, row, q, _mx_number(q.format), pointer(q.codes.view(np.uint8)), pointer(q.scales))

    return floats_mx_decode


def floats_nf4_encode(kernel, row):
    """Return the operation floats_nf4_encode computed by a C kernel."""

    @wraps(reference.floats_nf4_encode)
    def floats_nf4_encode(x, *, block=64):
        x, block = nf4_arguments(x, block, finite=False)
        rows = matrix_shape(x.shape)
        codes, scales = empty(x.shape, np.uint8), empty(block_shape(rows, block), np.float32)
        _encoded(kernel, row, x, scales.size, min(block, rows[-1]), pointer(NF4_LEVELS), pointer(x), codes, scales)
        return NF4(codes, scales, block)

    return floats_nf4_encode


def floats_nf4_decode(kernel, row):
    """Return the operation floats_nf4_decode computed by a C kernel."""

    @wraps(reference.floats_nf4_decode)
    def floats_nf4_decode(q):
        q = of_kind(q, NF4)
        block = min(q.block, rows_shape(q.shape, q.scales.ndim)[-1])
        return _decoded(kernel, row, q, block, pointer(NF4_LEVELS), pointer(q.codes), pointer(q.scales))

    return floats_nf4_decode


def floats_nvfp4_encode(kernel, row):
    """Return the operation floats_nvfp4_encode computed by a C kernel, after another has found the blocks' maxima."""
    maxima = row.kernels.get("floats_maxima") or widest("floats_maxima")  # none goes with a kernel of the user's own

    @np.errstate(all="ignore")  # IEEE arithmetic is the promise, whatever np.seterr says
    @wraps(reference.floats_nvfp4_encode)
    def floats_nvfp4_encode(x):
        x = blocks_argument(x, finite=False)
        codes, scales = empty(x.shape, np.uint8), empty(block_shape(matrix_shape(x.shape), NVFP4_BLOCK), np.uint8)
        most = empty(scales.shape, np.float32)
        _encoded(maxima, row, x, scales.size, NVFP4_BLOCK, pointer(x), most)
        factor = nvfp4_tensor_scale(most)
        _encoded(kernel, row, x, scales.size, float(factor), pointer(most), pointer(x), codes, scales)
        return NVFP4(codes, scales, factor)

    return floats_nvfp4_encode


def floats_nvfp4_decode(kernel, row):
    """Return the operation floats_nvfp4_decode computed by a C kernel."""

    @wraps(reference.floats_nvfp4_decode)
    def floats_nvfp4_decode(q):
        q = of_kind(q, NVFP4)
        return _decoded(kernel, row, q, float(q.tensor_scale), pointer(q.codes), pointer(q.scales))

    return floats_nvfp4_decode


def _encoded(kernel, row, x, blocks, *operands):
    """Call the kernel on ranges of the blocks of x; the arrays among the operands are results, which are then frozen.
    """
    results = [a for a in operands if isinstance(a, np.ndarray)]
    size = matrix_shape(x.shape)[-1]
    operands = tuple(pointer(a, writable=True) if isinstance(a, np.ndarray) else a for a in operands)

    def some(begin, end):
        status = kernel(begin, end, size, *operands)
        if status == lib.RC_NOT_FINITE:
            arguments.finite(x, "x")  # says which
        check(status, "x")

    threads.run(some, blocks, x.size / min(row.speed, MOST), LINE)
    freeze(*results)


def _decoded(kernel, row, q, *operands) -> np.ndarray:
    """Return what the kernel makes of the blocks of q."""
    x = empty(arguments.shape(q.shape, "codes", itemsize=4), np.float32)
    operands = (rows_shape(q.shape, q.scales.ndim)[-1], *operands, pointer(x, writable=True))
    threads.run(lambda begin, end: check(kernel(begin, end, *operands), "q"), q.scales.size,
                x.size / min(row.speed, MOST), LINE)
    return x


def _number(f) -> int:
    return getattr(lib, f"RC_{f.name.upper()}")


def _mx_number(format: str) -> int:
    return getattr(lib, f"RC_{format.upper()}")
