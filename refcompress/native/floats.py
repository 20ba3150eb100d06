"""The floats family: floats_encode and floats_decode in C, MX and NVFP4 made of them, and NF4 in NumPy.

A power of two that a block shares is found once for the block, and multiplied: a product of float32 and a power of
two that float32 holds is rounded as ldexp rounds it. That of MX is 2^-127 to 2^127.
"""

from functools import wraps

import numpy as np

from .. import reference
from ..formats import MX, MX_ELEMENTS, NF4, NVFP4
from ..formats.base import expand
from ..formats.floats import E8M0_BIAS, E8M0_NAN, MX_BLOCK, NF4_LEVELS
from ..formats.nvfp4 import NVFP4_BLOCK, NVFP4_ELEMENT, NVFP4_SCALE
from ..reference.floats.blocks import block_maxima, blocks_argument, mx_arguments, nf4_arguments, of_kind
from ..reference.floats.codes import decode_arguments, encode_arguments
from ..reference.floats.nvfp4 import nvfp4_scales
from . import threads
from ._call import LINE, check, empty, pointer
from ._kernels import lib

__all__ = [
    "floats_encode", "floats_decode",
    "floats_mx_encode", "floats_mx_decode",
    "floats_nf4_encode", "floats_nf4_decode",
    "floats_nvfp4_encode", "floats_nvfp4_decode",
]


def floats_encode(kernel, row):
    """Return the operation floats_encode computed by a C kernel."""

    @wraps(reference.floats_encode)
    def floats_encode(x, format, *, overflow="saturate"):
        x, f, overflow = encode_arguments(x, format, overflow)
        codes = empty(x.shape, f.dtype)
        operands = (_number(f), overflow == "saturate", pointer(x), pointer(codes, writable=True))
        threads.run(lambda begin, end: check(kernel(begin, end, *operands), "x"), x.size, x.size / row.speed, LINE)
        return codes

    return floats_encode


def floats_decode(kernel, row):
    """Return the operation floats_decode computed by a C kernel."""

    @wraps(reference.floats_decode)
    def floats_decode(codes, format):
        codes, f = decode_arguments(codes, format)
        x = empty(codes.shape, np.float32)
        operands = (_number(f), pointer(codes), pointer(x, writable=True))
        threads.run(lambda begin, end: check(kernel(begin, end, *operands), "codes"), x.size, x.size / row.speed, LINE)
        return x

    return floats_decode


def floats_mx_encode(floats_encode):
    """Return the operation floats_mx_encode, whose elements are made by this floats_encode."""

    @np.errstate(all="ignore")  # IEEE arithmetic is the promise, whatever np.seterr says
    @wraps(reference.floats_mx_encode)
    def floats_mx_encode(x, format):
        x, format, element = mx_arguments(x, format)
        emax = 0 if element is None else (element.largest >> element.mantissa) - element.bias
        most = block_maxima(x, MX_BLOCK)
        exponent = np.maximum(np.frexp(most)[1] - 1 - emax, -E8M0_BIAS)
        exponent[most == 0] = 0
        power = np.ldexp(np.float32(1), -exponent)
        ratio = x * expand(power, x.shape, MX_BLOCK)
        if element is None:
            ratio *= 64
            codes = np.clip(np.rint(ratio, out=ratio), -127, 127, out=ratio).astype(np.int8)
        else:
            codes = floats_encode(ratio, element.name)
            codes *= codes != element.sign  # -0.0
        codes.flags.writeable = False  # nobody else has them: the format keeps them without a copy
        return MX(codes, (exponent + E8M0_BIAS).astype(np.uint8), format)

    return floats_mx_encode


