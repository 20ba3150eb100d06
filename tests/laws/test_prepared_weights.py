"""A weight that was prepared: every product takes it in its place, in both languages, and its cost is said."""

import copy
import pickle

import numpy as np
import pytest
from implementations import EVERYONE, NATIVE, each, need_native

import refcompress as rc
from refcompress import ArgumentTypeError, RefcompressError, container, reference
from refcompress.agreement import exactly

native = need_native()

from refcompress.native.packers import PACKERS  # noqa: E402

RNG = np.random.default_rng(8)
W = RNG.standard_normal((13, 21)).astype(np.float32)
X = RNG.standard_normal((5, 21)).astype(np.float32)
S8, X8 = RNG.integers(-128, 128, (13, 21)).astype(np.int8), RNG.integers(-128, 128, (5, 21)).astype(np.int8)
Q = rc.quantize_s8(W, scheme="affine", group=5)
LAYER = np.zeros(13, np.int32), np.full(13, 2**30, np.int32), np.full(13, 7, np.int32)
IMAGE = RNG.integers(-128, 128, (2, 6, 5, 13)).astype(np.int8)

# Of each product: a weight, and the call with a weight in its place.
CALLS = {
    "csr_matmul": (rc.csr_from_dense(W, W > 0), lambda f, w: f(w, np.ascontiguousarray(X.T))),
    "sparse_matmul": (rc.sparse_bitmask_pack(W, W > 0), lambda f, w: f(w, np.ascontiguousarray(X.T))),
    "sparse_s8s8": (rc.sparse_bitmask_pack(rc.quantize_s8(W, group=8), W > 0),
                    lambda f, w: f(X8, np.ones(5, np.float32), w)),
    "lowrank_matmul": (rc.lowrank_svd(W, rank=3), lambda f, w: f(w, np.ascontiguousarray(X.T))),
    "lowrank_sparse_matmul": (rc.LowRankSparse(rc.lowrank_svd(W, rank=3), rc.csr_from_dense(W, W > 1)),
                              lambda f, w: f(w, np.ascontiguousarray(X.T))),
    "gemm_f32f32": (W, lambda f, w: f(X, w)),
    "gemm_f32s8": (Q, lambda f, w: f(X, w)),
    "gemm_f32mixed": (rc.allocate_mixed(W, np.arange(13) % 3 == 0), lambda f, w: f(X, w)),
    "gemm_s8s8": (S8, lambda f, w: f(X8, w)),
    "gemm_u8s8": (S8, lambda f, w: f(X8.view(np.uint8), w)),
    "gemm_s8s8_requantized": (S8, lambda f, w: f(X8, w, *LAYER)),
    "gemm_s8s8_scaled": (Q, lambda f, w: f(X8, np.ones(5, np.float32), w)),
    "gemm_s8s4": (rc.quantize_pack(rc.quantize_s8(W, bits=4, scheme="affine", group=5)),
                  lambda f, w: f(X8, np.ones(5, np.float32), w)),
    "gemm_s8lut4": (rc.share_kmeans(W, bits=3), lambda f, w: f(X8, np.ones(5, np.float32), w)),
    "nn_depthwise_s8": (S8[:, :9].reshape(13, 3, 3), lambda f, w: f(IMAGE, w, *LAYER)),
    "gemm_bf16bf16": (rc.Plain(rc.floats_encode(W, "bfloat16"), "bfloat16"),
                      lambda f, w: f(rc.floats_encode(X, "bfloat16"), w)),
    **{op: (weight, lambda f, w: f(X, w)) for op, weight in {
        "gemm_f32s4": rc.quantize_pack(rc.quantize_s8(W, bits=4, scheme="affine", group=5)),
        "gemm_f32lut4": rc.share_kmeans(W, bits=3), "gemm_f32lut8": rc.share_kmeans(W, bits=5),
        "gemm_f32nf4": rc.floats_nf4_encode(W, block=8), "gemm_f32f16": rc.Plain.of(W.astype(np.float16)),
        "gemm_f32bf16": rc.Plain(rc.floats_encode(W, "bfloat16"), "bfloat16"),
        "gemm_f32fp8": rc.Plain(rc.floats_encode(W, "fp8_e5m2"), "fp8_e5m2"),
        "gemm_f32mx": rc.floats_mx_encode(W, "mxfp6_e2m3"), "gemm_f32nvfp4": rc.floats_nvfp4_encode(W)}.items()},
    "nn_depthwise_f32": (W[:, :9].reshape(13, 1, 3, 3), lambda f, w: f(np.float32(IMAGE.transpose(0, 3, 1, 2)), w)),
}
every_product = pytest.mark.parametrize("product", PACKERS)


