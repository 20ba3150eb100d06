"""np.seterr changes no result: the arithmetic is IEEE 754's, whether NumPy is told to ignore, to warn or to raise."""

import itertools
import warnings

import numpy as np
import pytest
from implementations import BOTH, label

from refcompress import reference, testing
from refcompress.agreement import exactly
from refcompress.ops import OPS

F = np.float32
SCALES = [2.0**-149, 2.0**-140, 2.0**-126, 2.0**100]
FUNCTIONS = [pytest.param(op, getattr(space, op), id=f"{op}-{label(space)}")
             for op in OPS for space in BOTH if hasattr(space, op)]


def scaled(value, factor: float):
    """Return a call's arguments with all float32 arrays that are arguments themselves times a factor."""
    if isinstance(value, np.ndarray) and value.dtype == F:
        with np.errstate(all="ignore"):
            return value * F(factor)
    if isinstance(value, tuple):
        return tuple(scaled(item, factor) for item in value)
    return {name: scaled(item, factor) for name, item in value.items()} if isinstance(value, dict) else value


def calls(op: str):
    """Yield calls of the operation: some samples, as they are and with tiny and huge numbers."""
    for i, (args, kwargs) in enumerate(itertools.islice(testing.samples(op), 0, None, 7)):
        yield args, kwargs
        factor = SCALES[i % len(SCALES)]
        yield scaled(args, factor), scaled(kwargs, factor)


def outcome(function, args, kwargs, setting: str):
    """Return what a call returns or raises where NumPy is set to that, and each warning is an error."""
    with np.errstate(all=setting), warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            return function(*args, **kwargs)
        except Exception as error:
            return type(error).__name__, str(error)


def same_whatever_is_set(function, args, kwargs):
    expected = outcome(function, args, kwargs, "ignore")
    for setting in ("raise", "warn"):
        exactly(expected, outcome(function, args, kwargs, setting), args, kwargs)


@pytest.mark.parametrize("op, function", FUNCTIONS)
def test_np_seterr_changes_no_result_of_an_operation(op, function):
    for args, kwargs in calls(op):
        same_whatever_is_set(function, args, kwargs)


TINY = F([[2.0**-149, -(2.0**-140), 2.0**-126], [1e-38, 0.0, -3e-45], [1, -1 / 3, 3e38]])
BIG = F([[3e38, -3e38, 3e38], [3e38, 3e38, 3e38], [1, 2, 3]])
HESSIAN = reference.quantize_hessian(np.random.default_rng(0).standard_normal((10, 3)).astype(F))


@pytest.mark.parametrize(
    "op, args, kwargs",
    [
        ("prune_project_l0", (TINY,), {"keep": 3}),
        ("prune_project_l1", (TINY,), {"radius": 1e-40}),
        ("prune_penalty_l0", (TINY,), {"penalty": 1e-300}),
        ("prune_penalty_l1", (TINY,), {"penalty": 1e-40}),
        ("prune_obs", (TINY, HESSIAN), {"sparsity": 0.5}),
        ("prune_sparsegpt", (TINY, HESSIAN), {"sparsity": 0.5}),
        ("quantize_hessian", (TINY,), {}),
        ("quantize_gptq", (TINY, HESSIAN), {}),
        ("quantize_nearest", (TINY, HESSIAN), {}),
        ("quantize_clip", (TINY, HESSIAN), {"steps": 2}),
        ("quantize_adaround", (TINY, HESSIAN), {"iterations": 2}),
        ("quantize_awq", (TINY[:2], TINY[:2]), {"steps": 2}),
        ("quantize_smooth", (TINY[:2], TINY[:2]), {}),
        ("quantize_range_percentile", (TINY,), {}),
        ("quantize_range_mse", (TINY,), {"axis": 0}),
        ("quantize_range_kl", (TINY,), {"bins": 256}),
        ("quantize_binary", (TINY[:2],), {"axis": 0}),
        ("quantize_ternary", (TINY[:2],), {"axis": 0}),
        ("quantize_scale", (-1e-45, 1e-45), {}),
        ("quantize_scale", (-3e38, 3e38), {}),
        ("lowrank_whitened", (TINY, HESSIAN), {"rank": 1}),
        ("lowrank_sparse", (TINY,), {"rank": 1, "keep": 2}),
        ("lowrank_whitened", (TINY * F(1e-3), HESSIAN * 1e-300), {"rank": 2}),
        ("lowrank_whitened", (BIG, HESSIAN), {"rank": 1}),
        ("lowrank_sparse", (BIG,), {"rank": 1, "keep": 2}),
        ("lowrank_relu_values", (TINY,), {}),
        ("lowrank_relu", (TINY[:2], BIG), {"rank": 1, "iterations": 2}),
        ("prune_project_l1", (TINY[:2],), {"radius": 3e-45}),
        ("prune_sparsegpt", (TINY, HESSIAN), {"n": 1, "m": 3}),
        ("prune_obs", (BIG, HESSIAN), {"sparsity": 0.7}),
        ("lowrank_conv", (np.stack([TINY, TINY])[:, None],), {"scheme": "channel", "rank": 1}),
        ("lowrank_tucker2", (np.stack([TINY, TINY])[:, :, :, None],), {"ranks": (1, 1)}),
        ("allocate_cost", (TINY, [TINY * F(0.5)]), {}),
        ("allocate_fisher", ([TINY, TINY],), {}),
        ("allocate_outliers", (TINY,), {}),
        ("allocate_rank", (np.array([1.0, 1e-200, 1e-310]), np.arange(4.0)), {"mu": 1e-3}),
    ],
)
def test_np_seterr_changes_no_result_of_what_is_in_the_reference_alone(op, args, kwargs):
    same_whatever_is_set(getattr(reference, op), args, kwargs)
