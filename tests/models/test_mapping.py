"""Models in memory: whatever NumPy makes an array of, each converted once, every type kept."""

import ml_dtypes
import numpy as np
import pytest

from refcompress import CSR, ArgumentTypeError, Plain, RefcompressError, models, reference
from refcompress.formats import ELEMENT_TYPES
from refcompress.models.mapping import ML_DTYPES

A = np.arange(6, dtype=np.float32).reshape(2, 3)


class Array:
    """What another library's array is to NumPy."""

    def __init__(self, a, **more):
        self.a, self.asked = a, 0

    def __array__(self, dtype=None, copy=None):
        self.asked += 1
        return self.a


class OnlyDlpack:
    def __init__(self, a):
        self.a = a

    def __dlpack__(self, **how):
        return self.a.__dlpack__(**how)

    def __dlpack_device__(self):
        return self.a.__dlpack_device__()


@pytest.mark.parametrize("dtype", [each.numpy for each in ELEMENT_TYPES.values() if each.numpy is not None])
def test_arrays_of_every_type_of_numpy_stay_what_they_are(dtype):
    a = A.astype(dtype)
    source = models.from_mapping({"w": a, "view": a.T, "big": a.astype(a.dtype.newbyteorder(">")), "scalar": a[0, 1]})
    assert list(source) == ["w", "view", "big", "scalar"] and source.kind == "mapping" and source.files == []
    assert source["w"].read() is a and source["w"].type == a.dtype.name and source["w"].nbytes == a.nbytes
    for name, wanted in (("view", a.T), ("big", a), ("scalar", a[0, 1])):
        value = source[name].read()
        assert value.dtype == a.dtype and value.dtype.isnative and np.array_equal(value, wanted)
        assert source[name].shape == np.shape(wanted)


@pytest.mark.parametrize("name", ML_DTYPES)
def test_arrays_of_ml_dtypes_become_plain_with_the_same_bits(name):
    a = np.arange(-4, 4).astype(getattr(ml_dtypes, name)).reshape(2, 4)
    tensor = models.from_mapping({"w": a.T})["w"]
    value, element = tensor.read(), ELEMENT_TYPES[ML_DTYPES[name]]
    assert isinstance(value, Plain) and value.type == tensor.type == element.name and value.shape == (4, 2)
    assert tensor.nbytes == -(-8 * element.bits // 8)
    assert np.array_equal(value.dense(), a.T.astype(np.float32).astype(value.dtype), equal_nan=True)
    noisy = a.copy()
    if element.bits < 8:  # the high bits of its byte mean nothing
        noisy.view(np.uint8)[...] |= np.uint8(256 - (1 << element.bits))
        assert models.from_mapping({"w": noisy.T})["w"].read() == value


def test_what_has_array_or_dlpack_is_converted_once_and_formats_stay_what_they_are():
    array = Array(A)
    csr, plain = reference.csr_from_dense(A), Plain(np.arange(3, dtype=np.uint16), "bfloat16")
    source = models.from_mapping({"a": array, "d": OnlyDlpack(A), "csr": csr, "plain": plain}, metadata={"k": "v"})
    assert all(np.array_equal(source[name].read(), A) for name in "ad") and array.asked == 1
    assert source["csr"].read() is csr and isinstance(csr, CSR) and source["csr"].type == "float32"
    assert source["plain"].read() is plain and source["plain"].nbytes == 6 and source.metadata == {"k": "v"}
    assert models.from_mapping(source) is source
    assert models.from_mapping(dict(source))["a"] is source["a"]  # a Tensor, as a pipeline hands it on


def test_the_digest_follows_names_types_and_bits():
    def digest(**arrays):
        return models.from_mapping(arrays).sha256()

    assert digest(w=A) == digest(w=A.copy()) == digest(w=np.asfortranarray(A))
    csr = reference.csr_from_dense(A)
    digests = [digest(w=A), digest(v=A), digest(w=-A), digest(w=A.view(np.int32)), digest(w=A.T), digest(w=csr),
               digest(w=Plain.of(A)), digest(), digest(w=A, v=A), digest(v=A, w=A)]
    assert len(set(digests)) == len(digests)


class Unconvertible:
    def __array__(self, dtype=None, copy=None):
        raise TypeError("Got unsupported ScalarType BFloat16\nof a library")


@pytest.mark.parametrize("value, rule", [
    ([1.0], "neither __array__ nor __dlpack__"), ("x", "neither"), (None, "neither"), (1.0, "neither"),
    (np.array(["x"]), "not of <U1"), (np.array([None]), "not of object"), (np.zeros(2, "V2"), "not of |V2"),
    (np.zeros(2, "M8[s]"), "not of datetime64"), (np.zeros(2, "f4,f4"), "array of numbers, not of"),
    (np.ma.masked_array([1.0]), "mask"), (Unconvertible(), r"BFloat16 of a library.*Plain\(bit patterns, 'bfloat16'\)"),
    (reference.huffman_code(np.ones(2, np.uint8)), "stands for none"),
])
def test_what_is_no_array_of_numbers_is_refused_by_its_name(value, rule):
    with pytest.raises(ArgumentTypeError, match=rule) as caught:
        models.from_mapping({"good": A, "bad": value})
    assert caught.value.argument == "tensors['bad']" and "\n" not in str(caught.value)


@pytest.mark.parametrize("tensors, error", [
    ([A], ArgumentTypeError), (None, ArgumentTypeError), ({1: A}, ArgumentTypeError), ({"": A}, RefcompressError),
    ({"a\0": A}, RefcompressError), ({"\ud800": A}, RefcompressError), ({"e\u0301": A}, RefcompressError),
])
def test_names_that_no_file_could_keep_are_refused(tensors, error):
    with pytest.raises(error):
        models.from_mapping(tensors)