def test_every_product_that_prepares_weights_is_called_here():
    assert set(CALLS) == set(PACKERS)


@every_product
def test_every_product_takes_a_prepared_weight_in_place_of_its_weight(product):
    weight, call = CALLS[product]
    ready = native.prepare(weight, product)
    assert ready.product == product and ready.nbytes == weight.nbytes + ready.packed_bytes
    for space in EVERYONE:
        function = getattr(space, product)
        exactly(call(function, weight), call(function, ready))


@every_product
def test_a_weight_prepared_for_another_product_is_the_weight(product):
    weight, call = CALLS[product]
    for other in PACKERS:
        try:
            ready = native.prepare(weight, other)
        except RefcompressError as error:
            assert error.argument == "weight"
            continue
        for space in NATIVE:
            exactly(call(getattr(space, product), weight), call(getattr(space, product), ready))


@every_product
def test_a_weight_that_the_product_does_not_take_is_refused_by_name(product):
    cube, other = rc.quantize_s8(W[:, :20].reshape(13, 2, 10)), W if "s8" in product else S8
    for weight in (W[0], S8.astype(np.int16), rc.quantize_s16(W), None, "weight", cube, other):
        with pytest.raises(RefcompressError) as caught:
            native.prepare(weight, product)
        assert caught.value.argument == "weight"


def test_patterns_of_bfloat16_are_prepared_as_they_are():
    patterns = rc.floats_encode(W, "bfloat16")
    ready = native.prepare(patterns, "gemm_bf16bf16")
    x = rc.floats_encode(X, "bfloat16")
    for space in EVERYONE:
        exactly(space.gemm_bf16bf16(x, patterns), space.gemm_bf16bf16(x, ready))
    with pytest.raises(RefcompressError, match="^weight: must be of dtype"):
        native.prepare(patterns)


def test_an_unknown_product_and_a_packing_of_another_weight_are_refused():
    with pytest.raises(RefcompressError, match="^product: "):
        native.prepare(W, "gemm")
    with pytest.raises(ArgumentTypeError, match="^product: "):
        native.prepare(W, 3)
    ready = native.prepare(Q, "gemm_s8s8_scaled")
    for packing in (ready.packing, 3):
        with pytest.raises(RefcompressError, match="^packing: "):
            rc.Prepared(rc.quantize_s8(W), "gemm_s8s8_scaled", packing)
    with pytest.raises(ArgumentTypeError, match="^weight: "):
        rc.Prepared(ready, "gemm_s8s8_scaled")


WEIGHTS = [W, S8, Q, rc.quantize_pack(rc.quantize_s8(W, bits=3)), rc.csr_from_dense(W), rc.quantize_s16(W),
           rc.share_kmeans(np.where(W > 0, W, 0), bits=3, pruned=True), rc.share_kmeans(W, bits=3),
           rc.floats_mx_encode(W, "mxfp4_e2m1"), rc.Plain.of(W), rc.Plain.of(W.astype(np.float16))]


@pytest.mark.parametrize("weight", WEIGHTS, ids=lambda weight: type(weight).__name__)
def test_what_matmul_chooses_is_prepared_by_default(weight):
    ready = native.prepare(weight)
    x = X8 if weight is S8 else X
    expected = rc.matmul(weight, x.T, decode=True)
    exactly(expected, rc.matmul(ready, x.T))
    for space in NATIVE:
        exactly(rc.matmul(weight, x.T, decode=True, implementation=space), rc.matmul(ready, x.T, implementation=space))
    assert rc.same(ready.dense(), weight if isinstance(weight, np.ndarray) else weight.dense())
    assert native.prepare(ready) is ready and native.prepare(ready, ready.product) is ready
    assert f"{ready.packed_bytes:,} bytes more" in ready.describe() or not ready.packed_bytes


