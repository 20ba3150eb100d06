"""Edges of the searches of a range, and of few levels: percentiles at every rank, long rows, many groups."""

from collections.abc import Callable
from functools import partial

import numpy as np

from ..cases import Call, Calls
from ..values import ordinary
from .lengths import LONG, at_lengths
from .quantize import long_rows, long_schemes, options, without_scheme

_F = np.float32


def _percentile(rng, i, m, k) -> Call:
    args, kwargs = long_rows(rng, i, m, k, percentile=(99.99, 50.0, 100, 99.0, 0.1)[i % 5])
    segments = m * -(-k // kwargs["group"]) if "group" in kwargs else (m, k, 1)[kwargs.get("axis", 2)]
    return args, kwargs if segments < 3000 else {"percentile": kwargs["percentile"]}


def _percentile_edges():
    for n in (1, 2, 3, 99, 100, 101, 200, 1000, 9999, 10_000, 10_001):
        x = np.random.default_rng(n).permutation(np.arange(n)).astype(_F) - _F(n // 2)
        for percentile in (100.0, 99.99, 99.0, 50.0, 1.0, 100 / n, float(np.nextafter(100 / n, 0)), 5e-324):
            yield (x,), {"percentile": min(percentile, 100.0)}


def _range_options(**more) -> Callable[[], Calls]:
    return without_scheme(partial(options, **more))


def _kl(rng, i, m, k) -> Call | None:
    return ((rng.laplace(size=(m, k)).astype(_F),), {"bits": 3, "bins": 64}) if m * k < 40_000 and m < 100 else None


def _kl_options():
    rng = np.random.default_rng(32)
    x = rng.laplace(size=(2, 300)).astype(_F)
    for bits in range(2, 9):
        yield (x,), {"bits": bits, "bins": 2 ** (bits - 1) + 40}
    for sharing in ({}, {"axis": 0}, {"axis": 1}, {"axis": -1}, {"axis": None}, {"group": 100}, {"group": 300}):
        yield (x[:, :100] if sharing.get("axis") in (1, -1) else x,), {"bits": 2, "bins": 30, **sharing}
    yield (np.zeros((2, 9), _F),), {"bits": 2, "bins": 30, "axis": 0}


def _mse(rng, i, m, k) -> Call | None:
    if m * k > 30_000:
        return None
    return long_schemes(rng, i, m, k, bits=(2, 4, 8, 16)[i % 4], steps=2)


def _mse_options():
    rng = np.random.default_rng(33)
    for bits in (*range(2, 9), 16):
        for steps in (1, 2, 9):
            yield (ordinary(rng, (2, 30)),), {"bits": bits, "steps": steps, "scheme": ("symmetric", "affine")[bits % 2]}
    yield from options(bits=3, steps=3)


# Few levels.

def _binary(rng, i, m, k) -> Call:
    return long_rows(rng, i, m, k)


def _ternary(rng, i, m, k) -> Call:
    return long_rows(rng, i, m, k, threshold=(0.7, 0.0, 1.3, None)[i % 4 if m * k < 5000 else i % 3])


def _ternary_options():
    rng = np.random.default_rng(31)
    for threshold in (None, 0, 0.7, 1.0, 1e19):
        for (x,), sharing in without_scheme(options)():
            if "group" not in sharing or x.ndim < 3:
                yield (x,), {"threshold": threshold, **sharing}
    for n in (1, 2, 3, 4, 7, 64):  # delta itself: the mean times 1 of equal magnitudes
        yield (np.full(n, 1.5, _F) * rng.choice([-1, 1], n).astype(_F),), {"threshold": 1.0}


EDGES: dict[str, tuple[Callable[[], Calls], ...]] = {
    "quantize_range_minmax": (_range_options(), at_lengths(long_rows, 3, 5)),
    "quantize_range_percentile": (_percentile_edges, _range_options(percentile=75.0), at_lengths(_percentile, 3, 5)),
    "quantize_range_mse": (_mse_options, at_lengths(_mse, 2, 3)),
    "quantize_range_kl": (_kl_options, at_lengths(_kl, 1, 5, lengths=LONG[:18], most=2**13)),
    "quantize_binary": (_range_options(), at_lengths(_binary, 3, 5)),
    "quantize_ternary": (_ternary_options, at_lengths(_ternary, 3, 5)),
}
