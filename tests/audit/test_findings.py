"""What an audit says in words: claims of names, copies, zeros, numbers that are wider than they must be."""

import numpy as np
import pytest
import torch_bytes as torch
from hypothesis import given
from hypothesis import strategies as st
from rounding import UNIT64, gamma

from refcompress import GGMLBlocks, Plain, audit, models
from refcompress.audit.bounds import bounds_of, findings_of
from refcompress.audit.claims import claim_of
from refcompress.audit.findings import by_type, findings

F32 = np.float32
RNG = np.random.default_rng(21)


def said(path):
    with audit.inspect(path) as found:
        return {each.code: each for each in findings(found)}


@pytest.mark.parametrize("name, claim", [
    ("silero_vad_half.onnx", 16), ("m-fp16.safetensors", 16), ("m.bf16.gguf", 16), ("llama-Q4_K_M.gguf", 4),
    ("m-Q8_0.gguf", 8), ("m_int8.onnx", 8), ("model_q4f16.onnx", 4), ("m-4bit", 4), ("m-4-bit.npz", 4),
    ("m-w4a16.safetensors", 4), ("x-nf4", 4), ("x-fp4", 4), ("x_mxfp4", 4), ("x-fp8", 8), ("x.f32.gguf", 32),
    ("TQ1_0.gguf", 1), ("x_quantized_int4.onnx", 4),
    ("IQ3_XXS.gguf", 3), ("u2net.onnx", None), ("det_quant.onnx", 8), ("model.safetensors", None), ("q4you.npz", None),
    ("v4.npz", None)])
def test_names_claim_bits_by_whole_words(name, claim):
    found = claim_of("q8/" + name)
    assert (found[1] if found else None) == claim


def test_float32_in_a_file_called_half_is_told(tmp_path):
    models.save(tmp_path / "m_half.safetensors", {"w": RNG.standard_normal((30, 30)).astype(F32)})
    found = said(tmp_path / "m_half.safetensors")["name claims fewer bits"]
    assert "'half', 16 bits" in found.text and "32.00 bits" in found.text and "900 numbers are float32" in found.text
    assert found.figures["wider"] == {"float32": 900} and found.figures["wider_share"] == 1
    models.save(tmp_path / "w_half.safetensors", {"w": np.ones((30, 30), np.float16)})
    assert set(said(tmp_path / "w_half.safetensors")) == {"name claims bits"}


def test_scales_belong_to_the_type_of_their_weight(tmp_path):
    models.save(tmp_path / "a.gguf", {"w": GGMLBlocks(np.ones((4, 18), np.uint8), "Q4_0", (4, 32)),
                                      "b": np.ones(8, F32)})
    with audit.inspect(tmp_path / "a.gguf") as found:
        types = by_type(found)
    assert (types["Q4_0"].actual, types["Q4_0"].bits, types["Q4_0"].tensors) == (4.5, 4, 1)
    assert types["float32"].actual == 32
    models.save(tmp_path / "b.safetensors", {"l.weight": np.ones((4, 8), np.int8), "l.weight_scale": np.ones(4, F32)})
    with audit.inspect(tmp_path / "b.safetensors") as found:
        types = by_type(found)
    assert list(types) == ["int8"] and types["int8"].actual == 8 + 32 * 4 / 32


def test_copies_are_found_and_tied_weights_are_none(tmp_path):
    w = RNG.standard_normal((40, 50)).astype(F32)
    other = w.copy()
    other[-1, -1] += 1
    models.save(tmp_path / "a.safetensors", {"one": w, "two": w, "late": other, "flat": w.reshape(-1),
                                             "small": w[0, :3], "small too": w[0, :3], "int": w.view(np.int32)})
    found = said(tmp_path / "a.safetensors")["stored twice"]
    assert found.figures == {"bytes": 2 * 8000, "groups": [["one", "two", "flat"]]}
    np.savez_compressed(tmp_path / "a.npz", one=w, two=w, other=other)
    assert said(tmp_path / "a.npz")["stored twice"].figures == {"bytes": 8000, "groups": [["one", "two"]]}
    held = torch.storage("0", 100)
    (tmp_path / "a.pt").write_bytes(torch.archive(torch.dumped(
        {"a": torch.tensor(held, (100,)), "b": torch.tensor(held, (100,))}), {"0": bytes(400)}))
    assert not said(tmp_path / "a.pt")


