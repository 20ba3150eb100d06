"""ONNX's node tests of integers by our operations themselves: ``python -m tests.outside.onnx_integers``.

MatMulInteger, QLinearMatMul, QuantizeLinear, DequantizeLinear and DynamicQuantizeLinear, written here as sums of our
operations, by the reference and by every instruction set: every integer, code and scale must be that of the test.
Unsigned types and zero points of a product are the shim's: they move values by constants.
"""

import sys
from types import SimpleNamespace

import numpy as np

from refcompress import Quantized, native, reference

from .onnx_nodes import tests

# In some releases of onnx these store values that wrapped around where the specification of QLinearMatMul saturates:
# then they are left out, where they differ from ours there and nowhere else.
WRAPPED = {f"test_qlinearmatmul_{shape}_int8_{scale}" for shape in ("2D", "3D") for scale in ("float16", "float32")}
FLOATS = {"float8_e4m3fn": "fp8_e4m3", "float8_e5m2": "fp8_e5m2", "float4_e2m1fn": "fp4_e2m1"}
INT16 = 5  # TensorProto.INT16, as an attribute has it


def array(value) -> np.ndarray:
    """Return a test's tensor; narrow types as ml_dtypes has them."""
    if isinstance(value, np.ndarray | np.generic):
        return np.asarray(value)
    from onnx import numpy_helper

    return numpy_helper.to_array(value)


def layout(kind: np.dtype) -> tuple[int, int]:
    """Return the bits of an integer type, and what is taken off its values so that they are signed."""
    bits = {"int4": 4, "uint4": 4, "int2": 2, "uint2": 2}.get(kind.name, 8 * kind.itemsize)
    return bits, 1 << bits - 1 if kind.name.startswith("u") else 0


def signed(a: np.ndarray) -> np.ndarray:
    bits, half = layout(a.dtype)
    return (a.astype(np.int32) - half).astype(np.int8 if bits <= 8 else np.int16)


def product(ops, a, b, a_zero, b_zero) -> np.ndarray:
    """Return the int32 sums of (a - a_zero) (b - b_zero): of a b, less what the zero points add."""
    k, w = a.shape[-1], np.ascontiguousarray(signed(b).swapaxes(-1, -2))
    multiply = ops.gemm_u8s8 if a.dtype == np.uint8 else ops.gemm_s8s8
    pairs = zip(a.reshape(-1, *a.shape[-2:]), w.reshape(-1, *w.shape[-2:]))
    sums = np.array([multiply(x, each) for x, each in pairs]).reshape(*a.shape[:-1], w.shape[-2])
    za, zb = np.int32(a_zero.ravel()[0]), np.int32(signed(b_zero).ravel()[0])
    return (sums - za * w.sum(axis=-1, dtype=np.int32)[..., None, :]
            - zb * a.sum(axis=-1, dtype=np.int32)[..., None] + k * za * zb)


def matmul_integer(ops, attributes, a, b, a_zero, b_zero):
    return [product(ops, a, b, a_zero, b_zero)]


def qlinear_matmul(ops, attributes, a, a_scale, a_zero, b, b_scale, b_zero, y_scale, y_zero):
    scale = np.float64(a_scale[0]) * np.float64(b_scale[0]) / np.float64(y_scale[0])
    multiplier, shift = (int(each) for each in ops.quantize_multiplier(scale))
    y = ops.requantize_s32(product(ops, a, b, a_zero, b_zero), multiplier, shift,
                           zero_point=int(signed(y_zero)[0]))
    return [(y.astype(np.int32) + layout(y_zero.dtype)[1]).astype(y_zero.dtype)]


def sharing(x, scale, attributes) -> tuple[dict, tuple]:
    """Return what shares a scale, and the shape of scales, in our words."""
    axis, block = attributes.get("axis", 1), attributes.get("block_size", 0)
    if block:
        return {"group": block}, scale.shape
    if scale.ndim == 0:
        return {}, (1,) * x.ndim
    return {"axis": axis}, tuple(n if i == axis else 1 for i, n in enumerate(x.shape))


