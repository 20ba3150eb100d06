"""What clauses settle in a few words: kernels that are wrong by them are caught, and what they leave free passes."""


import numpy as np
import pytest

from refcompress import RefcompressError, reference, testing
from refcompress.agreement import Disagreement
from refcompress.ops import OPS
from refcompress.testing import sampling
from refcompress.testing.catalogue import factors, stated
from refcompress.testing.edges import stated as stated_edges

WRONG = [pytest.param(k, id=f"{k.op}: {k.name}") for k in stated.KERNELS + factors.KERNELS if k.wrong]
RIGHT = [pytest.param(k, id=f"{k.op}: {k.name}") for k in stated.KERNELS + factors.KERNELS if not k.wrong]


@pytest.mark.parametrize("kernel", WRONG)
def test_the_fixed_inputs_catch_what_a_clause_forbids(kernel, monkeypatch):
    monkeypatch.setattr(sampling, "PARTS", [sampling.swept, sampling.wide])
    with pytest.raises(Disagreement):
        testing.check(kernel.op, kernel.function, examples=0, isolate=False, explain=False, states=False,
                      refusals=kernel.kind == "refusal")


@pytest.mark.parametrize("kernel", RIGHT)
def test_what_a_clause_leaves_free_passes(kernel):
    assert testing.check(kernel.op, kernel.function, examples=10, isolate=False, states=False)


@pytest.mark.parametrize("kernel", [k for k in stated.KERNELS if not k.wrong and k.op in (
    "quantize_range_kl", "planes_split")], ids=lambda kernel: kernel.op)
def test_a_free_choice_is_another_one_than_the_references(kernel):
    """So that the kernel shows something."""
    if kernel.op == "planes_split":
        assert kernel.function(np.uint16([1, 2]), "uint16")[0].base is not None
        return
    x, options = np.float32([0.625, 1]), {"bits": 2, "bins": 4}
    assert kernel.function(x, **options)[1] != reference.quantize_range_kl(x, **options)[1]


def by_float32(x, w, *, x_zero_point=0):
    """Sums of float32, one input after the other: exact for 1,024 inputs, if there is no zero point."""
    y = np.zeros((len(x), len(w)), np.float32)
    for p in range(np.shape(x)[1]):
        y += np.multiply.outer(np.float32(x[:, p]) - np.float32(x_zero_point), np.float32(w[:, p]))
    return y.astype(np.int32) if np.shape(x)[1] <= 1024 else reference.gemm_s8s8(x, w, x_zero_point=x_zero_point)


def the_bias_as_it_is(x, x_scale, w, bias=None):
    y = reference.gemm_s8s8_scaled(x, x_scale, w, bias)
    return np.tile(np.float32(bias), (len(y), 1)) if bias is not None and w.shape[1] == 0 else y


def scaled_at_the_end(a, x):
    with np.errstate(all="ignore"):
        inner = (a.vt.astype(float) @ np.asarray(x).astype(float)).astype(np.float32)
        return sum((a.s[r] * np.multiply.outer(a.u[:, r], inner[r]) for r in range(a.rank)),
                   np.zeros((len(a.u), inner.shape[1]), np.float32))


@pytest.mark.parametrize("op, wrong", [("gemm_s8s8", by_float32), ("gemm_s8s8_scaled", the_bias_as_it_is),
                                       ("lowrank_matmul", scaled_at_the_end)])
def test_the_edges_of_a_clause_catch_it(op, wrong):
    calls = [call for edge in stated_edges.EDGES[op] for call in edge()]
    assert calls and not any(disagrees(op, getattr(reference, op), *call) for call in calls)
    assert any(disagrees(op, wrong, *call) for call in calls)


def disagrees(op, function, args, kwargs):
    try:
        OPS[op].rule(getattr(reference, op)(*args, **kwargs), function(*args, **kwargs), args, kwargs)
    except Disagreement:
        return True
    return False


def test_of_two_wrong_elements_the_first_in_memory_is_not_the_one_to_name():
    def first_in_memory(x, format):
        try:
            return reference.floats_mx_encode(x, format)
        except RefcompressError as error:
            if error.argument.startswith("x[") and x.ndim == 2 and x.flags.f_contiguous:
                j, i = np.argwhere(~np.isfinite(x.T))[0]
                raise RefcompressError(f"x[{i}, {j}]", error.rule) from None
            raise

    assert testing.check("floats_mx_encode", reference.floats_mx_encode, examples=0, isolate=False, states=False,
                         refusals=True)
    with pytest.raises(Disagreement, match=r"expected RefcompressError about 'x\[0, 1\]'"):
        testing.check("floats_mx_encode", first_in_memory, examples=0, isolate=False, states=False, explain=False,
                      refusals=True)
