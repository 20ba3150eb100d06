"""What clauses settle in a few words: kernels that are wrong by them are caught, and what they leave free passes."""

import sys

import numpy as np
import pytest

from refcompress import reference, testing
from refcompress.agreement import Disagreement
from refcompress.testing.catalogue import stated

samples_module = sys.modules["refcompress.testing.samples"]
WRONG = [pytest.param(k, id=f"{k.op}: {k.name}") for k in stated.KERNELS if k.wrong]
RIGHT = [pytest.param(k, id=f"{k.op}: {k.name}") for k in stated.KERNELS if not k.wrong]


@pytest.mark.parametrize("kernel", WRONG)
def test_the_fixed_inputs_catch_what_a_clause_forbids(kernel, monkeypatch):
    monkeypatch.setattr(samples_module, "PARTS", [samples_module.swept, samples_module.wide])
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
