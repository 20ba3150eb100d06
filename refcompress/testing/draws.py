"""What the strategies of all families draw from: lengths, shapes, numbers.

Hypothesis is imported when something is drawn for the first time: the fixed samples need only NumPy.
"""

import functools
import importlib
from collections.abc import Callable
from typing import Any

import numpy as np


class _Imported:
    """A module that is imported when a name is looked up in it."""

    def __init__(self, module: str) -> None:
        self._module = module

    def __getattr__(self, name: str) -> Any:
        return getattr(importlib.import_module(self._module), name)


st = _Imported("hypothesis.strategies")
hnp = _Imported("hypothesis.extra.numpy")


def composite(function: Callable) -> Callable:
    """Return ``st.composite(function)``, made at the first call."""
    @functools.cache
    def made():
        return st.composite(function)

    @functools.wraps(function)
    def strategy(*args, **kwargs):
        return made()(*args, **kwargs)

    return strategy


def array(dtype, shape, elements=None):
    """Return the strategy of arrays of a dtype and a shape; without ``elements``, of any that the dtype has."""
    return hnp.arrays(dtype, shape, elements=elements)


LENGTHS = [*range(10), 15, 16, 17, 31, 32, 33, 40]  # a campaign adds longer ones before the first draw


@functools.cache
def lengths():
    """Return the strategy of lengths: one list, because of two alternatives shrinking stops in the second."""
    return st.sampled_from(LENGTHS)


@functools.cache
def shapes():
    """Return the strategy of shapes of one to three dimensions."""
    return st.one_of(st.tuples(lengths()), st.tuples(lengths(), st.integers(0, 9)), st.tuples(*[st.integers(0, 4)] * 3))


@functools.cache
def finite():
    """Return the strategy of finite float32 numbers."""
    return st.one_of(
        st.integers(-8, 8).map(float),
        st.sampled_from([0.0, -0.0, 0.5, -2.5, 2.0**-126, -(2.0**-149), 2.0**127, -3e38]),
        st.floats(width=32, allow_nan=False, allow_infinity=False))


@functools.cache
def no_nan():
    """Return the strategy of float32 numbers and infinities."""
    return st.one_of(finite(), st.sampled_from([np.inf, -np.inf]))


@functools.cache
def any_floats():
    """Return the strategy of everything that a float32 can be."""
    return st.one_of(no_nan(), st.just(np.nan))


@functools.cache
def tame():
    """Return the strategy of float32 numbers of ordinary size."""
    return st.one_of(st.integers(-8, 8).map(float), st.floats(-1e3, 1e3, width=32))


@functools.cache
def int8():
    """Return the strategy of int8 numbers, the two ends more often than others."""
    return st.one_of(st.integers(-128, 127), st.sampled_from([-128, 127]))


@functools.cache
def scales():
    """Return the strategy of positive float32 scales."""
    return st.one_of(st.sampled_from([1.0, 0.5, 2.0**-126, 2.0**100]), st.floats(2.0**-20, 2.0**20, width=32))


def either(floats):
    """Return the strategy of two strategies of elements: all tame, or all kinds (a NaN hides other errors)."""
    return st.sampled_from([tame(), floats])
