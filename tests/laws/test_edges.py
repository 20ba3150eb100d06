"""What goes beyond the sweeps: variants of their calls, long lengths, each option at its edges, values beside ties."""

from itertools import islice

import numpy as np
import pytest
from implementations import native

from refcompress import reference
from refcompress.agreement import Disagreement, NoBound
from refcompress.ops import OPS
from refcompress.testing import arrays_of, samples
from refcompress.testing.edges import EDGES
from refcompress.testing.families import CASES
from refcompress.testing.layouts import ONE_AXIS
from refcompress.testing.sampling import wide
from refcompress.testing.single import STRIDES, single
from refcompress.testing.variants import FORMS, KINDS, scalars, variants

MOST = 100_000  # numbers of a call that a test takes: the longer ones are for make verdict


@pytest.mark.parametrize("op", OPS)
def test_implementations_agree_beyond_the_sweep(op):
    function = getattr(native, op, None) or getattr(reference, op)
    for i, (args, kwargs) in enumerate(wide(op)):
        if i % 12 == 5 and sum(a.size for a in arrays_of((args, kwargs))) < MOST:
            with np.errstate(all="ignore"):
                expected, got = getattr(reference, op)(*args, **kwargs), function(*args, **kwargs)
            try:
                OPS[op].rule(expected, got, args, kwargs)
            except NoBound:
                pass


def test_all_operations_have_edges():
    assert set(EDGES) == set(OPS)


def test_operands_are_alike_small_and_half_zero_and_options_are_scalars():
    found = {kind.__name__ for kind in (*KINDS, *FORMS)}
    assert found == {"without_options", "rows_alike", "columns_alike", "scalars", "half_zeros", "small",
                     "one_in_fortran_order", "same_object", "sequences"}
    (x,), kwargs = next(scalars((np.ones(3, np.float32),), {"bits": 8}, 0))
    assert type(kwargs["bits"]) is np.uint8 and kwargs["bits"] == 8
    seen = [args for args, _ in islice(wide("gemm_f32f32"), 60)]
    assert any(0 in a.strides for args in seen for a in args if a.size > 1)
    assert any(np.isinf(a).any() for args in seen for a in args)


# Axes that no call has at one element: a codebook of as many, whole blocks, a table of 256, what broadcasts.
NEVER_ONE = {("share_kmeans", 0, 0, 2), ("share_kmeans", 0, 1, 2), ("share_optimal", 0, 0, 2),
             ("share_optimal", 0, 1, 2), ("quantize_gptq", "scale", 0, 2), ("quantize_gptq", "scale", 1, 2),
             ("ggml_encode", 0, 0, 1), ("ggml_encode", 0, 1, 2), ("ggml_encode", 0, 2, 3), ("nn_add_s8", 1, 3, 4),
             ("nn_add_s8", 1, 0, 2), ("nn_multiply_s8", 1, 3, 4), ("nn_multiply_s8", 1, 0, 2),
             ("nn_lookup_s8", 1, 0, 1), ("nn_softmax", 0, 2, 3)}


