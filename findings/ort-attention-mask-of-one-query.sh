#!/usr/bin/env bash
# A padding mask, one row for all queries, is valid for ONNX's Attention, loads in ONNX Runtime, and fails in the run.
#
# Guess: the mask of the Attention operator (opset 23) broadcasts to (batch, heads, queries, keys), as its description says, so that a
# padding mask (batch, 1, 1, keys) or (1, keys) works in onnxruntime as it does in onnx's evaluator and in PyTorch.
# Seen (onnxruntime 1.32.0, onnx 1.23.2, x86-64 Linux, CPU), float and bool masks, inputs of three and of four axes:
# 1. (queries, keys), (1, 1, queries, keys), (batch, 1, queries, keys), (1, heads, queries, keys) and (heads, queries, keys) work.
# 2. (batch, 1, 1, keys) and (1, keys): the model passes onnx.checker, the session is made, and the first run fails: "inconsistent
#    q_sequence_length (between attn_mask and Q)". (keys,) fails too: "attn_mask must be 2D or 3D or 4D".
# 3. (batch, 1, queries, 1) fails as well. onnx's evaluator takes (batch, 1, 1, keys).
# Why it matters: who exports a network with a padding mask must repeat it for each query; a test that only makes a session sees nothing.
# Exit code 0: still so. 1: it changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q --disable-pip-version-check onnxruntime==1.32.0 onnx==1.23.2 numpy==2.4.6 2>/dev/null
cat >"$folder/seen.py" <<'PYTHON'
import sys

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

B, H, L, S, D = 2, 4, 5, 6, 8


def ran(shape, bool_mask: bool, four: bool) -> tuple[bool, bool]:
    """Return whether a session is made, and whether it runs."""
    shapes = {"q": [B, H, L, D], "k": [B, H, S, D], "v": [B, H, S, D]} if four else {
        "q": [B, L, H * D], "k": [B, S, H * D], "v": [B, S, H * D]}
    heads = {} if four else {"q_num_heads": H, "kv_num_heads": H}
    inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, each) for name, each in shapes.items()]
    inputs.append(helper.make_tensor_value_info("m", TensorProto.BOOL if bool_mask else TensorProto.FLOAT, shape))
    node = helper.make_node("Attention", ["q", "k", "v", "m"], ["y"], **heads)
    graph = helper.make_graph([node], "g", inputs, [helper.make_tensor_value_info("y", TensorProto.FLOAT, shapes["q"])])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 23)], ir_version=10)
    onnx.checker.check_model(model)
    rng = np.random.default_rng(0)
    given = {name: rng.standard_normal(each).astype(np.float32) for name, each in shapes.items()}
    given["m"] = np.ones(shape, bool) if bool_mask else np.zeros(shape, np.float32)
    if shape == (B, 1, 1, S):
        ReferenceEvaluator(model).run(None, given)  # the standard's own evaluator takes it
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    except Exception:
        return False, False
    try:
        session.run(None, given)
    except Exception:
        return True, False
    return True, True


right = [(L, S), (1, 1, L, S), (B, 1, L, S), (1, H, L, S), (H, L, S)]
wrong = [(B, 1, 1, S), (1, S), (S,), (B, 1, L, 1)]
kinds = [(bool_mask, four) for bool_mask in (False, True) for four in (False, True)]
good = all(ran(shape, *kind) == (True, True) for shape in right for kind in kinds)
bad = all(ran(shape, *kind) == (True, False) for shape in wrong for kind in kinds)
print(f"masks with a row a query work: {good}; masks of one row make a session and fail in the run: {bad}")
sys.exit(0 if good and bad else 1)
PYTHON
PYTHONPATH= "$folder/env/bin/python" "$folder/seen.py"
