"""Real networks on integers: the reference, every instruction set and any number of threads give the same bits.

    python -m tests.outside.integer_models

The networks are those of onnx_models.py, brought to static W8A8, dynamic W8A8 and dynamic W4A8 after all rewrites. A
static one whose nodes are all in the specification is also computed by tests/graph/integer_loop.py, which knows that
alone. What stays float32 may differ from reference to native within its bound; so equal bits are asked of native
variants and threads for every network, and of the reference where all that computes is on integers.

The error is that of the outputs, root of the mean square over that of the float network's, on inputs that calibration
did not see; natural_inputs.py makes those of silero-vad and rapidocr. Static silero-vad loses most by one node, the
convolution that makes the spectrum of the sound: eight bits do not hold what is loud and what is soft. ONNX Runtime's
quantizer loses as much. --sensitivities names such nodes.
"""

import argparse
import tempfile
import time
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from refcompress import native
from refcompress.graph import Model, onnx, passes
from refcompress.graph.integers import Integers, sensitivities, to_integers
from tests.graph.integer_loop import run as loop
from tests.outside.natural_inputs import natural
from tests.outside.onnx_models import Inputs, built, cases

WAYS: dict[str, dict[str, Any]] = {"static": {}, "dynamic": {"dynamic": True},
                                   "dynamic, 4 bits": {"dynamic": True, "weights": 4, "group": 32}}


def same(a: Inputs, b: Inputs) -> bool:
    return all(np.array_equal(a[name], b[name], equal_nan=True) for name in a)


def by_the_loop(model: Model, inputs: Inputs) -> Inputs | None:
    """Return what the loop computes, or None for nodes that it does not know."""
    try:
        return loop(model.graph, model.tensors, inputs)
    except KeyError:
        return None


def agreement(made: Integers, inputs: Inputs) -> tuple[bool, str]:
    """Return whether all that must agree does, and what did."""
    model = made.model
    expected = model.run(inputs, implementation=native, allow_nan=True)
    good, said = True, []
    before = native.threads.get()
    for variant in native.available():
        for count in (1, 3):
            native.threads.set(count)
            good &= same(model.run(inputs, implementation=variant, allow_nan=True), expected)
    native.threads.set(before)
    if not made.floats:
        good &= same(model.run(inputs, allow_nan=True), expected)
        said.append("reference")
        if (found := by_the_loop(model, inputs)) is not None:
            good &= same(found, expected)
            said.append("loop")
    return good, ", ".join(["native", *said])


def error(model: Model, judged: list[Inputs], wanted: list[Inputs]) -> float:
    """Return the error of the output that is farthest off."""
    found = [model.run(each, implementation=native, allow_nan=True) for each in judged]
    worst = 0.0
    for key in wanted[0]:
        right = np.concatenate([each[key].astype(np.float64).ravel() for each in wanted])
        wrong = np.concatenate([each[key].astype(np.float64).ravel() for each in found]) - right
        worst = max(worst, float(np.sqrt(np.sum(wrong**2) / max(np.sum(right**2), 1e-300))))
    return worst


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="a part of the names of the networks")
    parser.add_argument("--mobilenet", help="a checkpoint of MobileNetV2 (examples/mobilenet_v2.py)")
    parser.add_argument("--squeezenet", help="Deep Compression's published file (refcompress/models/squeezenet.py)")
    parser.add_argument("--sensitivities", action="store_true", help="the three nodes that are best kept in float32")
    options = parser.parse_args()
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for name, path, inputs in chain(cases(), built(Path(folder), options.mobilenet, options.squeezenet)):
            if options.only not in name:
                continue
            model = passes.simplified(onnx.load(path))
            data = inputs(np.random.default_rng(1))
            given, judged = natural(name, model) or (data, data)
            wanted = [model.run(each, implementation=native) for each in judged]
            for way, how in WAYS.items():
                start = time.perf_counter()
                made = to_integers(model, given if way == "static" else None, implementation=native, **how)
                good, said = agreement(made, data[0])
                failed += not good
                print(f"{name:28} {way:16} {len(made.report) - len(made.floats):4} of {len(made.report):4} on integers,"
                      f" error {error(made.model, judged, wanted):.3f}; {said}{'' if good else '  FAILED'}"
                      f"  {time.perf_counter() - start:.1f} s", flush=True)
            for row in sensitivities(model, given, implementation=native)[:3] if options.sensitivities else ():
                print(f"{'':28} error {row.error:.3f} with {row.node or 'none'} in float32")
    if failed:
        raise SystemExit(f"{failed} networks failed")


if __name__ == "__main__":
    main()
