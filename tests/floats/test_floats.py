"""Small floating-point formats: every code, every tie, and what overflows, against the definition."""

import functools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from implementations import EVERYONE, NATIVE, each, native

from refcompress import ArgumentTypeError, RefcompressError, floats_decode, floats_encode
from refcompress.formats import FLOATS
from refcompress.testing import guarded
from refcompress.testing.floats.codes import every_code, ties

F = np.float32
LARGEST = np.finfo(F).max
FORMATS = pytest.mark.parametrize("f", FLOATS.values(), ids=FLOATS)
EACH = each("impl", EVERYONE)
OVERFLOW = pytest.mark.parametrize("overflow", ["saturate", "format"])

# From the standards: exponent bits, mantissa bits, largest finite number, code of what is more, smallest number.
STANDARD = {
    "float16": (5, 10, 65504, 0x7C00, 2.0**-24),
    "bfloat16": (8, 7, (2 - 2**-7) * 2.0**127, 0x7F80, 2.0**-133),
    "fp8_e4m3": (4, 3, 448, 0x7F, 2.0**-9),
    "fp8_e5m2": (5, 2, 57344, 0x7C, 2.0**-16),
    "fp6_e2m3": (2, 3, 7.5, 0x1F, 0.125),
    "fp6_e3m2": (3, 2, 28, 0x1F, 0.0625),
    "fp4_e2m1": (2, 1, 6, 0x7, 0.5),
}


def number(f, code):
    """A code's number as a Fraction, straight from the definition; "inf", "nan" and the sign for what is none."""
    exponent, mantissa = STANDARD[f.name][:2]
    bias = 2 ** (exponent - 1) - 1
    E, M = code >> mantissa & 2**exponent - 1, code & 2**mantissa - 1
    sign = -1 if code >> exponent + mantissa else 1
    if E == 2**exponent - 1 and f.name in ("float16", "bfloat16", "fp8_e5m2"):
        return sign, "nan" if M else "inf"
    if f.name == "fp8_e4m3" and code & 127 == 127:
        return sign, "nan"
    if E == 0:
        return sign, Fraction(M, 2**mantissa) * Fraction(2) ** (1 - bias)
    return sign, (1 + Fraction(M, 2**mantissa)) * Fraction(2) ** (E - bias)


@functools.cache
def numbers(f):
    """The signs and the values of all codes."""
    return tuple(zip(*(number(f, code) for code in range(2**f.bits))))


def nearest(f, x, overflow):
    """The codes of x from the sorted numbers of the format: the nearest, of two the one with the even code."""
    top = STANDARD[f.name][2]
    positive = np.array([float(value) for value in numbers(f)[1][: f.largest + 1]])
    assert positive[-1] == top and np.all(np.diff(positive) > 0)
    size = np.abs(x.astype(np.float64))
    lower = np.clip(np.searchsorted(positive, size, side="right") - 1, 0, f.largest - 1)
    middle = (positive[lower] + positive[lower + 1]) / 2  # exact in float64, and so is the next line's
    code = np.where((size > middle) | (size == middle) & (lower % 2 == 1), lower + 1, lower)
    limit = top + (positive[-1] - positive[-2]) / 2
    beyond = (size > limit) | (size == limit) & (f.largest % 2 == 1)
    code = np.where(beyond, f.largest if overflow == "saturate" else STANDARD[f.name][3], code)
    return (code | np.where(np.signbit(x), 1 << f.bits - 1, 0)).astype(f.dtype)


@FORMATS
def test_a_format_has_the_numbers_of_its_standard(f):
    exponent, mantissa, largest, beyond, smallest = STANDARD[f.name]
    assert (f.exponent, f.mantissa, f.maximum, f.bits) == (exponent, mantissa, largest, 1 + exponent + mantissa)
    assert floats_decode(f.dtype.type([1]), f.name)[0] == smallest
    assert floats_encode(F([np.inf]), f.name, overflow="format")[0] == beyond


