"""Does `refcompress derive` find how real tools made their files? ``python -m experiments.derive --tools FOLDER``.

FOLDER has an environment for each tool (FOLDER/torchao/bin/python and so on); a tool without one is named as absent.
Three weights in three types are quantized by each tool in each of its schemes, by ``derive_makers.py``. Each file is
judged as it is, and with 1, 12 and 1,000 codes moved by one. Writes results/derive.md, and the digests of what the
tools gave to tests/audit/derive_digests.json, by which the tests know it without the tools.
"""

import argparse
import hashlib
import json
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from refcompress import reference
from refcompress.audit.derive import EXACT, derive
from refcompress.audit.derive.items import opened
from refcompress.audit.derive.origins import Origins
from refcompress.audit.derive.stored import Stored
from refcompress.formats import Plain
from refcompress.models import safetensors

ROOT = Path(__file__).resolve().parents[1]
SHAPES = {"a.weight": (48, 256), "b.weight": (32, 512), "c.weight": (80, 768)}
INTERPRETERS = {"gguf": "gguf", "llamacpp": "gguf", "onnxruntime": "ort", "compressed_tensors": "compressed-tensors",
                "torchao": "torchao", "bitsandbytes": "bitsandbytes", "hqq": "hqq", "coremltools": "coremltools"}
DOCUMENTED = {  # tool -> the pages that were read in November 2026, and what they say
    "gguf": (
        "README of the package; docs/gguf.md of ggml",
        "names and numbers of the types; nothing on how a number is rounded"),
    "llamacpp": (
        "GGUF, in the documentation of the Hugging Face Hub; tools/quantize/README.md of llama.cpp",
        '"round-to-nearest" for Q4_0 to Q8_0, and w = q * block_scale (+ block_minimum); nothing on ties, on '
        "which number the scale comes from, or on how the K types search theirs"),
    "onnxruntime": (
        "Quantize ONNX Models; docstrings of onnxruntime.quantization.quant_utils",
        "r = s (q - z) and both formulas of the scale, for 8 bits; of FP8 that both distributions are taken "
        "as normal ones; nothing on ties, or on the least and the largest code"),
    "compressed_tensors": (
        "README; docstrings of pack_to_int32 and calculate_qparams",
        "how codes are packed into int32, and round-to-nearest for MXFP4; nothing on the divisor 7.5 of 4 "
        "bits, ties, or the type in which quotients are rounded"),
    "torchao": (
        "Quantization Overview; choose_qparams_affine; MappingType",
        "low = high / scale + zero_point, and the divisor 7.5 of symmetric int4, as an example. The tool "
        "multiplies by the inverse of the scale. The least scale is said to be the eps of the type, and is "
        "its smallest normal number; nothing on ties"),
    "coremltools": (
        "coremltools.optimize.coreml.linear_quantize_weights",
        "formulas of scale, zero point and code, symmetric and not, that clipping comes before rounding; "
        "nothing on ties, or on a program of float16 whose weights are rounded first"),
    "bitsandbytes": (
        "docstrings of quantize_4bit, int8_vectorwise_quant and Linear8bitLt",
        "blocks of 64 by default, their absmax quantized on request; float16 as the input of LLM.int8(), and "
        "not that other types are rounded to it; nothing on ties"),
    "hqq": (
        "README of the package",
        "what the search minimises, nbits, group_size and axis; nothing on rounded zero points, the default of 4 bits"),
}


def weights(kind: str) -> dict[str, np.ndarray | Plain]:
    """Return the three weights of a source, which the tests make as well."""
    found: dict[str, np.ndarray | Plain] = {}
    for number, (name, shape) in enumerate(SHAPES.items()):
        w = np.random.default_rng(number).standard_normal(shape) * 0.05
        w = w.astype(np.float32)
        if kind == "bfloat16":
            word = w.view(np.uint32)
            found[name] = Plain(((word + (0x7FFF + (word >> 16 & 1))) >> 16).astype(np.uint16), "bfloat16")
        else:
            found[name] = w.astype(kind)
    return found


def write_sources(folder: Path) -> None:
    """Write the sources, as safetensors and as networks of one product for each weight."""
    from onnx import TensorProto, helper, numpy_helper

    for kind in ("float32", "float16", "bfloat16"):
        safetensors.save(folder / f"source-{kind}.safetensors", weights(kind))
        if kind == "bfloat16":
            continue
        number = {"float32": TensorProto.FLOAT, "float16": TensorProto.FLOAT16}[kind]
        values = [(i, name, w) for i, (name, w) in enumerate(weights(kind).items()) if isinstance(w, np.ndarray)]
        graph = helper.make_graph(
            [helper.make_node("MatMul", [f"x{i}", name], [f"y{i}"], name=f"m{i}") for i, name, _ in values], "g",
            [helper.make_tensor_value_info(f"x{i}", number, [None, w.shape[0]]) for i, _, w in values],
            [helper.make_tensor_value_info(f"y{i}", number, [None, w.shape[1]]) for i, _, w in values],
            [numpy_helper.from_array(w, name) for _, name, w in values])
        made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
        (folder / f"source-{kind}.onnx").write_bytes(made.SerializeToString())


