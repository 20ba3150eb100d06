"""The cases of patches and pools: every width and number of channels, in both layouts."""

from collections.abc import Iterator

import numpy as np

from ... import reference
from ..cases import Cases
from ..draws import composite, int8, st
from ..values import ordinary
from .images import (
    KERNELS,
    drawn_images,
    every_size,
    fits_rounded_up,
    hostile,
    integers,
    refusals_of_windows,
)

_F = np.float32

CASES: dict[str, Cases] = {}


# nn_patches

def nn_patches_sweep():
    rng = np.random.default_rng(75)
    for i, (x, kernel, options) in enumerate(every_size(rng, integers)):
        fill = (0, -7, 127)[i % 3]
        yield (x if i % 2 else x.astype(_F), kernel), {**options, "fill": fill} if fill else options
    for i, (kernel, options) in enumerate(KERNELS):
        layout = ("nchw", "nhwc")[i % 2]
        yield (hostile(rng, (1, 4, 5, 6)), kernel), {**options, "layout": layout, "fill": (np.inf, -0.0)[i % 2]}
    yield (integers(rng, (1, 1, 2, 2)), (1, 2)), {"pads": (3, 4, 1, 5)}  # patches beside the image


def nn_patches_refusals():
    good = np.ones((1, 2, 3, 4), _F)
    yield from refusals_of_windows(good)
    for bad in (None, "0", True, np.nan):
        yield (good, (2, 2)), {"fill": bad}
    for bad in (128, -129, 0.5, 0.0):
        yield (good.astype(np.int8), (2, 2)), {"fill": bad}
    yield (np.ones((2**20, 1, 1, 1), np.int8), (2**31 - 1, 1)), {"pads": (2**31 - 1, 0, 2**31 - 1, 0)}  # 2**82 bytes


@composite
def nn_patches_strategy(draw):
    x, kernel, options = draw(drawn_images([_F, np.int8]))
    return (x, kernel), {**options, "fill": draw(int8())}


CASES["nn_patches"] = Cases(nn_patches_sweep, nn_patches_refusals, nn_patches_strategy)


# nn_max_pool

def _refusals_of_pools(op: str) -> Iterator[tuple[tuple, dict]]:
    good = np.ones((1, 2, 3, 4), _F)
    yield from refusals_of_windows(good)
    for flag in ("ceil", "count_include_pad") if op == "nn_average_pool" else ("ceil",):
        for bad in (None, 1, 0.0, "yes"):
            yield (good, (2, 2)), {flag: bad}
    for pads in ((2, 0, 0, 0), (0, 0, 2, 0), (0, 2, 0, 0), (0, 0, 0, 2)):  # a place beside the image
        yield (good, (2, 2)), {"pads": pads}
    yield (np.ones((1, 1, 1, 1), _F), (2, 2)), {"dilations": (2, 2), "pads": (1, 1, 1, 1)}


def nn_max_pool_sweep():
    rng = np.random.default_rng(76)
    for i, (x, kernel, options) in enumerate(every_size(rng, integers)):
        more = {"ceil": True} if i % 5 == 2 and fits_rounded_up(x, kernel, options) else {}
        yield (x if i % 2 else x.astype(_F), kernel), {**options, **more}
    for i, (kernel, options) in enumerate(KERNELS):
        layout = ("nchw", "nhwc")[i % 2]
        yield (hostile(rng, (1, 8, 9, 18)), kernel), {**options, "layout": layout}
    yield (np.full((1, 1, 3, 3), -np.inf, _F), (3, 3)), {"pads": (1, 1, 1, 1)}
    yield (np.full((1, 1, 3, 3), -128, np.int8), (3, 3)), {"pads": (1, 1, 1, 1)}
    zeros = np.zeros((1, 3, 4, 17), _F)
    zeros[0, :, ::2, ::3] = -0.0
    yield (zeros, (2, 2)), {}
    yield (zeros, (2, 2)), {"layout": "nhwc"}
    yield (ordinary(rng, (1, 2, 5, 6)), (2, 2)), {"strides": (2, 3), "ceil": True}


@composite
def nn_max_pool_strategy(draw):
    x, kernel, options = draw(drawn_images([_F, np.int8]))
    ceil = draw(st.booleans()) and fits_rounded_up(x, kernel, options)
    return (x, kernel), {**options, "ceil": ceil}


CASES["nn_max_pool"] = Cases(nn_max_pool_sweep, lambda: _refusals_of_pools("nn_max_pool"), nn_max_pool_strategy)


# nn_average_pool

def nn_average_pool_sweep():
    rng = np.random.default_rng(77)
    for i, (x, kernel, options) in enumerate(every_size(rng, ordinary)):
        more = {"ceil": True} if i % 5 == 2 and fits_rounded_up(x, kernel, options) else {}
        yield (x, kernel), {**options, **more, **({"count_include_pad": True} if i % 3 else {})}
    for i, (kernel, options) in enumerate(KERNELS):
        layout = ("nchw", "nhwc")[i % 2]
        yield (hostile(rng, (1, 4, 5, 18)), kernel), {**options, "layout": layout}
    yield (_F([[[[2.0**24, 1, 1, 1]]]]), (1, 4)), {}
    for count in (False, True):
        yield (ordinary(rng, (1, 2, 6, 6)), (3, 3)), {"strides": (2, 2), "pads": (1, 0, 0, 1), "ceil": True,
                                                      "count_include_pad": count}


@composite
def nn_average_pool_strategy(draw):
    x, kernel, options = draw(drawn_images([_F]))
    ceil = draw(st.booleans()) and fits_rounded_up(x, kernel, options)
    return (x, kernel), {**options, "ceil": ceil, "count_include_pad": draw(st.booleans())}


def _all_cells_count(x, kernel, **options):
    """Divides by the size of the kernel, whatever lies beside the image."""
    ones = reference.nn_average_pool(np.ones_like(x), kernel, **{**options, "count_include_pad": True})
    return reference.nn_average_pool(x, kernel, **{**options, "count_include_pad": True}) * ones


CASES["nn_average_pool"] = Cases(
    nn_average_pool_sweep, lambda: _refusals_of_pools("nn_average_pool"), nn_average_pool_strategy)
