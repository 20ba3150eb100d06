"""What is timed: layers of real networks, at the densities and batches that people run. A case is a row of data.

The weights are random: no kernel's speed depends on the values, only on shapes, densities and distributions.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from refcompress import LowRank, formats, reference

# name: (outputs, inputs), a convolution as the matrix that im2col makes of it, and the share of weights that Han et al.
# (Deep Compression, 2016, tables 2, 3 and 4) keep.
LAYERS = {
    "LeNet-300-100 fc1": (300, 784, 0.08),
    "AlexNet conv5": (256, 1728, 0.37),  # 13 x 13 positions
    "AlexNet fc7": (4096, 4096, 0.09),
    "AlexNet fc8": (1000, 4096, 0.25),
    "VGG-16 conv4_2": (512, 4608, 0.27),  # 28 x 28 positions
    "MobileNetV2 last block": (320, 960, 0.3),  # 1 x 1, 7 x 7 positions; kept: an assumption, as below
    "MiniLM feed-forward": (1536, 384, 0.3),
    "4096 wide": (4096, 4096, 0.3),  # a layer of a large transformer
    "8 wide": (8, 8, 0.5),  # nothing but what a call costs
}
DENSITIES, BATCHES = (0.05, 0.1, 0.2, 0.3, 0.5), (1, 8, 64, 256)

STREAM = 2**22  # symbols: too long for a second-level cache, short enough for the reference


@dataclass(frozen=True)
class Case:
    """One call: ``make(rng)`` returns (args, kwargs).

    operations : multiplications and additions, or 0 where bytes are what counts; touched : bytes read and written at
        least
    once, each counted once. arithmetic : the type whose multiply-adds bound the operations. reference : whether the
    reference ends in seconds; quick : whether --quick has it; overhead : whether it shows what a call costs, and
    prepared calls take part.
    """

    op: str
    name: str
    make: Callable
    operations: float
    touched: float
    reference: bool = True
    arithmetic: str = "f32"
    quick: bool = False
    overhead: bool = False


def _normal(rng, *shape):
    return rng.standard_normal(shape, dtype=np.float32)


def _sparse(rng, layer, density):
    outputs, inputs, kept = LAYERS[layer]
    w = _normal(rng, outputs, inputs)
    return reference.csr_from_dense(w, rng.random(w.shape, dtype=np.float32) < (density or kept))


def csr_matmul(layer, batch, density=None, **flags):
    outputs, inputs, kept = LAYERS[layer]
    share = density or kept
    entries = share * outputs * inputs
    return Case("csr_matmul", f"{layer}, density {share:g}, batch {batch}",
                lambda rng: ((_sparse(rng, layer, density), _normal(rng, inputs, batch)), {}),
                2 * entries * batch, 8 * entries + 4 * batch * (inputs + outputs), reference=entries < 5e5, **flags)


def gemm(op, layer, batch, group=None, transposed=False, **flags):
    outputs, inputs, _ = LAYERS[layer]

    def make(rng):
        w = rng.integers(-127, 128, (outputs, inputs), np.int8)
        if op == "gemm_f32f32":
            shape = (inputs, outputs) if transposed else (outputs, inputs)
            return (_normal(rng, batch, inputs), _normal(rng, *shape)), {"transposed": True} if transposed else {}
        if op == "gemm_f32s8":
            return (_normal(rng, batch, inputs), reference.quantize_s8(_normal(rng, outputs, inputs), **scales)), {}
        low, high = (0, 256) if op == "gemm_u8s8" else (-128, 128)
        return (rng.integers(low, high, (batch, inputs)).astype(np.uint8 if op == "gemm_u8s8" else np.int8), w), {}

    scales = {"axis": 0} if group is None else {"group": group}
    wide = 4 if op.startswith("gemm_f32") else 1
    touched = (4 if op == "gemm_f32f32" else 1) * outputs * inputs + wide * batch * inputs + 4 * batch * outputs
    return Case(
        op,
        f"{layer}{f', groups of {group}' if group else ''}{', transposed' if transposed else ''}, batch {batch}",
        make,
        2 * batch * outputs * inputs,
        touched,
        reference=batch * outputs * inputs < 2e7,
        arithmetic="f32" if wide == 4 else "s8",
        **flags,
    )


def integer_layer(op, name, m, k, n, group=None, **flags):
    """Return a case of a product of int8 with what follows it, of m rows, k inputs and n outputs."""
    def make(rng):
        x, w = rng.integers(-128, 128, (m, k)).astype(np.int8), rng.integers(-8, 8, (n, k)).astype(np.int8)
        if op == "gemm_s8s8_requantized":
            w = formats.Quantized(w, np.ones((1, 1), np.float32), np.zeros((1, 1), np.int8)).values  # packed once
            factors = np.full(n, 2**30, np.int32), np.full(n, 8, np.int32)
            return (x, w, rng.integers(-999, 999, n).astype(np.int32), *factors), {}
        scale = np.ones((n, 1 if group is None else k // group), np.float32)
        w = formats.Quantized(w, scale, np.zeros(scale.shape, np.int8), group)
        return (x, np.ones(m, np.float32), w, _normal(rng, n)), {}

    of_y = 1 if op == "gemm_s8s8_requantized" else 4
    return Case(op, name, make, 2 * m * k * n, n * k + m * k + of_y * m * n, reference=m * k * n < 2e7,
                arithmetic="s8", **flags)


def depthwise_s8(side, channels, stride, **flags):
    """Return a case of a depthwise convolution of 3 x 3."""
    def make(rng):
        x = rng.integers(-128, 128, (1, side, side, channels)).astype(np.int8)
        layer = rng.integers(-128, 128, (channels, 3, 3)).astype(np.int8), np.zeros(channels, np.int32)
        factors = np.full(channels, 2**30, np.int32), np.full(channels, 8, np.int32)
        return (x, *layer, *factors), {"strides": (stride, stride), "pads": (1, 1, 1, 1)}

    out = side * side * channels // stride**2
    return Case("nn_depthwise_s8", f"{side} x {side} x {channels}, stride {stride}", make, 0,
                side * side * channels + out, **flags)


def mixed(layer, batch, axis, share=0.1, **flags):
    """Return a case of gemm_f32mixed with a share of the rows (axis 0) or columns (axis 1) at 16 bits."""
    outputs, inputs, _ = LAYERS[layer]

    def make(rng):
        wide = rng.random((outputs, inputs)[axis]) < share
        return (
            _normal(rng, batch, inputs),
            reference.allocate_mixed(_normal(rng, outputs, inputs), wide, axis=axis),
        ), {}

    return Case("gemm_f32mixed", f"{layer}, {share:.0%} of the {('rows', 'columns')[axis]} wide, batch {batch}", make,
                2 * batch * outputs * inputs, (1 + share) * outputs * inputs + 4 * batch * (inputs + outputs),
                reference=batch * outputs * inputs < 2e7, **flags)


def on_weights(op, layer, factor, **kwargs):
    """Return a case of an operation on a layer's weights; ``factor`` bytes are touched for each of them."""
    outputs, inputs, _ = LAYERS[layer]
    flags = {flag: kwargs.pop(flag) for flag in ("quick", "reference") if flag in kwargs}
    said = ", ".join(f"{name} {value}" for name, value in kwargs.items())
    return Case(op, f"{layer}{', ' + said if said else ''}", lambda rng: ((_normal(rng, outputs, inputs),), kwargs), 0,
                factor * outputs * inputs, **flags)


