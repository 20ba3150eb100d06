"""MX and NF4 blocks: against their definitions, in exact arithmetic."""

import bisect
import functools
from fractions import Fraction
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from implementations import NATIVE

from refcompress import (
    MX,
    NF4,
    ArgumentTypeError,
    RefcompressError,
    floats_decode,
    floats_mx_decode,
    floats_mx_encode,
    floats_nf4_decode,
    floats_nf4_encode,
    reference,
)
from refcompress.agreement import exactly
from refcompress.constants import LARGEST
from refcompress.formats import MX_ELEMENTS
from refcompress.formats.floats import NF4_LEVELS
from refcompress.testing.layouts import ODD

F = np.float32
NAMES = pytest.mark.parametrize("name", MX_ELEMENTS)
EMAX = {"mxfp8_e4m3": 8, "mxfp8_e5m2": 15, "mxfp6_e2m3": 2, "mxfp6_e3m2": 4, "mxfp4_e2m1": 2, "mxint8": 0}
SHAPES = st.one_of(st.tuples(st.integers(0, 70)), st.tuples(st.integers(0, 3), st.integers(0, 40)))
ELEMENTS = st.one_of(
    st.integers(-40, 40).map(lambda i: i / 8), st.floats(-1, 1, width=32),
    st.sampled_from([0.0, -0.0, 1e-45, -1e-45, 1e-38, LARGEST, -LARGEST, 2.0**-126, 2.0**127, 1.9999999, 3.5, 7.75]))
ANY = st.one_of(ELEMENTS, st.floats(width=32, allow_nan=False, allow_infinity=False))
ARRAYS = SHAPES.flatmap(lambda shape: hnp.arrays(F, shape, elements=ANY))


@functools.cache
def numbers(name):
    """Return the nonnegative finite elements of a format, ascending: their index is their code."""
    element = MX_ELEMENTS[name]
    if element is None:
        return [Fraction(i, 64) for i in range(128)]
    codes = np.arange(element.largest + 1).astype(np.uint8)
    return [Fraction(v) for v in floats_decode(codes, element.name).tolist()]