def quantize_linear(ops, attributes, x, scale, zero=None):
    kind = zero.dtype if zero is not None else np.dtype({INT16: np.int16}[attributes["output_dtype"]])
    shared, shape = sharing(x, scale, attributes)
    if kind.name in FLOATS:
        return [ops.floats_encode(x / scale.reshape(shape) + np.float32(0), FLOATS[kind.name])]  # the zero point
    bits, half = layout(kind)
    zero = signed(np.zeros(scale.shape, kind) if zero is None else zero).reshape(shape)
    scale = scale.reshape(shape)
    if bits <= 8:
        q = ops.quantize_s8(x, bits=bits, scheme="affine", scale=scale, zero_point=zero, **shared)
    else:
        q = ops.quantize_s16(x, scheme="affine", scale=scale, zero_point=zero, **shared)
    return [q.values.astype(np.int32) + half]


def dequantize_linear(ops, attributes, x, scale, zero=None):
    if x.dtype.name in FLOATS:
        codes = x.view(np.uint8)
        return [(ops.floats_decode(codes, FLOATS[x.dtype.name]) * scale).astype(scale.dtype)]
    zero = np.zeros(scale.shape, x.dtype) if zero is None else zero
    shared, shape = sharing(x, scale, attributes)
    values, zeros, scales = signed(x), signed(zero).reshape(shape), scale.reshape(shape)
    if "group" in shared:  # our groups lie along the last axis
        axis = attributes["axis"]
        values, zeros, scales = (np.moveaxis(each, axis, -1) for each in (values, zeros, scales))
        moved = values.shape
        values, zeros, scales = (np.ascontiguousarray(each).reshape(-1, each.shape[-1])
                                 for each in (values, zeros, scales))
        y = ops.dequantize_s8(Quantized(values, scales, zeros, shared["group"]))
        return [np.moveaxis(y.reshape(moved), -1, axis)]
    dequantize = ops.dequantize_s8 if values.dtype == np.int8 else ops.dequantize_s16
    return [dequantize(Quantized(values, scales, zeros))]


def dynamic_quantize_linear(ops, attributes, x):
    q = ops.quantize_s8(x, scheme="affine")
    return [(each.astype(np.int32) + 128).reshape(shape).astype(np.uint8) if each.dtype == np.int8 else
            each.reshape(shape) for each, shape in ((q.values, x.shape), (q.scale, ()), (q.zero_point, ()))]


OPERATORS = {
    "MatMulInteger": matmul_integer,
    "QLinearMatMul": qlinear_matmul,
    "QuantizeLinear": quantize_linear,
    "DequantizeLinear": dequantize_linear,
    "DynamicQuantizeLinear": dynamic_quantize_linear,
}


def codes(a: np.ndarray) -> np.ndarray:
    """Return what is compared: integers as int32, narrow floats as their codes."""
    if a.dtype.name in FLOATS:
        return a.view(np.uint8).astype(np.int32)
    return a if a.dtype.kind == "f" else a.astype(np.int32)


def ran(test, ops) -> str:
    """Return what is wrong with a test; "" where nothing is, "wrapped" for one of WRAPPED that did."""
    node = test.model.graph.node[0]
    attributes = {each.name: each.i for each in node.attribute}
    for inputs, wanted in test.data_sets:
        found = OPERATORS[node.op_type](ops, attributes, *map(array, inputs))
        for got, value in zip(map(codes, map(np.asarray, found)), map(codes, map(array, wanted)), strict=True):
            if got.shape == value.shape and np.array_equal(got, value):
                continue
            if test.name in WRAPPED and np.all((got == value) | (got == -128) | (got == 127)):
                return "wrapped"
            return f"got {got.tolist()}, not {value.tolist()}"
    return ""


def main() -> int:
    chosen = [test for test in tests("") if len(test.model.graph.node) == 1
              and test.model.graph.node[0].op_type in OPERATORS]
    failed, left = 0, set()
    for space in (reference, *native.available()):
        ops = SimpleNamespace(**vars(reference) | {name: f for name, f in vars(space).items() if callable(f)})
        passed: dict[str, int] = dict.fromkeys(OPERATORS, 0)
        for test in chosen:
            wrong = ran(test, ops)
            if wrong == "wrapped":
                left.add(test.name)
            elif wrong:
                failed += 1
                print(f"{space.__name__}: {test.name}: {wrong}")
            else:
                passed[test.model.graph.node[0].op_type] += 1
        print(f"{space.__name__}: passed " + ", ".join(f"{name} {count}" for name, count in passed.items()))
    if left:
        print(f"left out, for they store what wrapped where the specification saturates: {', '.join(sorted(left))}")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
