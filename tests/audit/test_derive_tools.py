"""Files of real tools: the rules give, bit for bit, what the tools gave.

``derive_digests.json`` has the SHA-256 of codes, scales and zero points as seven tools wrote them, of three seeded
weights in each type; ``python -m experiments.derive`` made it. Here each tool's file is rebuilt by our rule.
"""

import hashlib
import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from refcompress.audit.derive import (
    bitsandbytes,
    compressed_tensors,
    coreml,
    gguf_fp4,
    gguf_tables,
    hqq,
    k_quants,
    onnx,
    onnx_nbits,
    torchao,
)
from refcompress.audit.derive.gguf import TYPES
from refcompress.audit.derive.onnx import Grid
from refcompress.audit.derive.types import rounding
from refcompress.formats.floats import NF4_LEVELS

DIGESTS = json.loads((Path(__file__).parent / "derive_digests.json").read_text())
SHAPES = {"a.weight": (48, 256), "b.weight": (32, 512), "c.weight": (80, 768)}
f32 = np.float32


def weights(kind: str) -> dict[str, np.ndarray]:
    """Return the sources: what experiments/derive.py makes, as float32."""
    found = {}
    for number, (name, shape) in enumerate(SHAPES.items()):
        w = (np.random.default_rng(number).standard_normal(shape) * 0.05).astype(f32)
        found[name] = rounding(kind)(w)
    return found


def digest(arrays) -> str:
    found = hashlib.sha256()
    for name in sorted(arrays):
        found.update(name.encode() + np.ascontiguousarray(arrays[name]).tobytes())
    return found.hexdigest()


def known(tool: str, scheme: str) -> list[tuple[str, str, str]]:
    """Return (type, name of the weight, digest) of a scheme."""
    found = []
    for key, value in DIGESTS.items():
        of, name, kind_and_item = key.split("/")[0], key.split("/")[1].partition("@")[0], key.partition("@")[2]
        if (of, name) == (tool, scheme):
            kind, _, item = kind_and_item.partition("/")
            found.append((kind, next(n for n in SHAPES if item.startswith(n)), value))
    assert len(found) >= 3, f"no digest of {tool}, {scheme}"
    return found


def check(tool: str, scheme: str, rule, typed: bool = False, transposed: bool = False) -> None:
    for kind, name, expected in known(tool, scheme):
        w = weights(kind)[name]
        w = np.ascontiguousarray(w.T) if transposed else w
        assert digest(rule(w, kind) if typed else rule(w)) == expected, (tool, scheme, kind, name)


@pytest.mark.parametrize("tool", ["gguf", "llamacpp"])
@pytest.mark.parametrize("name", ["Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1"])
def test_the_simple_blocks_of_gguf_are_those_of_both_tools(tool, name):
    check(tool, name, lambda w: TYPES[name][3][0].made(w.reshape(-1, 32)))


@pytest.mark.parametrize("name", list(k_quants.K_TYPES))
def test_the_k_types_are_those_of_llama_cpp(name):
    made = k_quants.K_TYPES[name][3]
    check("llamacpp", name, lambda w: made(w.reshape(-1, 8 if name in ("Q4_K", "Q5_K") else 16,
                                                     32 if name in ("Q4_K", "Q5_K") else 16)))


@pytest.mark.parametrize("tool, name, size", [
    ("llamacpp", "IQ4_NL", 32), ("llamacpp", "IQ4_XS", 256), ("llamacpp", "TQ1_0", 256), ("llamacpp", "TQ2_0", 256),
    ("gguf", "TQ1_0", 256), ("gguf", "TQ2_0", 256)])
