"""What only meets together: each of these kernels is right on every sweep, and found by the edges of its operation."""

import numpy as np
import pytest

from refcompress import reference
from refcompress.agreement import Disagreement
from refcompress.errors import CorruptError, RefcompressError
from refcompress.ops import OPS
from refcompress.testing import states
from refcompress.testing.catalogue import KERNELS
from refcompress.testing.catalogue.axes import KERNELS as AXES
from refcompress.testing.catalogue.sums import KERNELS as SUMS
from refcompress.testing.catalogue.together import KERNELS as TOGETHER
from refcompress.testing.edges import EDGES, together
from refcompress.testing.families import CASES
from refcompress.testing.sampling import wide

OF_CODERS, OF_QUANTIZE = "planes_encode", "dequantize_bias_s32"


def in_place_and_back(x, w, *, x_zero_point=0):
    """The operand is its own scratch memory. After the call it is as before, but not for a thread meanwhile."""
    x -= np.int8(x_zero_point)
    try:
        return reference.gemm_s8s8(x, w)
    finally:
        x += np.int8(x_zero_point)


def _found_by(function, op) -> list[int]:
    """Return the numbers of the calls of ``together`` on which a function disagrees."""
    found = []
    for number, (args, kwargs) in enumerate(call for calls in together.EDGES[op] for call in calls()):
        try:
            OPS[op].rule(getattr(reference, op)(*args, **kwargs), function(*args, **kwargs), args, kwargs)
        except Disagreement:
            found.append(number)
    return found


@pytest.mark.parametrize("one", [k for k in TOGETHER if k.kind != "refusal"
                                 and k.op not in (OF_CODERS, OF_QUANTIZE)], ids=lambda k: f"{k.op}-{k.name}")
def test_the_edges_of_what_meets_find_the_kernel_and_pass_the_reference(one):
    assert _found_by(one.function, one.op)
    assert not _found_by(getattr(reference, one.op), one.op)


def test_an_operand_that_is_changed_and_put_back_is_found_where_threads_share_it():
    x, w = np.full((8, 40), 5, np.int8), np.ones((3, 40), np.int8)
    with pytest.raises(Disagreement, match="while 4 threads called it at once"):
        for _ in range(20):
            states.threads_at_once("gemm_s8s8", in_place_and_back, lambda: iter([((x, w), {"x_zero_point": 3})] * 3))
    states.threads_at_once("gemm_s8s8", reference.gemm_s8s8, lambda: iter([((x, w), {"x_zero_point": 3})] * 3))


@pytest.mark.parametrize("one", SUMS, ids=lambda k: f"{k.op}-{k.name}")
def test_sums_in_another_order_and_caps_of_another_number_are_found_by_the_edges_alone(one):
    def wrong(function):
        try:
            OPS[one.op].rule(getattr(reference, one.op)(*args, **kwargs), function(*args, **kwargs), args, kwargs)
        except (Disagreement, CorruptError):
            return True
        return False

    found = 0
    for args, kwargs in (call for calls in EDGES[one.op] for call in calls()):
        found += wrong(one.function)
        if found:
            break
    assert found and not wrong(getattr(reference, one.op))


@pytest.mark.parametrize("one", [k for k in AXES if k.kind not in ("state", "refusal")],
                         ids=lambda k: f"{k.op}-{k.name}")
def test_other_numbers_of_axes_and_axes_of_one_length_find_the_kernel(one):
    found = 0
    for args, kwargs in wide(one.op):
        if found:
            break
        with np.errstate(all="ignore"):
            expected = getattr(reference, one.op)(*args, **kwargs)
            try:
                OPS[one.op].rule(expected, one.function(*args, **kwargs), args, kwargs)
            except Disagreement:
                found += 1
    assert found


def test_bytes_of_a_larger_alphabet_are_among_the_refusals_of_a_decoder():
    wrong = next(k for k in AXES if k.kind == "refusal")
    let_in = 0
    for args, kwargs in CASES[wrong.op].refusals():
        try:
            wrong.function(*args, **kwargs)
            let_in += 1
        except (RefcompressError, TypeError):
            pass
    assert let_in > 1


def test_each_kernel_of_the_class_stands_in_the_catalogue():
    assert set(TOGETHER) | set(SUMS) | set(AXES) <= set(KERNELS)
