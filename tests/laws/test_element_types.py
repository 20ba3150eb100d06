"""Types of elements: every pattern is the number that ml_dtypes and the definitions say; Plain loses no bit of any."""

import numpy as np
import pytest

from refcompress import ArgumentTypeError, Plain, RefcompressError
from refcompress.formats import ELEMENT_TYPES
from refcompress.testing.planes import bits_of

ML_DTYPES = {
    "bfloat16": "bfloat16", "fp8_e4m3": "float8_e4m3fn", "fp8_e5m2": "float8_e5m2", "fp8_e8m0": "float8_e8m0fnu",
    "fp8_e4m3fnuz": "float8_e4m3fnuz", "fp8_e5m2fnuz": "float8_e5m2fnuz", "fp6_e2m3": "float6_e2m3fn",
    "fp6_e3m2": "float6_e3m2fn", "fp4_e2m1": "float4_e2m1fn", "int4": "int4", "uint4": "uint4", "int2": "int2",
    "uint2": "uint2",
}
NUMPY = [name for name, element in ELEMENT_TYPES.items() if element.numpy is not None]


def every_pattern(type: str) -> np.ndarray:
    return np.arange(2 ** bits_of(type)).astype(ELEMENT_TYPES[type].pattern)


def test_the_types_are_those_of_numpy_and_those_of_ml_dtypes():
    assert set(ELEMENT_TYPES) == {*NUMPY, *ML_DTYPES}
    assert all(ELEMENT_TYPES[name].dense == np.dtype(name) for name in NUMPY)


@pytest.mark.parametrize("type", ML_DTYPES)
def test_every_pattern_is_the_number_that_ml_dtypes_reads(type):
    ml_dtypes = pytest.importorskip("ml_dtypes", reason="its types are compared with ours")
    other = getattr(ml_dtypes, ML_DTYPES[type], None)
    if other is None:
        pytest.skip(f"this ml_dtypes has no {ML_DTYPES[type]}")
    patterns = every_pattern(type)
    got = Plain(patterns, type).dense()
    expected = patterns.view(other).astype(got.dtype)
    assert got.dtype == ELEMENT_TYPES[type].dense and len(got) == 2 ** ELEMENT_TYPES[type].bits
    nan = np.isnan(expected)
    assert np.array_equal(np.isnan(got), nan)
    assert got[~nan].tobytes() == expected[~nan].tobytes()  # the signs of zeros too


def test_narrow_integers_are_in_twos_complement():
    assert Plain(every_pattern("int4"), "int4").dense().tolist() == [*range(8), *range(-8, 0)]
    assert Plain(every_pattern("int2"), "int2").dense().tolist() == [0, 1, -2, -1]
    assert Plain(every_pattern("uint4"), "uint4").dense().tolist() == list(range(16))
    assert Plain(every_pattern("uint2"), "uint2").dense().dtype == np.uint8


def test_the_numbers_at_the_ends_of_each_narrow_float():
    """The largest, the smallest subnormal and what is not a number, from the definitions; E8M0 has only powers of 2."""
    ends = {"bfloat16": (0x7F7F, 2.0**127 * (2 - 2**-7), 1, 2.0**-133), "fp8_e4m3": (0x7E, 448, 1, 2.0**-9),
            "fp8_e5m2": (0x7B, 57344, 1, 2.0**-16), "fp8_e8m0": (0xFE, 2.0**127, 0, 2.0**-127),
            "fp8_e4m3fnuz": (0x7F, 240, 1, 2.0**-10), "fp8_e5m2fnuz": (0x7F, 57344, 1, 2.0**-17),
            "fp6_e2m3": (0x1F, 7.5, 1, 0.125), "fp6_e3m2": (0x1F, 28, 1, 0.0625), "fp4_e2m1": (7, 6, 1, 0.5)}
    for type, (top, largest, low, smallest) in ends.items():
        x = Plain(every_pattern(type), type).dense()
        assert x[top] == largest == np.nanmax(x[np.isfinite(x)]) and x[low] == smallest
        assert smallest == x[x > 0].min()
    nans = {type: np.flatnonzero(np.isnan(Plain(every_pattern(type), type).dense())).tolist() for type in ends}
    assert nans["fp8_e4m3"] == [127, 255] and nans["fp8_e8m0"] == [255]
    assert nans["fp8_e4m3fnuz"] == nans["fp8_e5m2fnuz"] == [128] and not nans["fp6_e2m3"] + nans["fp4_e2m1"]


@pytest.mark.parametrize("type", NUMPY)
def test_numpys_types_keep_every_bit(type):
    data = np.random.default_rng(0).bytes(48 * np.dtype(type).itemsize)
    a = np.frombuffer(data, type).reshape(6, 8)[:, ::-2]
    kept = Plain.of(a)
    assert kept.shape == a.shape and kept.type == type and kept.dense().dtype == a.dtype
    if type == "bool":
        assert np.array_equal(kept.dense(), a.view(np.uint8) != 0) and kept.patterns.max() == 1
    else:
        assert kept.dense().tobytes() == a.tobytes()


def test_a_number_alone_and_an_array_of_another_byte_order_are_kept_too():
    assert Plain.of(np.float32(-0.0)).dense().tobytes() == np.float32(-0.0).tobytes()
    swapped = np.array([1, -2, np.nan], ">f8")
    assert Plain.of(swapped).dense().tolist()[:2] == [1, -2] and Plain.of(swapped).dtype == np.float64


@pytest.mark.parametrize("bad", [np.array(["a"]), np.array([None]), np.array([1 + 1j]), np.longdouble([1]), "text",
                                 np.array([0], "m8[s]"), np.ma.masked_array([1.0], mask=[True])], ids=repr)
def test_what_is_no_type_of_element_is_refused(bad):
    with pytest.raises(ArgumentTypeError, match="^a: "):
        Plain.of(bad)


def test_a_plain_refuses_patterns_that_its_type_does_not_have():
    for type in ELEMENT_TYPES:
        pattern = ELEMENT_TYPES[type].pattern
        for dtype in {np.uint8, np.uint16, np.uint32, np.uint64, np.int8, np.float32} - {pattern.type}:
            with pytest.raises(ArgumentTypeError, match="^patterns: "):
                Plain(np.zeros(3, dtype), type)
        if bits_of(type) < 8:
            with pytest.raises(RefcompressError, match=rf"^patterns\[1, 0\]: must be below 2\*\*{bits_of(type)} "):
                Plain(np.uint8([[0, 1], [2 ** bits_of(type), 255]]), type)
    for bad in ("float", "BF16", "", None, 7):
        with pytest.raises(RefcompressError, match="^type: "):
            Plain(np.uint8([1]), bad)


@pytest.mark.parametrize("name", ELEMENT_TYPES)
def test_one_element_without_an_axis_is_an_array_too(name):
    value = Plain(np.array(1, ELEMENT_TYPES[name].pattern), name).dense()
    assert isinstance(value, np.ndarray) and value.shape == () and value.dtype == ELEMENT_TYPES[name].dense