def _allocation(rng):
    """Return cost, size and budget of layers as MiniLM's, whose bits are to be 4 on average."""
    weights = rng.choice([384 * 384, 384 * 1536], 36)[:, None]
    bits = np.array([2, 3, 4, 5, 6, 8])
    return rng.random((36, 1)) * weights * 4.0**-bits, weights * bits // 8, int(weights.sum()) // 2


def score(op, layer, **flags):
    """Return a case of a score of a layer's weights, with a float64 statistic of each weight (wanda: of each input)."""
    outputs, inputs, _ = LAYERS[layer]
    shape = (inputs,) if op == "wanda" else (outputs, inputs)
    touched = 8 * outputs * inputs + 8 * int(np.prod(shape))
    return Case(f"prune_score_{op}", layer, lambda rng: ((_normal(rng, outputs, inputs), rng.random(shape)), {}), 0,
                touched, **flags)


def surgery(outputs, inputs, **flags):
    """Return a case of prune_obs: half of a layer's weights, whose inputs go together."""
    def make(rng):
        x = _normal(rng, 4 * inputs, inputs) + _normal(rng, 4 * inputs, 1)
        return (_normal(rng, outputs, inputs), reference.quantize_hessian(x)), {"sparsity": 0.5}

    return Case("prune_obs", f"{outputs} x {inputs}, half", make, 0, 9 * outputs * inputs + 8 * inputs**2, **flags)


