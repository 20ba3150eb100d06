"""Our own files: every scheme of compress is made again from the source, and one altered number is counted."""

from dataclasses import replace

import numpy as np
import pytest

from refcompress import container, models, native
from refcompress.audit.derive import EXACT, NOT_DERIVED, derive
from refcompress.audit.report.file_facts import facts
from refcompress.checkpoints import Recipe, Rule, compress
from refcompress.checkpoints.schemes import SCHEMES
from refcompress.formats import CSR, LowRank, Mixed
from refcompress.models import safetensors

F = np.float32
OPTIONS = ("int8:grid=affine", "int8:group=64", "int4:axis=1", "int16:grid=affine", "int16:group=32", "share:bits=3",
           "share:bits=4,sparsity=0.5", "share:init=linear", "share:init=density,bits=2", "csr:sparsity=0.9",
           "csr:axis=1,sparsity=0.5", "nm:n=1,m=2", "nm:bits=4", "nm:n=3,m=8,axis=1", "nf4:axis=1",
           "mixed:group=32,wide=0.3", "mixed:axis=1", "lowrank:rank=5", "lowrank:axis=1,energy=0.5")


@pytest.fixture
def source(tmp_path):
    rng = np.random.default_rng(0)
    safetensors.save(tmp_path / "s.safetensors", {
        "matrix.weight": rng.standard_normal((64, 96), dtype=F), "odd.weight": rng.standard_normal((40, 30), dtype=F),
        "kernels.weight": rng.standard_normal((16, 8, 3, 3), dtype=F),
        "large.weight": rng.standard_normal((80, 70), dtype=F)})
    return tmp_path / "s.safetensors"


def made(source, scheme):
    name, _, said = scheme.partition(":")
    pairs = [each.split("=") for each in said.split(",") if each]
    options = {key: value if value.isalpha() else float(value) if "." in value else int(value) for key, value in pairs}
    target = source.with_name("o.rcz")
    compress(source, Recipe((Rule("*", name, options),)), target=target)
    return target


@pytest.mark.parametrize("scheme", [*SCHEMES, *OPTIONS])
def test_each_scheme_is_made_again_bit_for_bit(source, scheme):
    found = derive(source, made(source, scheme), implementation=native)
    assert [(each.name, each.verdict) for each in found.verdicts] == [
        (f"{name}.weight", EXACT) for name in ("matrix", "odd", "kernels", "large")]


def altered(value):
    """Return a value of a file with one element of its arrays changed."""
    def of(a):
        a = a.copy()
        a.flat[5] = a.flat[5] + 1 if a.dtype.kind == "f" or a.flat[5] == 0 else a.flat[5] - 1
        return a

    if isinstance(value, CSR):
        return replace(value, data=of(value.data))
    if isinstance(value, LowRank):
        return replace(value, u=of(value.u))
    if isinstance(value, Mixed):
        return replace(value, high=replace(value.high, values=of(value.high.values)))
    return replace(value, **{name: of(getattr(value, name)) for name in ("codes", "values") if hasattr(value, name)})


@pytest.mark.parametrize("scheme, name", [
    ("share", "codes"), ("share:bits=4,sparsity=0.5", "codes"), ("int16", "codes"), ("csr:sparsity=0.9", "values"),
    ("nm:bits=4", "codes"), ("mixed", "integers of 16 bits"), ("lowrank:rank=5", "numbers of u")])
def test_one_number_that_was_altered_is_counted_and_nothing_else(source, scheme, name):
    target = made(source, scheme)
    layers = dict(container.load(target))
    layers["large.weight"] = altered(layers["large.weight"])
    container.save(target, layers)
    found = next(each for each in derive(source, target, implementation=native).verdicts
                 if each.name == "large.weight")
    assert found.verdict != EXACT
    assert {key: count for key, count in found.differing.items() if count} == {name: 1}


@pytest.mark.parametrize("scheme", [
    "mixed", "lowrank:rank=5", "csr:sparsity=0.9", "share:bits=4,sparsity=0.5", "nm:axis=1"])
def test_a_report_says_by_which_scheme_each_tensor_was_made(source, scheme):
    target = made(source, scheme)
    for weight in facts(target, source, timing=False).weights:
        assert weight.verdict.verdict == EXACT and weight.verdict.rule.startswith(scheme.partition(":")[0])
        assert weight.error < 1


def test_other_weights_are_not_made_by_a_scheme(source):
    target = made(source, "lowrank:rank=5")
    safetensors.save(source, {name: -w for name, w in models.load(source).items()})
    assert {each.verdict for each in derive(source, target, implementation=native).verdicts} == {NOT_DERIVED}
