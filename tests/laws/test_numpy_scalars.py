"""An option given as a NumPy scalar is the Python number that it stands for: the same bits, in every operation."""

import inspect

import numpy as np
import pytest
from implementations import NATIVE

import refcompress as rc
from refcompress import agreement, arguments, reference
from refcompress.ops import OPS
from refcompress.recipes import criteria, ladder, pruning
from refcompress.recipes.learning_compression import Ranks
from refcompress.recipes.pipeline import Settings
from refcompress.testing.families import CASES

RNG = np.random.default_rng(7)
W = RNG.standard_normal((12, 20)).astype(np.float32)
CODES = rc.Shared(RNG.integers(0, 4, (12, 20)).astype(np.uint8), np.float32([0, 1, -1, 2]))
X = RNG.standard_normal((30, 20)).astype(np.float32)
H = reference.quantize_hessian(X)
KERNEL = RNG.standard_normal((6, 8, 3, 3)).astype(np.float32)
LONG = RNG.standard_normal((3, 600)).astype(np.float32)
GRID = {"bits": 4, "group": 8}
IMAGES = RNG.standard_normal((2, 3, 5, 6)).astype(np.float32)
WINDOW = {"strides": (2, 1), "pads": (1, 0, 1, 1), "dilations": (1, 2)}
S8, IMAGES_S8 = RNG.integers(-128, 128, (4, 6)).astype(np.int8), RNG.integers(-128, 128, (1, 5, 5, 4)).astype(np.int8)
LAYER = (np.int32([1, 2, 3, 4]), np.int32([2**30] * 4), np.int32([7] * 4))
PLANES = rc.planes_encode(np.arange(40, dtype=np.uint32), "float32")
ENDS = {"zero_point": 3, "lowest": 1, "highest": 100}

