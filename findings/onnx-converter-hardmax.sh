#!/usr/bin/env bash
# onnx.version_converter changes what a model with Hardmax computes, without a word.
#
# Guess: the converter of versions knows which operators changed, and either rewrites their nodes or refuses the model; what it
# passes through as compatible computes the same.
# Seen (onnx 1.23.2, run by onnxruntime 1.31.1 on x86-64 Linux): from opset 12 to 13 Softmax, LogSoftmax and Hardmax changed in
# the same way: their axis was where an array is cut into rows (1 unless given), and became the one axis that they work along
# (the last unless given). Softmax and LogSoftmax are rewritten (Flatten, the operator, Reshape) and compute the same.
# Hardmax is passed through as it is. Of an array of 2 x 2 x 2 it gave one 1 for each 4 numbers, and gives one for each 2. The
# checker accepts the new model.
# Why it matters: the converter's list of compatible operators looks like the answer to "may I raise the opset of this model?".
# Exit code 0: still so. 1: it changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q --disable-pip-version-check onnxruntime==1.31.1 onnx==1.23.2 numpy==2.4.6 2>/dev/null
cat >"$folder/seen.py" <<'PYTHON'
import sys

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, version_converter

x = np.arange(8, dtype=np.float32).reshape(2, 2, 2)


def result(model):
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"x": x})[0]


changed = {}
for operator in ("Softmax", "LogSoftmax", "Hardmax"):
    graph = helper.make_graph(
        [helper.make_node(operator, ["x"], ["y"])], "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 2, 2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [2, 2, 2])])
    old = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 12)], ir_version=7)
    new = version_converter.convert_version(old, 13)
    onnx.checker.check_model(new, full_check=True)
    before, after = result(old), result(new)
    changed[operator] = not np.array_equal(before, after)
    print(f"{operator}: nodes {[node.op_type for node in new.graph.node]}; ones before {int((before == 1).sum())}, "
          f"after {int((after == 1).sum())}; {'CHANGED' if changed[operator] else 'the same'}")
sys.exit(changed != {"Softmax": False, "LogSoftmax": False, "Hardmax": True})
PYTHON
"$folder/env/bin/python" "$folder/seen.py"
