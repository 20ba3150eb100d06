"""ONNX's own node tests by our executor: which are run, which are left out, and why.

    python -m tests.outside.onnx_nodes [--only PART] [--all]

The tests come with the package onnx (onnx.backend.test). Integers, bools and shapes must be those of the test, floats
within 1e-5 of the largest magnitude of the output, infinities and NaNs where it has them. A test is left out where its
model is refused: the table says with which rule, and how often. After all rewrites (passes.simplified) the outputs must
be as right, and what is written to ONNX and read again must be the same network: the same bits.
"""

import argparse
import tempfile
import warnings
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np

from refcompress import RefcompressError, native
from refcompress.graph import onnx, passes

LIMIT = 1e-5  # of the largest magnitude of an output
DIGITS = {"test_averagepool_2d_ceil_last_window_starts_on_pad": 1e-3}  # its own limit: written with four digits


def tests(part: str) -> list:
    """Return ONNX's node tests whose names have this part."""
    from onnx.backend.test.loader import load_model_tests

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tests compute their own overflows
        return [each for each in load_model_tests(kind="node") if part in each.name]


def difference(found: np.ndarray, wanted: np.ndarray, limit: float) -> str:
    """Return what is wrong with an output; "" where nothing is. limit : of float32 and float64."""
    wanted = np.asarray(wanted)
    if found.shape != wanted.shape or found.dtype != wanted.dtype:
        return f"{found.dtype} {found.shape} in place of {wanted.dtype} {wanted.shape}"
    if wanted.dtype.kind != "f":
        return "" if np.array_equal(found, wanted) else "other values"
    finite = np.isfinite(wanted)
    if not np.array_equal(found[~finite], wanted[~finite], equal_nan=True):
        return "other infinities or NaNs"
    if not finite.any():
        return ""
    a, b = found[finite].astype(np.float64), wanted[finite].astype(np.float64)
    worst, scale = float(np.abs(a - b).max()), float(np.abs(b).max())
    narrow = {"float16": 2.0**-10}.get(wanted.dtype.name, limit)
    return "" if worst <= narrow * max(scale, 1e-30) else f"off by {worst:.1e}, the scale is {scale:.1e}"


def ran(test, folder: Path) -> str:
    """Return what is wrong with a test; "" where nothing is. Raises RefcompressError where its model is refused."""
    path = folder / "node.onnx"
    path.write_bytes(test.model.SerializeToString())
    model = onnx.load(path)
    names = [each.name for each in model.graph.inputs]
    for inputs, outputs in test.data_sets:
        if not all(isinstance(each, np.ndarray | np.generic) for each in (*inputs, *outputs)):
            raise RefcompressError("test", "has inputs or outputs that are no tensors")
        given = dict(zip(names, map(np.asarray, inputs)))
        found = model.run(given, implementation=native, allow_nan=True)
        for name, value, wanted in zip(found, found.values(), outputs):
            if wrong := difference(value, wanted, DIGITS.get(test.name, LIMIT)):
                return f"{name}: {wrong}"
        simple = passes.simplified(model).run(given, implementation=native, allow_nan=True)
        for name, value, wanted in zip(simple, simple.values(), outputs):
            if wrong := difference(value, wanted, DIGITS.get(test.name, LIMIT)):
                return f"{name}, after all rewrites: {wrong}"
        again = folder / "again.onnx"
        onnx.save(model, again)
        back = onnx.load(again).run(given, implementation=native, allow_nan=True)
        for name, value in found.items():
            if not np.array_equal(back[name], value, equal_nan=value.dtype.kind == "f"):
                return f"{name}: other bits when written and read again"
    return ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="a part of the names of the tests")
    parser.add_argument("--all", action="store_true", help="name every test that is left out")
    options = parser.parse_args()
    passed: Counter[str] = Counter()
    failed: dict[str, str] = {}
    left: dict[str, list[str]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as name:
        for test in tests(options.only):
            try:
                wrong = ran(test, Path(name))
            except RefcompressError as error:
                rule = error.rule.replace("has operators that are not known here: ", "operators: ")
                left[rule].append(test.name)
                continue
            if wrong:
                failed[test.name] = wrong
            else:
                passed.update({node.op_type for node in test.model.graph.node})
                passed[""] += 1
    print(f"passed: {passed.pop('', 0)}. Operators in them: "
          + ", ".join(f"{name} {count}" for name, count in sorted(passed.items())))
    print(f"left out: {sum(map(len, left.values()))}")
    for rule, names in sorted(left.items(), key=lambda item: -len(item[1])):
        print(f"  {len(names):4} {rule}: {', '.join(names if options.all else names[:2])}")
    print(f"failed: {len(failed)}")
    for test, wrong in failed.items():
        print(f"  {test}: {wrong}")
    if failed:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