# Calls that use each option that is a number; where two options exclude each other, one call each.
CALLS = {
    "allocate_cost": [((W, [W + 1]), {"curvature": 3.0})],
    "allocate_exact": [((np.float64([[9, 1], [5, 3]]), np.int64([[100, 200], [100, 200]]), 250), {})],
    "allocate_front": [((np.float64([[9, 1], [5, 3]]), np.int64([[100, 200], [100, 200]])), {"budget": 250})],
    "allocate_lagrange": [((np.float64([[9, 1], [5, 3]]), np.int64([[100, 200], [100, 200]]), 250), {})],
    "allocate_mixed": [
        ((W, np.arange(20) % 3 == 0), {"axis": 1}),
        ((LONG, np.arange(3) == 1), {"group": 200, "axis": 0}),
    ],
    "allocate_outliers": [((W,), {"threshold": 1.5})],
    "allocate_rank": [((np.array([3.0, 1, 0.1]), np.arange(4.0)), {"mu": 1.5})],
    "allocate_rank_cost": [(((12, 20),), {"count": "bytes"})],
    "allocate_trace": [((lambda v: 2 * v, 5), {"samples": 3, "seed": 4})],
    "floats_nf4_encode": [((LONG,), {"block": 200})],
    "gemm_s8s8": [((S8, S8), {"x_zero_point": 3})],
    "gemm_u8s8": [((S8.view(np.uint8), S8), {"x_zero_point": 3})],
    "gemm_s8s8_requantized": [((S8, S8, *LAYER), ENDS)],
    "nn_add_s8": [((S8, S8, 0.5, 0.25, 0.75), {**ENDS, "a_zero_point": 5, "b_zero_point": 6})],
    "nn_average_pool_s8": [((IMAGES_S8, 0.5, 0.25), {
        **ENDS, "kernel": (2, 2), "strides": (2, 1), "pads": (1, 1, 0, 1), "count_include_pad": True,
        "x_zero_point": 5})],
    "nn_depthwise_s8": [((IMAGES_S8, S8[:, :4].reshape(4, 2, 2), *LAYER), {
        **ENDS, "strides": (2, 1), "pads": (1, 1, 0, 1), "dilations": (2, 1), "x_zero_point": 5})],
    "nn_multiply_s8": [((S8, S8, 0.5, 0.25, 0.75), {**ENDS, "a_zero_point": 5, "b_zero_point": 6})],
    "gemm_f32f32": [((W, X), {"transposed": False}), ((W, X.T), {"transposed": True})],
    "huffman_lengths": [((np.arange(200),), {"limit": 12})],
    "lowrank_conv": [
        ((KERNEL,), {"scheme": "channel", "rank": 2}),
        ((KERNEL,), {"scheme": "spatial", "energy": 0.7}),
        ((KERNEL,), {"scheme": "channel", "error": 0.5}),
        ((KERNEL,), {"scheme": "spatial", "nbytes": 700}),
    ],
    "planes_encode": [((np.arange(40, dtype=np.uint32), "float32"), {"blocks": True})],
    "planes_decode": [((PLANES, "float32", 40), {"strict": True, "blocks": True})],
    "lowrank_randomized": [
        ((LONG,), {"rank": 2, "tolerance": 0.25, "certify": True, "failure": 0.0625, "block": 2, "seed": 3})
    ],
    "lowrank_relu": [((W, X), {"rank": 2, "iterations": 2, "ridge": 0.125}), ((W, X), {"tolerance": 0.5})],
    "lowrank_relu_values": [((W,), {"seed": 3})],
    "lowrank_sparse": [((W,), {"rank": 2, "keep": 200, "iterations": 2})],
    "lowrank_svd": [((W,), {"rank": 2}), ((W,), {"energy": 0.7}), ((W,), {"error": 0.5}), ((LONG,), {"nbytes": 5000})],
    "lowrank_tucker2": [((KERNEL,), {"ranks": (2, 3), "iterations": 2})],
    "lowrank_whitened": [((W, H), {"rank": 3})],
    "nn_average_pool": [
        ((IMAGES, (2, 2)), {**WINDOW, "ceil": True}),
        ((IMAGES, (2, 2)), {**WINDOW, "count_include_pad": True}),
    ],
    "nn_depthwise_f32": [((IMAGES, KERNEL[:, :1]), WINDOW)],
    "nn_layer_norm": [((W,), {"epsilon": 0.25})],
    "nn_max_pool": [((IMAGES, (2, 2)), {**WINDOW, "ceil": False})],
    "nn_patches": [((IMAGES, (2, 2)), {**WINDOW, "fill": 3})],
    "nn_rms_norm": [((W,), {"epsilon": 0.25})],
    "prune_magnitude": [((W,), {"sparsity": 0.5}), ((W,), {"keep": 200})],
    "prune_obs": [((W, H), {"sparsity": 0.5, "damping": 0.01}), ((W, H), {"keep": 200})],
    "prune_penalty_l0": [((W,), {"penalty": 0.5})],
    "prune_penalty_l1": [((W,), {"penalty": 0.5})],
    "prune_project_l0": [((W,), {"keep": 200})],
    "prune_project_l1": [((W,), {"radius": 5.0})],
    "prune_score_activation": [((np.arange(9.0), 250), {})],
    "prune_score_apoz": [((np.arange(9), 250), {})],
    "prune_select": [
        ((LONG,), {"structure": "nm", "n": 100, "m": 200}),
        ((LONG,), {"structure": "nm", "n": 1, "m": 2, "axis": -2}),
        ((W,), {"sparsity": 0.5}),
        ((W,), {"keep": 200}),
        ((LONG,), {"structure": "block", "block": (2, 200), "keep": 3}),
    ],
    "prune_sparsegpt": [
        ((W, H), {"sparsity": 0.5, "block": 7, "damping": 0.01}),
        ((W, H), {"n": 2, "m": 4, "block": 7}),
    ],
    "prune_threshold": [((W, 1.5), {})],
    "quantize_adaround": [
        ((W, H), {**GRID, "iterations": 3, "learning_rate": 0.1}),
        ((W, H), {"axis": 1, "bits": 8}),
        ((W, H), {"scheme": "affine", "axis": None, "scale": 0.3, "zero_point": 1, "iterations": 3}),
    ],
    "quantize_awq": [((W, X), {**GRID, "steps": 4, "clip": True}), ((W, X), {"bits": 8, "axis": 1, "clip": False})],
    "dequantize_bias_s32": [((np.int32([100, -7]), 0.5, 0.25), {})],
    "quantize_bias_s32": [((np.float32([1, -2]), 0.5, 0.25), {"inputs": 200})],
    "quantize_binary": [((LONG,), {"group": 200}), ((W,), {"axis": -2})],
    "quantize_clip": [
        ((W, H), {**GRID, "steps": 4, "narrowest": 0.25}),
        ((LONG, np.eye(600)), {"bits": 8, "group": 200}),
    ],
    "quantize_gptq": [
        ((W, H), {**GRID, "damping": 0.1}),
        ((LONG, np.eye(600)), {"bits": 8, "group": 200}),
        ((W, H), {"axis": 1, "scheme": "affine"}),
        ((W, H), {"scheme": "affine", "axis": None, "scale": 0.3, "zero_point": 1}),
    ],
    "quantize_multiplier": [((0.75,), {})],
    "quantize_nearest": [
        ((W, H), GRID),
        ((LONG, np.eye(600)), {"bits": 8, "group": 200}),
        ((W, H), {"axis": 1}),
        ((W, H), {"scheme": "affine", "axis": None, "scale": 0.3, "zero_point": 1}),
    ],
    "quantize_pack": [((rc.quantize_s8(W, bits=4),), {"bits": 7})],
    "quantize_range_kl": [((LONG,), {"bits": 8, "group": 200, "bins": 250}), ((LONG,), {"axis": -2, "bins": 130})],
    "quantize_range_minmax": [((LONG,), {"group": 200}), ((W,), {"axis": -2})],
    "quantize_range_mse": [
        ((LONG,), {"bits": 8, "group": 200, "steps": 4}),
        ((W,), {"axis": -2, "bits": 16, "steps": 2}),
    ],
    "quantize_range_percentile": [((LONG,), {"group": 200, "percentile": 75.5}), ((W,), {"axis": -2})],
    "quantize_s16": [
        ((LONG,), {"group": 200}),
        ((W,), {"axis": -2}),
        ((W,), {"scheme": "affine", "scale": 0.3, "zero_point": 100}),
    ],
    "quantize_s8": [
        ((LONG,), {"bits": 8, "group": 200}),
        ((W,), {"bits": 8, "axis": -2}),
        ((W,), {"bits": 8, "scheme": "affine", "scale": 0.3, "zero_point": 100}),
    ],
    "quantize_scale": [((-1.5, 2.25), {"bits": 8, "scheme": "affine"}), ((-1.5, 2.25), {"bits": 16})],
    "quantize_smooth": [
        ((W, X), {"alpha": 0.25, "weight_bits": 8, "input_bits": 8, "axis": -2}),
        ((W, X), {"alpha": 0.75, "inputs": "all"}),
    ],
    "quantize_ternary": [((LONG,), {"group": 200, "threshold": 0.25}), ((W,), {"axis": -2})],
    "rangecoder_decode": [
        ((rc.rangecoder_encode(np.uint8([[1, 2], [0, 200]]), alphabet=255),),
         {"shape": (2, 2), "alphabet": 255, "lanes": 1})
    ],
    "rangecoder_encode": [((np.uint8([[1, 2], [0, 200]]),), {"alphabet": 255, "lanes": 16})],
    "requantize_s32": [((np.int32([[100, 2000], [-1, 7]]), 2**30, 3), {"zero_point": 100, "bits": 8})],
    "share_kmeans": [
        ((W,), {"bits": 8, "pruned": True, "iterations": 3}),
        ((W,), {"clusters": 200, "init": "random", "seed": 4}),
    ],
    "sparse_bsr_pack": [((W,), {"block": (3, 5)})],
    "sparse_relative_pack": [((CODES,), {"bits": 3})],
    "sparse_nm_pack": [((W, np.tile(np.arange(20) % 5 < 3, (12, 1))), {"n": 3, "m": 5})],
    "share_optimal": [((W,), {"bits": 3, "pruned": True}), ((W,), {"clusters": 200})],
}
# no numbers
OTHERS = {
    "count",
    "format",
    "head",
    "overflow",
    "scheme",
    "structure",
    "order",
    "inputs",
    "init",
    "weights",
    "mask",
    "bias",
    "rounding",
    "layout",
}


