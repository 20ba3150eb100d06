"""Verdicts on checkpoints of torchao and HQQ, on inputs that AWQ scaled, and on what no reader here reads."""

import json
import struct

import numpy as np
import pytest
import torch_bytes as torch
from test_derive import gptq, weights

from refcompress import CorruptError, UnsupportedVersionError, models
from refcompress.audit import inspect
from refcompress.audit.derive import AMBIGUOUS, BOUNDED, EXACT, NEAREST, NOT_DERIVED, attestation, derive
from refcompress.audit.derive import hqq as room
from refcompress.audit.derive.torchao import integers
from refcompress.audit.report.file_facts import facts
from refcompress.models import safetensors

f32 = np.float32


def wrapped(parts: dict, **others) -> torch.Call:
    """Return a tensor of a class of torchao as torch.save writes it: a state whose tensors are its parts."""
    layout = torch.Call(torch.Global("torch.serialization", "_get_layout"), ("torch.strided",))
    given = (torch.Global("torchao.quantization", "Int8Tensor"), torch.Global("torch", "float32"), (6, 64), (64, 1), 0,
             layout, torch.Call(torch.Global("torch", "device"), ("cpu",)), False)
    return torch.Call(torch.Global("torch._tensor", "_rebuild_from_type_v2"), (
        torch.Global("torch._utils", "_rebuild_wrapper_subclass"), torch.Global("torchao.quantization", "Int8Tensor"),
        given, parts | others))


def torchao(path, w, bits=4):
    """Write a checkpoint of one weight in groups of 32."""
    made = integers(w, "float32", bits=bits, blocks=(1, 32), how="symmetric", wide=True, shape=None)
    scale = np.ascontiguousarray(made["scale"].reshape(len(w), -1))
    codes = torch.tensor(torch.storage("0", made["codes"].size, "CharStorage"), made["codes"].shape)
    scales = torch.tensor(torch.storage("1", scale.size), scale.shape)
    mode = torch.Call(torch.Global("torchao.quantization.quantize_.common.kernel_preference", "KernelPreference"),
                      ("auto",))
    value = wrapped({"qdata": codes, "scale": scales}, block_size=[1, 32], mode=mode,
                    target_dtype=torch.Global("torch", f"int{bits}"))
    path.write_bytes(torch.archive(torch.dumped({"l.weight": value}), {"0": made["codes"].tobytes(),
                                                                        "1": scale.tobytes()}))
    return path


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_a_checkpoint_of_torchao_is_read_without_its_code_and_derived(tmp_path, bits):
    w = weights()["first"]
    safetensors.save(tmp_path / "s.safetensors", {"l.weight": w})
    found = derive(tmp_path / "s.safetensors", torchao(tmp_path / "q.pt", w, bits)).verdicts
    assert [(v.name, v.verdict, v.rule) for v in found] == [("l.weight", EXACT, f"torchao int{bits}, symmetric")]
    with models.open(tmp_path / "q.pt") as source:
        assert list(source) == ["l.weight.qdata", "l.weight.scale"]
        assert source.metadata["l.weight.target_dtype"] == f"int{bits}" and "l.weight.mode" in source.left_out
    with inspect(tmp_path / "q.pt") as ledger:
        assert ledger.by_kind()["scales"] == 4 * w.size // 32 and ledger.by_kind()["values"] == w.size


def test_a_class_of_another_package_is_refused_by_its_name(tmp_path):
    value = torch.Call(torch.Global("torch._tensor", "_rebuild_from_type_v2"), (
        torch.Global("torch._utils", "_rebuild_wrapper_subclass"), torch.Global("os", "system"), (), {}))
    (tmp_path / "q.pt").write_bytes(torch.archive(torch.dumped({"w": value}), {}))
    with pytest.raises(CorruptError, match="os.system"):
        models.open(tmp_path / "q.pt")