@EACH
@FORMATS
def test_every_code_is_decoded_by_the_definition(impl, f):
    got = impl.floats_decode(every_code(f), f.name)
    assert got.dtype == F
    signs, values = numbers(f)
    nan, inf = (np.array([value == word for value in values]) for word in ("nan", "inf"))
    expected = np.array([0.0 if isinstance(value, str) else float(value) for value in values])
    expected[inf] = np.inf
    assert np.array_equal(np.isnan(got), nan)
    assert np.array_equal(np.abs(got[~nan]).astype(np.float64), expected[~nan])
    assert np.array_equal(np.signbit(got[~nan]), np.array(signs)[~nan] < 0)


@EACH
@FORMATS
@OVERFLOW
def test_every_code_comes_back(impl, f, overflow):
    codes = every_code(f)
    x = floats_decode(codes, f.name)
    finite = np.isfinite(x)
    assert np.array_equal(impl.floats_encode(x[finite], f.name, overflow=overflow), codes[finite])
    if f.nan is not None:
        assert np.all(impl.floats_encode(x[np.isnan(x)], f.name, overflow=overflow) == f.nan)
        assert np.isnan(floats_decode(f.dtype.type([f.nan]), f.name)[0])
    infinite = np.isinf(x)
    assert infinite.sum() == (2 if f.special == "ieee" else 0)
    if overflow == "format":
        assert np.array_equal(impl.floats_encode(x[infinite], f.name, overflow=overflow), codes[infinite])


@EACH
@FORMATS
@OVERFLOW
def test_every_tie_and_its_neighbours_are_rounded_by_the_definition(impl, f, overflow):
    """Rounding grows with x and changes at the ties only, so what is right next to each of them is right everywhere."""
    x = ties(f)
    assert np.array_equal(impl.floats_encode(x, f.name, overflow=overflow), nearest(f, x, overflow))


@EACH
@FORMATS
@OVERFLOW
def test_any_float32_is_rounded_by_the_definition_and_none_takes_another_turn(impl, f, overflow):
    rng = np.random.default_rng(11)
    x = np.sort(rng.integers(0, 2**31, 20_000, dtype=np.uint32).view(F))
    x = x[~np.isnan(x)]
    codes = impl.floats_encode(x, f.name, overflow=overflow)
    assert np.array_equal(codes, nearest(f, x, overflow))
    assert np.all(np.diff(codes.astype(np.int64)) >= 0)  # monotone
    assert np.array_equal(impl.floats_encode(-x, f.name, overflow=overflow), codes | f.sign)  # and symmetric


OVERFLOWS = [  # format, x, its codes when saturating and by the format
    ("fp8_e4m3", 464.0, 0x7E, 0x7E), ("fp8_e4m3", 464.00003, 0x7E, 0x7F), ("fp8_e4m3", np.inf, 0x7E, 0x7F),
    ("fp8_e4m3", -500.0, 0xFE, 0xFF), ("fp8_e5m2", 61439.996, 0x7B, 0x7B), ("fp8_e5m2", 61440.0, 0x7B, 0x7C),
    ("fp8_e5m2", -np.inf, 0xFB, 0xFC), ("float16", 65519.996, 0x7BFF, 0x7BFF), ("float16", 65520.0, 0x7BFF, 0x7C00),
    ("float16", -np.inf, 0xFBFF, 0xFC00), ("bfloat16", 3.3961775e38, 0x7F7F, 0x7F80),
    ("bfloat16", LARGEST, 0x7F7F, 0x7F80),
    ("fp6_e2m3", 1e9, 0x1F, 0x1F), ("fp6_e2m3", -np.inf, 0x3F, 0x3F), ("fp6_e3m2", 31.0, 0x1F, 0x1F),
    ("fp4_e2m1", 5.0, 6, 6), ("fp4_e2m1", 5.0000005, 7, 7), ("fp4_e2m1", np.inf, 7, 7), ("fp4_e2m1", -9.0, 15, 15),
]


