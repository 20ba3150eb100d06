"""Kernels that are right call by call, and wrong in what they keep, share, change or leave behind."""

import ctypes
import threading
import time
from itertools import chain

import numpy as np
import pytest

from refcompress import agreement, formats, native, reference
from refcompress.errors import RefcompressError
from refcompress.ops import OPS
from refcompress.testing import catalogue, modes, state_threads, states
from refcompress.testing.away import options_of, values_away
from refcompress.testing.families import CASES
from refcompress.testing.here import STATE_INPUTS
from refcompress.testing.sampling import swept, wide


def some(op):
    calls = [case for case in CASES[op].sweep()]
    step = max(1, len(calls) // 16)
    return lambda: iter(calls[step // 2 :: step])


def every(op):
    """Yield all samples, where the suite takes the sweep alone."""
    return chain(swept(op), wide(op))


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


def test_what_a_kernel_prints_is_not_memory_that_it_keeps(tmp_path, monkeypatch):
    def prints(x):
        print(f"x is {x.shape[-1]} wide")
        return reference.nn_softmax(x)
    with open(tmp_path / "out.txt", "w") as stream:  # which keeps what is printed, as a terminal does not
        monkeypatch.setattr("sys.stdout", stream)
        states.memory("nn_softmax", prints, some("nn_softmax"))


@pytest.mark.parametrize("op, name, check", [
    ("gemm_f32f32", "large results from a ring of eight buffers", states.results_kept),
    ("prune_magnitude", "large results from a ring of eight buffers", states.results_kept),
    ("huffman_decode", "all results from a ring of eight buffers", states.results_kept),
    ("gemm_f32f32", "pieces added as threads end", states.same_bits),
    ("gemm_bf16bf16", "pieces added as threads end", states.same_bits),
])
def test_results_of_one_shape_are_kept_apart_and_long_sums_are_the_same_again(op, name, check):
    cases = list(states.long_inputs(op, every(op)))
    with pytest.raises(agreement.Disagreement, match="share memory|changed when|differs from the first"):
        check(op, catalogue.kernel(op, name).function, lambda: iter(cases))
    check(op, getattr(reference, op), lambda: iter(cases))
    check(op, getattr(native, op), lambda: iter(cases))


def test_of_the_long_calls_of_all_threads_one_is_as_long_as_the_operation_allows():
    def slow(x):
        end = time.process_time() + 2e-6 * x.size
        while time.process_time() < end:
            pass
        return x
    x, = state_threads.longer("nn_softmax", slow, [((np.ones((4, 8), np.float32),), {})])[0]
    assert x.shape[1] == 8 and x.shape[0] in (512, 1024)  # 8 and 16 ms
    assert state_threads.longer("nn_softmax", slow, []) is None


def test_sums_in_c_that_all_threads_share_are_found_though_no_short_call_is_interrupted(monkeypatch):
    wrong = catalogue.kernel("gemm_s8s8", "static sums for all threads").function
    monkeypatch.setattr(state_threads, "SECONDS", 0)  # of short calls, in which they show by luck
    with pytest.raises(agreement.Disagreement, match="while 4 threads"):
        states.threads_at_once("gemm_s8s8", wrong, some("gemm_s8s8"))


@pytest.mark.parametrize("op", [op for op in OPS if options_of(op)])
def test_each_option_is_away_from_its_default_among_the_inputs_of_state_and_in_every_layout(op):
    given = list(states.inputs(op, every(op)))
    for cases in (given[:STATE_INPUTS], list(wide(op))):
        assert {name for case in cases for name, _ in values_away(op, case)} == options_of(op).keys()


@pytest.mark.parametrize("op", ["gemm_s8s8", "nn_layer_norm", "prune_select"])
def test_an_operand_that_is_changed_where_an_option_is_given_is_found(op):
    cases = list(states.inputs(op, every(op)))[:STATE_INPUTS]
    wrong = catalogue.kernel(op, "works on its operand where an option is given").function
    with pytest.raises(agreement.Disagreement, match="while 4 threads"):
        for _ in range(20):
            states.threads_at_once(op, wrong, lambda: iter(cases))


@pytest.mark.parametrize("op", ["huffman_decode", "gemm_f32f32", "prune_score_wanda"])
def test_what_a_refusal_leaves_is_found_where_the_function_refuses_as_the_reference_does(op):
    cases = list(states.inputs(op, every(op)))[:9]
    wrong = catalogue.kernel(op, "what a refusal leaves").function
    with pytest.raises(agreement.Disagreement, match="after a call that was refused"):
        states.after_refusals(op, wrong, lambda: iter(cases))

    def refuses_nothing(*args, **kwargs):
        try:
            return wrong(*args, **kwargs)
        except RefcompressError:
            return None

    for right in (getattr(reference, op), getattr(native, op), refuses_nothing):
        states.after_refusals(op, right, lambda: iter(cases))


def test_bits_that_differ_within_the_bound_are_noticed_in_threads():
    alone = threading.get_ident()

    def gemm_f32f32(x, w, **kwargs):
        y = reference.gemm_f32f32(x, w, **kwargs)
        return y if threading.get_ident() == alone else np.nextafter(y, np.float32(9e9))

    x, w = np.random.default_rng(1).standard_normal((2, 3, 40)).astype(np.float32)
    with pytest.raises(agreement.Disagreement, match="the bits are others than before"):
        states.threads_at_once("gemm_f32f32", gemm_f32f32, lambda: iter([((x, w), {})]))


def slow_rows(a):
    """Takes half a millisecond of the processor for each row."""
    end = time.process_time() + a.shape[0] * 5e-4
    while time.process_time() < end:
        pass
    return reference.csr_to_dense(a)


def test_formats_are_made_longer_by_their_rows():
    w = np.float32(np.random.default_rng(3).integers(-3, 4, (6, 40)))
    for format_ in (reference.csr_from_dense(w), reference.floats_mx_encode(w, "mxint8"),
                    reference.quantize_s8(w, axis=0),
                    reference.quantize_pack(reference.quantize_s8(w, bits=4, group=8))):
        longer = state_threads._twice(format_)
        assert type(longer) is type(format_)
        agreement.exactly(np.concatenate([format_.dense()] * 2), longer.dense())
    found, = state_threads.longer("csr_to_dense", slow_rows, [((reference.csr_from_dense(w),), {})])[0]
    assert found.shape[0] >= 12 and found.shape[1] == 40


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



def test_a_sum_of_two_formats_is_made_longer_in_both_and_what_does_not_grow_is_not_tried_again():
    rng = np.random.default_rng(3)
    low = formats.LowRank(*(rng.standard_normal(shape, dtype=np.float32) for shape in ((6, 2), (2,), (2, 5))))
    a = formats.LowRankSparse(low, reference.csr_from_dense(np.eye(6, 5, dtype=np.float32)))
    x = rng.standard_normal((5, 3), dtype=np.float32)
    (longer, _), _ = next(state_threads._repeated("lowrank_sparse_matmul", ((a, x), {})))
    assert longer.shape == (12, 5) and longer.low.shape == longer.sparse.shape == (12, 5)
