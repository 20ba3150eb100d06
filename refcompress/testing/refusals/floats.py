"""What the operations of the floats family must refuse."""

import numpy as np

from ... import reference
from ...formats import FLOATS

_F = np.float32
_NAN, _INF = _F([1, np.nan, 2]), _F([[1, 2], [np.inf, 3]])


def _not_arrays(good):
    yield from (None, "text", good.tolist(), np.ma.masked_array(good, mask=np.zeros(good.shape, bool)))
    yield from (good.astype(dtype) for dtype in (object, np.complex64, np.float64, np.int32))


def _bad_names():
    yield from (None, 3, "float32", "FLOAT16", "e4m3", "")


def _encode():
    x = _F([1, 2, 3])
    for bad in _not_arrays(x):
        yield (bad, "float16"), {}
    for bad in _bad_names():
        yield (x, bad), {}
    for overflow in (None, True, "wrap", "Saturate"):
        yield (x, "fp8_e4m3"), {"overflow": overflow}
    for name, f in FLOATS.items():
        if f.nan is None:
            yield (_NAN, name), {}


def _decode():
    for f in FLOATS.values():
        codes = f.dtype.type([1, 2, 3])
        for bad in (*_not_arrays(codes), codes.astype(np.int8), codes.astype(np.uint16 if f.bits <= 8 else np.uint8)):
            yield (bad, f.name), {}
        if f.bits < 8:
            for beyond in (2**f.bits, 255):
                yield (np.uint8([1, beyond, 255]), f.name), {}
    for bad in _bad_names():
        yield (np.uint8([1]), bad), {}


def _blocks_encode(*more):
    x = _F([1, 2, 3])
    for bad in (*_not_arrays(x), _NAN, _INF, -_INF, _F(1).reshape(())):
        yield (bad, *more), {}


def _mx_encode():
    yield from _blocks_encode("mxint8")
    for bad in (*_bad_names(), "mxfp8", "fp8_e4m3"):
        yield (_F([1, 2, 3]), bad), {}


def _nf4_encode():
    yield from _blocks_encode()
    for block in (0, -1, True, 64.0, None, 2**64):
        yield (_F([1, 2, 3]),), {"block": block}


def _other_formats():
    yield from (((bad,), {}) for bad in (None, _F([1]), np.uint8([1]), reference.quantize_s8(_F([1]))))


def _mx_decode():
    yield from _other_formats()
    yield (reference.floats_nf4_encode(_F([1])),), {}


def _nf4_decode():
    yield from _other_formats()
    yield (reference.floats_mx_encode(_F([1]), "mxint8"),), {}


REFUSALS = {f"floats{f.__name__}": f for f in (_encode, _decode, _mx_encode, _mx_decode, _nf4_encode, _nf4_decode)}
