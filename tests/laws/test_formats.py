"""The laws of every format: frozen also after a pickle, equal by content, short in print, an array for NumPy."""

import copy
import dataclasses
import pickle

import numpy as np
import pytest

import refcompress as rc
from refcompress import ArgumentTypeError, LimitError, RefcompressError
from refcompress.formats import Format

RNG = np.random.default_rng(5)
W = RNG.standard_normal((12, 20)).astype(np.float32)
KERNEL = RNG.standard_normal((4, 3, 3, 3)).astype(np.float32)
CODE = rc.huffman_code(np.uint8([1, 2, 2]))
FORMATS = {
    "bitmask": rc.sparse_bitmask_pack(rc.quantize_s8(W, group=8), W > 0.5),
    "relative": rc.sparse_relative_pack(rc.Shared((W > 0.5).astype(np.uint8), np.float32([0, 2])), bits=2),
    "nm": rc.sparse_nm_pack(W, np.arange(240).reshape(12, 20) % 4 < 2),
    "bsr": rc.sparse_bsr_pack(W, W > 1, block=(3, 2)),
    "low rank and sparse": rc.LowRankSparse(rc.lowrank_svd(W, rank=2), rc.csr_from_dense(W, W > 1)),
    "bitmask of codes": rc.sparse_bitmask_pack(rc.Shared((W > 0).astype(np.uint8), np.float32([0, 2]))),
    "csr": rc.csr_from_dense(W), "shared": rc.share_kmeans(W, bits=2), "int8": rc.quantize_s8(W, group=8),
    "int16": rc.quantize_s16(W, axis=0), "packed": rc.quantize_pack(rc.quantize_s8(W, bits=4)),
    "mixed": rc.allocate_mixed(W, np.arange(12) % 3 == 0), "mx": rc.floats_mx_encode(W, "mxint8"),
    "nf4": rc.floats_nf4_encode(W), "nvfp4": rc.floats_nvfp4_encode(W),
    "shared rows": rc.Shared(np.uint8(np.arange(240).reshape(12, 20) % 5), W[:, :15].reshape(12, 3, 5), 8),
    "shared bytes": rc.Shared(np.uint8(np.arange(240).reshape(12, 20)), W.reshape(-1)),
    "fp8": rc.Plain(rc.floats_encode(W, "fp8_e5m2"), "fp8_e5m2"), "lowrank": rc.lowrank_svd(W, rank=2),
    "conv": rc.lowrank_conv(KERNEL, scheme="spatial", rank=2), "tucker": rc.lowrank_tucker2(KERNEL, ranks=(2, 2)),
    "layer": rc.QuantizedLayer(rc.quantize_s8(W, axis=0), np.ones(20, np.float32), 8, 0.5, np.zeros(12, np.float32)),
    "ggml": rc.ggml_encode(np.resize(W, (3, 64)), "Q4_0"),
    "plain": rc.Plain.of(W.astype(np.float16)), "complex": rc.Plain.of(W + 1j * W[::-1]),
    "bfloat16": rc.Plain((W.view(np.uint32) >> 16).astype(np.uint16), "bfloat16"),
    "prepared": rc.Prepared(rc.quantize_s8(W, axis=0), "gemm_f32s8"), "prepared array": rc.Prepared(W, "gemm_f32f32"),
    "code": CODE, "encoded": rc.huffman_encode(np.array([0, 0, 1, 2], np.uint8), CODE),
    "graph": rc.Graph((), ("y",), (rc.formats.Node("relu", ("w",), ("y",), {"axis": 1, "names": ("a",)}),)),
    "unsorted": rc.CSR((2, 3), np.array([0, 2, 2]), np.array([1, 0]), np.float32([1, np.nan]), canonical=False),
}
every_format = pytest.mark.parametrize("value", FORMATS.values(), ids=FORMATS)


def arrays(value):
    """Yield the arrays of a format and of the formats in it."""
    for field in vars(value).values():
        if isinstance(field, np.ndarray):
            yield field
        elif isinstance(field, Format):
            yield from arrays(field)


def rebuilt(value):
    """Return a format of the same content in other memory."""
    return type(value)(*(rebuilt(v) if isinstance(v, Format) else np.array(v) if isinstance(v, np.ndarray) else v
                         for v in (getattr(value, each.name) for each in dataclasses.fields(value))))


