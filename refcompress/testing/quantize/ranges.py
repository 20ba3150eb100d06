"""The cases of ranges: one large element among small ones at each place, ties of ranks and errors, empty bins."""

import numpy as np

from ..cases import Cases
from ..draws import composite, st
from ..values import FINITE, LENGTHS, ordinary
from .integers import SHARING, quantize_calls, quantize_refusals

CASES: dict[str, Cases] = {}


# quantize_range_minmax

def quantize_range_minmax_sweep():
    rng = np.random.default_rng(34)
    for n in LENGTHS:
        yield (ordinary(rng, n),), {}
        yield (-np.abs(ordinary(rng, n)),), {}
        for kwargs in (SHARING[n % 7], SHARING[(n + 3) % 7]):
            yield (ordinary(rng, (3, n)),), kwargs
            yield (ordinary(rng, (n, 5)),), kwargs
        # One large element among small ones, at each place in turn: a lane that is not looked at shows.
        for sign in (1, -1):
            x = rng.random((2, 67), dtype=np.float32)
            x[1, n % 67] = 9 * sign
            yield (x,), SHARING[(n // 2) % 7]
    for x in (FINITE, np.float32([-0.0, 0.0]), np.float32([-0.0] * 40), np.float32([3e38, -3e38])):
        yield (x,), {}
    for axis in range(3):
        yield (ordinary(rng, (5, 7, 9)),), {"axis": axis}
    for group in (1, 16, 50):
        yield (ordinary(rng, (5, 7, 9)),), {"group": group}
    yield (ordinary(rng, (3, 70_001)),), {}
    yield (ordinary(rng, (1, 70_001)),), {"axis": 0}


def quantize_range_minmax_refusals():
    for args, kwargs in quantize_refusals():
        if set(kwargs) <= {"axis", "group"}:
            yield args, kwargs


@composite
def quantize_range_minmax_strategy(draw):
    args, kwargs = draw(quantize_calls())
    return args, {name: value for name, value in kwargs.items() if name != "scheme"}


CASES["quantize_range_minmax"] = Cases(
    quantize_range_minmax_sweep, quantize_range_minmax_refusals, quantize_range_minmax_strategy)


# quantize_range_percentile

def quantize_range_percentile_sweep():
    rng = np.random.default_rng(39)
    for i, (args, kwargs) in enumerate(quantize_range_minmax_sweep()):
        if args[0].size < 1000:
            yield args, {"percentile": (99.99, 100, 50.0, 1e-9, 75)[i % 5], **kwargs}
    for n in LENGTHS[1:]:  # k of n elements are exactly so many percent: the next one would be one too many
        x = rng.permutation(np.arange(1, n + 1)).astype(np.float32)
        for k in (1, (n + 1) // 2, n):
            if 100 * k % n == 0:
                yield (x,), {"percentile": 100 * k // n}
                yield (-x[None],), {"percentile": 100 * k // n, "axis": 0}
    yield (np.arange(1, 10_001).astype(np.float32),), {"percentile": 99.99}


def quantize_range_percentile_refusals():
    yield from quantize_range_minmax_refusals()
    for bad in (0, -1, 100.5, np.nan, None, "50", True):
        yield (np.ones((2, 3), np.float32),), {"percentile": bad}


@composite
def quantize_range_percentile_strategy(draw):
    args, kwargs = draw(quantize_range_minmax_strategy())
    return args, {"percentile": draw(st.sampled_from([1e-9, 1, 50, 99.9, 100])), **kwargs}


CASES["quantize_range_percentile"] = Cases(
    quantize_range_percentile_sweep, quantize_range_percentile_refusals, quantize_range_percentile_strategy)


# quantize_range_mse

def quantize_range_mse_sweep():
    rng = np.random.default_rng(40)
    for n in LENGTHS:
        kwargs = {"bits": (2, 3, 4, 8, 16)[n % 5], "scheme": ("symmetric", "affine")[n % 2], "steps": 1 + n % 6}
        yield (ordinary(rng, n),), kwargs
        yield (np.square(ordinary(rng, (3, n))),), {**kwargs, **SHARING[n % 7]}
        yield (ordinary(rng, (n, 5)) ** 3,), {**kwargs, **SHARING[(n + 3) % 7]}
    one = np.append(np.full(99, 0.5, np.float32), np.float32(3))  # an outlier that is left out
    for bits in (2, 3):
        yield (one,), {"bits": bits}
        yield (-one,), {"bits": bits, "scheme": "affine", "steps": 10}
    for x in (np.zeros(5), np.full(5, -0.0), [1e-45] * 3, [3e38, -3e38, 1], [1, 1, 1, 1]):
        yield (np.asarray(x, np.float32),), {"bits": 2, "steps": 4}


def quantize_range_mse_refusals():
    yield from quantize_range_minmax_refusals()
    x = np.ones((2, 3), np.float32)
    for bits in (0, 1, 9, 12, 17, True, 4.0, None):
        yield (x,), {"bits": bits}
    for steps in (0, -1, True, 4.0, None):
        yield (x,), {"steps": steps}
    for scheme in ("other", None):
        yield (x,), {"scheme": scheme}


@composite
def quantize_range_mse_strategy(draw):
    args, kwargs = draw(quantize_calls())
    return args, {"bits": draw(st.sampled_from([2, 4, 8, 16])), "steps": draw(st.integers(1, 5)), **kwargs}


CASES["quantize_range_mse"] = Cases(quantize_range_mse_sweep, quantize_range_mse_refusals, quantize_range_mse_strategy)


# quantize_range_kl

def quantize_range_kl_sweep():
    rng = np.random.default_rng(41)
    for n in LENGTHS:
        kwargs = {"bits": 2 + n % 2, "bins": 8 + n % 7}
        yield (ordinary(rng, n),), kwargs
        if n % 3 == 0:
            yield (ordinary(rng, (2, n)) ** 3,), {**kwargs, **SHARING[n % 7]}
            yield (rng.laplace(size=(n % 8, 9)).astype(np.float32),), {**kwargs, **SHARING[(n + 3) % 7]}
    for bits, bins in ((4, 60), (2, 90), (8, 150)):
        yield (rng.laplace(size=5000).astype(np.float32),), {"bits": bits, "bins": bins}
        yield (np.append(rng.standard_normal(500), 40).astype(np.float32),), {"bits": bits, "bins": bins}
    for x in (np.zeros(5), np.full(5, -0.0), [1e-45] * 3, [3e38, -3e38, 1], [1, 1, 1, 1], [0, 0, 0, 9]):
        yield (np.asarray(x, np.float32),), {"bits": 2, "bins": 20}


def quantize_range_kl_refusals():
    yield from quantize_range_minmax_refusals()
    x = np.ones((2, 3), np.float32)
    for bits in (0, 1, 9, 16, True, 4.0, None):
        yield (x,), {"bits": bits}
    for bins in (0, 127, 2**16 + 1, True, 200.0, None):
        yield (x,), {"bins": bins}


@composite
def quantize_range_kl_strategy(draw):
    args, kwargs = draw(quantize_range_minmax_strategy())
    return args, {"bits": draw(st.integers(2, 4)), "bins": draw(st.integers(8, 20)), **kwargs}


CASES["quantize_range_kl"] = Cases(quantize_range_kl_sweep, quantize_range_kl_refusals, quantize_range_kl_strategy)
