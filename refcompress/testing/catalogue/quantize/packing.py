"""Kernels of quantize_pack and quantize_unpack: wrong ones, each with its bug, and right ones."""

import numpy as np

from .... import reference
from ...values import with_fields
from ..kernels import Kernel

KERNELS: list[Kernel] = []


# quantize_pack

def _high_half_first(q, *, bits=4):
    p = reference.quantize_pack(q, bits=bits)
    return with_fields(p, data=p.data >> 4 | p.data << 4) if bits == 4 else p


def _rows_run_on(q, *, bits=4):
    """Packs all of the values as one row, and cuts that into the rows' bytes."""
    p = reference.quantize_pack(q, bits=bits)
    one = {"scale": np.ones(1, np.float32), "zero_point": np.zeros(1, np.int8), "group": None}
    flat = with_fields(q, values=q.values.reshape(-1), **one)
    data = np.zeros(p.data.size, np.uint8)
    run_on = reference.quantize_pack(flat, bits=bits).data
    data[: len(run_on)] = run_on
    return with_fields(p, data=data.reshape(p.data.shape))


KERNELS += [
    Kernel("quantize_pack", "high half first", "format",
           "Two values of 4 bits share a byte, and the first one was put in the high half.",
           _high_half_first),
    Kernel("quantize_pack", "rows run on", "format",
           "All values were packed as one row, so that a row of odd length does not begin at a byte.",
           _rows_run_on),
]


# quantize_unpack

def _no_sign(p):
    q = reference.quantize_unpack(p)
    return with_fields(q, values=q.values & np.int8(2**p.bits - 1)) if p.bits > 1 else q


KERNELS += [
    Kernel("quantize_unpack", "sign not extended", "format",
           "A mask takes the bits out of a byte, and the sign bit is not carried up.",
           _no_sign),
]