def test_many_tensors_that_begin_alike_are_told_apart(tmp_path):
    w = np.zeros((12, 3000), F32)
    w[:, -1] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 2, 9, 2]
    models.save(tmp_path / "a.safetensors", {f"t{i}": row for i, row in enumerate(w)})
    assert said(tmp_path / "a.safetensors")["stored twice"].figures["groups"] == [["t1", "t9", "t11"], ["t8", "t10"]]


def bounds(tmp_path, arrays, suffix=".safetensors"):
    models.save(tmp_path / ("b" + suffix), arrays)
    with audit.inspect(tmp_path / ("b" + suffix)) as found:
        measured = [bounds_of(tensor) for tensor in found.tensors]
        return {each.name: each for each in measured}, {
            each.code: each for each in findings_of(measured, {t.name: t for t in found.tensors})}


def entropy(symbols) -> float:
    """The definition, symbol by symbol."""
    _, counts = np.unique(np.asarray(symbols).reshape(-1), return_counts=True)
    p = counts / counts.sum()
    return float(-(p * np.log2(p)).sum() * counts.sum() / 8)


def is_entropy(found: float, *planes) -> bool:
    """Tell whether a number is the entropy of these planes, but for rounding.

    A term of a symbol is p log2 p. Its quotient is rounded, which moves the logarithm by 1.5 u. The logarithm is good
    to 4 ulp, which are 8 u; two products and the sums of k symbols follow. So each way is off by gamma_(k + 12) of the
    whole and by 1.5 u of a bit for each element.
    """
    expected, size = sum(entropy(each) for each in planes), sum(np.size(each) for each in planes)
    return abs(found - expected) <= 2 * (gamma(max(np.size(each) for each in planes) + 12 + len(planes)) * expected
                                         + 1.5 * UNIT64 * size / 8)


@given(seed=st.integers(0, 2**32 - 1))
def test_the_entropy_is_that_of_the_symbols_of_each_plane(tmp_path_factory, seed):
    rng, folder = np.random.default_rng(seed), tmp_path_factory.getbasetemp()
    a8, a16 = rng.binomial(20, 0.3, 300).astype(np.int8), rng.binomial(300, 0.3, 300).astype(np.uint16)
    a32, four = rng.standard_normal(300).astype(F32), rng.binomial(15, 0.4, 300).astype(np.uint8)
    found, _ = bounds(folder, {"a8": a8, "a16": a16, "a32": a32, "four": Plain(four, "fp4_e2m1")})
    assert is_entropy(found["a8"].entropy, a8) and is_entropy(found["a16"].entropy, a16)
    planes = a32.view(np.uint8).reshape(-1, 4)
    assert is_entropy(found["a32"].entropy, *planes.T)
    assert is_entropy(found["four"].entropy, four)


def test_the_fields_of_blocks_are_planes_of_their_own(tmp_path):
    data = RNG.integers(0, 5, (50, 18), np.uint8)
    found, _ = bounds(tmp_path, {"w": GGMLBlocks(data, "Q4_0", (50, 32))}, ".gguf")
    assert is_entropy(found["w"].entropy, data[:, 0], data[:, 1], data[:, 2:])
    assert found["w"].zeros is None and found["w"].nbytes == 900


def test_zeros_and_numbers_of_16_bits_in_float32_are_told(tmp_path):
    sparse = RNG.standard_normal((50, 40)).astype(F32)
    sparse.reshape(-1)[: 1500] = -0.0
    half, brain = sparse.astype(np.float16).astype(F32) + 1, (sparse.view(np.uint32) & 0xFFFF0000).view(F32)
    half = half.astype(np.float16).astype(F32)
    found, words = bounds(tmp_path, {"sparse": sparse, "half": half, "brain": brain, "full": sparse + F32(0.1)})
    assert found["sparse"].zeros == 1500 and found["brain"].zeros == 1500 and found["half"].zeros == 0
    assert [found[name].narrower for name in ("sparse", "half", "brain", "full")] == [None, "float16", "bfloat16", None]
    assert words["zeros stored in full"].figures == {"bytes": 12000, "zeros": {"sparse": 1500, "brain": 1500}}
    assert words["zeros stored in full"].text.startswith("12,000 bytes hold zeros, in 2 tensors")


def test_bounds_take_a_few_pieces_of_memory(tmp_path):
    import tracemalloc

    models.save(tmp_path / "a.safetensors", {"w": np.zeros((4000, 2000), F32)})
    with audit.inspect(tmp_path / "a.safetensors") as found:
        tracemalloc.start()
        small = bounds_of(found.tensors[0])
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 2**24 and small.zlib < 40_000 and small.entropy == 0
