"""Patches, pools and the depthwise convolution: against plain loops over the formulas, and laws between them."""

import itertools

import numpy as np
import pytest
from implementations import BOTH, NATIVE, each

from refcompress import RefcompressError, agreement, nn_average_pool, nn_depthwise_f32, nn_max_pool, nn_patches, testing
from refcompress.reference.gemm.contract import fma
from refcompress.testing.nn.images import KERNELS

F = np.float32
EACH = each("impl", BOTH)
GIVEN = {"strides": (1, 1), "pads": (0, 0, 0, 0), "dilations": (1, 1)}
WINDOWS = [(kernel, {**GIVEN, **options}) for kernel, options in KERNELS]
EACH_WINDOW = pytest.mark.parametrize("kernel, options", WINDOWS, ids=[str(kernel) for kernel, _ in WINDOWS])


def images(n=2, c=3, rows=6, columns=7, seed=0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, c, rows, columns)).astype(F)


def last(x: np.ndarray) -> np.ndarray:
    """Return images of the other layout."""
    return np.ascontiguousarray(x.transpose(0, 2, 3, 1))


def loops(x, kernel, options, of_cells, beyond=0):
    """Call ``of_cells`` with what lies under the kernel at each place, by the formula; None beside the image.

    beyond : places more than the pads allow, on both axes.
    """
    (s0, s1), (top, left, bottom, right), (d0, d1) = (options[name] for name in ("strides", "pads", "dilations"))
    n, c, rows, columns = x.shape
    places = ((rows + top + bottom - d0 * (kernel[0] - 1) - 1) // s0 + 1 + beyond,
              (columns + left + right - d1 * (kernel[1] - 1) - 1) // s1 + 1 + beyond)
    y = np.empty((n, c, *places), object)
    for image, ch, r, col in np.ndindex(y.shape):
        under = [(r * s0 + i * d0 - top, col * s1 + j * d1 - left) for i, j in np.ndindex(*kernel)]
        y[image, ch, r, col] = of_cells([x[image, ch, a, b] if 0 <= a < rows and 0 <= b < columns else None
                                         for a, b in under])
    return y


@EACH
@EACH_WINDOW
def test_patches_are_what_lies_under_the_kernel(impl, kernel, options):
    x = images()
    cells = loops(x, kernel, options, lambda under: [7 if a is None else float(a) for a in under])
    expected = [[value for ch in range(3) for value in cells[image, ch, r, col]]
                for image, r, col in np.ndindex(cells.shape[0], *cells.shape[2:])]
    assert impl.nn_patches(x, kernel, **options, fill=7.0).tolist() == expected
    integers = np.rint(20 * x).astype(np.int8)
    got = impl.nn_patches(integers, kernel, **options, fill=7)
    assert np.array_equal(got, impl.nn_patches(integers.astype(F), kernel, **options, fill=7.0))


@EACH
@EACH_WINDOW
def test_both_layouts_give_the_same_bits(impl, kernel, options):
    x, weight = images(c=20), images(20, 1, *kernel, seed=1)
    one = impl.nn_patches(x, kernel, **options)
    other = impl.nn_patches(last(x), kernel, **options, layout="nhwc")
    cells = kernel[0] * kernel[1]
    assert np.array_equal(one.reshape(-1, 20, cells), other.reshape(-1, cells, 20).swapaxes(1, 2))
    for pool in (impl.nn_max_pool, impl.nn_average_pool):
        assert np.array_equal(last(pool(x, kernel, **options)), pool(last(x), kernel, **options, layout="nhwc"))
    y = impl.nn_depthwise_f32(x, weight, weight[:, 0, 0, 0], **options)
    z = impl.nn_depthwise_f32(last(x), weight, weight[:, 0, 0, 0], **options, layout="nhwc")
    assert np.array_equal(last(y), z)


def test_a_kernel_of_one_cell_gives_the_image_itself():
    x = images()
    assert np.array_equal(nn_patches(x, (1, 1)), last(x).reshape(-1, 3))
    for pool in (nn_max_pool, nn_average_pool):
        assert np.array_equal(pool(x, (1, 1)), x)
    assert np.array_equal(nn_depthwise_f32(x, np.ones((3, 1, 1, 1), F)), x)


@EACH
@EACH_WINDOW
def test_the_pools_are_maximum_and_mean_of_the_cells_on_the_image(impl, kernel, options):
    x = images()
    most = loops(x, kernel, options, lambda under: max(float(a) for a in under if a is not None))
    assert impl.nn_max_pool(x, kernel, **options).tolist() == most.tolist()
    for count in (False, True):
        def mean(under, count=count):
            on = [float(a) for a in under if a is not None]
            return F(sum(on) / (len(under) if count else len(on)))  # from left to right, in float64

        expected = loops(x, kernel, options, mean).astype(F)
        assert np.array_equal(impl.nn_average_pool(x, kernel, **options, count_include_pad=count), expected)


@EACH
def test_a_size_that_is_rounded_up_adds_a_place_that_begins_on_the_image_or_in_the_pads_before_it(impl):
    x = np.arange(1, 8, dtype=F).reshape(1, 1, 1, 7)
    assert impl.nn_max_pool(x, (1, 2), strides=(1, 2)).tolist() == [[[[2, 4, 6]]]]
    assert impl.nn_max_pool(x, (1, 2), strides=(1, 2), ceil=True).tolist() == [[[[2, 4, 6, 7]]]]
    assert impl.nn_average_pool(x, (1, 3), strides=(1, 3), ceil=True).tolist() == [[[[2, 5, 7]]]]
    assert impl.nn_max_pool(x, (1, 9), strides=(1, 3), ceil=True).tolist() == [[[[7]]]]  # and the only one
    # Cells beyond the pads are never counted, those in the pads are where it is asked for.
    pads = {"pads": (0, 0, 0, 1), "strides": (1, 3), "ceil": True}
    assert impl.nn_average_pool(x, (1, 3), **pads, count_include_pad=True).tolist() == [[[[2, 5, 3.5]]]]
    # A last place that began in the pads behind the image is left out.
    assert impl.nn_max_pool(x, (1, 2), strides=(1, 7), pads=(0, 0, 0, 1), ceil=True).tolist() == [[[[2]]]]
    assert impl.nn_max_pool(x[..., :6], (1, 2), strides=(1, 3), pads=(0, 0, 0, 1), ceil=True).tolist() == [[[[2, 5]]]]


@EACH
def test_a_maximum_keeps_nan_and_the_first_of_two_zeros(impl):
    for values, sign in (((0.0, -0.0), False), ((-0.0, 0.0), True)):
        y = impl.nn_max_pool(F(values).reshape(1, 1, 1, 2), (1, 2))
        assert y.item() == 0 and bool(np.signbit(y.item())) is sign
    for order in itertools.permutations([np.nan, np.inf, 1.0]):
        assert np.isnan(impl.nn_max_pool(F(order).reshape(1, 1, 1, 3), (1, 3)).item())


@EACH_WINDOW
def test_a_depthwise_convolution_is_patches_times_its_kernels(kernel, options):
    """On integers, whose sums are exact in every order."""
    x = np.rint(8 * images())
    weight, bias = np.rint(8 * images(6, 1, *kernel, seed=1)), F([1, 2, 3, 4, 5, 6])
    y = nn_depthwise_f32(x, weight, bias, **options)
    cells = nn_patches(x, kernel, **options).reshape(2, *y.shape[2:], 3, 1, -1)
    expected = (cells * weight.reshape(3, 2, -1)).sum(axis=-1).reshape(2, *y.shape[2:], 6) + bias
    assert np.array_equal(last(y), expected)


@each("space", NATIVE)
def test_the_native_chain_goes_over_the_cells_row_by_row_and_the_bias_comes_last(space):
    for (x, weight, *more), options in itertools.islice(testing.samples("nn_depthwise_f32"), 0, None, 5):
        if not all(a.dtype.isnative for a in (x, weight)):
            continue
        given = {name: value for name, value in options.items() if name != "layout"}
        first = x if options.get("layout") != "nhwc" else x.transpose(0, 3, 1, 2)
        got = space.nn_depthwise_f32(x, weight, *more, **options)
        got = got if options.get("layout") != "nhwc" else got.transpose(0, 3, 1, 2)
        each_has = len(weight) // first.shape[1] if first.shape[1] else 1
        cells = nn_patches(first, weight.shape[2:], **given) if first.size else np.zeros((0, 0), F)
        cells = cells.reshape(len(first), *got.shape[2:], first.shape[1], weight.shape[2] * weight.shape[3])
        cells = np.repeat(cells.transpose(0, 3, 1, 2, 4), each_has, axis=1)
        acc = np.zeros(got.shape, F)
        for cell in range(cells.shape[-1]):
            factor = weight.reshape(len(weight), cells.shape[-1])[:, cell, None, None]
            acc = fma(factor, cells[..., cell], acc)
        if more:
            with np.errstate(all="ignore"):
                acc = acc + more[0][:, None, None]
        agreement.exactly(acc, np.ascontiguousarray(got))


def test_a_place_beside_the_image_is_refused_by_the_pools_and_has_patches():
    x = images()
    for pool in (nn_max_pool, nn_average_pool):
        with pytest.raises(RefcompressError, match="^pads: must leave a column of the image .* place 0$"):
            pool(x, (2, 2), pads=(0, 2, 0, 0))
    assert np.all(nn_patches(x, (1, 1), pads=(0, 2, 0, 0), fill=5.0).reshape(2, 6, 9, 3)[:, :, :2] == 5)


def test_what_hostile_windows_ask_for_costs_nothing():
    x = images(1, 1, 2, 2)
    for kernel, options in (((2**31 - 1, 1), {"pads": (2**31 - 1, 0, 0, 0)}), ((1, 1), {"strides": (2**40, 1)}),
                            ((2, 2), {"dilations": (2**31 - 1, 1)})):
        with pytest.raises(RefcompressError):
            nn_max_pool(x, kernel, **options)
