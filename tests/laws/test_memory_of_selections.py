"""What the native operations that only read and write take beside their results: at most an eighth of their input."""

import tracemalloc

import numpy as np
import pytest
from implementations import need_native

from refcompress import reference
from refcompress.ops import OPS

native = need_native()

RNG = np.random.default_rng(0)
W = RNG.standard_normal((1024, 1024), dtype=np.float32)
WIDE = RNG.standard_normal((1024, 1024))
UNITS = RNG.integers(0, 100, 2**18)
SPARSE = reference.csr_from_dense(W, W > 1)

TABLES = 2**16  # bytes: 2048 counts of 8 bytes, and what NumPy makes of them

# An operation, its arguments, and what it takes beside its result, as a share of the bytes of its arrays.
PEAKS = [
    ("prune_magnitude", (W,), {"sparsity": 0.9}, 1 / 8),
    ("prune_magnitude", ({"a": W[:300].copy(), "b": W},), {"sparsity": 0.5}, 1 / 8),
    ("prune_select", (W,), {"sparsity": 0.5}, 1 / 8),
    ("prune_select", (WIDE,), {"sparsity": 0.5}, 1 / 8),
    *(("prune_select", (W,), {"structure": "nm", "n": n, "m": m, "axis": axis}, 1 / 64)
      for n, m, axis in ((2, 4, 1), (4, 8, 0), (512, 1024, 1))),
    *(("prune_select", (W,), {"structure": structure, "sparsity": 0.5}, 1 / 64) for structure in ("row", "column")),
    ("prune_select", (W,), {"structure": "block", "block": (4, 4), "sparsity": 0.5}, 1 / 4),  # 8 bytes a block
    ("prune_project_l0", (W,), {"keep": 10_000}, 1 / 8),
    ("prune_threshold", (W,), {"quality": 1.0}, 1 / 64),
    ("prune_score_wanda", (W, np.abs(WIDE[0])), {}, 1 / 64),
    *((f"prune_score_{name}", (W, np.abs(WIDE)), {}, 1 / 64) for name in ("taylor", "movement", "obd", "fisher")),
    ("prune_score_apoz", (UNITS, 100), {}, 1 / 64),
    ("prune_score_activation", (UNITS.astype(np.float64), 100), {}, 1 / 64),
    ("csr_from_dense", (W,), {}, 1 / 64),
    ("csr_from_dense", (W, W > 1), {}, 1 / 64),
    ("csr_to_dense", (SPARSE,), {}, 1 / 64),
    ("quantize_range_percentile", (W,), {}, 1 / 8),
    ("quantize_range_percentile", (W,), {"axis": 0}, 1 / 64),
    ("quantize_range_percentile", (W,), {"axis": 1}, 1 / 8),  # some columns are turned, 256 KiB
    ("quantize_range_mse", (W,), {"steps": 3}, 1 / 64),
    ("quantize_range_mse", (W,), {"steps": 3, "axis": 0}, 1 / 64),
    ("quantize_range_kl", (W,), {"bins": 256, "bits": 4}, 1 / 8),
]


def nbytes(value) -> int:
    """Return the bytes of the arrays in a call or in a result."""
    if isinstance(value, dict):
        value = tuple(value.values())
    return sum(map(nbytes, value)) if isinstance(value, tuple) else getattr(value, "nbytes", 0)


@pytest.mark.parametrize("op, args, kwargs, share", PEAKS, ids=lambda value: value if isinstance(value, str) else "")
def test_an_operation_takes_no_more_memory_beside_its_result_than_its_text_says(op, args, kwargs, share):
    assert op in OPS
    function = getattr(native, op)
    function(*args, **kwargs)  # what a first call imports and keeps
    tracemalloc.start()
    try:
        result = function(*args, **kwargs)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak - nbytes(result) <= share * nbytes(args) + TABLES
