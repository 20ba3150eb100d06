"""The cases of NVFP4: ragged ends, ties of the elements and of the scales, tiny and large tensors."""

import numpy as np

from ... import reference
from ...formats import FLOATS, NVFP4
from ...formats.floats import block_shape
from ..cases import Cases
from ..draws import array, composite, st
from ..values import LENGTHS
from .blocks import blocks_refusals, other_formats, some_arrays, some_blocks
from .codes import some_shapes

_F = np.float32

CASES: dict[str, Cases] = {}


# floats_nvfp4_encode

def floats_nvfp4_encode_sweep():
    rng = np.random.default_rng(27)
    for x in some_blocks(rng):
        yield (x,), {}
    elements = FLOATS["fp4_e2m1"].values(np.arange(8, dtype=np.uint8))
    scales = FLOATS["fp8_e4m3"].values(np.arange(1, 127, dtype=np.uint8))
    middles = (elements[1:] + elements[:-1]) / 2
    for some in (elements, np.append(middles, _F(6))):  # under every scale; 448 comes last, so the tensor's scale is 1
        yield (np.outer(scales, np.resize(some, 16)).astype(_F),), {}
    for exponent in (-149, -126, 100):  # blocks whose scales are ties, or 0 but for the rule
        most = np.ldexp(np.arange(1, 130, dtype=np.float64) / 16, exponent)
        x = np.zeros((130, 16))
        x[:129, 3], x[129, 0] = most, np.ldexp(2688.0, exponent)
        yield (np.minimum(x, 3.4e38).astype(_F),), {}


def floats_nvfp4_encode_strategy():
    return st.tuples(st.tuples(some_arrays()), st.just({}))


CASES["floats_nvfp4_encode"] = Cases(floats_nvfp4_encode_sweep, blocks_refusals, floats_nvfp4_encode_strategy)


# floats_nvfp4_decode

def floats_nvfp4_decode_sweep():
    rng = np.random.default_rng(28)
    for length in LENGTHS:
        for shape in ((length,), (3, length)):
            codes, scales = rng.integers(0, 16, shape), rng.integers(0, 127, block_shape(shape, 16))
            yield (NVFP4(codes.astype(np.uint8), scales.astype(np.uint8), _F(rng.uniform(0.1, 1))),), {}
    for of_all in (1e-45, 2.0**-126, 1 / 3, 3.4e38):
        codes = np.tile(np.arange(16, dtype=np.uint8), (127, 1))
        yield (NVFP4(codes, np.arange(127, dtype=np.uint8)[:, None], _F(of_all)),), {}


def floats_nvfp4_decode_refusals():
    yield from other_formats()
    yield (reference.floats_nf4_encode(_F([1])),), {}


@composite
def floats_nvfp4_decode_strategy(draw):
    shape = draw(some_shapes())
    codes = draw(array(np.uint8, shape, st.integers(0, 15)))
    scales = draw(array(np.uint8, block_shape(shape, 16), st.integers(0, 126)))
    return (NVFP4(codes, scales, _F(draw(st.floats(2.0**-130, 2.0**127, width=32)))),), {}


CASES["floats_nvfp4_decode"] = Cases(
    floats_nvfp4_decode_sweep, floats_nvfp4_decode_refusals, floats_nvfp4_decode_strategy)
