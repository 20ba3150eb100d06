"""Values of float16 and bfloat16, columns beyond 2**31, and matrices of other libraries, for every implementation."""

from types import SimpleNamespace

import numpy as np
import pytest
from implementations import NATIVE, each, need_native

from refcompress import ArgumentTypeError, RefcompressError, reference, same
from refcompress.formats import CSR, Plain
from refcompress.reference.gemm.contract import csr_sums

native = need_native()

from refcompress.native._kernels import ffi, lib  # noqa: E402

from refcompress.native import csr as native_csr  # noqa: E402

F = np.float32
COLUMNS = (1, 2, 5, 8, 9, 16, 17, 24, 33, 64, 65, 80, 130)


def every_half() -> np.ndarray:
    return np.arange(2**16, dtype=np.uint16)


@pytest.mark.parametrize("type_", ["float16", "bfloat16"])
@each("space", NATIVE)
def test_each_of_65536_patterns_is_the_number_that_it_stands_for(space, type_):
    matmul = space.csr_matmul
    data = Plain(every_half(), type_)
    a = CSR((2**11, 32), np.arange(2**11 + 1) * 32, np.tile(np.arange(32), 2**11), data)
    expected = a.values.reshape(2**11, 32)
    for columns in (0, 7, 31):  # each column of x picks one entry of each row, and the others are 0 times a number
        x = np.zeros((32, 1), F)
        x[columns] = 1
        y = matmul(a, x)
        finite = np.isfinite(expected).all(axis=1)
        assert np.array_equal(y[finite, 0], expected[finite, columns]) and np.isnan(y[~finite]).all()
    ones = CSR((2**16, 1), np.arange(2**16 + 1), np.zeros(2**16, np.int32), data)
    for n in (1, 8, 20):
        y = matmul(ones, np.ones((1, n), F))
        assert np.array_equal(y, np.repeat(a.values[:, None], n, axis=1), equal_nan=True)


@pytest.mark.parametrize("type_", ["float32", "float16", "bfloat16"])
def test_narrow_values_multiply_as_the_floats_that_they_are(type_):
    rng = np.random.default_rng(0)
    for m, k in ((5, 700), (37, 300), (9, 40)):
        w = rng.standard_normal((m, k)).astype(F)
        w = (w.view(np.uint32) >> 16 << 16).view(F) if type_ == "bfloat16" else w.astype(np.float16).astype(F)
        wide = reference.csr_from_dense(w, rng.random((m, k)) < 0.4)
        data = wide.data
        if type_ == "bfloat16":
            data = Plain((data.view(np.uint32) >> 16).astype(np.uint16), "bfloat16")
        a = CSR(wide.shape, wide.indptr, wide.indices, data.astype(np.float16) if type_ == "float16" else data)
        assert same(a.values, wide.values) and same(a.dense(), wide.dense())
        for n in COLUMNS:
            x = rng.standard_normal((k, n)).astype(F)
            expected = native.at("portable").csr_matmul(wide, x)
            for space in NATIVE:
                assert same(space.csr_matmul(a, x), expected)


def test_other_types_of_values_are_refused_by_name():
    parts = (1, 1), np.array([0, 1]), np.array([0])
    for bad in (np.zeros(1), np.zeros(1, np.int8), Plain.of(np.zeros(1, np.float32)), Plain.of(np.zeros(1)), None):
        with pytest.raises(ArgumentTypeError, match="^data: "):
            CSR(*parts, bad)
    for bad in (Plain.of(np.zeros((1, 1), np.float16)), np.zeros(2, np.float16)):
        with pytest.raises(RefcompressError, match="^data: "):
            CSR(*parts, bad)
    assert CSR(*parts, np.zeros(1, np.float16)).describe() == "csr, 1 entries of float16"
    assert CSR(*parts, np.zeros(1, np.float16)) != CSR(*parts, np.zeros(1, F))


@each("space", NATIVE)
def test_columns_that_int32_cannot_hold_are_read_as_int64(space):
    """Of a matrix with few columns, whose struct says that its indices are wide: memory for 2**31 rows of x is rare."""
    rng = np.random.default_rng(3)
    w = rng.standard_normal((7, 50)).astype(F)
    a = reference.csr_from_dense(w, rng.random(w.shape) < 0.5)
    indices = a.indices.astype(np.int64)
    kernel = getattr(next(row for row in map(lib.rc_kernels_at, range(3)) if ffi.string(row.isa).decode()
                          == space.csr_matmul.isa), "csr_matmul")
    for n in (1, 8, 40):
        x, y = rng.standard_normal((50, n)).astype(F), np.full((7, n), 7, F)
        arrays = [ffi.from_buffer(part) for part in (a.indptr, indices, a.data)]
        struct = ffi.new("struct rc_csr *", (7, 50, a.nnz, ffi.cast("int64_t *", arrays[0]), *arrays[1:], 0, 1, 1,
                                             ffi.NULL))
        floats = [ffi.cast("float *", ffi.from_buffer(part)) for part in (x, y)]
        assert kernel(0, 7, n, n, struct, *floats) == 0 and same(y, csr_sums(a, x))
        indices[3] += 2**32
        assert kernel(0, 7, n, n, struct, *floats) == lib.RC_BAD_INDEX
        indices[3] -= 2**32