def _turned(rng, a):
    """Return q @ a for a random orthogonal q of 4096 rows, the Kronecker product of two of 64: made and applied in a
    moment."""
    one, other = (np.linalg.qr(rng.standard_normal((64, 64)))[0].astype(np.float32) for _ in range(2))
    return (
        np.matmul(one, np.matmul(other, a.reshape(64, 64, -1)).transpose(1, 0, 2)).transpose(1, 0, 2).reshape(a.shape)
    )


def lowrank(rank):
    """Return a case of a matrix with the singular values 1 / sqrt(i) in a random order."""
    def make(rng):
        s = rng.permutation(1 / np.sqrt(np.arange(1, 4097))).astype(np.float32)
        return (np.ascontiguousarray(_turned(rng, _turned(rng, np.diag(s)).T)),), {"rank": rank}

    return Case(
        "lowrank_randomized",
        f"4096 wide, singular values 1 / sqrt(i), rank {rank}",
        make,
        2 * 4096**2 * rank,
        4 * 4096**2,
    )


def planes(op, type, layer, **flags):
    """Return a case of cutting a layer's weights into planes, or of putting them together."""
    outputs, inputs, _ = LAYERS[layer]

    def make(rng):
        w = _normal(rng, outputs, inputs)
        patterns = w.view(np.uint32) if type == "float32" else (w.view(np.uint32) >> 16).astype(np.uint16)
        return (patterns if op == "planes_split" else reference.planes_split(patterns, type), type), {}

    bytes_each = 4 if type == "float32" else 2
    return Case(op, f"{layer}, {type}", make, 0, 2 * bytes_each * outputs * inputs, **flags)


def _four_bits(rng):
    return reference.quantize_s8(_normal(rng, 1000, 4096), bits=4, group=32)


def on_floats(op, format, layer, **flags):
    """Return a case of encoding a layer's weights, or of decoding them; "" is the format of the operation itself."""
    outputs, inputs, _ = LAYERS[layer]
    encode = getattr(reference, op.replace("decode", "encode"))
    more = (format,) if format else ()
    again = more if op == "floats_decode" else ()

    def make(rng):
        w = _normal(rng, outputs, inputs)
        return ((w, *more) if op.endswith("encode") else (encode(w, *more), *again)), {}

    code = 2 if format.endswith("16") else 1
    return Case(op, f"{layer}{', ' + format if format else ''}", make, 0, (4 + code) * outputs * inputs, **flags)


