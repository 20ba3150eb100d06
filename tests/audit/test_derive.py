"""Verdicts on quantized files: exact, nearest, within one step, not derived, ambiguous; what is altered is found."""

import hashlib
import json

import numpy as np
import pytest
from onnx import helper, numpy_helper
from onnx_models import model, saved

import refcompress as rc
from refcompress import CorruptError, LimitError, RefcompressError, container, models
from refcompress.audit.derive import AMBIGUOUS, BOUNDED, EXACT, NEAREST, NOT_DERIVED, attestation, derive
from refcompress.audit.derive.onnx import Grid, affine
from refcompress.formats import GGMLBlocks, Plain
from refcompress.models import gguf, safetensors

f32 = np.float32
SHAPES = {"first": (6, 64), "second": (40, 128), "third": (17, 256)}


def weights(seed=0):
    rng = np.random.default_rng(seed)
    return {name: (rng.standard_normal(shape) * 0.05).astype(f32) for name, shape in SHAPES.items()}


@pytest.fixture
def source(tmp_path):
    safetensors.save(tmp_path / "source.safetensors", weights())
    return tmp_path / "source.safetensors"


def blocks(path, kind="Q8_0", altered=0, ws=None):
    """Write a GGUF file in which some codes of the tensor "second" are moved by one; return which."""
    made, places = {}, np.zeros(0, int)
    for name, w in (ws or weights()).items():
        data = rc.ggml_encode(w, kind).data.copy()
        if name == "second" and altered:
            places = np.random.default_rng(1).choice(w.size, altered, replace=False)
            codes = data[:, 2:].view(np.int8)
            rows, columns = places // 32, places % 32
            codes[rows, columns] += np.where(codes[rows, columns] > 0, -1, 1).astype(np.int8)
        made[name] = GGMLBlocks(data, kind, w.shape)
    gguf.save(path, made)
    return np.sort(places)


@pytest.mark.parametrize("count", [1, 12, 1000])
def test_codes_moved_by_one_are_counted_and_no_other_is_blamed(source, tmp_path, count):
    places = blocks(tmp_path / "q.gguf", altered=count)
    first, second, third = derive(source, tmp_path / "q.gguf").verdicts
    assert (first.verdict, third.verdict) == (EXACT, EXACT) and second.verdict in (NEAREST, BOUNDED, NOT_DERIVED)
    assert second.differing == {"codes": count, "scale": 0} and second.rule == "Q8_0"
    assert second.first == tuple(places[:20])


def test_an_altered_scale_is_found(source, tmp_path):
    blocks(tmp_path / "q.gguf")
    made = models.load(tmp_path / "q.gguf")
    data = made["first"].data.copy()
    data[3, 0] ^= 1
    gguf.save(tmp_path / "q.gguf", made | {"first": GGMLBlocks(data, "Q8_0", SHAPES["first"])})
    verdict = derive(source, tmp_path / "q.gguf").verdicts[0]
    assert verdict.verdict != EXACT and verdict.differing == {"codes": 0, "scale": 1}


def test_a_source_under_another_name_is_found_by_its_numbers(tmp_path, source):
    blocks(tmp_path / "q.gguf")
    ws = weights()
    safetensors.save(tmp_path / "renamed.safetensors", {f"layer.{i}": w for i, w in enumerate(ws.values())}
                     | {"other": weights(9)["first"]})
    found = derive(tmp_path / "renamed.safetensors", tmp_path / "q.gguf")
    assert [(v.verdict, v.source) for v in found.verdicts] == [(EXACT, f"layer.{i}") for i in range(3)]


def test_names_and_turned_heads_of_llama_cpp_are_known(tmp_path):
    w = weights()["second"][:32]
    other = weights(3)["second"][:32]
    safetensors.save(tmp_path / "s.safetensors", {"model.layers.3.self_attn.q_proj.weight": w,
                                                  "model.layers.4.self_attn.q_proj.weight": other,
                                                  "model.norm.weight": w[0]})
    turned = w.reshape(-1, 2, 8, 128).swapaxes(1, 2).reshape(w.shape)  # heads of 16
    gguf.save(tmp_path / "q.gguf", {"blk.3.attn_q.weight": rc.ggml_encode(turned, "Q4_0"), "output_norm.weight": w[0]})
    found = derive(tmp_path / "s.safetensors", tmp_path / "q.gguf").verdicts
    assert [v.verdict for v in found] == [EXACT, EXACT] and found[1].source == "model.norm.weight"
    assert found[0].source == "model.layers.3.self_attn.q_proj.weight, rows of heads of 16 turned"


