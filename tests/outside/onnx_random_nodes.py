"""Single nodes of random shapes and attributes by our executor, beside ONNX Runtime.

    python -m tests.outside.onnx_random_nodes [--seed 0] [--count 100]

ONNX's own node tests have few shapes each. Here both compute the same node of the same inputs: shapes and types must be
equal, floats within 1e-5 of the largest magnitude of the output. A node that one of the two refuses counts for none,
and is listed. What ONNX Runtime is known to do otherwise than ONNX says is not drawn: sequences without a step (it gives
zeros for their last states), transposed convolutions with "SAME" pads whose kernel is smaller than their stride (the
output is smaller than size * stride), and align_corners with scales whose product with a size is no integer.
"""

import argparse
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np

from refcompress import RefcompressError, native
from refcompress.graph import onnx

LIMIT = 1e-5  # of the largest magnitude of an output
Drawn = tuple[str, list, dict, int, int]  # operator, inputs (None: left out), attributes, outputs, inputs that are data


class Draws:
    """One operator a method, with inputs and attributes drawn."""

    def __init__(self, seed: int):
        self.rng = np.random.default_rng(seed)

    def real(self, *shape: int) -> np.ndarray:
        return self.rng.standard_normal(shape).astype(np.float32)

    def whole(self, low: int, high: int, count: int = 0):
        return [int(each) for each in self.rng.integers(low, high + 1, count)] if count else int(
            self.rng.integers(low, high + 1))

    def one(self, *choices):
        return choices[self.whole(0, len(choices) - 1)]

    def maybe(self, value):
        return self.one(value, None)

    def conv(self) -> Drawn:
        axes, groups = self.whole(1, 3), self.whole(1, 3)
        kernel, c = self.whole(1, 3, axes), groups * self.whole(1, 2)
        x, weight = self.real(2, c, *self.whole(6, 9, axes)), self.real(groups * self.whole(1, 2), c // groups, *kernel)
        window = {"strides": self.whole(1, 3, axes), "group": groups}
        window |= self.one({"pads": self.whole(0, 2, 2 * axes), "dilations": self.whole(1, 2, axes)},
                           {"auto_pad": self.one("SAME_UPPER", "SAME_LOWER", "VALID")})
        return "Conv", [x, weight, self.maybe(self.real(len(weight)))], window, 1, 1

    def transposed(self) -> Drawn:
        strides, groups = self.whole(1, 3, 2), self.whole(1, 2)
        kernel = [s + self.whole(0, 2) for s in strides]
        window = {"strides": strides, "group": groups}
        window |= self.one({"pads": self.whole(0, 1, 4), "dilations": self.whole(1, 2, 2)},
                           {"auto_pad": self.one("SAME_UPPER", "SAME_LOWER")},
                           {"output_padding": [self.whole(0, s - 1) for s in strides]})
        weight = self.real(2 * groups, self.whole(1, 3), *kernel)
        return "ConvTranspose", [self.real(1, 2 * groups, *self.whole(3, 6, 2)), weight], window, 1, 1

    def pool(self) -> Drawn:
        axes = self.whole(1, 3)
        kernel = self.whole(1, 3, axes)
        more = self.one(("MaxPool", {"dilations": self.whole(1, 2, axes)}),
                        ("AveragePool", {"count_include_pad": self.whole(0, 1)}))
        pads = [self.whole(0, k // 2) for k in kernel * 2]
        return more[0], [self.real(2, 2, *self.whole(5, 9, axes))], {
            "kernel_shape": kernel, "strides": self.whole(1, 3, axes), "pads": pads, "ceil_mode": self.whole(0, 1),
            **more[1]}, 1, 1

    def resize(self) -> Drawn:
        mode = self.one({"mode": "nearest", "nearest_mode": self.one("floor", "ceil", "round_prefer_floor",
                                                                     "round_prefer_ceil")},
                        {"mode": "linear"}, {"mode": "cubic", "exclude_outside": self.whole(0, 1)})
        x = self.real(1, 2, *self.whole(2, 7, 2))
        how = self.one("half_pixel", "asymmetric", "pytorch_half_pixel", "half_pixel_symmetric", "align_corners")
        scales = np.float32([1, 1, self.whole(1, 3), self.whole(1, 3)])
        sizes = np.array([1, 2, *self.whole(1, 12, 2)])
        return "Resize", [x, None, *self.one([scales], [None, sizes])], {
            "coordinate_transformation_mode": how, **mode}, 1, 1

    def recurrent(self) -> Drawn:
        operator, gates = self.one(("LSTM", 4), ("GRU", 3))
        direction = self.one("forward", "reverse", "bidirectional")
        ways, (steps, n, k, m) = 1 + (direction == "bidirectional"), self.whole(1, 5, 4)
        lengths = np.array(self.whole(1, steps, n), np.int32)
        state = (ways, n, m)
        inputs = [self.real(steps, n, k), self.real(ways, gates * m, k), self.real(ways, gates * m, m),
                  self.maybe(self.real(ways, 2 * gates * m)), self.maybe(lengths), self.maybe(self.real(*state))]
        attributes = {"direction": direction, "hidden_size": m, **self.one({}, {"clip": 0.5})}
        if operator == "GRU":
            return operator, inputs, {**attributes, "linear_before_reset": self.whole(0, 1)}, 2, 1
        return operator, [*inputs, self.maybe(self.real(*state)), self.maybe(self.real(ways, 3 * m))], attributes, 3, 1

    def attention(self) -> Drawn:
        heads, groups = self.one((4, 4), (4, 2), (4, 1))
        queries, keys = self.whole(1, 6, 2)
        mask = self.one(None, self.real(queries, keys), self.rng.integers(0, 4, (2, 1, queries, keys)) > 0)
        return "Attention", [self.real(2, heads, queries, 8), self.real(2, groups, keys, 8),
                             self.real(2, groups, keys, 5), mask], {
            "is_causal": self.whole(0, 1), **self.one({}, {"softcap": 2.0}, {"scale": 0.3})}, 1, 4

    def norm(self) -> Drawn:
        x, axis = self.real(2, 3, 4, 5), self.whole(-3, 3)
        return self.one(
            ("LayerNormalization", [x, self.real(*x.shape[axis:]), self.real(*x.shape[axis:])], {"axis": axis}, 1, 1),
            ("InstanceNormalization", [x, self.real(3), self.real(3)], {}, 1, 1),
            ("BatchNormalization", [x, *(self.real(3) for _ in range(3)), np.abs(self.real(3))], {}, 1, 1),
            ("Softmax", [5 * x], {"axis": axis}, 1, 1))

    def value(self) -> Drawn:
        x, y = 3 * self.real(5, 6), self.real(*self.one((6,), (5, 1), (5, 6)))
        return self.one(*((name, [x], {}, 1, 1) for name in (
            "Relu", "Tanh", "Sigmoid", "Erf", "Exp", "HardSigmoid", "HardSwish", "LeakyRelu", "Gelu", "Floor")),
            ("Gelu", [x], {"approximate": "tanh"}, 1, 1), ("Sqrt", [np.abs(x)], {}, 1, 1),
            ("Pow", [np.abs(x), y], {}, 1, 2),
            *((name, [x, y], {}, 1, 2) for name in ("Add", "Sub", "Mul", "Div", "Max", "Min", "Less")))

    def product(self) -> Drawn:
        outer = self.one((), (2,), (3, 2))
        return self.one(("MatMul", [self.real(*outer, 3, 6), self.real(6, 4)], {}, 1, 1),
                        ("MatMul", [self.real(*outer, 3, 6), self.real(*outer[-1:], 6, 4)], {}, 1, 2),
                        ("Gemm", [self.real(3, 6), self.real(4, 6), self.real(4)], {"transB": 1, "alpha": 0.5}, 1, 1))

    def moved(self) -> Drawn:
        x, (a, b) = self.real(5, 6), self.whole(-8, 8, 2)
        axes = np.array([self.whole(-2, 1)])
        return self.one(
            ("Slice", [x, np.array([a]), np.array([b]), axes, np.array([self.one(-2, -1, 1, 2)])], {}, 1, 1),
            ("Pad", [x, np.array(self.whole(0, 4, 4))], {"mode": self.one("constant", "reflect", "edge", "wrap")},
             1, 1),
            (self.one("ReduceSum", "ReduceMean", "ReduceMax", "ReduceProd"), [x, axes], {"keepdims": self.whole(0, 1)},
             1, 1),
            ("Gather", [x, self.rng.integers(-5, 5, (2, 3))], {}, 1, 2))


FAMILIES = [name for name in vars(Draws) if name not in ("real", "whole", "one", "maybe") and name[0] != "_"]


def model_of(drawn: Drawn) -> tuple[bytes, dict[str, np.ndarray]]:
    """Return an ONNX model of one node, and its inputs; the inputs behind the data are initialisers."""
    from onnx import helper, numpy_helper

    operator, inputs, attributes, outputs, data = drawn
    names = ["" if a is None else f"in{i}" for i, a in enumerate(inputs)]
    given = {name: np.asarray(a) for name, a in list(zip(names, inputs))[:data] if name}
    graph = helper.make_graph(
        [helper.make_node(operator, names, [f"out{i}" for i in range(outputs)], **attributes)], "one",
        [helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(a.dtype), a.shape)
         for name, a in given.items()],
        [helper.make_tensor_value_info(f"out{i}", 9 if operator == "Less" else 1, None) for i in range(outputs)],
        [numpy_helper.from_array(np.asarray(a), name) for name, a in list(zip(names, inputs))[data:] if name])
    opset = helper.make_opsetid("", 23 if operator == "Attention" else 22)
    return helper.make_model(graph, opset_imports=[opset], ir_version=10).SerializeToString(), given


def difference(found: np.ndarray, wanted: np.ndarray) -> str:
    """Return what is wrong with an output; "" where nothing is."""
    if found.shape != wanted.shape or found.dtype != wanted.dtype:
        return f"{found.dtype} {found.shape} in place of {wanted.dtype} {wanted.shape}"
    if not np.array_equal(np.isfinite(found), np.isfinite(wanted)):
        return "other infinities or NaNs"
    a, b = (each[np.isfinite(wanted)].astype(np.float64) for each in (found, wanted))
    worst, scale = np.abs(a - b).max(initial=0.0), np.abs(b).max(initial=0.0)
    return "" if worst <= LIMIT * max(scale, 1e-30) else f"off by {worst:.1e}, the scale is {scale:.1e}"


def answer(compute: Callable[[], list], errors: tuple) -> list | str:
    """Return outputs, or the first line of a refusal."""
    try:
        return compute()
    except errors as error:
        return str(error).splitlines()[0][:150]


def main() -> None:
    import onnxruntime

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=100, help="nodes of each family")
    options = parser.parse_args()
    draws, quiet = Draws(options.seed), onnxruntime.SessionOptions()
    quiet.log_severity_level = 4
    equal, failed, refused = Counter[str](), list[str](), Counter[str]()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "node.onnx")
        for family in FAMILIES * options.count:
            drawn = getattr(draws, family)()
            model, given = model_of(drawn)
            path.write_bytes(model)
            theirs = answer(lambda: onnxruntime.InferenceSession(model, quiet).run(None, given), (Exception,))
            ours = answer(lambda: list(onnx.load(path).run(given, implementation=native, allow_nan=True).values()),
                          (RefcompressError,))
            if isinstance(ours, str) or isinstance(theirs, str):
                if isinstance(ours, str) != isinstance(theirs, str):
                    refused[f"{drawn[0]}: {f'ours: {ours}' if isinstance(ours, str) else f'theirs: {theirs}'}"] += 1
                continue
            wrong = [said for a, b in zip(ours, theirs) if (said := difference(a, b))]
            if wrong:
                failed.append(f"{drawn[0]} {drawn[2]} of {[np.shape(a) for a in drawn[1]]}: {wrong[0]}")
            else:
                equal[drawn[0]] += 1
    print(f"equal: {sum(equal.values())}: " + ", ".join(f"{name} {n}" for name, n in sorted(equal.items())))
    for said, count in refused.most_common():
        print(f"refused by one: {count} {said}")
    print("\n".join([f"failed: {len(failed)}", *failed]))
    if failed:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
