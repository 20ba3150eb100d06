"""Functions of rows, numbers and images in float32."""

from .case import Case, normal


def on_numbers(function, **flags):
    """Return a case of a function of each number, in the feed-forward layer of MiniLM at 64 positions."""
    return Case("nn_activation", f"{function}, 64 x 1536", lambda rng: ((normal(rng, 64, 1536), function), {}), 0,
                8 * 64 * 1536, **flags)


def on_rows(op, rows, k, **flags):
    """Return a case of a function of rows, with a weight where it has one, and a bias."""
    vectors = {"nn_softmax": 0, "nn_rms_norm": 1, "nn_layer_norm": 2}[op]
    return Case(op, f"{rows} x {k}", lambda rng: ((normal(rng, rows, k), *(normal(rng, k) for _ in range(vectors))),
                                                  {}), 0, 8 * rows * k, **flags)


def on_images(op, shape, kernel, layout="nchw", **flags):
    """Return a case of a kernel over one image (c, rows, columns), with pads that keep its size where it moves by 1."""
    stride = flags.pop("stride", 1)
    c, rows, columns = shape
    options = {"strides": (stride, stride), "pads": (kernel // 2,) * 4, "layout": layout}

    def make(rng):
        x = normal(rng, 1, *(shape if layout == "nchw" else (rows, columns, c)))
        if op == "nn_depthwise_f32":
            return (x, normal(rng, c, 1, kernel, kernel), normal(rng, c)), options
        return (x, (kernel, kernel)), options

    outputs = c * (rows // stride) * (columns // stride)
    written = outputs * kernel**2 if op == "nn_patches" else outputs
    return Case(op, f"{c} x {rows} x {columns}, kernel {kernel}, stride {stride}, {layout}", make,
                2 * outputs * kernel**2 if op == "nn_depthwise_f32" else 0, 4 * (c * rows * columns + written), **flags)


CASES = [
    *(on_numbers(function, quick=True) for function in ("exp", "gelu")),
    *(on_numbers(function) for function in ("tanh", "sigmoid", "erf", "gelu_tanh", "silu")),
    on_rows("nn_softmax", 12 * 64, 64, quick=True),
    on_rows("nn_layer_norm", 64, 384, quick=True),
    on_rows("nn_rms_norm", 64, 384, quick=True),
    *(on_images("nn_patches", (32, 56, 56), 3, layout, quick=True) for layout in ("nchw", "nhwc")),
    *(
        on_images("nn_depthwise_f32", (c, size, size), 3, layout, stride=stride, quick=size == 14)
        for c, size, stride in ((32, 112, 1), (96, 112, 2), (144, 56, 1), (384, 14, 1), (960, 7, 1))
        for layout in ("nchw", "nhwc")
    ),
    *(
        on_images(op, (64, 56, 56), 3, layout, stride=2, quick=layout == "nhwc")
        for op in ("nn_max_pool", "nn_average_pool")
        for layout in ("nchw", "nhwc")
    ),
]
