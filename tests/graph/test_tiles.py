"""Convolutions by tile: blocks of places change no bit, cover each place once, and bound the memory of a run."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from implementations import BOTH, each, needs_native
from integer_networks import small_cnn

import refcompress as rc
from refcompress import native
from refcompress.graph import Builder
from refcompress.graph.integers import to_integers
from refcompress.graph.operations import tiles
from refcompress.graph.prepared import Prepared

SIZES = 1, 700, 20000  # from a single place at a time to a few images


@given(st.integers(0, 4), st.integers(0, 7), st.integers(0, 7), st.integers(1, 3 * 2**19))
def test_each_place_lies_in_one_tile_and_a_tile_of_several_fits_at_once(n, rows, columns, bytes_a_place):
    seen = np.zeros((n, rows, columns), int)
    for tile in tiles.tiles(n, (rows, columns), bytes_a_place):
        seen[tile.images, tile.rows, tile.columns] += 1
        places = np.prod(tile.shape)
        assert places and (places == 1 or places * bytes_a_place <= tiles.AT_ONCE)
    assert (seen == 1).all()


@needs_native
@pytest.mark.parametrize("weight", ["float32", "int8", "packed", "csr", "bfloat16"])
def test_the_bits_of_a_convolution_are_those_of_all_patches_at_once(weight, monkeypatch):
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((3, 6, 17, 9), dtype=np.float32), rng.standard_normal((4, 3, 3, 2), dtype=np.float32)
    made = {"float32": w, "int8": rc.quantize_s8(w, axis=0), "packed": rc.quantize_pack(rc.quantize_s8(w, bits=4)),
            "csr": rc.share_kmeans(np.where(w > 0, w, 0), bits=3, pruned=True),
            "bfloat16": rc.Plain(rc.floats_encode(w, "bfloat16"), "bfloat16")}[weight]
    for window in ({"strides": (2, 1), "pads": (4, 1, 6, 0), "dilations": (2, 1)}, {"pads": (2, 2, 2, 2)}):
        b = Builder()
        model = b.model(b.conv(b.input("x", x.shape), made, groups=2, **window))
        expected = model(x, implementation=native)
        for at_once in SIZES:
            monkeypatch.setattr(tiles, "AT_ONCE", at_once)
            assert np.array_equal(model(x, implementation=native), expected)
        monkeypatch.undo()


@each("impl", BOTH)
@pytest.mark.parametrize("dynamic", [False, True])
def test_the_bits_of_integer_convolutions_are_too_also_of_prepared_runs(impl, dynamic, monkeypatch):
    images = np.random.default_rng(3).standard_normal((2, 3, 9, 11), dtype=np.float32)
    model = to_integers(small_cnn(), None if dynamic else images, dynamic=dynamic).model
    expected, computed = model(images, implementation=impl), {}
    for at_once in SIZES[1:2] if impl is rc.reference else SIZES:
        monkeypatch.setattr(tiles, "AT_ONCE", at_once)
        assert np.array_equal(model(images, implementation=impl), expected)
        prepared = Prepared(model, images.shape, implementation=impl)
        assert np.array_equal(prepared(images[::-1].copy())[::-1], expected)
        assert np.array_equal(prepared(images), expected)
        computed[at_once] = sum(getattr(step, "func", None) == prepared._compute for step in prepared._steps)
    assert len(set(computed.values())) == 1  # nodes that are calls of kernels are so in tiles too


@needs_native
@pytest.mark.parametrize("dtype", ["float32", "int8", "w8a8"])
def test_a_run_takes_no_more_memory_than_its_values_and_two_tiles(dtype):
    """All patches of the image are 36 times the bound: 9 cells a place, of 4 bytes or of 1."""
    rng = np.random.default_rng(0)
    b = Builder()
    w = rng.standard_normal((8, 16, 3, 3), dtype=np.float32)
    x = rng.standard_normal((1, 16, 256, 256), dtype=np.float32)
    y = b.conv(b.input("x", x.shape), rc.quantize_s8(w, axis=0) if dtype == "int8" else w, name="conv",
               pads=(1, 1, 1, 1))
    model = b.model(y)
    if dtype == "w8a8":  # a second layer takes int8
        model = to_integers(b.model(b.conv(y, rng.standard_normal((1, 8, 1, 1), dtype=np.float32))), x).model
    model(x, implementation=native)
    tracemalloc.start()
    y = model(x, implementation=native)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    values = {"float32": y.nbytes, "int8": y.nbytes, "w8a8": 2 * x.nbytes // 4 + 2 * 8 * y.size + 2 * y.nbytes}[dtype]
    assert most < values + 3 * tiles.AT_ONCE
    assert 9 * x.nbytes // (4 if dtype == "w8a8" else 1) > 2 * most


@each("impl", BOTH)
@pytest.mark.parametrize("axes", [1, 2])
def test_a_dynamic_depthwise_convolution_is_the_scaled_product_of_each_channels_patches(impl, axes):
    rng = np.random.default_rng(1)
    x = rng.standard_normal((2, 3, *(7, 5)[:axes]), dtype=np.float32)
    w = rc.quantize_s8(rng.standard_normal((6, 1, *(3, 2)[:axes]), dtype=np.float32), scheme="affine", axis=0)
    bias, b = rng.standard_normal(6, dtype=np.float32), Builder()
    model = b.model(b.node("conv_a8", b.input("x", x.shape), w, bias, groups=3, pads=(1, 0, 1, 0)[:: 3 - axes],
                           strides=(2, 1)[:axes]))
    y, q = model(x, implementation=impl), rc.quantize_s8(x, axis=0)
    images, kernel = q.values.reshape(2, 3, 7, -1), (3, 2)[:axes] + (1,) * (2 - axes)
    for o in range(6):
        rows = rc.nn_patches(images[:, o // 2 : o // 2 + 1], kernel, strides=(2, 1), pads=(1, 0, 1, 0))
        one = rc.Quantized(*(each[o : o + 1].reshape(1, -1) for each in (w.values, w.scale, w.zero_point)))
        scale = np.repeat(q.scale.reshape(-1), len(rows) // 2)
        assert np.array_equal(y[:, o].reshape(-1, 1), rc.gemm_s8s8_scaled(rows, scale, one, bias[o : o + 1]))
