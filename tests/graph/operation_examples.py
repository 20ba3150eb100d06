"""One example or more of each operation that computes in float or moves values: inputs, attributes.

Values that are multiplied are small integers, so that every sum is exact, whoever adds.
"""

import numpy as np

from refcompress.formats import Graph, Node

RNG = np.random.default_rng(17)


def whole(*shape: int) -> np.ndarray:
    """Return small integers as float32."""
    return RNG.integers(-4, 5, shape).astype(np.float32)


def real(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape).astype(np.float32)


def numbers(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def branch(operation: str) -> Graph:
    return Graph((), ("y",), (Node(operation, ("x",), ("y",)),))


IMAGE, WIDE = whole(2, 4, 7, 6), whole(1, 3, 5, 4, 6)
TRUTH = RNG.integers(0, 2, (3, 4)).astype(bool)
EXAMPLES: dict[str, list[tuple[tuple, dict]]] = {
    "linear": [((whole(2, 3, 5), whole(4, 5), whole(4)), {}), ((whole(3, 5), whole(5, 4)), {"transposed": True})],
    "matmul": [((whole(2, 3, 5), whole(5, 4)), {}), ((whole(5), whole(2, 5, 3)), {}), ((whole(3, 5), whole(5)), {}),
               ((whole(2, 1, 3, 5), whole(4, 5, 2)), {}), ((numbers(1, 2), numbers(3, 4)), {})],
    "embedding": [((numbers(2, -1, 0), whole(4, 3)), {})],
    "conv": [((IMAGE, whole(6, 4, 3, 2), whole(6)), {"strides": (2, 1), "pads": (1, 0, 2, 1), "dilations": (1, 2)}),
             ((IMAGE, whole(6, 2, 1, 1)), {"groups": 2}), ((IMAGE, whole(8, 1, 3, 3)), {"groups": 4}),
             ((IMAGE, whole(3, 4, 2, 3)), {"pads": "same_upper", "strides": (2, 2)}),
             ((whole(2, 3, 9), whole(4, 3, 3)), {"strides": (2,), "pads": (1, 1)}),
             ((WIDE, whole(2, 3, 2, 1, 3), whole(2)), {"strides": (2, 1, 1), "pads": (1, 0, 0, 1, 0, 1)})],
    "conv_transposed": [((IMAGE, whole(4, 3, 3, 2), whole(3)), {"strides": (2, 3), "pads": (1, 0, 0, 1)}),
                        ((IMAGE, whole(4, 3, 2, 2)), {"groups": 2, "dilations": (2, 1), "output_pads": (1, 0),
                                                      "strides": (2, 1)}),
                        ((whole(1, 2, 5), whole(2, 1, 4)), {"strides": (3,), "pads": "same_lower"}),
                        ((IMAGE, whole(4, 1, 3, 3)), {"strides": (2, 2), "output_sizes": (14, 13)}),
                        ((WIDE, whole(3, 2, 2, 2, 2)), {"strides": (2, 2, 2)})],
    "max_pool": [((IMAGE,), {"kernel": (3, 2), "strides": (2, 2), "ceil": True}),
                 ((whole(2, 3, 9),), {"kernel": (3,), "pads": (1, 1), "dilations": (2,)}),
                 ((whole(2, 3, 5),), {"kernel": (1,), "strides": (3,), "ceil": True}),
                 ((WIDE,), {"kernel": (2, 3, 2), "strides": (1, 2, 2), "pads": (1, 1, 0, 0, 0, 1)})],
    "average_pool": [((IMAGE,), {"kernel": (2, 2), "pads": (1, 1, 0, 0), "count_include_pad": True}),
                     ((IMAGE,), {"kernel": (3, 3), "pads": "same_upper", "strides": (2, 2)}),
                     ((whole(2, 3, 8),), {"kernel": (4,), "strides": (2,)}),
                     ((WIDE,), {"kernel": (2, 2, 2), "pads": (1, 0, 0, 0, 1, 0)})],
    "global_average_pool": [((IMAGE,), {})], "global_max_pool": [((IMAGE,), {})],
    "batch_norm": [((IMAGE, real(4), real(4), real(4), np.abs(real(4))), {"epsilon": 1e-3})],
    "layer_norm": [((real(2, 3, 5), real(5), real(5)), {}), ((real(2, 3, 5), real(3, 5)), {"axis": 1})],
    "rms_norm": [((real(2, 3, 5), real(5)), {"epsilon": 1e-6})],
    "group_norm": [((real(2, 4, 3, 3), real(4), real(4)), {"groups": 2}), ((real(2, 4, 3), real(4), real(4)),
                                                                           {"groups": 0})],
    **{name: [((real(3, 4),), {})] for name in ("relu", "leaky_relu", "gelu", "silu", "tanh", "sigmoid", "erf", "exp",
                                                "hard_sigmoid", "hard_swish", "negative", "absolute", "floor", "ceil",
                                                "reciprocal", "identity", "shape", "size")},
    "clip": [((real(3, 4),), {"low": -0.5}), ((real(3, 4), np.float32(-1), np.float32(0.5)), {})],
    "softmax": [((real(3, 4),), {}), ((real(2, 3, 4),), {"axis": 1})],
    "attention": [((real(2, 4, 3, 8), real(2, 2, 5, 8), real(2, 2, 5, 6)), {"causal": True}),
                  ((real(2, 3, 8), real(2, 5, 4), real(2, 5, 4), TRUTH[:3]), {"heads": 4, "kv_heads": 2})],
    "rotary": [((real(2, 3, 4, 6), real(9, 3), real(9, 3), RNG.integers(0, 9, (2, 4))), {}),
               ((real(2, 4, 12), real(2, 4, 2), real(2, 4, 2)), {"heads": 2, "dimensions": 4, "interleaved": True})],
    "lstm": [((real(4, 2, 3), real(20, 3), real(20, 5), real(1, 40)), {}),
             ((real(4, 2, 3), real(2, 20, 3), real(2, 20, 5), None, np.int32([4, 2]), real(2, 2, 5), real(2, 2, 5),
               real(2, 15)), {"direction": "bidirectional"}),
             ((real(2, 4, 3), real(20, 3), real(20, 5)), {"batch_first": True, "clip": 0.5, "coupled": True})],
    "gru": [((real(4, 2, 3), real(15, 3), real(15, 5), real(1, 30)), {"direction": "reverse"}),
            ((real(4, 2, 3), real(30, 3), real(30, 5), real(2, 30)), {"direction": "bidirectional",
                                                                      "reset_after": True})],
    **{name: [((real(3, 4), real(4)), {})] for name in ("add", "subtract", "multiply", "divide", "less", "greater")},
    "equal": [((numbers(1, 2), numbers(1, 3)), {})],
    "power": [((np.abs(real(3, 4)), np.float32(2)), {}), ((np.abs(real(3, 4)), real(4)), {})],
    "sqrt": [((np.abs(real(3, 4)),), {})], "not": [((TRUTH,), {})],
    "both": [((TRUTH, TRUTH[:1]), {})], "either": [((TRUTH, TRUTH[:1]), {})],
    "maximum": [((real(3, 4), real(4), real(3, 1)), {})], "minimum": [((real(3, 4), real(4)), {})],
    "where": [((TRUTH, real(4), real(3, 1)), {})],
    **{name: [((whole(2, 3, 4),), {"axes": (0, -1), "keep": False}), ((whole(2, 3), numbers(1)), {}),
              ((whole(2, 3),), {"none_is_none": True})]
       for name in ("reduce_sum", "reduce_mean", "reduce_max", "reduce_min", "reduce_product")},
    "argmax": [((whole(3, 4),), {"axis": -1, "keep": False})], "cumulative_sum": [((whole(3, 4),), {"axis": 1})],
    "reshape": [((whole(2, 6),), {"shape": (0, -1, 2)}), ((whole(2, 6), numbers(4, 3)), {})],
    "flatten": [((whole(2, 3, 4),), {"axis": 2})], "transpose": [((whole(2, 3, 4),), {"axes": (1, 2, 0)})],
    "squeeze": [((whole(1, 3, 1),), {"axes": (0,)}), ((whole(1, 3, 1), numbers(-1)), {})],
    "unsqueeze": [((whole(3, 2),), {"axes": (0, -1)})], "expand": [((whole(3, 1), numbers(2, 1, 4)), {})],
    "tile": [((whole(3, 2),), {"repeats": (2, 3)})], "concat": [((whole(2, 3), whole(2, 1)), {"axis": -1})],
    "slice": [((whole(4, 6),), {"starts": (1, -1), "ends": (9, -7), "steps": (2, -2)}),
              ((whole(4, 6), numbers(0), numbers(2), numbers(1)), {})],
    "gather": [((whole(4, 6), numbers(0, -1)), {"axis": 1})],
    "split": [((whole(2, 7),), {"axis": 1, "sizes": (3, 4)}), ((whole(7),), {"count": 3})],
    "pad": [((whole(3, 4),), {"pads": (1, 0, 2, 1), "value": 2.5}), ((whole(3, 4),), {"pads": (2, 1, 0, 0), "mode":
                                                                                    "reflect"}),
            ((whole(3, 4), numbers(1, -1), np.float32(7), numbers(1)), {})],
    "range": [((np.int64(3), np.int64(-4), np.int64(-2)), {})],
    "resize": [((whole(1, 2, 3, 4),), {"scales": (1.0, 1.0, 2.0, 0.5)}),
               ((real(1, 2, 3, 4), None, numbers(1, 2, 5, 7)), {"mode": "linear"}),
               ((real(1, 2, 4, 4),), {"scales": (2.0, 1.5), "axes": (2, 3), "mode": "cubic",
                                      "coordinates": "align_corners"})],
    "cast": [((real(3, 4) * 10,), {"type": "int32"})],
    "constant_of_shape": [((numbers(2, 3),), {"value": 7, "type": "int64"})],
    "if": [((np.bool_(True),), {"then_branch": branch("relu"), "else_branch": branch("tanh")})],
}
CASES = [(name, inputs, attributes) for name, several in EXAMPLES.items() for inputs, attributes in several]
IDS = [f"{name}-{i}" for name, several in EXAMPLES.items() for i in range(len(several))]
