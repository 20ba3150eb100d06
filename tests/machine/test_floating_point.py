"""What others do to the floating-point unit changes no bit of a native result: rounding modes, subnormals that
become zeros."""

import itertools
import threading

import numpy as np
import pytest
from floating_point_modes import DEFAULT, mode, modes, signature
from implementations import NATIVE, need_native

from refcompress import formats, reference, testing
from refcompress.agreement import exactly
from refcompress.errors import RefcompressError
from refcompress.ops import OPS

native = need_native()

from refcompress.native import threads  # noqa: E402

F = np.float32
MODES = modes()
EACH_MODE = pytest.mark.parametrize("name", MODES or [pytest.param("none", marks=pytest.mark.skip(
    reason="this platform has no rounding mode and no flush to zero that a test can set"))])
OPERATIONS = [op for op in OPS if hasattr(native, op)]


def functions(op):
    """Return the operation's functions, each once."""
    return list(dict.fromkeys(getattr(space, op) for space in NATIVE if hasattr(space, op)))


def in_mode(name, function, args, kwargs):
    """Return what a call in this mode gives, and the mode that it leaves."""
    with mode(name):
        got = function(*args, **kwargs)
        return got, signature()


@EACH_MODE
@pytest.mark.parametrize("op", OPERATIONS)
def test_no_mode_changes_a_bit_of_a_native_result_and_each_is_set_again_afterwards(op, name):
    with mode(name):
        theirs = signature()
    for function in functions(op):
        # a prime step: all kinds of input in turn
        for args, kwargs in itertools.islice(testing.samples(op), 0, None, 47):
            expected = function(*args, **kwargs)
            got, left = in_mode(name, function, args, kwargs)
            exactly(expected, got, args, kwargs)
            assert left == theirs
    assert signature() == DEFAULT


@EACH_MODE
def test_prepared_calls_and_kernels_by_address_keep_their_bits_too(name):
    x = F([[1 / 3, 2.0**-140, 1e-38], [0.7, -1.1, 3.3]])
    table = native._call.lib.rc_kernels_at(0)
    for op, args in (
        ("csr_matmul", (reference.csr_from_dense(x.T.copy()), x)),
        ("gemm_f32s8", (x, reference.quantize_s8(x))),
        ("gemm_f32f32", (x, x)),
    ):
        function, own = getattr(native, op), native.wrap(op, getattr(table, op))
        expected = function(*args)
        exactly(expected, in_mode(name, own, args, {})[0])
        if hasattr(function, "prepare"):
            again = function.prepare(*args)
            exactly(expected, in_mode(name, again, (), {})[0])
            assert signature() == DEFAULT


@EACH_MODE
def test_what_is_prepared_or_decoded_in_another_mode_has_the_same_bits(name):
    rng = np.random.default_rng(3)
    x, x_scale = rng.integers(-128, 128, (2, 40)).astype(np.int8), F([1 / 3, 0.7])
    codes = rng.integers(0, 16, (3, 40)).astype(np.uint8)
    shared = formats.Shared(codes, rng.standard_normal((3, 5, 16), dtype=F), 8)
    expected = native.gemm_s8lut4(x, x_scale, shared)
    with mode(name):
        ready, again = native.prepare(shared, "gemm_s8lut4"), native.gemm_s8lut4.prepare(x, x_scale, shared)
    exactly(expected, native.gemm_s8lut4(x, x_scale, ready))
    exactly(expected, again())
    wide, columns = reference.quantize_s16(rng.standard_normal((3, 40), dtype=F)), x.T.astype(F)
    got = in_mode(name, native.matmul, (wide, columns), {"decode": True})[0]
    exactly(native.matmul(wide, columns, decode=True), got)


@EACH_MODE
def test_a_refusal_leaves_the_mode_as_it_found_it(name):
    with mode(name):
        theirs = signature()
        for function, args in ((native.quantize_s8, (F([1, np.nan]),)), (native.gemm_f32f32, (F([[1]]), F([[1, 2]]))),
                               (native.csr_matmul, (None, None))):
            with pytest.raises(RefcompressError):
                function(*args)
            assert signature() == theirs


@EACH_MODE
@pytest.mark.parametrize(
    "op", ["quantize_s8", "dequantize_s8", "floats_encode", "csr_matmul", "gemm_f32s8", "gemm_f32f32", "share_kmeans"]
)
def test_a_mode_that_was_left_in_a_thread_of_the_pool_changes_no_bit(op, name, monkeypatch):
    """The pool's threads last, and what another library calls there may leave its mode."""
    rng = np.random.default_rng(1)
    x = (rng.standard_normal((256, 256)) * 2.0 ** rng.integers(-149, -120, (256, 1))).astype(F)
    fine = rng.standard_normal((256, 256), dtype=F)
    scale = np.full((256, 1), 1 / 3, F)
    args, kwargs = {
        "quantize_s8": ((x,), {"axis": 0}),
        "dequantize_s8": (
            (
                formats.Quantized(
                    rng.integers(-128, 128, x.shape).astype(np.int8), scale, np.zeros_like(scale, np.int8)
                ),
            ),
            {},
        ),
        "floats_encode": ((fine, "bfloat16"), {}),
        "csr_matmul": ((reference.csr_from_dense(fine), fine), {}),
        "gemm_f32s8": ((fine, reference.quantize_s8(fine, axis=0)), {}),
        "gemm_f32f32": ((fine, fine), {}),
        "share_kmeans": ((fine,), {"bits": 4, "iterations": 2}),
    }[op]
    function, before, theirs = getattr(native, op), threads.get(), mode(name)
    expected = function(*args, **kwargs)
    monkeypatch.setattr(threads, "SERIAL_SECONDS", 0)
    try:
        threads.set(2)
        threads._get_pool().submit(theirs.__enter__).result()  # one thread besides this one: it keeps the mode
        assert threads._get_pool().submit(signature).result() != DEFAULT
        for _ in range(8):  # either thread may take the chunks
            exactly(expected, function(*args, **kwargs))
    finally:
        threads._get_pool().submit(theirs.__exit__, None, None, None).result()
        threads.set(before)


def test_other_threads_keep_their_modes():
    if not MODES:
        pytest.skip("this platform has no rounding mode and no flush to zero that a test can set")
    seen, ready, done = [], threading.Event(), threading.Event()

    def other():
        with mode(MODES[0]):
            ready.set()
            done.wait(10)
            seen.append(signature() != DEFAULT)

    thread = threading.Thread(target=other)
    thread.start()
    ready.wait(10)
    native.gemm_f32f32(np.ones((300, 300), F), np.ones((300, 300), F))
    done.set()
    thread.join()
    assert seen == [True] and signature() == DEFAULT