def test_every_class_of_formats_is_here():
    classes = {
        c for c in vars(rc.formats).values() if isinstance(c, type) and issubclass(c, Format) and c is not Format
    }
    assert {type(value) for value in FORMATS.values()} == classes


@every_format
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_gives_an_equal_format_that_is_as_frozen(value, protocol):
    back = pickle.loads(pickle.dumps(value, protocol))
    assert back == value and back is not value
    assert isinstance(value, rc.Graph) or list(arrays(back))  # a graph is the one format without arrays
    assert not any(a.flags.writeable for a in arrays(back))


@every_format
def test_copies_are_frozen_and_equal(value):
    for back in (copy.copy(value), copy.deepcopy(value), copy.deepcopy({"a": [value]})["a"][0]):
        assert back == value and back is not value and not any(a.flags.writeable for a in arrays(back))


@every_format
def test_a_deep_copy_has_memory_of_its_own(value):
    assert not any(np.shares_memory(a, b) for a, b in zip(arrays(value), arrays(copy.deepcopy(value))))


def test_memory_that_nobody_can_write_is_kept_and_all_other_is_copied():
    own = np.arange(12, dtype=np.float32)
    view_of_writable = own[2:8]
    view_of_writable.flags.writeable = False
    foreign = np.frombuffer(bytearray(own.tobytes()), np.float32)
    foreign.flags.writeable = False
    frozen = own.copy()
    frozen.flags.writeable = False
    of_bytes = np.frombuffer(own.tobytes(), np.float32)
    for a in own, view_of_writable, foreign:
        assert not np.shares_memory(rc.Plain.of(a).patterns, a)
    for a in frozen, frozen[3:].reshape(3, 3), of_bytes, of_bytes[:6].reshape(2, 3):
        kept = rc.Plain.of(a)
        assert np.shares_memory(kept.patterns, a) and not kept.patterns.flags.writeable
        assert np.shares_memory(kept.dense(), a) and not np.shares_memory(np.asarray(kept), a)


def test_a_pickle_that_was_changed_is_checked_like_every_other_input():
    make, fields = FORMATS["int8"].__reduce__()
    with pytest.raises(RefcompressError, match="scale"):
        make(fields[0], np.zeros_like(fields[1]), *fields[2:])


@every_format
def test_formats_are_equal_where_their_content_is(value):
    other = rebuilt(value)
    assert other == value and hash(other) == hash(value) and len({other, value}) == 1
    assert value != "text" and value is not None and (value == other) is True


@every_format
def test_one_bit_makes_formats_differ(value):
    for name in type(value).__dataclass_fields__:
        if isinstance(a := getattr(value, name), np.ndarray) and a.size:
            changed = rebuilt(value)
            b = a.copy()
            b.reshape(-1).view(np.uint8)[-1] ^= 1
            object.__setattr__(changed, name, b)
            assert changed != value


def test_zeros_of_two_signs_differ_and_a_nan_equals_itself():
    def stored(x):
        return rc.CSR((1, 1), np.array([0, 1]), np.array([0]), np.float32([x]))
    assert stored(0.0) != stored(-0.0) and stored(np.nan) == stored(np.nan)
    assert rc.quantize_s8(W) != rc.quantize_s16(W) and rc.quantize_s8(W[:, :3]) != rc.quantize_s8(W[:, :3].T)


@every_format
def test_a_repr_is_one_short_line_of_shape_dtypes_and_bytes(value):
    text = repr(value)
    assert len(text) < 240 and "\n" not in text and text.startswith(type(value).__name__ + "(")
    assert f"nbytes={value.nbytes}" in text and repr(getattr(value, "shape", ())) in text + "()"


def test_the_repr_of_a_million_weights_is_as_short():
    q = rc.quantize_s8(np.ones((1000, 1000), np.float32), bits=4)
    assert repr(q) == (
        "Quantized(shape=(1000, 1000), values=int8(1000, 1000), scale=float32(1, 1), zero_point=int8(1, 1), "
        "group=None, nbytes=1000005, 8.00 bits a weight)"
    )
    assert len(repr(rc.Shared(np.zeros((1,) * 32, np.uint8), np.ones(1, np.float32)))) < 240