@EACH
@pytest.mark.parametrize("name, x, saturated, formats", OVERFLOWS)
def test_overflow_follows_the_rule_that_was_asked_for(impl, name, x, saturated, formats):
    assert impl.floats_encode(F([x]), name).tolist() == [saturated]
    assert impl.floats_encode(F([x]), name, overflow="saturate").tolist() == [saturated]
    assert impl.floats_encode(F([x]), name, overflow="format").tolist() == [formats]


@EACH
@FORMATS
def test_all_nans_have_one_code_and_where_there_is_none_they_are_refused(impl, f):
    nans = np.uint32([0x7FC00000, 0xFFC00000, 0x7F800001, 0xFF800001, 0x7FFFFFFF]).view(F)
    if f.nan is not None:
        for overflow in ("saturate", "format"):
            assert impl.floats_encode(nans, f.name, overflow=overflow).tolist() == [f.nan] * 5
        return
    with pytest.raises(RefcompressError) as caught:
        impl.floats_encode(np.append(F([1, 2]), nans[1]), f.name)
    assert type(caught.value) is RefcompressError and caught.value.argument == "x[2]"


@EACH
@FORMATS
def test_zeros_and_what_rounds_to_them_keep_their_signs(impl, f):
    smallest = STANDARD[f.name][4]
    tiny = F(smallest / 2)  # a tie of 0 and the smallest number; 0 is even
    x = F([0, -0.0, tiny, -tiny, np.nextafter(tiny, F(1)), -np.nextafter(tiny, F(1))])
    assert impl.floats_encode(x, f.name).tolist() == [0, f.sign, 0, f.sign, 1, f.sign + 1]


@FORMATS
@given(data=st.data())
def test_the_error_is_at_most_half_a_step(f, data):
    x = data.draw(hnp.arrays(F, st.integers(1, 9), elements=st.floats(-f.maximum, f.maximum, width=32)))
    got = floats_decode(floats_encode(x, f.name), f.name)
    for a, b in zip(x.tolist(), got.tolist()):
        exponent = max(int(np.frexp(a)[1]) - 1 if a else f.lowest, f.lowest)
        assert abs(Fraction(a) - Fraction(b)) <= Fraction(2) ** (exponent - f.mantissa - 1)


@FORMATS
@OVERFLOW
def test_ml_dtypes_agrees(f, overflow):
    ml_dtypes = pytest.importorskip("ml_dtypes", reason="its formats are compared with ours")
    other = {"float16": np.float16, "bfloat16": ml_dtypes.bfloat16}.get(f.name)
    if other is None:
        name = f.name.replace("fp", "float") + ("" if f.special == "ieee" else "fn")
        other = getattr(ml_dtypes, name, None)
        if other is None:
            pytest.skip(f"this ml_dtypes has no {name}")
    codes = every_code(f)
    expected, got = codes.view(other).astype(F), floats_decode(codes, f.name)
    assert np.array_equal(got, expected, equal_nan=True)
    assert np.array_equal(np.signbit(got)[~np.isnan(got)], np.signbit(expected)[~np.isnan(got)])
    rng = np.random.default_rng(12)
    anything = rng.integers(0, 2**32, 50_000, dtype=np.uint32).view(F)
    x = np.concatenate([ties(f), anything, rng.standard_normal(50_000, F)])
    x = x[~np.isnan(x)]
    if overflow == "saturate":  # which ml_dtypes leaves to us
        x = x[np.abs(x) <= f.maximum]
    with np.errstate(over="ignore", under="ignore"):
        expected = x.astype(other).view(f.dtype)
    assert np.array_equal(floats_encode(x, f.name, overflow=overflow), expected)


LONG = 2**18  # from here on a kernel writes past the caches


