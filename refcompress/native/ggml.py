"""The ggml family in C."""

from functools import wraps

import numpy as np

from .. import reference
from ..errors import RefcompressError
from ..formats import GGML_TYPES, GGMLBlocks
from ..reference.ggml.blocks import encode_arguments, of_blocks
from . import threads
from ._call import check, empty, freeze, lib, pointer

__all__ = ["ggml_encode", "ggml_decode"]

MOST = 2e9  # elements a second and thread, to the order of magnitude: memory sets it
GRAIN = 32  # blocks: a chunk begins on a cache line


def ggml_encode(kernel, row):
    """Return the operation ggml_encode computed by a C kernel."""

    @wraps(reference.ggml_encode)
    def ggml_encode(x, type):
        x, _ = encode_arguments(x, type, finite=False)
        block = GGML_TYPES[type]
        data = empty((x.size // block.numbers, block.nbytes), np.uint8)
        operands = block.number, pointer(x), pointer(data, writable=True)

        def some(begin, end):
            status = kernel(begin, end, *operands)
            if status == lib.RC_BAD_VALUE:
                reference.ggml_encode(x, type)  # says which
                raise RefcompressError("x", "was changed while it was read")
            check(status, "x")

        threads.run(some, len(data), x.size / min(row.speed, MOST), GRAIN)
        freeze(data)
        return GGMLBlocks(data, type, x.shape)

    return ggml_encode


def ggml_decode(kernel, row):
    """Return the operation ggml_decode computed by a C kernel."""

    @wraps(reference.ggml_decode)
    def ggml_decode(q):
        q = of_blocks(q)
        x = empty(q.shape, np.float32)
        operands = GGML_TYPES[q.type].number, pointer(q.data), pointer(x, writable=True)
        threads.run(lambda begin, end: check(kernel(begin, end, *operands), "q"), len(q.data),
                    x.size / min(row.speed, MOST), GRAIN)
        return x

    return ggml_decode