def test_other_weights_of_the_same_names_are_not_the_source(tmp_path, source):
    blocks(tmp_path / "q.gguf", ws=weights(5))
    found = derive(source, tmp_path / "q.gguf")
    assert {v.verdict for v in found.verdicts} == {NOT_DERIVED} and found.verdict == NOT_DERIVED
    assert all(v.differing["codes"] > v.codes // 2 for v in found.verdicts)


def integers(path, w, codes, scale, zero=None):
    """Write an ONNX model of one weight, int8 with a scale for each column."""
    given = [numpy_helper.from_array(codes, "w_quantized"), numpy_helper.from_array(scale, "w_scale")]
    given += [] if zero is None else [numpy_helper.from_array(zero, "w_zero_point")]
    nodes = [helper.make_node("DequantizeLinear", [each.name for each in given], ["w"], axis=1),
             helper.make_node("MatMul", ["x", "w"], ["y"])]
    return saved(path, model(given, nodes))


@pytest.mark.parametrize("symmetric", [True, False])
def test_a_code_moved_away_from_its_weight_is_one_code_and_no_scaled_inputs(tmp_path, symmetric):
    w = weights()["second"]
    safetensors.save(tmp_path / "s.safetensors", {"w": w})
    made = affine(w, grid=Grid(), low=-128 + symmetric, high=127, kind="int8", symmetric=symmetric,
                  dtype=np.dtype(f32), has_zero=True)
    number = (made["codes"].astype(f32) - made["zero_point"]) * made["scale"]
    for place in np.random.default_rng(0).integers(0, w.size, 30):
        codes = made["codes"].copy()
        codes.flat[place] += 1 if number.flat[place] > w.flat[place] else -1
        file = integers(tmp_path / "q.onnx", w, codes, made["scale"], made["zero_point"])
        found = derive(tmp_path / "s.safetensors", file).verdicts[0]
        assert found.verdict == NOT_DERIVED and found.differing == {"codes": 1, "scale": 0, "zero_point": 0}


def test_another_way_of_ties_is_nearest_and_feedback_of_errors_is_within_one_step(tmp_path):
    w = np.full((4, 2), 0.5, f32)
    w[0] = 127
    safetensors.save(tmp_path / "s.safetensors", {"w": w})
    up = np.where(w == 0.5, 1, 127).astype(np.int8)  # halves up, where ONNX Runtime goes to even
    verdict = derive(tmp_path / "s.safetensors", integers(tmp_path / "q.onnx", w, up, np.ones(2, f32),
                                                          np.zeros(2, np.int8))).verdicts[0]
    assert (verdict.verdict, verdict.differing["codes"], verdict.not_nearest) == (NEAREST, 6, 0)

    w = weights()["second"]
    scale = (np.abs(w).max(0) / f32(127)).astype(f32)
    error, codes = np.zeros(w.shape[1]), np.empty(w.shape, np.int8)
    for i, row in enumerate(w.astype(np.float64)):  # what a row was off by is added to the next one, half of it
        wanted = row / scale + np.clip(error, -0.45, 0.45)
        codes[i] = np.clip(np.rint(wanted), -127, 127)
        error = wanted - codes[i]
    safetensors.save(tmp_path / "s.safetensors", {"w": w})
    found = derive(tmp_path / "s.safetensors", integers(tmp_path / "q.onnx", w, codes, scale)).verdicts[0]
    assert found.verdict == BOUNDED and 100 < found.not_nearest == np.count_nonzero(
        # beyond the middle between two codes by more than four roundings of the weight, which are allowed a tool
        np.abs(w - scale.astype(np.float64) * codes) > scale.astype(np.float64) / 2 + 4 * 2.0**-24 * np.abs(w))


def packed(a: np.ndarray, bits: int) -> np.ndarray:
    """Return codes along the last axis in words of 32 bits, low bits first."""
    stream = (a.astype(np.uint8)[..., None] >> np.arange(bits, dtype=np.uint8) & 1).reshape(len(a), -1)
    return np.packbits(stream, axis=1, bitorder="little").view("<i4")


def gptq(path, w, less, scheme="GPTQ"):
    """Write a layer in the layout of GPTQ or AWQ: groups of 32 inputs, zero points stored less ``less``."""
    groups = w.reshape(len(w), -1, 32)
    scale = ((groups.max(2) - groups.min(2)) / 15).astype(np.float16)
    zero = np.clip(np.rint(-groups.min(2) / scale.astype(f32)), 1, 15).astype(np.int16)
    codes = np.clip(np.rint(w / np.repeat(scale.astype(f32), 32, 1)) + np.repeat(zero, 32, 1), 0, 15)
    if scheme == "AWQ":
        order = [0, 2, 4, 6, 1, 3, 5, 7]
        qweight, qzeros = (packed(a.reshape(len(a), -1, 8)[:, :, order].reshape(len(a), -1), 4)
                           for a in (codes.T, zero.T))
    else:
        qweight, qzeros = packed(codes, 4).T, packed((zero - less).T, 4)
    safetensors.save(path, {"l.qweight": np.ascontiguousarray(qweight), "l.qzeros": np.ascontiguousarray(qzeros),
                            "l.scales": np.ascontiguousarray(scale.T)})
    return path


@pytest.mark.parametrize("less, said", [(0, "as they are"), (1, "less 1")])
def test_a_quarrel_of_zero_points_is_settled_by_the_source(tmp_path, less, said):
    w = weights()["second"]
    safetensors.save(tmp_path / "s.safetensors", {"l.weight": w})
    verdict = derive(tmp_path / "s.safetensors", gptq(tmp_path / "q.safetensors", w, less)).verdicts[0]
    assert verdict.verdict == NEAREST and said in verdict.reading


def test_a_quarrel_of_nibbles_is_settled_by_the_source(tmp_path):
    w = weights()["second"]
    safetensors.save(tmp_path / "s.safetensors", {"l.weight": w})
    verdict = derive(tmp_path / "s.safetensors", gptq(tmp_path / "q.safetensors", w, 0, "AWQ")).verdicts[0]
    assert verdict.verdict == NEAREST and verdict.reading == "codes 0, 2, 4, 6, 1, 3, 5, 7 in a word"


def test_two_readings_that_explain_the_source_are_ambiguous(tmp_path):
    safetensors.save(tmp_path / "s.safetensors", {"l.weight": np.full((8, 32), -0.5, f32)})  # half a step from both
    safetensors.save(tmp_path / "q.safetensors", {"l.qweight": packed(np.full((8, 32), 8), 4).T.copy(),
                                                  "l.qzeros": packed(np.full((1, 8), 8), 4),
                                                  "l.scales": np.ones((1, 8), np.float16)})
    assert derive(tmp_path / "s.safetensors", tmp_path / "q.safetensors").verdicts[0].verdict == AMBIGUOUS


def test_plain_tensors_are_copied_widened_or_rounded(tmp_path):
    w = weights()["first"]
    word = w.view(np.uint32)
    made = {"same": w, "half": w.astype(np.float16), "brain": Plain((word >> 16).astype(np.uint16), "bfloat16")}
    safetensors.save(tmp_path / "s.safetensors", dict.fromkeys(made, w))
    safetensors.save(tmp_path / "q.safetensors", made)
    found = derive(tmp_path / "s.safetensors", tmp_path / "q.safetensors")
    rules = {v.name: (v.verdict, v.rule) for v in found.verdicts}
    assert rules == {"same": (EXACT, "copied"), "half": (EXACT, "rounded to float16, ties to even"),
                     "brain": (EXACT, "cut to bfloat16")}


@pytest.mark.parametrize("made", [
    rc.quantize_s8, lambda w: rc.quantize_s8(w, axis=0, scheme="affine"), lambda w: rc.quantize_s8(w, bits=4, group=32),
    lambda w: rc.quantize_pack(rc.quantize_s8(w, bits=3, axis=0), bits=3),
    lambda w: rc.floats_mx_encode(w, "mxfp4_e2m1"), lambda w: rc.floats_mx_encode(w, "mxint8"), rc.floats_nf4_encode,
    rc.floats_nvfp4_encode, lambda w: rc.ggml_encode(w, "Q4_0"), lambda w: w])
def test_our_own_files_are_made_again_bit_for_bit(source, tmp_path, made):
    container.save(tmp_path / "q.rcz", {name: made(w) for name, w in weights().items()})
    assert {v.verdict for v in derive(source, tmp_path / "q.rcz").verdicts} == {EXACT}


def test_an_attestation_is_canonical_and_names_files_by_their_digests(source, tmp_path):
    blocks(tmp_path / "q.gguf", altered=12)
    first, second = (attestation(derive(source, tmp_path / "q.gguf")) for _ in range(2))
    assert first == second and first.isascii() and first.endswith(b"}\n") and first.count(b"\n") == 1
    data = json.loads(first)
    assert json.dumps(data, sort_keys=True, separators=(",", ":")).encode() + b"\n" == first
    assert data["schema"] == "refcompress.derivation/1" and data["refcompress"] == rc.__version__
    assert data["quantized"]["sha256"] == hashlib.sha256((tmp_path / "q.gguf").read_bytes()).hexdigest()
    assert [each["verdict"] for each in data["tensors"]][::2] == ["exact", "exact"]
    assert data["tensors"][1]["differing"] == {"codes": 12} and str(tmp_path) not in first.decode()


def test_tensors_of_the_source_without_a_counterpart_are_named(tmp_path):
    ws = weights()
    safetensors.save(tmp_path / "s.safetensors", ws | {"head": weights(1)["first"], "norm": ws["first"][0]})
    safetensors.save(tmp_path / "q.safetensors", {"second": ws["second"].astype(np.float16), "moved": ws["third"],
                                                  "norm": ws["first"][1]})  # another's numbers: a counterpart still
    found = derive(tmp_path / "s.safetensors", tmp_path / "q.safetensors")
    assert found.without == ("first", "head")
    assert json.loads(attestation(found))["source_only"] == ["first", "head"]
    blocks(tmp_path / "q.gguf")
    assert derive(tmp_path / "s.safetensors", tmp_path / "q.gguf").without == ("head", "norm")


def test_a_folder_with_one_model_is_opened_as_everywhere(source, tmp_path):
    for name in ("theirs", "mine"):
        (tmp_path / name).mkdir()
        safetensors.save(tmp_path / name / "model.safetensors", weights())
    assert derive(tmp_path / "theirs", tmp_path / "mine").verdict == EXACT


def test_a_refusal_names_the_file_at_fault(source, tmp_path):
    blocks(tmp_path / "q.gguf")
    (tmp_path / "bad.gguf").write_bytes((tmp_path / "q.gguf").read_bytes()[:-300])
    (tmp_path / "no.txt").write_text("weights")
    for arguments, named, kind in (((source, tmp_path / "bad.gguf"), "quantized", CorruptError),
                                   ((tmp_path / "bad.gguf", tmp_path / "q.gguf"), "source", CorruptError),
                                   ((tmp_path / "no.txt", tmp_path / "q.gguf"), "source", RefcompressError)):
        with pytest.raises(kind) as refused:
            derive(*arguments)
        assert refused.value.argument == named
    with pytest.raises(LimitError):
        derive(source, tmp_path / "q.gguf", limit=100)


@pytest.mark.parametrize("change", [
    {"l.scales": np.ones((2, 40), np.float16)}, {"l.scales": np.ones((4, 40), np.int32)},
    {"l.qzeros": np.zeros((4, 3), np.int32)}, {"l.qweight": np.zeros((16, 41), np.int32)},
    {"l.qweight": np.zeros((16, 40), f32)}, {"l.g_idx": np.full(128, 4, np.int32)}, {"l.g_idx": np.zeros(3, np.int32)}])
def test_layers_whose_tensors_contradict_each_other_are_refused_by_name(tmp_path, change):
    w = weights()["second"]
    safetensors.save(tmp_path / "s.safetensors", {"l.weight": w})
    made = models.load(gptq(tmp_path / "q.safetensors", w, 0))
    safetensors.save(tmp_path / "q.safetensors", made | change)
    with pytest.raises(CorruptError, match="'l\\.") as refused:
        derive(tmp_path / "s.safetensors", tmp_path / "q.safetensors")
    assert refused.value.argument == "quantized"


def test_weights_that_are_not_finite_are_never_exact_and_never_a_fault(source, tmp_path):
    ws = weights()
    ws["first"][2, 3], ws["second"][0, 0] = np.nan, np.inf
    blocks(tmp_path / "q.gguf")
    safetensors.save(tmp_path / "bad.safetensors", ws)
    verdicts = [v.verdict for v in derive(tmp_path / "bad.safetensors", tmp_path / "q.gguf").verdicts]
    assert verdicts[0] != EXACT and verdicts[1] != EXACT and verdicts[2] == EXACT


@pytest.mark.parametrize("before, after, rule", [
    ("float64", "float32", "rounded to float32, ties to even"),
    ("float64", "float16", "rounded to float16, ties to even"),
    ("float16", "float64", "widened from float16"), ("int64", "int32", "the same numbers as int64"),
    ("uint8", "int64", "the same numbers as uint8")])
def test_numbers_in_another_type_of_numpy_have_a_rule(tmp_path, before, after, rule):
    w = np.random.default_rng(1).standard_normal((6, 8)) * (1 if before[0] == "f" else 100)
    w = (w if before[0] == "f" else np.abs(w)).astype(before)
    np.savez(tmp_path / "s.npz", w=w, other=w)
    changed = w.astype(after)
    changed[2, 3] += 1
    np.savez(tmp_path / "q.npz", w=w.astype(after), other=changed)
    exact, other = derive(tmp_path / "s.npz", tmp_path / "q.npz").verdicts
    assert (exact.verdict, exact.rule) == (EXACT, rule) and other.differing == {"codes": 1}


def test_a_tensor_that_no_rule_makes_says_so(tmp_path):
    np.savez(tmp_path / "s.npz", w=np.array([0.5, 1.5]))
    np.savez(tmp_path / "q.npz", w=np.array([0, 2]))
    found = derive(tmp_path / "s.npz", tmp_path / "q.npz").verdicts[0]
    assert (found.verdict, found.why) == (NOT_DERIVED, "no rule makes int64 of float64")