@every_format
def test_a_format_that_stands_for_an_array_has_its_axes_and_dtype_and_bits_a_weight(value):
    if not hasattr(value, "dense"):
        assert not hasattr(value, "ndim") and not hasattr(value, "dtype") and "bits a weight" not in repr(value)
        return
    dense = value.dense()
    assert (value.shape, value.ndim, value.dtype) == (dense.shape, dense.ndim, dense.dtype)
    assert repr(value).endswith(f"nbytes={value.nbytes}, {8 * value.nbytes / dense.size:.2f} bits a weight)")


@every_format
def test_a_notebook_shows_a_table_in_which_nothing_is_markup(value, monkeypatch):
    monkeypatch.setattr(type(value), "describe", lambda self: "<b>&")
    table = value._repr_html_()
    assert "<td>&lt;b&gt;&amp;</td>" in table and f"<td>{value.nbytes:,}</td>" in table and len(table) < 500
    assert ("bits a weight" in table) == hasattr(value, "dense")


def test_an_array_without_elements_has_no_bits_a_weight():
    empty = rc.Shared(np.zeros((0, 3), np.uint8), np.ones(1, np.float32))
    assert "bits a weight" not in repr(empty) + empty._repr_html_()


def test_numpy_gets_the_dtype_that_a_format_stands_for():
    for dtype in ("float64", "float16", "int8", "bool", "uint64"):
        a = np.arange(6).reshape(2, 3).astype(dtype)
        assert rc.Plain.of(a).dtype == dtype and rc.same(np.asarray(rc.Plain.of(a)), a)


@every_format
def test_numpy_sees_the_dense_array(value):
    if not hasattr(value, "dense"):
        with pytest.raises(ArgumentTypeError):
            np.asarray(value)
        return
    dense = value.dense()
    got = np.asarray(value)
    assert got.dtype == dense.dtype and np.array_equal(got, dense, equal_nan=True)
    assert got.dtype == np.float32 or isinstance(value, rc.Plain)
    assert np.asarray(value, dtype=np.complex128).dtype == np.complex128
    assert np.array_equal(np.add(value, 1), dense + 1, equal_nan=True)
    got[...] = 7  # it is the caller's own
    assert np.array_equal(np.array(value), dense, equal_nan=True)
    with pytest.raises(ValueError, match="copy"):
        value.__array__(copy=False)


@pytest.mark.parametrize("bad", [0.0, -0.0, -1.0, 1e-45, 2.0**-127, np.nan, np.inf, -np.inf])
def test_scales_are_normal_numbers_above_zero(bad):
    """A scale of 0 stands for nothing but zeros, and a division by it for nothing at all."""
    values, scale, zeros = np.int8([[1, 2], [3, 4]]), np.float32([[1], [bad]]), np.int8([[0], [0]])
    for make in (
        lambda: rc.Quantized(values, scale, zeros),
        lambda: rc.Quantized(values.astype(np.int16), scale, zeros.astype(np.int16)),
        lambda: rc.Quantized(values, scale, zeros, 2),
        lambda: rc.Packed(np.uint8([[1], [2]]), (2, 2), 4, scale, zeros),
        lambda: rc.quantize_s8(np.ones((2, 2), np.float32), axis=0, scale=scale),
    ):
        with pytest.raises(RefcompressError, match=r"scale\[1, 0\]"):
            make()
    if not bad > 0 or not np.isfinite(bad):
        with pytest.raises(RefcompressError, match=r"scales\[1, 0\]"):
            rc.NF4(np.uint8([[1, 2], [3, 4]]), scale)
    assert rc.Quantized(values, np.float32([[1], [2.0**-126]]), zeros).dense()[1, 0] == 3 * 2.0**-126


@every_format
def test_a_format_describes_itself_and_names_its_product(value):
    assert "describe" in vars(type(value)) and 3 < len(value.describe()) < 80 and value.describe().isprintable()
    assert value.product is None or value.product in rc.ops.OPS


