"""Integer inference as FORMAT.md says it, "Integer nodes": NumPy and what is in a file, and no operation of ours."""

import numpy as np


def halves(p, bits):  # p / 2^bits to the nearest integer, ties to even
    floor = p >> bits
    twice = 2 * (p - (floor << bits))
    return floor + ((twice > 1 << bits) | ((twice == 1 << bits) & (floor % 2 == 1)))


def scaled(sums, quotient, a):  # int64 sums times a quotient of scales, on the grid of y
    fraction, exponent = np.frexp(quotient)
    m = np.rint(fraction * 2.0**31).astype(np.int64)
    m, shift = np.where(m == 2**31, 2**30, m), np.where(m == 2**31, -1, 0) - exponent
    return clipped(halves(sums * m, 31 + shift), a)


def less(x, zero_point):
    return x.astype(np.int64) - zero_point


def clipped(y, a):
    return np.clip(y + a["y_zero_point"], a.get("lowest", -128), a.get("highest", 127)).astype(np.int8)


def cells(x, kernel, a):  # what lies under each cell of a kernel, at all places; x holds 0 where it is padded
    (s, t), (d, e), (p, q, r, u) = a.get("strides") or (1, 1), a.get("dilations") or (1, 1), a.get("pads") or (0,) * 4
    x = np.pad(x, ((0, 0), (0, 0), (p, r), (q, u)))
    rows, columns = ((n - g * (k - 1) - 1) // h + 1 for n, g, k, h in zip(x.shape[2:], (d, e), kernel, (s, t)))
    for i, j in np.ndindex(*kernel):
        yield i, j, x[:, :, i * d : i * d + s * (rows - 1) + 1 : s, j * e : j * e + t * (columns - 1) + 1 : t]


def layer(x, w, bias, a):
    values, scale = w.values.astype(np.int64), np.broadcast_to(w.scale.reshape(-1), len(w.values)).astype(np.float64)
    x, flat, g = less(x, a["x_zero_point"]), w.values.ndim == 2, a.get("groups", 1)
    each = np.reshape(a["x_scale"] * scale, (-1, 1, 1))
    zeros = a["x_zero_point"] * values.reshape(len(values), -1).sum(axis=1).reshape(-1, 1, 1)
    if flat:
        x, values = x.reshape(-1, x.shape[-1], 1, 1), values[:, :, None, None]
    sums = np.reshape(bias, (-1, 1, 1)) if "y_scale" in a else zeros
    for i, j, c in cells(x, values.shape[2:], a):
        c, kernels = c.reshape(len(c), g, -1, *c.shape[2:]), values[:, :, i, j].reshape(g, -1, values.shape[1])
        sums = sums + np.einsum("ngkrs,gmk->ngmrs", c, kernels).reshape(len(x), len(values), *c.shape[3:])
    if "y_scale" in a:
        y = scaled(sums, each / a["y_scale"], a)
    else:
        b = (np.reshape(bias, (-1, 1, 1)) - zeros * each).astype(np.float32)
        y = (sums * each + b).astype(np.float32)
    return y[:, :, 0, 0] if flat else y


def added(x, y, a):
    r = np.array([a["a_scale"] / a["y_scale"], a["b_scale"] / a["y_scale"]])
    shift = next(s for s in range(24, -1, -1) if np.rint(r.max() * 2.0**s) < 2**22)
    m, n = (int(each) for each in np.rint(r * 2.0**shift))
    return clipped(halves(less(x, a["a_zero_point"]) * m + less(y, a["b_zero_point"]) * n, shift), a)


def averaged(x, a):
    x, kernel = less(x, a["x_zero_point"]), a.get("kernel") or x.shape[2:]
    ones = np.full(x.shape, 1)
    count = np.prod(kernel) if a.get("count_include_pad") else sum(c for _, _, c in cells(ones, kernel, a))
    return scaled(sum(c for _, _, c in cells(x, kernel, a)), a["x_scale"] / a["y_scale"] / count, a)


def largest(x, a):
    return np.max([c for _, _, c in cells(x.astype(np.int16) + 128, a["kernel"], a)], axis=0).astype(np.int16) - 128


def run(graph, tensors, inputs):
    v = {**tensors, **inputs, None: 0}
    for node in graph.nodes:
        a, (x, y, z) = dict(node.attributes), (v[name] if name else 0 for name in (*node.inputs, None, None)[:3])
        v[node.outputs[0]] = {
            "quantize": lambda: clipped(np.rint(x / np.float32(a["scale"])), {"y_zero_point": a["zero_point"]}),
            "dequantize": lambda: np.float32(a["scale"]) * less(x, a["zero_point"]).astype(np.float32),
            "linear_s8": lambda: layer(x, y, z, a), "conv_s8": lambda: layer(x, y, z, a),
            "linear_s8_scaled": lambda: layer(x, y, z, a), "conv_s8_scaled": lambda: layer(x, y, z, a),
            "add_s8": lambda: added(x, y, a), "average_pool_s8": lambda: averaged(x, a),
            "rescale_s8": lambda: scaled(less(x, a["x_zero_point"]), a["x_scale"] / a["y_scale"], a),
            "multiply_s8": lambda: scaled(less(x, a["a_zero_point"]) * less(y, a["b_zero_point"]),
                                          a["a_scale"] * a["b_scale"] / a["y_scale"], a),
            "lookup_s8": lambda: y[less(x, -128)], "max_pool": lambda: largest(x, a).astype(np.int8),
            "flatten": lambda: x.reshape(len(x), -1), "transpose": lambda: np.transpose(x, a["axes"]),
            "concat": lambda: np.concatenate([v[name] for name in node.inputs], a["axis"]),
        }[node.operation]()
    return {name: v[name] for name in graph.outputs}
