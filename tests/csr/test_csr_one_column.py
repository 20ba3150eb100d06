"""One column: rows that go side by side, eight entries at a time, and what is left of each."""

import numpy as np
import pytest
from implementations import NATIVE, each, need_native

from refcompress import RefcompressError
from refcompress.formats import CSR, Plain
from refcompress.reference.gemm.contract import csr_sums
from refcompress.testing import guarded
from refcompress.testing.values import with_fields

native = need_native()
F = np.float32


def of_lengths(lengths, k, type_, rng):
    """Return rows with so many entries, their columns in any order."""
    count = int(sum(lengths))
    values = rng.standard_normal(count).astype(F)
    data = {"float32": values, "float16": values.astype(np.float16),
            "bfloat16": Plain((values.view(np.uint32) >> 16).astype(np.uint16), "bfloat16")}[type_]
    indices = rng.integers(0, k, count).astype(np.int32)
    return CSR((len(lengths), k), np.append(0, np.cumsum(lengths, dtype=np.int64)), indices, data, canonical=False)


@pytest.mark.parametrize("type_", ["float32", "float16", "bfloat16"])
def test_rows_of_all_lengths_side_by_side_are_chains_in_storage_order(type_):
    rng = np.random.default_rng(0)
    for lengths in ([], [3], [8] * 6, [40, 8, 9, 0, 23, 7, 100], rng.integers(0, 60, 100), np.arange(45)):
        a = of_lengths(list(lengths), 97, type_, rng)
        x = rng.standard_normal((97, 1)).astype(F)
        if guarded.available():
            ends = guarded.ends_at_guard
            data = ends(a.data) if type_ == "float32" else with_fields(a.data, patterns=ends(a.data.patterns))
            a = with_fields(a, data=data, indices=ends(a.indices), indptr=ends(a.indptr))
            x = ends(x)
        expected = csr_sums(a, x)
        for space in NATIVE:
            assert space.csr_matmul(a, x).tobytes() == expected.tobytes(), space.__name__


@each("space", NATIVE)
def test_an_index_that_was_changed_is_refused_wherever_it_stands(space):
    a = of_lengths([20, 21, 17, 35, 16, 30, 5], 97, "float32", np.random.default_rng(1))
    x = np.ones((97, 1), F)
    for place in range(a.nnz):
        indices = a.indices.copy()
        indices[place] = (97, -1, 2**31 - 1)[place % 3]
        with pytest.raises(RefcompressError, match="^a: has an index outside its array"):
            space.csr_matmul(with_fields(a, indices=indices), x)