def digest(stored: Stored) -> str:
    """Return the SHA-256 of all arrays of a quantized tensor."""
    found = hashlib.sha256()
    for name in sorted(stored.arrays):
        found.update(name.encode() + np.ascontiguousarray(stored.arrays[name]).tobytes())
    return found.hexdigest()


def altered(path: Path, source: Path, count: int) -> str:
    """Return how many codes are found to differ where ``count`` were moved by one in the largest tensor.

    Where no rule is known, how many are not the nearest.
    """
    from refcompress.models import open as open_model

    with open_model(source) as theirs, opened(path, 2**32, reference) as mine:
        for item in mine.items:
            value = item.read()
            if isinstance(value, list) and value[0].shape in (SHAPES["c.weight"], SHAPES["c.weight"][::-1]):
                for stored in value:
                    codes = stored.arrays["codes"].copy()
                    flat = codes.reshape(-1)
                    places = np.random.default_rng(0).choice(min(flat.size, stored.ranks.size), count, replace=False)
                    flat[places] = np.where(flat[places] > 1, flat[places] - 1, flat[places] + 1)
                    stored.arrays["codes"] = codes
                    stored.ranks.reshape(-1)[places] += np.where(stored.ranks.reshape(-1)[places] > 0, -1, 1)
                verdict = Origins(theirs).of_value(item.name, value)
                return f"{verdict.differing.get('codes', verdict.not_nearest):,}"
    return "-"


def run(folder: Path, tools: Path, ggml: str) -> tuple[list[list[str]], dict]:
    rows, digests = [], {}
    write_sources(folder)
    for tool, environment in INTERPRETERS.items():
        python = tools / environment / "bin" / "python"
        if not python.exists():
            print(f"{tool}: absent, {python} is not there")
            continue
        said = subprocess.run([python, "-W", "ignore", ROOT / "experiments" / "derive_makers.py", tool, folder,
                               folder / tool, ggml], check=True, capture_output=True, text=True).stdout.splitlines()[-1]
        for path in sorted((folder / tool).iterdir()):
            scheme, _, kind = path.stem.partition("@")
            source = folder / f"source-{kind}.{'onnx' if path.suffix == '.onnx' else 'safetensors'}"
            found = derive(source, path)
            quantized = [v for v in found.verdicts if v.source is not None and v.source.split()[0] in SHAPES]
            words = "; ".join(sorted({v.verdict if v.verdict == EXACT else
                                      f"{v.verdict} ({v.not_nearest} of {v.codes:,} not nearest)" for v in quantized}))
            rule = "; ".join(sorted({v.rule for v in quantized}))
            moved = " ".join(altered(path, source, count) for count in (1, 12, 1000))
            rows.append([said, scheme, kind, f"{len(quantized)}", words, rule, moved])
            readings = {v.name: v.reading for v in found.verdicts}
            with opened(path, 2**32, reference) as file:
                for item in file.items:
                    value = item.read()
                    for stored in value if isinstance(value, list) else ():
                        if stored.reading == readings[item.name]:
                            digests[f"{tool}/{scheme}@{kind}/{item.name}"] = digest(stored)
    return rows, digests


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--tools", type=Path, required=True)
    parser.add_argument("--ggml", default="build/ggml/native")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        rows, digests = run(Path(name), options.tools, options.ggml)
    header = ["tool", "scheme", "source", "tensors", "verdict", "rule", "found of 1, 12, 1000 moved codes"]
    lines = ["# Files of real tools, derived from their sources", "",
             "Made by `python -m experiments.derive`. Each file has three weights, of 48 x 256, 32 x 512 and 80 x 768; "
             "the last one is altered.", "", "| " + " | ".join(header) + " |", "|" + " --- |" * len(header)]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    lines += ["", "## What the tools' documentation says", "", "| tool | read | says |", "| --- | --- | --- |"]
    lines += [f"| {tool} | {pages} | {said} |" for tool, (pages, said) in DOCUMENTED.items()]
    (ROOT / "results" / "derive.md").write_text("\n".join(lines) + "\n")
    target = ROOT / "tests" / "audit" / "derive_digests.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(digests, indent=0, sort_keys=True) + "\n")
    print(f"{len(rows)} files, {sum('exact' == row[4] for row in rows)} exact")


if __name__ == "__main__":
    main()
