"""The ways of the kernels that search ranges: pieces of a long run, segments of every layout, ranks and ties."""

import numpy as np
import pytest
from implementations import NATIVE, each, need_native

from refcompress import reference
from refcompress.agreement import exactly
from refcompress.agreement.divergence import least_divergence
from refcompress.errors import RefcompressError

native = need_native()

from refcompress.native import _table  # noqa: E402
from refcompress.native.prune import largest  # noqa: E402
from refcompress.native.quantize import ranges  # noqa: E402

ffi, lib = native._kernels.ffi, native._kernels.lib
F = np.float32
EACH = each("space", NATIVE)
pytestmark = pytest.mark.usefixtures("two_threads")
SHARING = ({}, {"axis": 0}, {"axis": -1}, {"group": 7}, {"group": 300}, {"group": 10**6})


def arrays():
    rng = np.random.default_rng(9)
    yield rng.standard_normal((97, 301)).astype(F)
    yield rng.integers(-3, 4, (3, 5, 7, 9)).astype(F)
    yield np.abs(rng.standard_normal((1, 700))).astype(F)


@EACH
@pytest.mark.parametrize("how", SHARING, ids=str)
def test_percentiles_of_every_layout_are_the_elements_of_the_reference(space, how):
    for x in arrays():
        for percentile in (100, 99.9, 50, 1e-9):
            given = {"percentile": percentile, **how}
            exactly(reference.quantize_range_percentile(x, **given), space.quantize_range_percentile(x, **given))


@EACH
@pytest.mark.parametrize("size", (2, 8, 9, 16, 17, 31, 32, 33, 48, 49, 63, 64, 255, 256, 257, 600))
def test_percentiles_of_runs_side_by_side_and_alone_are_elements_of_the_runs(space, size):
    rng = np.random.default_rng(size)
    x = rng.standard_normal((150, size)).astype(F)  # so many that a chunk of a thread has whole vectors of them
    x[::5] = rng.integers(-2, 3, x[::5].shape)
    x[1::7] *= F(1e-42)
    x[2::7] = rng.choice([-1, 1], size) * 2.0 ** rng.integers(-140, 127, size)
    x[3::7] = np.where(rng.random(size) < 0.7, F(-0.0), x[3::7])
    x[4::9] = -np.finfo(F).max
    for percentile in (1e-9, 40, 90, 99):
        ends = reference.quantize_range_percentile(x, axis=0, percentile=percentile)
        for count in (2, 3, 17, 35, 70, 136, 150):
            expected = tuple(end[:count] for end in ends)
            exactly(expected, space.quantize_range_percentile(x[:count], axis=0, percentile=percentile))
            got = space.quantize_range_percentile(x[:count].reshape(1, -1), group=size, percentile=percentile)
            exactly(expected, tuple(end.reshape(-1, 1) for end in got))