def on_ggml(op, type, **flags):
    """Return a case of encoding weights to blocks of ggml, or of decoding them."""
    def make(rng):
        w = _normal(rng, 300, 768)
        return ((w, type) if op == "ggml_encode" else (reference.ggml_encode(w, type),)), {}

    block = formats.GGML_TYPES[type]
    return Case(op, f"768 wide, {type}", make, 0, 300 * 768 * (4 + block.nbytes // block.numbers), **flags)


def _pruned_codes(rng, density, m=1000, k=4096):
    """Codes 1 to 15 of a share of the weights, more of them in some columns; 0 elsewhere."""
    columns = rng.random(k) * 2 * density
    return ((rng.random((m, k)) < columns) * rng.integers(1, 16, (m, k))).astype(np.uint8)


def on_numbers(function, **flags):
    """Return a case of a function of each number, in the feed-forward layer of MiniLM at 64 positions."""
    return Case("nn_activation", f"{function}, 64 x 1536", lambda rng: ((_normal(rng, 64, 1536), function), {}), 0,
                8 * 64 * 1536, **flags)


def on_rows(op, rows, k, **flags):
    """Return a case of a function of rows, with a weight where it has one, and a bias."""
    vectors = {"nn_softmax": 0, "nn_rms_norm": 1, "nn_layer_norm": 2}[op]
    return Case(op, f"{rows} x {k}", lambda rng: ((_normal(rng, rows, k), *(_normal(rng, k) for _ in range(vectors))),
                                                  {}), 0, 8 * rows * k, **flags)


def on_images(op, shape, kernel, layout="nchw", **flags):
    """Return a case of a kernel over one image (c, rows, columns), with pads that keep its size where it moves by 1."""
    stride = flags.pop("stride", 1)
    c, rows, columns = shape
    options = {"strides": (stride, stride), "pads": (kernel // 2,) * 4, "layout": layout}

    def make(rng):
        x = _normal(rng, 1, *(shape if layout == "nchw" else (rows, columns, c)))
        if op == "nn_depthwise_f32":
            return (x, _normal(rng, c, 1, kernel, kernel), _normal(rng, c)), options
        return (x, (kernel, kernel)), options

    outputs = c * (rows // stride) * (columns // stride)
    written = outputs * kernel**2 if op == "nn_patches" else outputs
    return Case(op, f"{c} x {rows} x {columns}, kernel {kernel}, stride {stride}, {layout}", make,
                2 * outputs * kernel**2 if op == "nn_depthwise_f32" else 0, 4 * (c * rows * columns + written), **flags)


def _codes(rng):
    """Codes of 16 clusters spread evenly over normal weights."""
    return np.clip(np.rint(_normal(rng, STREAM) * 3 + 7.5), 0, 15).astype(np.uint8)


def _differences(rng):
    """Distances between the kept weights of a layer of density 0.09, in 5 bits."""
    return np.minimum(rng.geometric(0.09, STREAM) - 1, 31).astype(np.uint8)


def _exponents(rng):
    return (_normal(rng, STREAM).view(np.uint32) >> 23 & 255).astype(np.uint8)


def _many_clusters(rng):
    """Codes of 256 clusters spread evenly over normal weights."""
    return np.clip(np.rint(_normal(rng, STREAM) * 46 + 127.5), 0, 255).astype(np.uint8)


def _integers(rng):
    return np.clip(np.rint(_normal(rng, STREAM) * 14), -127, 127).astype(np.int8).view(np.uint8)


STREAMS = {
    "16 clusters": _codes,
    "5-bit index differences": _differences,
    "bfloat16 exponents": _exponents,
    "int8 weights": _integers,
    "256 clusters": _many_clusters,
}


def _counted(symbols):
    return np.bincount(symbols, minlength=256)


def _coded(symbols):
    return symbols, reference.huffman_code(reference.huffman_lengths(_counted(symbols)))


def huffman(op, stream, symbols=STREAM, **flags):
    prepare = {
        "huffman_lengths": lambda symbols: (_counted(symbols),),
        "huffman_code": lambda symbols: (reference.huffman_lengths(_counted(symbols)),),
        "huffman_encode": _coded,
        "huffman_decode": lambda symbols: (reference.huffman_encode(*_coded(symbols)),),
    }[op]
    whole = op in ("huffman_encode", "huffman_decode")
    name = f"{stream}, {symbols >> 10:,} KiB" if whole else f"{stream}, 256 symbols"
    return Case(
        op, name, lambda rng: (prepare(STREAMS[stream](rng)[:symbols]), {}), 0, symbols if whole else 256 * 8, **flags
    )


CASES = [
    *(
        on_weights("prune_magnitude", layer, 5, sparsity=0.9, quick=layer.startswith("LeNet"))
        for layer in ("LeNet-300-100 fc1", "AlexNet fc8")
    ),
    on_weights("prune_select", "AlexNet fc8", 5, sparsity=0.9),
    on_weights("prune_select", "4096 wide", 5, structure="nm", n=2, m=4),
    on_weights("prune_select", "LeNet-300-100 fc1", 5, structure="nm", n=2, m=4, quick=True),
    on_weights("prune_project_l0", "LeNet-300-100 fc1", 9, keep=23_520, quick=True),
    *(
        Case(op, "36 layers, 6 widths", lambda rng: (_allocation(rng), {}), 0, 36 * 6 * 16, quick=True)
        for op in ("allocate_exact", "allocate_front")
    ),
    on_weights("prune_threshold", "LeNet-300-100 fc1", 5, quality=1.0, quick=True),
    surgery(10, 100, quick=True),
    surgery(100, 300),
    *(
        score(op, layer, quick=layer.startswith("LeNet"))
        for op in ("wanda", "taylor", "movement", "obd", "fisher")
        for layer in ("LeNet-300-100 fc1", "4096 wide")
    ),
    *(
        Case(
            f"prune_score_{op}",
            "4096 units",
            lambda rng: ((rng.integers(0, 999, 4096).astype(np.float64), 999), {}),
            0,
            16 * 4096,
            quick=True,
        )
        for op in ("apoz", "activation")
    ),
    *(
        on_weights("share_kmeans", layer, 5, bits=5, quick=layer.startswith("LeNet"))
        for layer in ("LeNet-300-100 fc1", "AlexNet conv5")
    ),
    on_weights("quantize_s8", "LeNet-300-100 fc1", 5, axis=0, quick=True),
    on_weights("quantize_s8", "AlexNet fc8", 5, group=32),
    Case(
        "dequantize_s8",
        "AlexNet fc8, axis 0",
        lambda rng: ((reference.quantize_s8(_normal(rng, 1000, 4096), axis=0),), {}),
        0,
        5 * 1000 * 4096,
        quick=True,
    ),
    Case(
        "quantize_s8",
        "4096 wide, scale given",
        lambda rng: ((_normal(rng, 4096, 4096),), {"axis": 0, "scale": np.full((4096, 1), 0.03, np.float32)}),
        0,
        5 * 4096**2,
    ),
    on_weights("quantize_s16", "AlexNet fc8", 6, axis=0, quick=True),
    Case(
        "dequantize_s16",
        "AlexNet fc8, axis 0",
        lambda rng: ((reference.quantize_s16(_normal(rng, 1000, 4096), axis=0),), {}),
        0,
        6 * 1000 * 4096,
        quick=True,
    ),
    on_weights("quantize_range_minmax", "AlexNet fc8", 4, quick=True),
    on_weights("quantize_range_percentile", "LeNet-300-100 fc1", 4, axis=0, quick=True),
    on_weights("quantize_range_mse", "LeNet-300-100 fc1", 4 * 20, bits=4, axis=0, steps=20, quick=True),
    on_weights("quantize_range_kl", "LeNet-300-100 fc1", 4, quick=True),
    Case(
        "quantize_pack", "AlexNet fc8, 4 bits", lambda rng: ((_four_bits(rng),), {}), 0, 1.5 * 1000 * 4096, quick=True
    ),
    Case(
        "quantize_unpack",
        "AlexNet fc8, 4 bits",
        lambda rng: ((reference.quantize_pack(_four_bits(rng)),), {}),
        0,
        1.5 * 1000 * 4096,
        quick=True,
    ),
    Case(
        "nn_average_pool_s8",
        "7 x 7 x 1280, global",
        lambda rng: ((rng.integers(-128, 128, (8, 7, 7, 1280)).astype(np.int8), 0.1, 0.1), {"kernel": (7, 7)}),
        0,
        8 * 50 * 1280,
        quick=True,
    ),
    *(
        Case(
            f"nn_{name}_s8",
            "56 x 56 x 24",
            lambda rng: (tuple(rng.integers(-128, 128, (2, 8, 56, 56, 24)).astype(np.int8)) + (0.1, 0.2, 0.3), {}),
            0,
            3 * 8 * 56 * 56 * 24,
            quick=True,
        )
        for name in ("add", "multiply")
    ),
    Case(
        "nn_lookup_s8",
        "128 x 1536",
        lambda rng: ((rng.integers(-128, 128, (128, 1536)).astype(np.int8), np.arange(-128, 128).astype(np.int8)), {}),
        0,
        2 * 128 * 1536,
        quick=True,
    ),
    depthwise_s8(56, 144, 1, quick=True),
    depthwise_s8(112, 96, 2),
    depthwise_s8(7, 960, 1),
    integer_layer("gemm_s8s8_requantized", "MobileNetV2 last block, 49 rows", 49, 960, 320, quick=True),
    integer_layer("gemm_s8s8_requantized", "MobileNetV2 second block, 12544 rows", 12544, 16, 96),
    integer_layer("gemm_s8s8_requantized", "MobileNetV2 third block, 3136 rows", 3136, 144, 24),
    integer_layer("gemm_s8s8_requantized", "MiniLM feed-forward, 128 rows", 128, 384, 1536),
    integer_layer("gemm_s8s8_scaled", "MiniLM attention, 8 rows", 8, 384, 384, quick=True),
    integer_layer("gemm_s8s8_scaled", "MiniLM feed-forward, 128 rows", 128, 384, 1536),
    integer_layer("gemm_s8s8_scaled", "MiniLM feed-forward, groups of 128, 128 rows", 128, 384, 1536, 128),
    Case(
        "requantize_s32",
        "512 x 4096 sums",
        lambda rng: ((rng.integers(-(2**20), 2**20, (512, 4096), np.int32), 2**30, 12), {}),
        0,
        5 * 512 * 4096,
        quick=True,
    ),
    Case(
        "quantize_bias_s32",
        "4096 outputs",
        lambda rng: ((_normal(rng, 4096), 0.02, 0.001), {}),
        0,
        8 * 4096,
        quick=True,
    ),
    Case(
        "dequantize_bias_s32",
        "4096 outputs",
        lambda rng: ((rng.integers(-(2**20), 2**20, 4096, np.int32), 0.02, 0.001), {}),
        0,
        8 * 4096,
        quick=True,
    ),
    *(on_floats(op, "fp8_e4m3", "LeNet-300-100 fc1", quick=True) for op in ("floats_encode", "floats_decode")),
    *(
        on_floats(op, format, "AlexNet fc8")
        for format in ("float16", "bfloat16", "fp8_e4m3", "fp8_e5m2")
        for op in ("floats_encode", "floats_decode")
    ),
    *(on_floats(op, "mxfp4_e2m1", "LeNet-300-100 fc1", quick=True) for op in ("floats_mx_encode", "floats_mx_decode")),
    *(on_floats(op, "", "LeNet-300-100 fc1", quick=True) for op in ("floats_nf4_encode", "floats_nf4_decode")),
    on_ggml("ggml_encode", "Q8_0", quick=True),
    *(on_ggml("ggml_decode", type, quick=type == "Q8_0") for type in ("Q8_0", "Q4_0")),
    Case("share_optimal", "LeNet-5 fc2, bits 4", lambda rng: ((_normal(rng, 10, 500),), {"bits": 4}), 0, 4 * 10 * 500,
         quick=True),
    on_weights("share_optimal", "LeNet-300-100 fc1", 4, bits=4, reference=False, quick=True),
    on_weights("share_optimal", "AlexNet conv5", 4, bits=5, reference=False),
    Case(
        "rangecoder_encode",
        "LeNet-300-100 fc1, density 0.08",
        lambda rng: ((_pruned_codes(rng, 0.08, 300, 784),), {"alphabet": 16}),
        0,
        300 * 784,
        quick=True,
    ),
    Case(
        "rangecoder_decode",
        "LeNet-300-100 fc1, density 0.01",
        lambda rng: (
            (reference.rangecoder_encode(_pruned_codes(rng, 0.01, 300, 784), alphabet=16),),
            {"shape": (300, 784), "alphabet": 16},
        ),
        0,
        300 * 784,
        quick=True,
    ),
    *(
        planes(op, type, layer, quick=layer.startswith("LeNet"))
        for layer in ("LeNet-300-100 fc1", "4096 wide")
        for type in ("float32", "bfloat16")
        for op in ("planes_split", "planes_join")
    ),
    on_weights("lowrank_svd", "LeNet-300-100 fc1", 4, rank=50, quick=True),
    on_weights("lowrank_randomized", "LeNet-300-100 fc1", 4, rank=50, quick=True),
    *(lowrank(rank) for rank in (64, 256)),
    Case(
        "lowrank_whitened",
        "LeNet-300-100 fc1, rank 50",
        lambda rng: (
            (_normal(rng, 300, 784), reference.quantize_hessian(_normal(rng, 2000, 784))),
            {"rank": 50},
        ),
        0,
        4 * 300 * 784 + 8 * 784 * 784,
        quick=True,
    ),
    Case(
        "lowrank_matmul",
        "AlexNet fc8, rank 64, batch 64",
        lambda rng: (
            (LowRank(_normal(rng, 1000, 64), _normal(rng, 64), _normal(rng, 64, 4096)), _normal(rng, 4096, 64)),
            {},
        ),
        2 * 64 * 64 * 5096,
        4 * (64 * 5096 + 64 * 5096),
        quick=True,
    ),
    on_weights("csr_from_dense", "AlexNet fc8", 4 + 9, quick=True),
    Case(
        "csr_to_dense",
        "AlexNet fc8, density 0.25",
        lambda rng: ((_sparse(rng, "AlexNet fc8", None),), {}),
        0,
        (4 + 8 * 0.25) * 1000 * 4096,
        quick=True,
    ),
    *(csr_matmul("LeNet-300-100 fc1", batch, quick=batch != 8) for batch in (1, 8, 64)),
    csr_matmul("AlexNet conv5", 169),
    *(csr_matmul("AlexNet fc7", batch) for batch in (1, 8, 64)),
    csr_matmul("VGG-16 conv4_2", 784),
    csr_matmul("MobileNetV2 last block", 49),
    *(csr_matmul("MiniLM feed-forward", batch) for batch in (1, 64, 256)),
    *(csr_matmul("4096 wide", batch, density) for density in DENSITIES for batch in BATCHES),
    csr_matmul("8 wide", 1, quick=True, overhead=True),
    *(gemm(op, "8 wide", 1, quick=True, overhead=True) for op in ("gemm_s8s8", "gemm_f32s8")),
    *(gemm(op, "LeNet-300-100 fc1", 64, quick=True) for op in ("gemm_s8s8", "gemm_u8s8", "gemm_f32s8", "gemm_f32f32")),
    *(gemm(op, "AlexNet conv5", 169) for op in ("gemm_s8s8", "gemm_u8s8", "gemm_f32s8")),
    *(
        gemm(op, layer, positions)
        for op in ("gemm_s8s8", "gemm_f32s8")
        for layer, positions in (("VGG-16 conv4_2", 784), ("MobileNetV2 last block", 49), ("MiniLM feed-forward", 64))
    ),
    *(gemm(op, "4096 wide", batch) for op in ("gemm_s8s8", "gemm_u8s8", "gemm_f32s8") for batch in BATCHES),
    *(gemm("gemm_f32s8", "4096 wide", batch, group=32) for batch in (1, 64)),
    *(gemm("gemm_f32f32", "4096 wide", batch) for batch in (1, 16, 64)),
    *(gemm("gemm_f32f32", "4096 wide", batch, transposed=True) for batch in (1, 16, 64)),
    *(mixed("LeNet-300-100 fc1", 64, axis, quick=True) for axis in (0, 1)),
    *(mixed("4096 wide", batch, axis) for batch in (1, 64) for axis in (0, 1)),
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
    *(
        huffman(op, "16 clusters", quick=True)
        for op in ("huffman_lengths", "huffman_code", "huffman_encode", "huffman_decode")
    ),
    *(huffman(op, "16 clusters", symbols=2**16) for op in ("huffman_encode", "huffman_decode")),
    *(huffman(op, stream) for stream in list(STREAMS)[1:] for op in ("huffman_encode", "huffman_decode")),
]