@each("space", NATIVE)
@pytest.mark.parametrize("name", ["float16", "fp8_e4m3"])
def test_long_arrays_have_the_same_bits_for_any_number_of_threads(space, name, monkeypatch):
    x = np.random.default_rng(13).integers(0, 2**32, 2 * LONG + 77, dtype=np.uint32).view(F)
    codes = floats_encode(x, name)
    decoded, count = floats_decode(codes, name), native.threads.get()
    try:
        for threads, seconds in ((1, 1), (2, 1), (3, 1e-4)):
            monkeypatch.setattr(native.threads, "CHUNK_SECONDS", seconds)
            native.threads.set(threads)
            assert np.array_equal(space.floats_encode(x, name), codes)
            assert np.array_equal(space.floats_decode(codes, name), decoded, equal_nan=True)
    finally:
        native.threads.set(count)


@pytest.mark.skipif(not guarded.available(), reason="needs mprotect")
@each("space", NATIVE)
@pytest.mark.parametrize("name", ["bfloat16", "fp8_e5m2"])
def test_a_range_is_written_whole_and_nothing_else_is(space, name):
    """Short and long ranges, at any address: those of the results are not always a vector's."""
    from refcompress.native import _call

    f, lib, ffi = FLOATS[name], _call.lib, _call.ffi
    row = lib.rc_kernels_at(NATIVE.index(space))
    x = np.random.default_rng(14).standard_normal(LONG + 300).astype(F)
    codes = floats_encode(x, name)
    decoded = floats_decode(codes, name)
    number = getattr(lib, f"RC_{name.upper()}")
    short = (0, 7), (3, 3), (0, 63), (5, 69), (1, 129), (64, 128)
    long = (0, LONG + 300), (3, LONG + 300), (16, LONG + 299)
    for begin, end in (*short, *long):
        for place in (guarded.ends_at_guard, guarded.begins_at_guard):
            size = len(x) if end > 300 else 130
            to = place(np.full(size, 7, f.dtype))
            start = place(x[:size])
            row.floats_encode(begin, end, number, 1, _call.pointer(start), ffi.cast("void *", to.ctypes.data))
            assert np.array_equal(to[begin:end], codes[begin:end])
            assert np.all(to[:begin] == 7) and np.all(to[end:] == 7)
            back = place(np.full(size, 7, F))
            start = place(codes[:size])
            row.floats_decode(begin, end, number, _call.pointer(start), ffi.cast("float *", back.ctypes.data))
            assert np.array_equal(back[begin:end], decoded[begin:end])
            assert np.all(back[:begin] == 7) and np.all(back[end:] == 7)


@EACH
@pytest.mark.parametrize("shape", [(), (0,), (3, 0), (1,), (2, 3, 4)])
def test_any_shape_is_kept(impl, shape):
    for f in FLOATS.values():
        codes = impl.floats_encode(np.full(shape, F(1.5)), f.name)
        assert isinstance(codes, np.ndarray) and codes.shape == shape and codes.dtype == f.dtype
        x = impl.floats_decode(codes, f.name)
        assert isinstance(x, np.ndarray) and x.shape == shape and np.all(x == 1.5)


@EACH
def test_codes_beyond_the_format_are_refused_by_index(impl):
    for name, code in (("fp6_e2m3", 64), ("fp6_e3m2", 255), ("fp4_e2m1", 16)):
        with pytest.raises(RefcompressError) as caught:
            impl.floats_decode(np.uint8([[1, 2], [code, code]]), name)
        assert type(caught.value) is RefcompressError and caught.value.argument == "codes[1, 0]"


@EACH
def test_other_types_are_refused(impl):
    for x in (np.float64([1]), np.float16([1]), [1.0], None):
        with pytest.raises(ArgumentTypeError, match="^x: "):
            impl.floats_encode(x, "float16")
    for codes in (np.uint8([1]), np.int16([1]), np.float16([1])):
        with pytest.raises(ArgumentTypeError, match="^codes: "):
            impl.floats_decode(codes, "float16")
    for name, kind in (("fp8", RefcompressError), (None, ArgumentTypeError)):
        for call in (lambda: impl.floats_encode(F([1]), name), lambda: impl.floats_decode(np.uint8([1]), name)):
            with pytest.raises(kind, match="^format: "):
                call()