def twins(value):
    """Yield (a Python number, or tuple of them, and the same as NumPy scalars)."""
    if isinstance(value, bool):
        yield value, np.bool_(value)
    elif isinstance(value, int):
        for kind in (np.uint8, np.int8, np.int16, np.uint16, np.int32, np.uint64, np.int64):
            if np.iinfo(kind).min <= value <= np.iinfo(kind).max:
                yield value, kind(value)
    elif isinstance(value, float):
        for kind in (np.float16, np.float32, np.float64):
            with np.errstate(over="ignore", under="ignore"):
                scalar = kind(value)
            if abs(value) / 2 <= abs(float(scalar)) <= abs(value) * 2:  # and not an infinity, or 0 for a small one
                yield float(scalar), scalar
    elif isinstance(value, tuple) and value and all(type(v) is int for v in value):
        yield value, tuple(np.uint8(v) for v in value)
        yield value, np.array(value, np.int64) if not any(v > 99 for v in value) else tuple(np.int64(v) for v in value)


def same(function, args, kwargs):
    """Call the function with each number as a NumPy scalar in turn, and compare with what the Python number gives."""
    turned = 0
    for place, given in (*enumerate(args), *kwargs.items()):
        for plain, scalar in twins(given):
            if place in ("ranks", "block") and isinstance(scalar, np.ndarray):
                continue  # a tuple or a list is asked for
            calls = []
            for value in (plain, scalar):
                a, k = list(args), dict(kwargs)
                if isinstance(place, int):
                    a[place] = value
                else:
                    k[place] = value
                calls.append(function(*a, **k))
            agreement.exactly(*calls)
            turned += 1
    return turned