def test_a_decoded_weight_is_said_and_counted():
    ready = native.prepare(rc.quantize_s16(W))
    assert ready.packed_bytes == W.nbytes and ready.nbytes == W.nbytes + ready.weight.nbytes
    assert ready.describe() == f"16 bits, 1 scale; for gemm_f32f32 decoded, {W.nbytes:,} bytes more"
    for back in (copy.copy(ready), copy.deepcopy(ready), pickle.loads(pickle.dumps(ready))):
        assert back == ready and back.packed_bytes == ready.packed_bytes
    assert native.prepare(W).describe() == "array, float32; for gemm_f32f32 read as it is stored"


@every_product
def test_copies_and_pickles_are_equal_and_packed_again(product):
    weight, call = CALLS[product]
    ready, function = native.prepare(weight, product), getattr(native, product)
    for back in (copy.copy(ready), copy.deepcopy(ready), pickle.loads(pickle.dumps(ready))):
        assert back == ready and hash(back) == hash(ready) and back.packed_bytes == ready.packed_bytes
        exactly(call(function, weight), call(function, back))
    assert len(pickle.dumps(ready)) < len(pickle.dumps(weight)) + 300  # what was packed is not in it


def test_prepared_weights_are_equal_where_weight_and_product_are():
    ready = native.prepare(S8, "gemm_s8s8_requantized")
    assert ready == native.prepare(S8.copy(), "gemm_s8s8_requantized")
    assert ready != native.prepare(S8, "gemm_s8s8") and ready != native.prepare(-S8, "gemm_s8s8_requantized")
    assert ready != S8.tolist() and native.prepare(Q) != Q


def test_a_weight_that_was_prepared_does_not_change_with_the_array_that_it_was_made_of():
    own = S8.copy()
    ready = native.prepare(own, "gemm_s8s8_requantized")
    own[:] = 0
    exactly(native.gemm_s8s8_requantized(X8, S8, *LAYER), native.gemm_s8s8_requantized(X8, ready, *LAYER))
    assert not ready.weight.flags.writeable


def test_the_plain_call_keeps_no_packed_copy_of_a_weight(monkeypatch):
    from refcompress.native import gemm_s8

    packs = []
    monkeypatch.setattr(gemm_s8, "pack", lambda *args, pack=gemm_s8.pack: packs.append(1) or pack(*args))
    many = np.tile(X8, (60, 1))
    for x, times in ((X8, 0), (many, 4)):  # a few rows: some outputs at a time are packed, and not by this function
        packs.clear()
        for _ in range(2):
            native.gemm_s8s8_scaled(x, np.ones(len(x), np.float32), Q)
            native.gemm_s8s8_requantized(x, Q.values, *LAYER)
        assert len(packs) == times
    ready = native.prepare(Q, "gemm_s8s8_scaled")
    for _ in range(2):
        native.gemm_s8s8_scaled(many, np.ones(len(many), np.float32), ready)
    assert len(packs) == 5


@each("space", NATIVE)
def test_a_call_is_prepared_with_a_prepared_weight(space):
    for product, (weight, _) in CALLS.items():
        function = getattr(space, product)
        if product in ("gemm_s8s8", "gemm_u8s8", "gemm_f32s8"):
            x = X if product == "gemm_f32s8" else X8.view(np.uint8) if product == "gemm_u8s8" else X8
            exactly(function(x, weight), function.prepare(x, native.prepare(weight, product))())
    x = np.ascontiguousarray(X.T)
    sparse = CALLS["csr_matmul"][0]
    exactly(space.csr_matmul(sparse, x), space.csr_matmul.prepare(native.prepare(sparse), x)())


def test_a_container_stores_the_weight_and_not_what_was_packed():
    ready = native.prepare(Q, "gemm_s8s8_scaled")
    assert container.dumps({"w": ready}) == container.dumps({"w": Q})
    array = native.prepare(W)
    assert container.dumps({"w": array}) == container.dumps({"w": W})


def test_the_reference_needs_no_native_to_take_one():
    assert rc.same(reference.gemm_f32s8(X, rc.Prepared(Q, "gemm_f32s8")), reference.gemm_f32s8(X, Q))
