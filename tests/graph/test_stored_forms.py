"""Every kind of layer runs from the form in which its weight is stored, and the report names the product that ran.

Where a layer needs rows of a matrix, a matrix of kernels or a matrix turned, formats give those of themselves.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from implementations import BOTH, each

import refcompress as rc
from refcompress import native, reference
from refcompress.graph import Builder
from refcompress.graph.rows import in_rows, some_rows, turned_matrix
from refcompress.graph.use import Use

RNG = np.random.default_rng(2)
K = 64  # inputs of an output


def plain(w, type):
    return rc.Plain(rc.floats_encode(w, type), type)


def integers(w, bits, group=None):
    """Return integers whose scales are powers of two: whether a chain is scaled before or after it, the bits are equal.
    """
    step = np.float32(2.0 ** (3 - bits))
    if group is None:
        return rc.quantize_s8(w, bits=bits, axis=0, scale=np.full((len(w), *(1,) * (w.ndim - 1)), step))
    rows = w.size // K
    return rc.quantize_s8(w.reshape(-1, K), bits=bits, group=group, scale=np.full((rows, K // group), step))


# Every format of a weight: how it is made of float32, rows of 64, and its product.
FORMS = {
    "int8": (lambda w: integers(w, 8), "gemm_f32s8"),
    "int4": (lambda w: rc.quantize_pack(integers(w, 4)), "gemm_f32s4"),
    "int3": (lambda w: rc.quantize_pack(integers(w, 3), bits=3), "gemm_f32s8"),
    "float16": (lambda w: rc.Plain.of(w.astype(np.float16)), "gemm_f32f16"),
    "bfloat16": (lambda w: plain(w, "bfloat16"), "gemm_f32bf16"),
    "fp8": (lambda w: plain(w, "fp8_e4m3"), "gemm_f32fp8"),
    "codebook of 16": (lambda w: rc.share_kmeans(w, bits=4), "gemm_f32lut4"),
    "codebook of 256": (lambda w: rc.share_kmeans(w, bits=8), "gemm_f32lut8"),
    "mxfp4": (lambda w: rc.floats_mx_encode(w, "mxfp4_e2m1"), "gemm_f32mx"),
    "nf4": (lambda w: rc.floats_nf4_encode(w, block=32), "gemm_f32nf4"),
    "nvfp4": (lambda w: rc.floats_nvfp4_encode(w), "gemm_f32nvfp4"),
}
MATRICES = FORMS | {  # that are matrices alone
    "int8 by groups": (lambda w: integers(w, 8, 16), "gemm_f32s8"),
    "int4 by groups": (lambda w: rc.quantize_pack(integers(w, 4, 32)), "gemm_f32s4"),
    "csr": (lambda w: rc.csr_from_dense(w, w > 0.5), "csr_matmul"),
    "csr of bfloat16": (lambda w: rc.CSR(w.shape, *(lambda a: (a.indptr, a.indices, plain(a.data, "bfloat16")))(
        rc.csr_from_dense(w, w > 0))), "csr_matmul"),
    "bitmask": (lambda w: rc.sparse_bitmask_pack(w, w > 0.5), "sparse_matmul"),
    "bitmask of int8": (lambda w: rc.sparse_bitmask_pack(integers(w, 8), w > 0), "sparse_matmul"),
    "blocks": (lambda w: rc.sparse_bsr_pack(w * (np.abs(w) > 1), block=(2, 2)), "sparse_matmul"),
    "low rank and sparse": (lambda w: rc.LowRankSparse(rc.lowrank_svd(w, rank=2), rc.sparse_bsr_pack(
        w * (np.abs(w) > 1), block=(1, 4))), "lowrank_sparse_matmul"),
    "mixed rows": (lambda w: rc.allocate_mixed(w, np.arange(len(w)) % 3 == 0), "gemm_f32mixed"),
    "low rank": (lambda w: rc.lowrank_svd(w, rank=2), "lowrank_matmul"),
    "ggml": (lambda w: rc.ggml_encode(w, "Q4_0"), None),
}
LOW_RANK = "low rank", "low rank and sparse"
SUMS_OF_THEIR_OWN = ("csr", "csr of bfloat16", "bitmask", "bitmask of int8", "blocks", "mixed rows")
every_form, every_matrix = (pytest.mark.parametrize("form", forms) for forms in (FORMS, MATRICES))


def drawn(*shape):
    return RNG.standard_normal(shape, dtype=np.float32)


def run(model, name, *inputs, implementation=native):
    """Return the output and what is said of a node: which products ran, and whether anything was decoded."""
    use = Use(implementation)
    y = model(*inputs, use=use)
    said = use.said.get(name, [])
    products = {line.split(" ")[0] for line in said if line.startswith(("gemm_", "csr_", "sparse_", "lowrank_"))}
    return y, products, [line for line in said if "decoded" in line]


def linear(w):
    b = Builder()
    return b.model(b.linear(b.input("x", ("n", K)), w, name="fc"))


@each("implementation", BOTH)
@every_matrix
def test_a_linear_layer(form, implementation):
    make, product = MATRICES[form]
    w, x = make(drawn(12, K)), drawn(3, K)
    y, products, decoded = run(linear(w), "fc", x, implementation=implementation)
    if form in LOW_RANK:  # whose inner product is gemm_f32f32
        assert "decoded" not in decoded
        return
    dense = w.dense().astype(np.float32)
    assert products == {product or "gemm_f32f32"} and bool(decoded) == (product is None)
    if form in SUMS_OF_THEIR_OWN:  # of 64 products, in another order
        exact, magnitude = x @ dense.T.astype(np.float64), np.abs(x) @ np.abs(dense.T.astype(np.float64))
        assert np.all(np.abs(y - exact) <= (K + 2) * 2.0**-24 * magnitude)
    else:
        assert rc.same(y, linear(dense)(x, implementation=implementation))


@each("implementation", BOTH)
@every_form
def test_a_convolution_and_one_in_groups(form, implementation):
    make, product = FORMS[form]
    w, x = make(drawn(6, 16, 2, 2)), drawn(2, 32, 5, 4)
    for groups, images in ((1, x[:, :16]), (2, x)):
        def model(weight, shape=images.shape, groups=groups):
            b = Builder()
            return b.model(b.conv(b.input("x", shape), weight, name="conv", pads=(1, 0, 1, 1), strides=(1, 2),
                                  groups=groups))

        y, products, decoded = run(model(w), "conv", images, implementation=implementation)
        assert rc.same(y, model(w.dense().astype(np.float32))(images, implementation=implementation))
        assert products == {product} and not decoded


@every_matrix
def test_an_embedding_decodes_the_rows_that_are_asked_for_alone(form, monkeypatch):
    make, product = MATRICES[form]
    w, at, b = make(drawn(12, K)), np.array([[3, -1], [0, 3]]), Builder()
    rows = []
    dense = type(w).dense
    monkeypatch.setattr(type(w), "dense", lambda self: rows.append(self.shape[0]) or dense(self))
    y, _, decoded = run(b.model(b.embedding(b.input("x", (2, 2), "int64"), w, name="rows")), "rows", at)
    assert max(rows) <= 4 and not decoded
    assert y.dtype == np.float32
    assert np.array_equal(y, np.asarray(dense(w), np.float32)[at])


@pytest.mark.parametrize("kind", ["lstm", "gru"])
@pytest.mark.parametrize("form", [*FORMS, "int8 by groups", "int4 by groups"])
def test_recurrent_layers_of_both_directions(form, kind):
    make, product = MATRICES[form]
    gates = {"lstm": 4, "gru": 3}[kind]
    w, r, x = drawn(2, gates * K, K), drawn(2, gates * K, K), drawn(3, 2, K)
    if "int" in form:  # with a scale a row, and so of rows of a matrix
        w, r = w.reshape(-1, K), r.reshape(-1, K)

    def model(*weights):
        b = Builder()
        given = b.input("x", ("t", "n", K))
        return b.model(b.node(kind, given, *weights, name="rnn", direction="bidirectional",
                              outputs=3 if kind == "lstm" else 2)[0])

    stored = make(w), make(r)
    y, products, decoded = run(model(*stored), "rnn", x)
    assert rc.same(y, model(*(each.dense().astype(np.float32) for each in stored))(x, implementation=native))
    assert products == {product} and not decoded


@given(st.sampled_from(sorted(MATRICES)), st.lists(st.integers(0, 11), max_size=9), st.integers(0, 12),
       st.integers(0, 12))
def test_some_rows_of_a_format_are_those_of_its_dense_matrix(form, chosen, start, stop):
    w = WEIGHTS[form]
    for rows in (np.array(chosen, np.int64), slice(start, max(start, stop))):
        assert rc.same(some_rows(w, rows).dense(), w.dense()[rows])


@pytest.mark.parametrize("form", MATRICES)
def test_a_turned_format_is_the_turned_matrix_or_is_none(form):
    w = WEIGHTS[form]
    found = turned_matrix(w, lambda name: getattr(reference, name))
    if form in ("int8 by groups", "int4 by groups", "mxfp4", "nf4", "nvfp4", "ggml", "bitmask", "bitmask of int8"):
        assert found is None
    elif form in LOW_RANK:  # whose factors are multiplied in another order
        # In float64 each of the r terms is rounded twice, and their sum r - 1 times, r with what is sparse: at most
        # (r + 2) 2**-53 of the sum of magnitudes, to first order, which 2**-52 bounds with all other orders. Then each
        # is rounded to float32.
        low = getattr(w, "low", w)
        magnitudes = np.abs(low.u.astype(float)) * np.abs(low.s) @ np.abs(low.vt.astype(float))
        if form != "low rank":
            magnitudes += np.abs(w.sparse.dense())
        bound = 2 * (2.0**-24 + (low.rank + 2) * 2.0**-52) * (1 + 2.0**-20) * magnitudes + 2.0**-149
        assert (np.abs(found.dense().T.astype(float) - w.dense()) <= bound).all()
    else:
        assert rc.same(found.dense(), np.ascontiguousarray(w.dense().T)) and type(found) is type(w)
        assert rc.same(turned_matrix(found, lambda name: getattr(reference, name)).dense(), w.dense())


@pytest.mark.parametrize("shape, matrix", [((4, 2, 64), (8, 64)), ((4, 2, 32), (4, 64)), ((4, 2, 32), (8, 32)),
                                           ((4, 2, 8), (4, 16)), ((4, 3, 5), (12, 5)), ((4, 5, 16), (4, 80))])
def test_a_format_of_more_axes_is_a_matrix_where_its_blocks_are(shape, matrix):
    made = 0
    for make in (lambda w: rc.floats_mx_encode(w, "mxint8"), lambda w: rc.floats_nf4_encode(w, block=8),
                 rc.floats_nvfp4_encode, lambda w: plain(w, "bfloat16"), lambda w: rc.share_kmeans(w, bits=2)):
        w = make(drawn(*shape))
        found = in_rows(w, matrix)
        if found is not None:
            made += 1
            assert rc.same(found.dense(), w.dense().reshape(matrix)) and type(found) is type(w)
    assert made >= 2


WEIGHTS = {form: make(drawn(12, K)) for form, (make, _) in MATRICES.items()}
