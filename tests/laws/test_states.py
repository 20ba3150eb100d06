"""Kernels that are right call by call, and wrong in what they keep, share, change or leave behind."""

import ctypes
import time

import numpy as np
import pytest

from refcompress import agreement, native, reference
from refcompress.testing import catalogue, modes, states
from refcompress.testing.families import CASES


def some(op):
    calls = [case for case in CASES[op].sweep()]
    step = max(1, len(calls) // 16)
    return lambda: iter(calls[step // 2 :: step])


def kept_by_address():
    """Return a product that keeps its results by the addresses of the operands."""
    results: dict[tuple, np.ndarray] = {}

    def gemm_f32f32(x, w, **kwargs):
        place = x.ctypes.data, w.ctypes.data, x.shape, w.shape
        return results.setdefault(place, reference.gemm_f32f32(x, w, **kwargs)).copy()
    return gemm_f32f32


def kept_by_format():
    """Return a product that keeps the dense matrix of a format by its identity."""
    dense: dict[int, np.ndarray] = {}

    def gemm_f32s8(x, w):
        a = dense.setdefault(id(w), w.dense())
        return reference.gemm_f32f32(x, a if a.shape == w.shape else w.dense())
    return gemm_f32s8


def one_buffer():
    """Return a sum that works in memory which all calls share."""
    memory = np.empty(2**16)

    def nn_softmax(x):
        part = memory[: x.size]
        part[...] = x.reshape(-1)
        time.sleep(1e-5)  # as a kernel does that lets other threads run
        return reference.nn_softmax(part.astype(np.float32).reshape(x.shape))
    return nn_softmax


def rounds_down(x):
    y = reference.nn_softmax(x)
    ctypes.CDLL(None).fesetround(0x400)
    return y


def holds_all():
    """Return a function that never lets go of what it made."""
    held = []

    def nn_softmax(x):
        held.append(reference.nn_softmax(x))
        return held[-1].copy()
    return nn_softmax


def read_only(x, **kwargs):
    x.flags.writeable = False
    return reference.quantize_s8(x, **kwargs)


@pytest.mark.parametrize("op, wrong, check", [
    ("gemm_f32f32", kept_by_address(), states.operands_in_place),
    ("gemm_f32s8", kept_by_format(), states.formats_in_place),
    ("nn_softmax", one_buffer(), states.threads_at_once),
    ("nn_softmax", holds_all(), states.memory),
    ("quantize_s8", read_only, states.operands_in_place),
])
def test_what_a_kernel_keeps_is_found(op, wrong, check):
    with pytest.raises(agreement.Disagreement):
        check(op, wrong, some(op))


def test_a_rounding_that_is_left_changed_is_found():
    library = ctypes.CDLL(None)
    if not hasattr(library, "fesetround"):
        pytest.skip("the C library of this system does not set how sums are rounded")
    mode = library.fegetround()
    try:
        with pytest.raises(agreement.Disagreement, match="floating-point"):
            states.floating_point_mode("nn_softmax", rounds_down, some("nn_softmax"))
    finally:
        library.fesetround(mode)


@pytest.mark.skipif(not modes._IN_FENV, reason="where fenv_t has the mode of the vector unit is not known here")
def test_a_mode_of_the_vector_unit_alone_that_is_left_is_noticed_after_operations_on_bytes():
    kernel = catalogue.kernel("planes_join", "rounding toward zero left behind")
    with pytest.raises(agreement.Disagreement, match="floating-point"):
        states.floating_point_mode("planes_join", kernel.function, some("planes_join"))
    assert modes.mode()[0][2:] == (1, 1, -1, 2.0**-1023, 5e-324)  # it was set back


@pytest.mark.parametrize("op", ["gemm_f32s8", "quantize_s8", "nn_softmax"])
def test_a_right_kernel_keeps_and_leaves_nothing(op):
    for check in states.CHECKS:
        check(op, getattr(reference, op), some(op))
        if hasattr(native, op):
            check(op, getattr(native, op), some(op))