def test_a_wrapped_tensor_that_does_not_read_is_refused(tmp_path):
    kind = torch.Global("torch._tensor", "_rebuild_from_type_v2")
    for given in ((), (1, 2, 3, 4), (kind, kind, (), {}), (kind, kind, (kind, kind, (), {}), {})):
        (tmp_path / "q.pt").write_bytes(torch.archive(torch.dumped({"w": torch.Call(kind, given)}), {}))
        try:
            with models.open(tmp_path / "q.pt") as source:
                assert not source
        except CorruptError as error:
            assert error.argument == "path"


def hqq(path, w, bits, axis, search=False, change=None):
    """Write a layer as HQQ does, in groups of 64."""
    grid = w.reshape(-1, 64) if axis else w.reshape(64, -1)
    made = dict(room.made(grid, bits=bits, axis=axis, kind="float32", rounded=bits == 4))
    if search:  # other zero points, and the nearest codes to them
        made["zero_point"] = made["zero_point"] + f32(0.3)
        made["codes"] = np.clip(np.rint(grid / made["scale"] + made["zero_point"]), 0, (1 << bits) - 1).astype(np.uint8)
    unit, each = room.UNITS[bits]
    codes = made["codes"]
    rows = -(-len(codes) // each)
    padded = np.zeros((rows * each, codes.shape[1]), np.int64)
    padded[: len(codes)] = codes
    words = sum(part << bits * (each - 1 - i) for i, part in enumerate(padded.reshape(each, rows, -1))).astype(unit)
    facts = {"nbits": np.int32(bits), "shape": np.array(w.shape, np.int64), "axis": np.int32(axis)}
    tensors = {"W_q": words, "scale": made["scale"], "zero": made["zero_point"], **facts} | (change or {})
    safetensors.save(path, {f"l.{end}": np.asarray(value) for end, value in tensors.items()})
    return path


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("bits", [1, 2, 3, 4, 8])
def test_a_layer_of_hqq_is_exact_without_its_search_and_nearest_with_it(tmp_path, bits, axis):
    w = weights()["second"]
    safetensors.save(tmp_path / "s.safetensors", {"l.weight": w})
    exact = derive(tmp_path / "s.safetensors", hqq(tmp_path / "q.safetensors", w, bits, axis)).verdicts
    assert [(v.verdict, v.codes) for v in exact] == [(EXACT, w.size)]
    near = derive(tmp_path / "s.safetensors", hqq(tmp_path / "q.safetensors", w, bits, axis, True)).verdicts[0]
    assert near.verdict == NEAREST and near.differing["zero_point"] and not near.differing["scale"]


@pytest.mark.parametrize("change", [
    {"nbits": np.int32(5)}, {"axis": np.int32(2)}, {"shape": np.array([40, 129])}, {"shape": np.array([-40, -128])},
    {"W_q": np.zeros((7, 64), np.uint8)}, {"W_q": np.zeros((40, 64), np.int32)}, {"scale": np.zeros((3, 1), f32)},
    {"nbits": np.zeros(100, np.int32)}, {"axis": f32(1)}])
def test_a_layer_of_hqq_that_contradicts_itself_is_refused_by_name(tmp_path, change):
    w = weights()["second"]
    safetensors.save(tmp_path / "s.safetensors", {"l.weight": w})
    with pytest.raises(CorruptError, match="l.W_q"):
        derive(tmp_path / "s.safetensors", hqq(tmp_path / "q.safetensors", w, 4, 1, change=change))


def awq(tmp_path, inputs, outputs=None, norm=True):
    """Write a source with a norm, and a layer of AWQ whose inputs were scaled before it was quantized."""
    w = (np.random.default_rng(3).standard_normal((64, 96)) * 0.05).astype(f32)
    before = np.random.default_rng(4).uniform(0.5, 2, 96).astype(f32)
    safetensors.save(tmp_path / "s.safetensors", {"l.weight": w, "norm.weight": before})
    scaled = w * inputs if outputs is None else w * inputs * outputs[:, None]
    made = models.load(gptq(tmp_path / "q.safetensors", scaled.astype(f32), 0, "AWQ"))
    after = (before / inputs if norm else before).astype(f32)
    safetensors.save(tmp_path / "q.safetensors", made | {"norm.weight": after})
    return derive(tmp_path / "s.safetensors", tmp_path / "q.safetensors").verdicts[0]


def test_inputs_that_awq_scaled_are_within_one_step_where_the_norm_before_shows_it(tmp_path):
    inputs = np.random.default_rng(5).uniform(0.5, 2, 96).astype(f32)
    found = awq(tmp_path, inputs)
    assert found.verdict == BOUNDED and "the inverse of which is in norm.weight" in found.why
    assert f"{inputs.min():.3g} to {inputs.max():.3g}" in found.why
    hidden = awq(tmp_path, inputs, norm=False)
    assert hidden.verdict == AMBIGUOUS and "does not show where the inverse went" in hidden.why
    both = awq(tmp_path, inputs, np.random.default_rng(6).uniform(0.5, 2, 64).astype(f32))
    assert both.verdict == AMBIGUOUS and "where the inverse of the outputs' went" in both.why


def test_other_weights_have_no_factors_that_explain_them(tmp_path):
    w = weights()["second"]
    safetensors.save(tmp_path / "s.safetensors", {"l.weight": weights(7)["second"]})
    for scheme in ("GPTQ", "AWQ"):
        found = derive(tmp_path / "s.safetensors", gptq(tmp_path / "q.safetensors", w, 0, scheme)).verdicts[0]
        assert found.verdict == NOT_DERIVED


def unread_blocks(path):
    """Write a GGUF file of two tensors, one of a type that is not read here."""
    infos = b""
    for name, shape, number, offset in (("a", (256,), 0, 0), ("b", (256,), 16, 1024)):
        infos += struct.pack("<Q", len(name)) + name.encode() + struct.pack("<IQIQ", 1, *shape, number, offset)
    head = b"GGUF\3\0\0\0" + struct.pack("<QQ", 2, 0) + infos
    path.write_bytes(head + bytes(-len(head) % 32) + bytes(1024 + 66 + 30))
    return path


def test_blocks_that_are_not_read_are_not_derived_in_words(tmp_path):
    safetensors.save(tmp_path / "s.safetensors", {"a": np.zeros(256, f32), "b": np.zeros(256, f32)})
    found = derive(tmp_path / "s.safetensors", unread_blocks(tmp_path / "q.gguf"))
    assert [(v.name, v.verdict) for v in found.verdicts] == [("a", EXACT), ("b", NOT_DERIVED)]
    assert "blocks of IQ2_XXS, which are not read here" in found.verdicts[1].why
    with inspect(tmp_path / "q.gguf") as ledger:
        assert [t.type for t in ledger.tensors] == ["float32", "IQ2_XXS"] and "IQ2_XXS" in ledger.notes[0]
    said = facts(tmp_path / "q.gguf", tmp_path / "s.safetensors", timing=False)
    assert [weight.verdict.verdict for weight in said.weights] == [EXACT, NOT_DERIVED]
    with pytest.raises(UnsupportedVersionError, match="IQ2_XXS"):
        models.open(tmp_path / "q.gguf")  # to compress a part of a model would not be what is asked for


def test_an_array_of_texts_is_named_and_the_rest_is_derived(tmp_path):
    np.savez(tmp_path / "a.npz", w=weights()["first"], names=np.array(["x", "yes"]))
    found = derive(tmp_path / "a.npz", tmp_path / "a.npz")
    assert [v.verdict for v in found.verdicts] == [EXACT]
    assert found.unread == {"names": "is of dtype <U3, not of numbers"}
    assert json.loads(attestation(found))["unread"] == dict(found.unread)
