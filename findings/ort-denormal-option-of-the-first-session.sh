#!/usr/bin/env bash
# ONNX Runtime's session option "session.set_denormal_as_zero" is not an option of a session.
#
# Guess: the session that sets it computes with subnormal numbers as zeros; other sessions and NumPy do not.
# Seen (onnxruntime 1.31.1, NumPy 2.4.6, x86-64 Linux, two threads an operator):
# 1. The first session of a process sets the thread that makes it, for good. NumPy then multiplies 1e-40 by 1 and gets 0, also
#    after the session is gone, and so do Python threads that start later.
# 2. A later session that asks for "0" changes nothing of that: it computes zeros too.
# 3. If the first session did not ask for it, a later session that does sets its own pool threads, but not the thread that calls
#    it. That thread works too, so one Mul of equal numbers by 1 returns 0 in some elements and 1e-40 in others, and how many
#    of each differs from run to run.
# Exit code 0: still so. 1: it changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q --disable-pip-version-check onnxruntime==1.31.1 onnx==1.20.1 numpy==2.4.6 2>/dev/null
cat >"$folder/seen.py" <<'PYTHON'
import sys
import threading

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper

SIZE = 1_000_000
tiny = np.full(SIZE, 1e-40, np.float32)
graph = helper.make_graph(
    [helper.make_node("Mul", ["x", "one"], ["y"])], "g",
    [helper.make_tensor_value_info("x", TensorProto.FLOAT, [SIZE])], [helper.make_tensor_value_info("y", TensorProto.FLOAT, [SIZE])],
    [helper.make_tensor("one", TensorProto.FLOAT, [1], [1.0])])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
model.ir_version = 9
onnx.checker.check_model(model)


def session(option):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    options.add_session_config_entry("session.set_denormal_as_zero", option)
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def numpy_keeps():
    return bool((tiny[:64] * np.float32(1)).all())


def thread_keeps():
    kept = []
    thread = threading.Thread(target=lambda: kept.append(numpy_keeps()))
    thread.start()
    thread.join()
    return kept[0]


def zeros(s, runs=50):
    """Return the counts seen of the million products that are 0; the pool may be late for a run, so mixed ones may take many."""
    counts = set()
    for _ in range(runs):
        counts.add(int(np.count_nonzero(s.run(None, {"x": tiny})[0] == 0)))
        if counts - {0, SIZE}:
            break
    return counts


assert numpy_keeps() and thread_keeps()
first, second = sys.argv[1:]
s = session(first)
print(f"first session {first}: NumPy keeps 1e-40: {numpy_keeps()}, in a new thread: {thread_keeps()}, zeros: {sorted(zeros(s))}")
if first == "1":
    assert not numpy_keeps() and not thread_keeps() and zeros(s) == {SIZE}
else:
    assert numpy_keeps() and thread_keeps() and zeros(s) == {0}
del s
s = session(second)
counts = zeros(s, runs=5000)
print(f"second session {second}: NumPy keeps 1e-40: {numpy_keeps()}, in a new thread: {thread_keeps()}, zeros: {sorted(counts)}")
if first == "1":
    assert not numpy_keeps() and not thread_keeps() and counts == {SIZE}
    del s
    assert not numpy_keeps()
else:
    assert numpy_keeps() and thread_keeps()
    assert any(0 < count < SIZE for count in counts), "no run mixed zeros and 1e-40"
PYTHON
"$folder/env/bin/python" "$folder/seen.py" 1 0
"$folder/env/bin/python" "$folder/seen.py" 0 1
