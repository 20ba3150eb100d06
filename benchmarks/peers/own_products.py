"""Our own product of linear integers, beside that of codebooks, which no library has: as many bits, and no table."""

import numpy as np

from refcompress import native
from refcompress.formats import Packed, Quantized

from . import Peer
from .bounds import sums, within

SPACE = native.available()[-1]


def hold_to_avx2() -> None:
    global SPACE
    SPACE = native.at("avx2")


def _scaled(n: int):
    return np.full((n, 1), 2.0**-4, np.float32), np.zeros((n, 1), np.int8)


def _linear(bits: int):
    """Return what prepares the product of integers that have the codes of the codebook's indices, checked here."""
    def prepare(x, w):
        n, k = w.codes.shape
        if bits == 4:
            if k % 2:
                raise ValueError("only an even k")
            weight = Packed(w.codes[:, ::2] | w.codes[:, 1::2] << 4, (n, k), 4, *_scaled(n))
        else:
            weight = Quantized(w.codes.view(np.int8), *_scaled(n))
        function = SPACE.gemm_f32s4 if bits == 4 else SPACE.gemm_f32s8
        ready = native.prepare(weight)
        within(sums)(None, function(x, ready), (x, weight), {})
        return lambda: function(x, ready)

    return prepare


def _checked_before(expected, got, args, kwargs):
    assert got.shape == expected.shape


def _coded(x, x_scale, w):
    product = SPACE.gemm_s8s4
    n, k = w.codes.shape
    if k % 2:
        raise ValueError("only an even k")
    weight = Packed(w.codes[:, ::2] | w.codes[:, 1::2] << 4, (n, k), 4, *_scaled(n))
    ready = native.prepare(weight, "gemm_s8s4")
    within(sums)(None, product(x, x_scale, ready), (x, x_scale, weight), {})
    return lambda: product(x, x_scale, ready)


PEERS = {
    "gemm_s8lut4": Peer("ours, gemm_s8s4", _coded, _checked_before, note="linear integers"),
} | {
    f"gemm_f32lut{bits}": Peer(f"ours, gemm_f32s{bits}", _linear(bits), _checked_before, note="linear integers")
    for bits in (4, 8)
}
