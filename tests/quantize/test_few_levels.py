"""quantize_binary and quantize_ternary in C: lengths around vectors and leaves, and values past the caches."""

import numpy as np
import pytest
from implementations import NATIVE, needs_native

import refcompress as rc


@needs_native
@pytest.mark.parametrize("kernels", NATIVE)
@pytest.mark.parametrize("length", [*range(1, 10), 31, 32, 33, 63, 64, 65, 71, 127, 128, 129, 135, 136, 264, 520, 1000])
def test_binary_and_ternary_kernels_agree_at_lengths_around_their_vectors(kernels, length):
    """Values of 8, 32 and 64 weights are made at once; 128 weights are a leaf of the tree of sums."""
    w = np.random.default_rng(length).standard_normal((20, length)).astype(np.float32)
    w[:, ::5] = 0.0
    w[:, 2::7] = -0.0
    for options in ({}, {"axis": 0}, {"axis": 1}, {"group": max(1, length // 2)}, {"group": length}):
        for op, more in (("quantize_binary", {}), ("quantize_ternary", {}), ("quantize_ternary", {"threshold": None})):
            expected, got = (getattr(space, op)(w, **options, **more) for space in (rc, kernels))
            for field in ("values", "scale"):
                assert getattr(expected, field).tobytes() == getattr(got, field).tobytes(), (op, options, field)


@needs_native
@pytest.mark.parametrize("kernels", NATIVE)
@pytest.mark.parametrize("options", [{}, {"axis": 0}, {"group": 128}])
def test_values_that_go_past_the_caches_are_the_same(kernels, options):
    """Of 2^18 weights and more: also where they begin on no line, and where a piece of the sums ends within them."""
    w = np.random.default_rng(0).standard_normal((521, 1024)).astype(np.float32)
    for op in ("quantize_binary", "quantize_ternary"):
        for x in (w, w[:-3]):
            expected, got = (getattr(space, op)(x, **options) for space in (rc, kernels))
            assert expected.values.tobytes() == got.values.tobytes()
            assert expected.scale.tobytes() == got.scale.tobytes()
