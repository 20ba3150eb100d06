#!/usr/bin/env bash
# Dynamic quantization of a published ONNX model whose weights lie in Constant nodes makes the file larger.
#
# Guess: onnxruntime.quantization.quantize_dynamic stores the weights of a published float32 model as 8-bit integers, so that the
# file shrinks to about a third, wherever the exporter has put them; or it says that it cannot.
# Seen (onnxruntime 1.32.0, onnx 1.23.2; the models of rapidocr 3.10.0 and silero-vad 6.2.3, x86-64 Linux, CPU):
# 1. ch_ppocr_mobile_v2.0_cls_mobile.onnx has no initialiser: its 53 convolutions take their weights from Constant nodes. The result has
#    53 ConvInteger and 106 DynamicQuantizeLinear nodes, two for each convolution: the weights are taken for activations, stay float32 in
#    the file, and the graph quantizes them itself, as it does the inputs. 585,532 bytes become 654,766.
# 2. silero_vad.onnx has its weights in Constant nodes of the branches of an If. Nothing is quantized, and the file grows too (the float
#    weights are all there). No exception.
# 3. silero_vad_openvino_16k.onnx, the same kind of file, ends in a ValueError: a weight "to be an initializer" is expected.
# 4. PP-OCRv6_det_small.onnx, of the same package as 1, has initialisers: it shrinks to less than a third.
# Why it matters: a tool that reads initialisers alone finds such models empty, and "quantized" says nothing about a file's bytes.
# Exit code 0: still so. 1: it changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q --disable-pip-version-check onnxruntime==1.32.0 onnx==1.23.2 numpy==2.4.6 2>/dev/null
"$folder/env/bin/pip" install -q --disable-pip-version-check --no-deps rapidocr==3.10.0 silero-vad==6.2.3 2>/dev/null
cat >"$folder/seen.py" <<'PYTHON'
import logging
import sys
from collections import Counter
from pathlib import Path

import onnx
from onnxruntime.quantization import quantize_dynamic

logging.disable(logging.WARNING)
packages, result = Path(sys.argv[1]), Path(sys.argv[2])


def operators(graph, found):
    """Count the nodes of a graph and of its branches by their operator."""
    for node in graph.node:
        found[node.op_type] += 1
        for attribute in node.attribute:
            if attribute.HasField("g"):
                operators(attribute.g, found)
    return found


def quantized(path):
    """Return the initialisers of a model, its bytes before and after, and the operators after."""
    source = packages / path
    initialisers = len(onnx.load(source).graph.initializer)
    quantize_dynamic(source, result)
    found = operators(onnx.load(result).graph, Counter())
    before, after = source.stat().st_size, result.stat().st_size
    print(f"{path}: {initialisers} initialisers, {before:,} bytes -> {after:,}; "
          f"{found['ConvInteger']} ConvInteger, {found['DynamicQuantizeLinear']} DynamicQuantizeLinear")
    return initialisers, before, after, found


count, before, after, found = quantized("rapidocr/models/ch_ppocr_mobile_v2.0_cls_mobile.onnx")
assert count == 0 and after > before and found["ConvInteger"] == 53 and found["DynamicQuantizeLinear"] == 106
count, before, after, found = quantized("silero_vad/data/silero_vad.onnx")
assert count == 0 and after > before and not found["ConvInteger"] + found["MatMulInteger"] + found["DynamicQuantizeLSTM"]
try:
    quantized("silero_vad/data/silero_vad_openvino_16k.onnx")
except ValueError as error:
    print(f"silero_vad_openvino_16k.onnx: ValueError: {error}")
    assert "to be an initializer" in str(error)
else:
    raise AssertionError("silero_vad_openvino_16k.onnx was quantized")
count, before, after, found = quantized("rapidocr/models/PP-OCRv6_det_small.onnx")
assert count > 0 and after < before / 3
PYTHON
PYTHONPATH= "$folder/env/bin/python" "$folder/seen.py" "$("$folder/env/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')" "$folder/quantized.onnx"