def functions(name):
    """Yield the reference's function, and each native one."""
    yield getattr(reference, name)
    yield from {f.isa: f for space in NATIVE if hasattr(f := getattr(space, name, None), "isa")}.values()


@pytest.mark.parametrize("name", CALLS)
def test_a_numpy_scalar_is_the_python_number(name):
    for function in functions(name):
        for args, kwargs in CALLS[name]:
            assert same(function, args, kwargs)


@pytest.mark.parametrize("name", OPS)
def test_a_numpy_scalar_is_the_python_number_over_the_sweep(name):
    for i, (args, kwargs) in enumerate(CASES[name].sweep()):
        if i % 17 == 0:
            same(getattr(reference, name), args, kwargs)


def test_each_option_that_is_a_number_is_in_a_call():
    for name in reference.__all__:
        function = getattr(reference, name)
        if inspect.isclass(function):
            continue
        options = [p.name for p in inspect.signature(function).parameters.values()
                   if p.kind is p.KEYWORD_ONLY or isinstance(p.default, (bool, int, float))]
        named = {option for _, kwargs in CALLS.get(name, []) for option, value in kwargs.items() if value is not None}
        assert set(options) - OTHERS <= named, name


def test_formats_take_numpy_scalars_as_the_numbers_that_they_are():
    q = rc.quantize_s8(LONG, group=200)
    assert rc.Quantized(q.values, q.scale, q.zero_point, np.uint8(200)) == q
    n = rc.floats_nf4_encode(LONG, block=200)
    assert rc.NF4(n.codes, n.scales, np.uint8(200)) == n and type(rc.NF4(n.codes, n.scales, np.uint8(200)).block) is int
    p = rc.quantize_pack(rc.quantize_s8(LONG, bits=4))
    narrow = rc.Packed(p.data, (np.uint8(3), np.int16(600)), np.uint8(4), p.scale, p.zero_point)
    assert narrow == p and np.array_equal(narrow.dense(), p.dense())
    a = rc.csr_from_dense(W)
    assert rc.CSR((np.uint8(12), np.uint8(20)), a.indptr, a.indices, a.data, np.bool_(True)) == a


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_a_bound_is_not_rounded_to_the_type_of_a_numpy_scalar(kind):
    with pytest.raises(rc.RefcompressError):
        arguments.real(kind(0), "a", 5e-324, 1)
    assert arguments.real(kind(0.5), "a", 0, 1e300) == 0.5
    with pytest.raises(rc.RefcompressError):
        arguments.real(kind(1), "a", 0, float(np.nextafter(1, 0)))


def test_recipes_keep_python_numbers():
    how = pruning.Retraining(np.uint8(3), np.float32(0.25), np.uint8(200), np.float64(0.5))
    assert how == pruning.Retraining(3, 0.25, 200, 0.5) and type(how.batch) is int and type(how.learning_rate) is float
    settings = Settings({"w": np.float32(0.5)}, {"w": np.uint8(4)}, rounds=np.int8(2), batch=np.uint8(200))
    assert type(settings.keep["w"]) is float and type(settings.bits["w"]) is int and type(settings.batch) is int
    rung = ladder.Rung("a", np.uint8(200), np.uint8(1), pruning=np.float32(0.5), clusters=np.uint8(200))
    assert type(rung.keep) is int and type(rung.pruning) is float and type(rung.clusters) is int
    ranks = Ranks(np.float32(0.1))
    assert np.array_equal(ranks.cost((300, 784)), Ranks(float(np.float32(0.1))).cost((300, 784)))
    shapes = {"fc1": (300, 784), "fc2": (100, 300)}
    assert criteria.counts(shapes, np.uint8(250)) == criteria.counts(shapes, 250)