def floats_mx_decode(floats_decode):
    """Return the operation floats_mx_decode, whose elements are read by this floats_decode."""

    @np.errstate(all="ignore")  # IEEE arithmetic is the promise, whatever np.seterr says
    @wraps(reference.floats_mx_decode)
    def floats_mx_decode(q):
        q = of_kind(q, MX)
        element = MX_ELEMENTS[q.format]
        power = np.ldexp(np.float32(1), q.scales.astype(np.int32) - E8M0_BIAS)
        power[q.scales == E8M0_NAN] = np.nan
        x = q.codes / np.float32(64) if element is None else floats_decode(q.codes, element.name)
        x *= expand(power, x.shape, MX_BLOCK)
        return x

    return floats_mx_decode


def floats_nvfp4_encode(floats_encode):
    """Return the operation floats_nvfp4_encode, whose elements are made by this floats_encode."""

    @np.errstate(all="ignore")  # IEEE arithmetic is the promise, whatever np.seterr says
    @wraps(reference.floats_nvfp4_encode)
    def floats_nvfp4_encode(x):
        x = blocks_argument(x)
        scales, of_all = nvfp4_scales(x)
        ratio = x / expand(NVFP4_SCALE.values(scales) * of_all, x.shape, NVFP4_BLOCK)
        codes = floats_encode(ratio, NVFP4_ELEMENT.name)
        codes *= codes != NVFP4_ELEMENT.sign  # -0.0
        codes.flags.writeable = False  # nobody else has them: the format keeps them without a copy
        return NVFP4(codes, scales, of_all)

    return floats_nvfp4_encode


def floats_nvfp4_decode(floats_decode):
    """Return the operation floats_nvfp4_decode, whose elements are read by this floats_decode."""

    @np.errstate(all="ignore")  # IEEE arithmetic is the promise, whatever np.seterr says
    @wraps(reference.floats_nvfp4_decode)
    def floats_nvfp4_decode(q):
        q = of_kind(q, NVFP4)
        x = floats_decode(q.codes, NVFP4_ELEMENT.name)
        x *= expand(q.block_scales, x.shape, NVFP4_BLOCK)
        return x

    return floats_nvfp4_decode


# The largest float32 at most in the middle of two levels: a float32 is above the middle if it is above that.
_middles = (NF4_LEVELS[1:].astype(np.float64) + NF4_LEVELS[:-1]) / 2
_MIDDLES = _middles.astype(np.float32)
_MIDDLES = np.where(_MIDDLES > _middles, np.nextafter(_MIDDLES, np.float32(-2)), _MIDDLES)
NF4_BLOCK = 2**15  # elements at once: they stay in a cache of 256 KiB while 15 middles are held against them
COMPARED = 1e8  # elements a second and thread, to the order of magnitude


@np.errstate(all="ignore")  # IEEE arithmetic is the promise, whatever np.seterr says
@wraps(reference.floats_nf4_encode)
def floats_nf4_encode(x, *, block=64):
    x, block = nf4_arguments(x, block)
    most = block_maxima(x, block)
    scale = np.where(most == 0, np.float32(1), most)
    steps = (x / expand(scale, x.shape, block)).reshape(-1)
    codes = empty(x.shape, np.uint8)
    flat = codes.reshape(-1)

    def some(start, stop):
        for begin in range(start, stop, NF4_BLOCK):
            end = min(begin + NF4_BLOCK, stop)
            part, count = steps[begin:end], flat[begin:end]
            np.greater(part, _MIDDLES[0], out=count.view(np.bool_))
            above = np.empty(part.shape, np.bool_)
            for middle in _MIDDLES[1:]:
                np.greater(part, middle, out=above)
                np.add(count, above.view(np.uint8), out=count)

    threads.run(some, flat.size, flat.size / COMPARED, LINE)
    return NF4(codes, scale, block)


@np.errstate(all="ignore")  # IEEE arithmetic is the promise, whatever np.seterr says
@wraps(reference.floats_nf4_decode)
def floats_nf4_decode(q):
    q = of_kind(q, NF4)
    x = np.take(NF4_LEVELS, q.codes, mode="clip")  # codes were checked; "raise" would check them again
    x *= expand(q.scales, q.shape, q.block)
    return x


def _number(f) -> int:
    return getattr(lib, f"RC_{f.name.upper()}")