def blocks(a, size):
    """Yield (index of the block's scale, slice of its elements)."""
    for row in np.ndindex(a.shape[:-1]):
        for i in range(0, a.shape[-1], size):
            yield (*row, i // size), (*row, slice(i, min(i + size, a.shape[-1])))


def nearest(levels, x, even):
    """The index of the nearest level, of two the even one, or else the lower; beyond the last one: the last."""
    upper = bisect.bisect_left(levels, x)
    if upper in (0, len(levels)):
        return min(upper, len(levels) - 1)
    below, above = x - levels[upper - 1], levels[upper] - x
    if below == above:
        return upper - (upper % 2 == 1) if even else upper - 1
    return upper - (below < above)


@NAMES
def test_emax_is_the_exponent_of_the_largest_element(name):
    assert 2 ** EMAX[name] <= numbers(name)[-1] < 2 ** (EMAX[name] + 1)


@NAMES
@given(data=st.data())
def test_scales_and_elements_are_those_of_the_specification(name, data):
    x = data.draw(ARRAYS.filter(lambda a: a.size <= 40))
    q = floats_mx_encode(x, name)
    levels = numbers(name)
    sign = 0 if MX_ELEMENTS[name] is None else MX_ELEMENTS[name].sign
    assert q.format == name and q.shape == x.shape
    for at, where in blocks(x, 32):
        largest = max(abs(Fraction(v)) for v in x[where].tolist())
        exponent = 0
        if largest:  # the largest power of two that is not above, over that of the element
            exponent = largest.numerator.bit_length() - largest.denominator.bit_length()  # or one less
            exponent -= Fraction(2) ** exponent > largest
            exponent = max(exponent - EMAX[name], -127)
        assert q.scales[at] == exponent + 127
        for code, v in zip(q.codes[where].tolist(), x[where].tolist()):
            expected = nearest(levels, abs(Fraction(v)) / Fraction(2) ** exponent, even=True)
            negative = v < 0 and expected > 0  # a zero has no sign
            assert code == ((-expected if negative else expected) if sign == 0 else expected | sign * negative)


@NAMES
@given(x=ARRAYS)
def test_mx_again_gives_the_same_numbers(name, x):
    once = floats_mx_decode(floats_mx_encode(x, name))
    assert once.dtype == F and once.shape == x.shape and np.all(np.isfinite(once))
    assert floats_mx_decode(floats_mx_encode(once, name)).tobytes() == once.tobytes()


@NAMES
@given(x=ARRAYS)
def test_mx_errs_by_half_a_step_or_what_is_clamped(name, x):
    """Half of the widest step, or what is missing from the largest element to the next power of two."""
    q = floats_mx_encode(x, name)
    levels = numbers(name)
    step = max(b - a for a, b in zip(levels, levels[1:]))
    clamped = Fraction(2) ** (EMAX[name] + 1) - levels[-1]
    for at, where in blocks(x, 32):
        X = Fraction(2) ** (int(q.scales[at]) - 127)
        for v, got in zip(x[where].tolist(), q.dense()[where].tolist()):
            assert abs(Fraction(v) - Fraction(got)) <= X * max(step / 2, clamped)


@NAMES
@given(x=hnp.arrays(F, st.integers(1, 70), elements=st.floats(-1, 1, width=16)), exponent=st.integers(-60, 60))
def test_mx_of_a_power_of_two_times_x_has_the_same_codes(name, x, exponent):
    q, scaled = floats_mx_encode(x, name), floats_mx_encode(np.ldexp(x, exponent), name)
    assert np.array_equal(q.codes, scaled.codes)
    for at, where in blocks(x, 32):
        assert int(scaled.scales[at]) - int(q.scales[at]) == (exponent if x[where].any() else 0)


@NAMES
def test_every_scale_and_every_element_is_decoded_exactly(name):
    element = MX_ELEMENTS[name]
    codes = np.arange(256 if element is None else 2**element.bits).astype(np.uint8)
    codes = np.resize(codes.view(np.int8) if element is None else codes, 256)
    plain = codes / F(64) if element is None else floats_decode(codes, element.name)
    for scale in range(256):
        got = floats_mx_decode(MX(codes, np.full(8, scale, np.uint8), name))
        if scale == 255:
            assert np.all(np.isnan(got))
            continue
        with np.errstate(over="ignore"):
            expected = (plain.astype(np.float64) * 2.0 ** (scale - 127)).astype(F)
        assert np.array_equal(got, expected, equal_nan=True) and got.dtype == F
        if scale < 112:  # none overflows: nothing was rounded
            exact = plain.astype(np.float64) * 2.0 ** (scale - 127)
            assert np.array_equal(got.astype(np.float64), exact, equal_nan=True)


def test_ml_dtypes_reads_the_scales_alike():
    ml_dtypes = pytest.importorskip("ml_dtypes", reason="its formats are compared with ours")
    if not hasattr(ml_dtypes, "float8_e8m0fnu"):
        pytest.skip("this ml_dtypes has no float8_e8m0fnu")
    scales = np.arange(256).astype(np.uint8)
    got = floats_mx_decode(MX(np.full(256 * 32, 64, np.int8), scales, "mxint8"))[::32]
    assert np.array_equal(got, scales.view(ml_dtypes.float8_e8m0fnu).astype(F), equal_nan=True)


def test_the_specifications_corner_cases():
    for name in MX_ELEMENTS:
        zeros = floats_mx_encode(np.zeros((2, 40), F), name)
        assert np.all(zeros.scales == 127) and zeros.scales.shape == (2, 2) and not zeros.codes.any()
        assert floats_mx_encode(np.zeros((3, 0), F), name).scales.shape == (3, 0)
        huge = floats_mx_encode(F([LARGEST, -LARGEST]), name)
        assert huge.scales[0] == 254 - EMAX[name] and huge.dense()[0] > 0.7 * LARGEST
    assert floats_mx_encode(F([-1.9999999, 1.9999999]), "mxint8").codes.tolist() == [-127, 127]
    assert floats_mx_decode(MX(np.int8([-128]), np.uint8([127]), "mxint8")).tolist() == [-2.0]
    assert floats_mx_encode(F([1e-45]), "mxfp8_e4m3").dense()[0] == 0  # the smallest scale, 2^-127, is too large for it
    assert floats_mx_encode(F([-1e-38] * 2), "mxint8").scales.tolist() == [0]


def test_the_levels_are_those_of_the_normal_distribution():
    """Quantiles of evenly spaced probabilities, 8 up to 1/2 and 9 from there on, scaled to end at -1 and 1."""
    quantile = NormalDist().inv_cdf
    offset = 1 - (1 / 30 + 1 / 32) / 2
    above = [quantile(p) for p in np.linspace(offset, 0.5, 9)[:-1]]
    below = [-quantile(p) for p in np.linspace(offset, 0.5, 8)[:-1]]
    expected = np.sort(np.array([*above, 0.0, *below])) / quantile(offset)
    assert np.all(np.abs(NF4_LEVELS - expected) < 2e-7)  # the published digits are those of a float32 computation
    assert len(set(NF4_LEVELS.tolist())) == 16 and not NF4_LEVELS.flags.writeable


@given(x=ARRAYS.filter(lambda a: a.size <= 40), block=st.one_of(st.integers(1, 40), st.just(2**62)))
def test_nf4_takes_the_nearest_level_and_of_two_the_lower(x, block):
    q = floats_nf4_encode(x, block=block)
    levels = [Fraction(v) for v in NF4_LEVELS.tolist()]
    assert q.block == block and q.shape == x.shape
    for at, where in blocks(x, block):
        largest = np.abs(x[where]).max()
        assert q.scales[at] == (largest or 1)
        for code, v in zip(q.codes[where].tolist(), x[where]):
            assert code == nearest(levels, Fraction(float(v / q.scales[at])), even=False)


def test_nf4_middles_take_the_lower_level():
    levels = NF4_LEVELS.astype(np.float64)
    middles = (levels[1:] + levels[:-1]) / 2
    exact = middles[middles == middles.astype(F)].astype(F)
    assert len(exact) >= 3
    codes = floats_nf4_encode(np.append(exact, F(1))).codes[:-1]
    assert codes.tolist() == [int(np.flatnonzero(middles == m)[0]) for m in exact]


@given(x=ARRAYS, block=st.integers(1, 70))
def test_nf4_keeps_zeros_and_the_largest_and_errs_by_half_the_widest_gap(x, block):
    q = floats_nf4_encode(x, block=block)
    got = floats_nf4_decode(q)
    assert got.dtype == F and np.all(got[x == 0] == 0)
    for at, where in blocks(x, block):
        scale = float(q.scales[at])
        assert np.abs(got[where]).max() == np.abs(x[where]).max()
        # 2**-150: the product of a level and a subnormal scale is rounded to a multiple of 2**-149
        assert all(abs(a - b) <= 0.152 * scale + 2.0**-149 for a, b in zip(x[where].tolist(), got[where].tolist()))


@given(x=hnp.arrays(F, SHAPES, elements=st.just(0.0) | st.floats(2.0**-100, 2.0**100, width=32)),
       block=st.integers(1, 70))
def test_nf4_again_gives_the_same_codes(x, block):
    q = floats_nf4_encode(x, block=block)
    again = floats_nf4_encode(floats_nf4_decode(q), block=block)
    assert np.array_equal(again.codes, q.codes) and np.array_equal(again.scales, q.scales)


@pytest.mark.parametrize("layout", ODD, ids=lambda f: f.__name__)
def test_every_layout_gives_the_same_codes(layout):
    x = np.random.default_rng(3).standard_normal((5, 70)).astype(F)
    for name in MX_ELEMENTS:
        assert floats_mx_encode(layout(x), name).dense().tobytes() == floats_mx_encode(x, name).dense().tobytes()
    assert floats_nf4_encode(layout(x)).dense().tobytes() == floats_nf4_encode(x).dense().tobytes()


ONES, U = np.ones(40, np.uint8), np.uint8
REFUSED = [
    (lambda: MX(ONES, U([1, 1]), "mxint8"), ArgumentTypeError, "codes"),
    (lambda: MX(ONES.view(np.int8), U([1, 1]), "mxfp4_e2m1"), ArgumentTypeError, "codes"),
    (lambda: MX(ONES * 16, U([1, 1]), "mxfp4_e2m1"), RefcompressError, "codes[0]"),
    (lambda: MX(ONES * 64, U([1, 1]), "mxfp6_e2m3"), RefcompressError, "codes[0]"),
    (lambda: MX(ONES, U([1]), "mxfp4_e2m1"), RefcompressError, "scales"),
    (lambda: MX(ONES, U([[1, 1]]), "mxfp4_e2m1"), RefcompressError, "scales"),
    (lambda: MX(ONES, F([1, 1]), "mxfp4_e2m1"), ArgumentTypeError, "scales"),
    (lambda: MX(ONES, U([1, 1]), "mxfp4"), RefcompressError, "format"),
    (lambda: MX(ONES[0].reshape(()), U(1).reshape(()), "mxfp4_e2m1"), RefcompressError, "codes"),
    (lambda: NF4(ONES * 16, F([1])), RefcompressError, "codes[0]"),
    (lambda: NF4(ONES, F([1, 1])), RefcompressError, "scales"),
    (lambda: NF4(ONES, F([0])), RefcompressError, "scales[0]"),
    (lambda: NF4(ONES, F([np.nan])), RefcompressError, "scales[0]"),
    (lambda: NF4(ONES, F([1, np.inf]), 32), RefcompressError, "scales[1]"),
    (lambda: NF4(ONES, F([-1])), RefcompressError, "scales[0]"),
    (lambda: NF4(ONES, F([1]), 0), RefcompressError, "block"),
    (lambda: NF4(ONES, F([1]), True), ArgumentTypeError, "block"),
    (lambda: floats_mx_encode(F([[1, np.nan]]), "mxint8"), RefcompressError, "x[0, 1]"),
    (lambda: floats_mx_encode(F([1, np.inf]), "mxfp8_e5m2"), RefcompressError, "x[1]"),
    (lambda: floats_nf4_encode(F([1, -np.inf])), RefcompressError, "x[1]"),
    (lambda: floats_nf4_encode(F(1)), RefcompressError, "x"),
    (lambda: floats_mx_decode(ONES), ArgumentTypeError, "q"),
    (lambda: floats_nf4_decode(None), ArgumentTypeError, "q"),
]


@pytest.mark.parametrize("call, error, argument", REFUSED)
def test_refuses_by_name(call, error, argument):
    with pytest.raises(RefcompressError) as caught:
        call()
    assert type(caught.value) is error and caught.value.argument == argument


def test_blocks_are_frozen_and_count_their_bytes():
    codes = np.ones(40, np.uint8)
    q, n = MX(codes, U([1, 1]), "mxfp4_e2m1"), NF4(codes, F([1]))
    codes[:] = 3
    assert np.all(q.codes == 1) and np.all(n.codes == 1) and (q.nbytes, n.nbytes) == (42, 44)
    for array in (q.codes, q.scales, n.codes, n.scales):
        assert not array.flags.writeable


def beside(numbers: np.ndarray) -> np.ndarray:
    """Return rows of these numbers and of their neighbours among float32, three to both sides."""
    return np.stack([(F(numbers).view(np.int32) + step).view(F) for step in range(-3, 4)])


@pytest.mark.parametrize("scale", [F(1), F(0.7231), F(3.1e38), F(2**-100), F(1.3e-30), F(3e-39)])
def test_codes_change_at_the_same_float_for_all(scale):
    levels = NF4_LEVELS.astype(float)
    middles = (levels[:-1] + levels[1:]) / 2 * float(scale)
    x = np.zeros((7, 64), F)
    x[:, 0], x[:, 1:16] = scale, beside(middles)
    steps = np.zeros((7, 64), F)
    quarters = np.array([1, 3, 5, 7, 10, 14, 20]) / 4 * (float(scale) / 6)
    steps[:, ::16] = scale
    for block in range(4):
        at = 16 * block
        steps[:, at + 1 : at + 8], steps[:, at + 8 : at + 15] = beside(quarters), -beside(quarters)
    for space in NATIVE:
        for block in (64, 32):
            exactly(reference.floats_nf4_encode(x, block=block), space.floats_nf4_encode(x, block=block))
        exactly(reference.floats_nvfp4_encode(steps), space.floats_nvfp4_encode(steps))


@pytest.mark.parametrize("blocks", [1, 3, 4, 5, 8, 31, 33, 2**14, 2**14 + 5])
def test_nvfp4_kernels_agree_at_counts_of_blocks_around_their_vectors(blocks):
    """Four blocks at a time; codes of 2^18 numbers and more go past the caches. Zeros of both signs, ties and a row's
    short block are among them."""
    x = np.random.default_rng(blocks).standard_normal((2, 16 * blocks)).astype(F)
    x[:, ::7], x[:, 1::9] = 0.0, -0.0
    x[0] = np.round(x[0] * 8) / 8
    for rows in (x, x[:, :-3]):
        for space in NATIVE:
            exactly(reference.floats_nvfp4_encode(rows), space.floats_nvfp4_encode(rows))
