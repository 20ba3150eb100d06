"""What an elementwise operation takes beside its input and its result: what its docstring says of the reference, and at
most 1/8 of the input in C."""

import re
import tracemalloc

import numpy as np
import pytest
from implementations import NATIVE

from refcompress import reference
from refcompress.formats import FLOATS, GGML_TYPES, MX_ELEMENTS, Quantized
from refcompress.reference.ggml.blocks import ENCODERS

F = np.float32
RNG = np.random.default_rng(0)
X = RNG.standard_normal((384, 512), dtype=F)
SUMS = RNG.integers(-(2**20), 2**20, X.shape, np.int32)
EACH = np.full((1, X.shape[1]), 2**30, np.int32), np.full((1, X.shape[1]), 12, np.int32)
FIXED = 8192  # Python's objects, and what a part of the work takes whatever the size


def few(bits: int) -> Quantized:
    values = RNG.integers(-(2 ** (bits - 1)), 2 ** (bits - 1), X.shape, np.int8)
    return Quantized(values | 1 if bits == 1 else values, np.ones((len(X), 1), F), np.zeros((len(X), 1), np.int8))


SHARED = [{}, {"axis": 0}, {"axis": 1}, {"group": 32}, {"axis": 0, "scheme": "affine"}]
PACKED = [(few(bits), bits) for bits in (1, 3, 4, 7)]
CALLS = {
    "quantize_s8": [((X,), options) for options in SHARED],
    "dequantize_s8": [((reference.quantize_s8(X, **options),), {}) for options in SHARED],
    "quantize_s16": [((X,), options) for options in SHARED],
    "dequantize_s16": [((reference.quantize_s16(X, **options),), {}) for options in SHARED],
    "quantize_pack": [((q,), {"bits": bits}) for q, bits in PACKED],
    "quantize_unpack": [((reference.quantize_pack(q, bits=bits),), {}) for q, bits in PACKED],
    "requantize_s32": [((SUMS, *factors), {"rounding": rounding, "bits": bits}) for factors in ((2**30, 12), EACH)
                       for rounding in ("half_even", "half_away", "gemmlowp") for bits in (8, 16)],
    "quantize_bias_s32": [((X.reshape(-1), 0.5, 0.25), {})],
    "dequantize_bias_s32": [((SUMS.reshape(-1), 0.5, 0.25), {})],
    "quantize_binary": [((X,), options) for options in SHARED[:4]],
    "quantize_ternary": [((X,), options) for options in SHARED[:4]],
    "floats_encode": [((X, name), {"overflow": overflow}) for name in FLOATS for overflow in ("saturate", "format")],
    "floats_decode": [((reference.floats_encode(X, name), name), {}) for name in FLOATS],
    "floats_mx_encode": [((X, name), {}) for name in MX_ELEMENTS],
    "floats_mx_decode": [((reference.floats_mx_encode(X, name),), {}) for name in MX_ELEMENTS],
    "floats_nf4_encode": [((X,), {"block": block}) for block in (32, 64, 100)],
    "floats_nf4_decode": [((reference.floats_nf4_encode(X, block=block),), {}) for block in (32, 64, 100)],
    "floats_nvfp4_encode": [((X,), {})],
    "floats_nvfp4_decode": [((reference.floats_nvfp4_encode(X),), {})],
    "ggml_encode": [((X, name), {}) for name in ENCODERS],
    "ggml_decode": [((reference.ggml_encode(X, name),), {}) for name in ENCODERS],
}
assert set(ENCODERS) <= set(GGML_TYPES)


def held(value) -> int:
    """Return the bytes of the arrays of an argument or of a result."""
    return sum(map(held, value)) if isinstance(value, tuple) else getattr(value, "nbytes", 0)


def beside(function, args, kwargs) -> float:
    """Return the peak of a call's memory less its result, over the bytes of its input."""
    function(*args, **kwargs)  # what is kept once is not a call's
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        result = function(*args, **kwargs)
        peak = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    return (peak - held(result) - FIXED) / held(args)


def stated(op: str) -> float:
    """Return how many times its input an operation's docstring says that the reference takes."""
    text = " ".join(getattr(reference, op).__doc__.split())
    said = re.search(r"beside the result (?:(\d+) times|1/(\d+) of) the input's memory", text)
    assert said, "its docstring says nothing of memory"
    return float(said[1]) if said[1] else 1 / float(said[2])


@pytest.mark.parametrize("op", CALLS)
def test_the_reference_takes_what_its_docstring_says(op):
    taken = max(beside(getattr(reference, op), args, kwargs) for args, kwargs in CALLS[op])
    assert stated(op) / 2 <= taken <= stated(op), f"{taken:.2f} times the input"


@pytest.mark.parametrize("op", [op for op in CALLS if NATIVE and hasattr(NATIVE[0], op)])
def test_the_native_form_takes_at_most_an_eighth_of_its_input_beside_the_result(op):
    assert "in C 1/8 of it" in " ".join(getattr(reference, op).__doc__.split())
    for space in NATIVE:
        taken = max(beside(getattr(space, op), args, kwargs) for args, kwargs in CALLS[op])
        assert taken <= 1 / 8, f"{space.__name__}: {taken:.2f} times the input"