def test_columns_are_int64_where_the_matrix_is_too_wide_for_int32_and_only_there():
    far = CSR((1, 2**31 + 1), np.array([0, 2]), np.array([1, 2**31]), F([1, 2]))
    assert far.indices.dtype == np.int64 and native_csr.csr_struct(far).struct.wide == 1
    near = CSR((1, 2**31 - 1), np.array([0, 2]), np.array([1, 2**31 - 2]), F([1, 2]))
    assert near.indices.dtype == np.int32 and native_csr.csr_struct(near).struct.wide == 0
    assert native.prepare(far).packed_bytes == 0
    with pytest.raises(RefcompressError, match=r"^indices\[1\]"):
        CSR((1, 2**31 + 1), np.array([0, 2]), np.array([1, 2**31 + 1]), F([1, 2]))


class Matrix(SimpleNamespace):
    """What another library's matrix has."""


def matrix(index=np.int32, **more) -> Matrix:
    parts = {"indptr": np.array([0, 2, 3], index), "indices": np.array([0, 2, 1], index), "data": F([1, 2, 3])}
    return Matrix(**({"shape": (2, 3), "format": "csr"} | parts | more))


@pytest.mark.parametrize("index", [np.int32, np.int64])
def test_a_matrix_of_another_library_comes_in_and_goes_out(index):
    a = CSR.of(matrix(index))
    assert a.canonical and a == reference.csr_from_dense(F([[1, 0, 2], [0, 3, 0]]))
    (data, indices, indptr), shape = a.scipy_arguments()
    assert data is a.data and indices is a.indices and indptr is a.indptr and shape == (2, 3)
    assert CSR.of(Matrix(data=data, indices=indices, indptr=indptr, shape=shape)) == a


def test_canonical_is_found_out_and_not_believed():
    for indices in ([2, 0, 1], [0, 0, 1]):
        a = CSR.of(matrix(indices=np.array(indices), has_canonical_format=True, has_sorted_indices=True))
        assert not a.canonical and a.indices.tolist() == indices


def test_narrow_values_go_out_as_what_scipy_multiplies():
    half = CSR.of(matrix(data=np.float16([1, 2, 3])))
    assert half.data.type == "float16" and half.scipy_arguments()[0][0].dtype == np.float16
    brain = CSR((1, 1), np.array([0, 1]), np.array([0]), Plain(np.uint16([0x3F80]), "bfloat16"))
    assert same(brain.scipy_arguments()[0][0], F([1]))


def test_arrays_are_copied_unless_they_may_be_frozen():
    own = matrix()
    a = CSR.of(own)
    own.data[0] = own.indices[0] = 9
    assert a.data[0] == 1 and a.indices[0] == 0
    own = matrix()
    a = CSR.of(own, freeze=True)
    assert a.data is own.data and a.indices is own.indices and not own.data.flags.writeable
    part = matrix(data=F([1, 2, 3, 4])[:3])  # memory that is not its own is copied: its owner can still write it
    assert not np.shares_memory(CSR.of(part, freeze=True).data, part.data)
    again = CSR.of(own)  # what nobody can write is shared without asking
    assert again.data is own.data and again.indices is own.indices


def test_what_is_no_csr_is_refused_by_name():
    for bad in (None, np.eye(2), [[1]], Matrix(indptr=1, indices=2, data=3)):
        with pytest.raises(ArgumentTypeError, match="^matrix: must have indptr, indices, data and shape"):
            CSR.of(bad)
    for way in ("csc", "bsr", None, 3):
        with pytest.raises(RefcompressError, match="^matrix: must be stored by rows"):
            CSR.of(matrix(format=way))
    with pytest.raises(ArgumentTypeError, match="^data: "):
        CSR.of(matrix(data=np.zeros(3)))
    with pytest.raises(RefcompressError, match=r"^indices\[1\]"):
        CSR.of(matrix(indices=np.array([0, 3, 1])))