@EACH
@pytest.mark.parametrize("name", ("normal", "equal", "few values", "beyond the sample"))
def test_a_percentile_of_many_is_found_whatever_the_sample_tells(space, name):
    rng, size = np.random.default_rng(4), largest.SMALL + 4133
    normal = rng.standard_normal(size).astype(F)
    sampled = np.arange(size) % (size // largest.SAMPLE | 1) == 0
    x = {"normal": normal, "equal": np.full(size, -2, F), "few values": rng.integers(-3, 4, size).astype(F),
         "beyond the sample": np.where(sampled, normal, normal + F(9))}[name]
    for percentile in (100, 99.9, 50, 1e-9):
        exactly(reference.quantize_range_percentile(x, percentile=percentile),
                space.quantize_range_percentile(x, percentile=percentile))
    x[-1] = np.inf
    with pytest.raises(RefcompressError, match=rf"^x\[{size - 1}\]: must be finite"):
        space.quantize_range_percentile(x)


@EACH
@pytest.mark.parametrize("how", SHARING, ids=str)
def test_errors_are_summed_in_the_order_of_the_reference(space, how):
    for x in arrays():
        for given in ({"steps": 3, "bits": 4}, {"steps": 2, "scheme": "affine"}, {"steps": 2, "bits": 16}):
            exactly(reference.quantize_range_mse(x, **given, **how), space.quantize_range_mse(x, **given, **how))


@EACH
@pytest.mark.parametrize("steps", (1, 7, 8, 9, 16, 17))
@pytest.mark.parametrize("size", (1, 2, 7, 8, 9, 127, 128, 129, 137, 272))
def test_errors_of_any_number_of_grids_side_by_side_have_the_bits_of_the_reference(space, size, steps):
    x = np.random.default_rng(size).standard_normal((5, 2 * size)).astype(F)
    for given in ({"bits": 4}, {"scheme": "affine"}):
        for how in ({"group": size}, {"axis": 0}, {}):
            exactly(reference.quantize_range_mse(x, steps=steps, **given, **how),
                    space.quantize_range_mse(x, steps=steps, **given, **how))


@EACH
@pytest.mark.parametrize("size", (ranges.PIECE, ranges.PIECE + 1, 2 * ranges.PIECE + 9, 5 * ranges.PIECE + 131))
def test_the_errors_of_pieces_are_those_of_numpys_tree(space, size):
    x = np.random.default_rng(size).standard_normal(size).astype(F)
    scale, zero_point = F([0.01, 0.3]), np.int8([0, 0])
    kernel = {isa: own for isa, own, _ in _table.rows()}[space.quantize_range_mse.isa]["quantize_errors"]
    for begun in (False, True):
        sums = ranges._errors_of_all(kernel, x, scale, zero_point, (-127, 127), begun=begun)
        for total, s in zip(sums, scale):
            q = reference.quantize_s8(x, scale=s)
            error = (q.dense().astype(np.float64) - x) ** 2
            assert total == (np.add.reduceat(error, [0])[0] if begun else np.add.reduce(error))


@EACH
@pytest.mark.parametrize("bins", [256, 500, 1999, 2049])
def test_bins_whose_ends_are_met_have_the_counts_of_the_division(space, bins):
    x = np.concatenate([np.arange(-bins, bins + 1) * 2.0**-9, np.zeros(999)]).astype(np.float32)  # exact
    x = np.concatenate([x, np.nextafter(x, np.float32(0))])  # none is larger than the largest
    largest = float(np.abs(x).max())
    expected = np.bincount(np.minimum((np.abs(x.astype(float)) / largest * bins).astype(int), bins - 1), minlength=bins)
    kernel = {isa: own for isa, own, _ in _table.rows()}[space.quantize_range_kl.isa]["quantize_range_kl"]
    assert (ranges._histogram(kernel, x, largest, bins) == expected).all()


@EACH
@pytest.mark.parametrize("size", (1, 63, 64, 65, 127, 128, 129, 1000))
@pytest.mark.parametrize("unit", (1.0, 2.0**-148, 2.0**-100, 2.0**-89, 2.0**-87, 2.0**100, 2.0**126))
def test_histograms_of_any_length_and_size_have_the_counts_of_the_division(space, size, unit):
    rng = np.random.default_rng(size)
    kernel = {isa: own for isa, own, _ in _table.rows()}[space.quantize_range_kl.isa]["quantize_range_kl"]
    for x in (rng.standard_normal(size), rng.integers(-3, 4, size), np.minimum(rng.laplace(size=size), 1)):
        x = np.clip(x * unit, -np.finfo(F).max, np.finfo(F).max).astype(F)
        largest = float(np.abs(x).max())
        for bins in (2, 2048, 2049) if largest else ():
            expected = reference.quantize.ranges.histogram(np.abs(x.astype(np.float64)), largest, bins)
            assert (ranges._histogram(kernel, x, largest, bins) == expected).all()


@pytest.mark.parametrize("bits", (2, 4, 8))
@pytest.mark.parametrize("name", ("normal", "heavy tails", "uniform", "two clusters", "mostly zeros", "rising", "few"))
def test_a_bound_passes_over_no_number_of_bins_that_is_the_best(name, bits):
    rng = np.random.default_rng(bits)
    x = {"normal": rng.standard_normal(4000), "heavy tails": rng.standard_cauchy(4000), "uniform": rng.random(4000),
         "two clusters": np.concatenate([rng.normal(1, 0.1, 2000), rng.normal(9, 0.1, 50)]),
         "mostly zeros": rng.standard_normal(4000) * (rng.random(4000) < 0.05), "rising": rng.random(4000) ** 0.2,
         "few": rng.laplace(size=150)}[name].astype(F)
    for bins in (128, 131, 400):
        given = {"bits": bits, "bins": bins}
        least_divergence(reference.quantize_range_kl(x, **given), native.quantize_range_kl(x, **given), (x,), given)


@EACH
@pytest.mark.parametrize("how", SHARING, ids=str)
def test_divergences_of_every_layout_are_the_least_and_have_the_portable_bits(space, how):
    for x in arrays():
        x = x[..., :30]
        for given in ({"bits": 4, "bins": 19}, {"bits": 2, "bins": 64}):
            got = space.quantize_range_kl(x, **given, **how)
            least_divergence(reference.quantize_range_kl(x, **given, **how), got, (x,), {**given, **how})
            exactly(native.at("portable").quantize_range_kl(x, **given, **how), got)


@EACH
@pytest.mark.parametrize("size", (1, 2, 15, 63, 65, ranges.FEW - 1, ranges.FEW, ranges.FEW + 1,
                                  lib.RC_KL_LOGS - 1, lib.RC_KL_LOGS, lib.RC_KL_LOGS + 1))
@pytest.mark.parametrize("bins", (128, 129, 2048, 2049))
def test_a_short_run_has_the_range_that_it_has_alone_and_by_the_histogram(space, size, bins):
    x = np.random.default_rng(size).laplace(size=(3, size)).astype(F)
    x[1] = np.where(np.arange(size) % 3, 0, x[1].round())  # few bins, one of zeros
    x[2] *= np.arange(size) % 5 == 0
    kernel = {isa: own for isa, own, _ in _table.rows()}[space.quantize_range_kl.isa]["quantize_range_kl"]
    callers = native.wrap("quantize_range_kl", int(ffi.cast("uintptr_t", kernel)))  # each run by the histogram kernel
    got = space.quantize_range_kl(x, axis=0, bins=bins)
    exactly(callers(x, axis=0, bins=bins), got)
    exactly(space.quantize_range_kl(np.ascontiguousarray(x.T), axis=1, bins=bins), tuple(end.T for end in got))
    for i in range(3):
        exactly(space.quantize_range_kl(x[i], bins=bins), tuple(end[i] for end in got))
        if size <= 65:
            given = {"axis": 0, "bins": bins}
            least_divergence(reference.quantize_range_kl(x[i : i + 1], **given), tuple(end[i : i + 1] for end in got),
                             (x[i : i + 1],), given)


@EACH
def test_errors_at_the_ends_of_float32_are_those_of_the_reference(space):
    x = np.random.default_rng(3).standard_normal((4, 37)).astype(F)
    x[0, ::7], x[1], x[2, 5] = np.finfo(F).max, x[1] * F(1e-44), -np.finfo(F).max
    for given in ({"scheme": "affine"}, {"bits": 2}, {"bits": 16, "scheme": "affine"}):
        exactly(reference.quantize_range_mse(x, axis=0, steps=5, **given),
                space.quantize_range_mse(x, axis=0, steps=5, **given))


@EACH
@pytest.mark.parametrize("shape", [(9, 100), (4, 16), (23, 7)])
@pytest.mark.parametrize("scheme", ["symmetric", "affine"])
def test_columns_and_short_runs_have_the_scales_and_values_of_the_reference(space, shape, scheme):
    x = np.random.default_rng(1).standard_normal(shape).astype(np.float32)
    wide = np.random.default_rng(2).standard_normal((5, 32 * 7)).astype(np.float32) * np.float32(1e-38)
    wide[1] = 0
    exactly(reference.quantize_s8(x, axis=1, scheme=scheme), space.quantize_s8(x, axis=1, scheme=scheme))
    for group in (16, 32):
        exactly(reference.quantize_s8(wide, group=group, scheme=scheme),
                space.quantize_s8(wide, group=group, scheme=scheme))


@EACH
@pytest.mark.parametrize("rounding", ["half_even", "half_away", "gemmlowp"])
def test_sums_are_rounded_as_the_reference_rounds_whatever_the_shift(space, rounding):
    rng = np.random.default_rng(5)
    x = np.concatenate([rng.integers(-(2**31), 2**31, 9 * 40), np.arange(-100, 100) << 4, [-(2**31), 2**31 - 1] * 40])
    x = x.astype(np.int32).reshape(-1, 40)
    multiplier = rng.choice([0, 1, 2**30, 2**31 - 1, 1234567891], (1, 40)).astype(np.int32)
    for shift in (0, 1, 4, 14, 15, 31):
        for m in (multiplier, 2**30, 2**31 - 1):
            s = np.full((1, 40), shift, np.int32) if m is multiplier else shift
            exactly(*(impl.requantize_s32(x, m, s, rounding=rounding) for impl in (reference, space)))