def test_the_blocks_with_tables_and_the_ternary_ones_are_those_of_both_tools(tool, name, size):
    shape = (-1, size) if name.startswith("TQ") else (-1, size // 32, 32)
    check(tool, name, lambda w: gguf_tables.TABLE_TYPES[name][1].made(w.reshape(shape)))


@pytest.mark.parametrize("bits", [1, 2, 3, 4, 8])
@pytest.mark.parametrize("axis", [0, 1])
def test_the_integers_of_hqq_without_its_search_are_its_own(bits, axis):
    def rule(w, kind):
        grid = w.reshape(-1, 64) if axis else w.reshape(64, -1)
        return hqq.made(grid, bits=bits, axis=axis, kind=kind, rounded=bits == 4)

    check("hqq", f"{bits} bits, axis {axis}", rule, typed=True)


@pytest.mark.parametrize("tool, name", [("gguf", "MXFP4"), ("llamacpp", "MXFP4"), ("llamacpp", "NVFP4")])
def test_the_blocks_of_e2m1_are_those_of_both_tools(tool, name):
    shape = (-1, 1, 32) if name == "MXFP4" else (-1, 4, 16)
    check(tool, name, lambda w: gguf_fp4.FP4_TYPES[name][2][0].made(w.reshape(shape)))


@pytest.mark.parametrize("scheme, grid, kind, low, high, symmetric", [
    ("dynamic int8", Grid(), "int8", -127, 127, True), ("dynamic uint8", Grid(), "uint8", 0, 255, False),
    ("dynamic int8, reduced range", Grid(), "int8", -64, 64, True),
    ("dynamic int8 per channel", Grid(1), "int8", -127, 127, True), ("QDQ int8", Grid(), "int8", -127, 127, True),
    ("QDQ int8 per channel", Grid(1), "int8", -127, 127, True),
    ("QDQ int8 asymmetric", Grid(), "int8", -128, 127, False), ("QDQ int16", Grid(), "int16", -32767, 32767, True),
    ("QDQ int4", Grid(), "int4", -8, 7, True), ("QDQ uint4 per channel", Grid(1), "uint4", 0, 15, True),
    ("QDQ int8 blocks", Grid(0, 16), "int8", -127, 127, True), ("QDQ uint4 blocks", Grid(0, 32), "uint4", 0, 15, False),
    ("QOperator int8", Grid(), "int8", -127, 127, True)])
def test_the_integers_of_onnx_runtime_are_its_own(scheme, grid, kind, low, high, symmetric):
    def rule(w, source):
        return onnx.affine(w, grid=grid, low=low, high=high, kind=kind, symmetric=symmetric, dtype=np.dtype(source),
                           has_zero=True)

    check("onnxruntime", scheme, rule, typed=True)


@pytest.mark.parametrize("bits", [2, 4, 8])
@pytest.mark.parametrize("has_zero", [False, True])
def test_the_blocks_of_matmulnbits_are_those_of_its_kernel(bits, has_zero):
    def rule(w, source):
        return onnx_nbits.made(w, bits=bits, block=32, dtype=np.dtype(source), has_zero=has_zero)

    check("onnxruntime", f"MatMulNBits {bits} bits{', zero points' * has_zero}", rule, typed=True, transposed=True)


@pytest.mark.parametrize("has_zero", [False, True])
def test_matmulnbits_as_dequantize_linear_rounds_before_the_zero_point_is_added(has_zero):
    def rule(w, source):
        return onnx_nbits.as_dequantize_linear(w, block=32, dtype=np.dtype(source), has_zero=has_zero)

    check("onnxruntime", f"MatMulNBits 4 bits{', zero points' * has_zero}, QDQ", rule, typed=True)


def test_the_scale_of_fp8_of_onnx_runtime_is_a_standard_deviation():
    check("onnxruntime", "QDQ FP8", partial(onnx.fp8, kind="fp8_e4m3", dtype=np.dtype(f32)))


@pytest.mark.parametrize("scheme, bits, group, symmetric", [
    ("pack-quantized 4 bits, groups", 4, 32, True), ("pack-quantized 4 bits, zero points", 4, 32, False),
    ("pack-quantized 3 bits, groups", 3, 64, True), ("pack-quantized 8 bits, channels", 8, 0, True),
    ("int-quantized 8 bits, channels", 8, 0, True)])
def test_the_integers_of_compressed_tensors_are_rounded_in_the_type_of_the_source(scheme, bits, group, symmetric):
    codes = np.int8 if scheme.startswith("int") else np.int16

    def rule(w, kind):
        return compressed_tensors.integers(w, kind, bits=bits, blocks=(1, group or w.shape[1]), symmetric=symmetric,
                                           file=kind, types=(codes, np.int16))

    check("compressed_tensors", scheme, rule, typed=True)


@pytest.mark.parametrize("scheme, blocks", [("FP8 tensor", None), ("FP8 channels", (1, 0)), ("FP8 blocks", (16, 64))])
def test_the_fp8_numbers_of_compressed_tensors_are_its_own(scheme, blocks):
    def rule(w, kind):
        of = w.shape if blocks is None else (blocks[0], blocks[1] or w.shape[1])
        return compressed_tensors.fp8(w, kind, kind_of="fp8_e4m3", blocks=of, file=kind)

    check("compressed_tensors", scheme, rule, typed=True)


@pytest.mark.parametrize("scheme, rule, group", [("NVFP4", compressed_tensors.nvfp4, 16),
                                                 ("MXFP4", compressed_tensors.mxfp4, 32)])
def test_the_e2m1_numbers_of_compressed_tensors_are_its_own(scheme, rule, group):
    check("compressed_tensors", scheme, partial(rule, blocks=(1, group)), typed=True)


@pytest.mark.parametrize("scheme, bits, group, how, wide", [
    ("Int8WeightOnly", 8, 0, "symmetric", True), ("Intx 8 bits, channels", 8, 0, "symmetric", False),
    ("Intx 4 bits, groups", 4, 32, "symmetric", False), ("Intx 2 bits, groups", 2, 32, "symmetric", False),
    ("Intx 4 bits, asymmetric", 4, 32, "asymmetric", False),
    ("Intx 4 bits, no clipping", 4, 32, "symmetric without clipping", False)])
def test_the_integers_of_torchao_come_of_the_inverse_of_the_scale(scheme, bits, group, how, wide):
    def rule(w, kind):
        blocks = (1, group or w.shape[1])
        shape = len(w), w.shape[1] // blocks[1]
        return torchao.integers(w, kind, bits=bits, blocks=blocks, how=how, wide=wide, shape=shape)

    check("torchao", scheme, rule, typed=True)


def test_the_floats_of_torchao_are_its_own():
    check("torchao", "Float8WeightOnly", lambda w, kind: torchao.fp8(
        w, kind, kind_of="fp8_e4m3", blocks=(1, w.shape[1])), typed=True)
    for kind, name, expected in known("torchao", "NVFP4WeightOnly"):
        w = weights(kind)[name]
        tiles = -(-len(w) // 128) * 128, -(-w.shape[1] // 64) * 4
        arrays = {"global scale": None, "filler": np.zeros(tiles, np.uint8)}
        assert digest(torchao.nvfp4(w, arrays=arrays)) == expected


@pytest.mark.parametrize("scheme", ["NF4", "NF4, nested"])
def test_the_four_bits_of_bitsandbytes_are_its_own(scheme):
    for kind, name, expected in known("bitsandbytes", scheme):
        w = weights(kind)[name]
        given = bitsandbytes.four_bits(w.reshape(-1, 64), table=NF4_LEVELS, count=w.size, block=64,
                                       has_scale=scheme == "NF4")
        absmax = f"bitsandbytes/{scheme}@{kind}/{name}.absmax"
        assert expected in (digest(given), DIGESTS.get(absmax))


def test_llm_int8_goes_by_way_of_float16():
    check("bitsandbytes", "LLM.int8()", lambda w: bitsandbytes.rows(rounding("float16")(w)))


@pytest.mark.parametrize("program", ["float32", "float16"])
@pytest.mark.parametrize("scheme, bits, low, how, blocks, has_zero", [
    ("int8 channels", 8, -128, "symmetric", (1, 0), False),
    ("int8 channels, asymmetric", 8, -128, "linear", (1, 0), True),
    ("int8 tensor", 8, -128, "symmetric", None, False), ("int4 blocks", 4, -8, "symmetric", (1, 32), False),
    ("uint4 blocks", 4, 0, "linear", (1, 32), True)])
def test_the_integers_of_coremltools_are_rounded_in_the_type_of_the_program(program, scheme, bits, low, how, blocks,
                                                                            has_zero):
    found = {key.rpartition("/")[2][0]: value for key, value in DIGESTS.items()
             if key.startswith(f"coremltools/{scheme}, program {program}@")}
    assert len(found) == 3
    for name, w in weights("float32").items():
        of = w.shape if blocks is None else (1, blocks[1] or w.shape[1])
        scale = np.zeros(tuple(-(-n // b) for n, b in zip(w.shape, of)), program)
        given = coreml.linear(w, bits=bits, low=low, how=how, blocks=of, scale=scale,
                              offset=scale if has_zero else None)
        assert digest(given) == found[name[0]]
