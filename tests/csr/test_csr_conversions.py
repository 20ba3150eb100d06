"""What the kernels make of dense matrices is a CSR like any other: checked, frozen, and refused where w changes."""

import numpy as np
import pytest
from implementations import NATIVE, each, need_native

from refcompress import CSR, arguments, reference
from refcompress.errors import RefcompressError

need_native()

from refcompress.native._kernels import ffi, lib  # noqa: E402

from refcompress.native import csr  # noqa: E402
from refcompress.native._call import pointer  # noqa: E402

EACH = each("space", NATIVE)


@EACH
@pytest.mark.parametrize("shape", [(0, 5), (5, 0), (3, 1), (7, 67), (40, 300)])
def test_what_a_kernel_makes_passes_the_checks_of_the_format_and_nobody_can_write_it(space, shape):
    rng = np.random.default_rng(2)
    w = (rng.standard_normal(shape) * (rng.random(shape) < 0.4)).astype(np.float32)
    a = space.csr_from_dense(w)
    assert a == CSR(a.shape, a.indptr, a.indices, a.data) == reference.csr_from_dense(w)
    assert all(arguments.is_frozen(part) for part in (a.indptr, a.indices, a.data))
    assert np.array_equal(space.csr_to_dense(a), w)


def test_entries_that_were_counted_otherwise_are_refused_and_nothing_is_written_behind_the_row():
    w = np.ones((2, 20), np.float32)
    for isa, own, supported in csr._table.rows():
        if not supported or "csr_from_dense" not in own:
            continue
        for counts in ([0, 19, 40], [0, 21, 40], [0, 0, 20]):
            indptr = np.array(counts, np.int64)
            indices, data = np.full(40, -1, np.int32), np.zeros(40, np.float32)
            status = own["csr_from_dense"](0, 1, 20, pointer(w), ffi.NULL, pointer(indptr), 0,
                                           pointer(indices, writable=True), pointer(data, writable=True))
            assert status == lib.RC_BAD_INDEX, isa
            assert (indices[counts[1] :] == -1).all()


def test_an_index_beyond_its_row_is_refused_in_c():
    a = reference.csr_from_dense(np.ones((2, 3), np.float32))
    broken = csr.csr_struct(a)
    broken.struct.k = 2
    w = np.zeros((2, 2), np.float32)
    kernel = csr._table.widest("csr_to_dense")
    assert kernel(0, 2, broken.struct, pointer(w, writable=True)) == lib.RC_BAD_INDEX
    with pytest.raises(RefcompressError, match="index outside its array"):
        csr.check(lib.RC_BAD_INDEX, "a")