@pytest.mark.parametrize("op", OPS)
def test_each_axis_of_each_array_has_one_element_with_every_stride(op):
    arrays, found = set(), {}
    for args, kwargs in CASES[op].sweep():
        for name, a in (*enumerate(args), *kwargs.items()):
            if isinstance(a, np.ndarray):
                arrays |= {(op, name, axis, a.ndim) for axis in range(a.ndim)}
    for args, kwargs in single(op, list(CASES[op].sweep())):
        for name, a in (*enumerate(args), *kwargs.items()):
            for axis in range(a.ndim) if isinstance(a, np.ndarray) else ():
                if a.shape[axis] == 1:
                    found.setdefault((op, name, axis, a.ndim), set()).add(a.strides[axis] // a.itemsize)
    assert set(found) | {key for key in NEVER_ONE if key[0] == op} >= arrays
    for key in arrays - NEVER_ONE:
        assert set(STRIDES) <= found[key], key


@pytest.mark.parametrize("op", ["nn_depthwise_s8", "nn_depthwise_f32", "nn_average_pool", "nn_average_pool_s8",
                                "nn_max_pool", "nn_patches", "prune_select"])
def test_every_option_of_several_numbers_comes_in_lists_arrays_and_numbers_of_numpy_too(op):
    forms = {}
    for _, kwargs in variants(op, CASES[op].sweep):
        for name, value in kwargs.items():
            if isinstance(value, (tuple, list, np.ndarray)):
                kind = value.dtype.name if isinstance(value, np.ndarray) else type(value).__name__
                forms.setdefault(name, set()).add(f"{kind} of numpy" if isinstance(value[0], np.generic) and
                                                  not isinstance(value, np.ndarray) else kind)
    assert forms
    for name, found in forms.items():
        assert {"tuple", "list", "tuple of numpy", "int64", "uint8"} <= found, (name, found)


def test_infinities_stand_in_windows_and_behind_them():
    found = [x for (x, _), _ in wide("nn_average_pool") if np.isinf(x).any()]
    assert len(found) > 50 and any(np.isposinf(x).any() and np.isneginf(x).any() for x in found)


@pytest.mark.parametrize("op, at", [("prune_score_movement", 0), ("prune_score_movement", 1), ("gemm_s8s8_scaled", 3),
                                    ("sparse_s8s8", 3), ("quantize_bias_s32", 0), ("nn_depthwise_f32", 2)])
def test_subnormal_operands_are_not_zeros_of_their_sign_at_lengths_of_vectors_too(op, at):
    wrong = 0
    for args, kwargs in wide(op):
        if len(args) > at and args[at] is not None and 31 < args[at].size < MOST:
            small = np.abs(args[at]) < np.finfo(np.float32).tiny
            flushed = np.where(small, np.copysign(0, args[at]), args[at]).astype(args[at].dtype)
            with np.errstate(all="ignore"):
                expected = getattr(reference, op)(*args, **kwargs)
                got = getattr(reference, op)(*args[:at], flushed, *args[at + 1 :], **kwargs)
            try:
                OPS[op].rule(expected, got, args, kwargs)
            except Disagreement:
                wrong += 1
    assert wrong > 1


@pytest.mark.parametrize("layout", ONE_AXIS, ids=lambda layout: layout.__name__)
def test_a_layout_with_one_odd_axis_is_no_plain_one(layout):
    a = np.arange(15, dtype=np.float32).reshape(1, 3, 5)
    if layout.__name__ == "repeated":
        a = np.repeat(a[:, :1], 3, axis=1)
    assert layout(a).strides != np.ascontiguousarray(a).strides and np.array_equal(layout(a), a)


def _wrong_beyond(length):
    """Return a product that drops to the 8 bits of bfloat16 from some length on."""
    def gemm_f32f32(x, w, transposed=False):
        x = np.ascontiguousarray(x, np.float32)
        if x.shape[1] > length:
            x = (x.view(np.uint32) & np.uint32(0xFFFF0000)).view(np.float32)
        return reference.gemm_f32f32(x, w, transposed=transposed)
    return gemm_f32f32


def _reciprocal(x, **kwargs):
    q = reference.quantize_s8(x, **kwargs)
    steps = np.rint(x * (np.float32(1) / q.expand(q.scale))) + q.expand(q.zero_point)
    low = -(2 ** (int(kwargs.get("bits", 8)) - 1)) + (kwargs.get("scheme", "symmetric") == "symmetric")
    values = np.clip(steps, low, 2 ** (int(kwargs.get("bits", 8)) - 1) - 1).astype(np.int8)
    return type(q)(values, q.scale, q.zero_point, q.group)


def _looks_at_one_stride(x):
    """A softmax that takes rows for whole when the last stride is that of a number."""
    if x.strides[-1] == x.itemsize and x.ndim == 2 and x.size:
        flat = np.lib.stride_tricks.as_strided(x, (x.size,), (x.itemsize,)) if x.strides[0] > 0 else x.reshape(-1)
        return reference.nn_softmax(np.array(flat).reshape(x.shape))
    return reference.nn_softmax(x)


@pytest.mark.parametrize("op, function", [
    ("gemm_f32f32", _wrong_beyond(2000)), ("quantize_s8", _reciprocal), ("nn_softmax", _looks_at_one_stride),
])
def test_what_the_sweeps_passed_is_found(op, function):
    def disagrees(args, kwargs):
        try:
            with np.errstate(all="ignore"):
                OPS[op].rule(getattr(reference, op)(*args, **kwargs), function(*args, **kwargs), args, kwargs)
        except NoBound:
            return False
        except Disagreement:
            return True
        return False

    calls = samples(op) if function is _looks_at_one_stride else wide(op)
    assert any(disagrees(*call) for call in calls)