def test_each_product_of_a_format_is_that_of_its_dense_matrix():
    """Inputs with a single 1 pick the weights out, so that no sum is rounded."""
    shared = rc.Shared(np.uint8(np.arange(240).reshape(12, 20) % 4), np.float32([0, -1, 0.5, 2]))
    exact = rc.LowRank(*(RNG.integers(-9, 9, shape).astype(np.float32) for shape in ((12, 2), 2, (2, 20))))
    beside = rc.LowRankSparse(exact, rc.csr_from_dense(np.float32(W > 0)))
    used = set()
    for value in ({**FORMATS, "lowrank": exact, "low rank and sparse": beside} | {"pruned": shared}).values():
        if value.product is None:
            continue
        x = np.eye(value.shape[1], dtype=np.float32)
        operand, product = value.operand(lambda name: getattr(rc, name)), getattr(rc, value.product)
        got = product(x, operand).T if value.product.startswith("gemm_") else product(operand, x)
        assert np.array_equal(got, value.dense() @ x, equal_nan=True)
        used.add(value.product)
    assert used == {"csr_matmul", "sparse_matmul", "gemm_f32f32", "gemm_f32s8", "gemm_f32mixed", "lowrank_matmul",
                    "lowrank_sparse_matmul",
                    *(f"gemm_f32{kind}" for kind in ("s4", "lut4", "lut8", "nf4", "f16", "bf16", "fp8", "mx", "nvfp4"))}


def test_nodes_differ_where_the_types_of_their_attributes_do():
    def graph(value):
        return rc.Graph((), ("y",), (rc.formats.Node("relu", ("w",), ("y",), {"a": value}),))

    values = [1, 1.0, True, (1,), (True,), 0.0, -0.0, "1", graph(1), graph(True)]
    assert len({graph(value) for value in values}) == len(values) and all(graph(v) == graph(v) for v in values)


def test_same_is_to_the_last_bit():
    nan = np.uint32([0x7FC00000, 0x7FC00001]).view(np.float32)
    assert rc.same(W, W.copy()) and rc.same(W, np.asfortranarray(W)) and rc.same(W, W.astype(">f4"))
    assert rc.same(nan, nan.copy()) and not rc.same(nan[:1], nan[1:]) and not rc.same(np.float32(0.0), np.float32(-0.0))
    assert not rc.same(W, W[:, :3]) and not rc.same(W, W.astype(np.float64)) and rc.same(np.int8([]), np.int8([]))
    assert rc.same(FORMATS["int8"], rebuilt(FORMATS["int8"])) and not rc.same(FORMATS["int8"], FORMATS["int8"].dense())
    assert rc.same({"a": W, "b": FORMATS["csr"]}, {"b": rebuilt(FORMATS["csr"]), "a": W.copy()})
    assert not rc.same({"a": W}, {"b": W}) and not rc.same({"a": W}, {"a": W, "b": W}) and not rc.same({"a": W}, W)


@pytest.mark.parametrize("value", [3, "text", None, [1.0], np.array([None])], ids=repr)
def test_same_refuses_what_is_no_array(value):
    for pair in ((value, W), (W, value), ({"a": W}, {"a": value})):
        with pytest.raises(ArgumentTypeError, match="must be an array"):
            rc.same(*pair)


@pytest.mark.parametrize("dtype", ["float16", "float64"])
def test_weights_of_another_type_of_float_are_refused_with_the_cure(dtype):
    with pytest.raises(ArgumentTypeError, match=r"^x: .*not float64; np\.float32\(x\) converts it$"):
        rc.quantize_s8([0.5, 1.5])  # a list has no astype
    with pytest.raises(ArgumentTypeError, match=rf"^x: .*not {dtype}; x\.astype\(np\.float32\) converts it$"):
        rc.quantize_s8(W.astype(dtype))
    with pytest.raises(ArgumentTypeError, match="not int64$"):
        rc.quantize_s8(np.arange(6).reshape(2, 3))


def test_blocks_of_no_rows_are_decoded_or_refused_by_name_however_long_a_row_is():
    for k in (2**60, 2**61):
        codes = np.zeros((0, k), np.uint8)
        for w in (rc.NVFP4(codes, np.zeros((0, k // 16), np.uint8), np.float32(1)),
                  rc.MX(codes, np.zeros((0, k // 32), np.uint8), "mxfp4_e2m1"), rc.Plain(codes, "fp8_e4m3"),
                  rc.NF4(codes, np.zeros((0, k // 64), np.float32), 64), rc.Shared(codes, np.float32([0, 1])),
                  rc.Quantized(codes.view(np.int8), np.ones((1, 1), np.float32), np.zeros((1, 1), np.int8))):
            if k == 2**60:
                assert w.dense().shape == (0, k)
            else:
                with pytest.raises(LimitError, match="more than 2\\*\\*63 - 1 bytes"):
                    w.dense()
