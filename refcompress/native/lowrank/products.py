"""lowrank_matmul and lowrank_sparse_matmul by gemm_f32f32; short ones in one call of C."""

from functools import partial, wraps

import numpy as np
from numpy import empty as new

from ... import reference
from ...formats import CSR
from ...formats.prepared import unprepared
from ...reference.lowrank.sparse import matmul_arguments as sparse_arguments
from ...reference.lowrank.truncated import matmul_arguments as lowrank_arguments
from .._call import FLOATS, check, in_default_mode, kept, once
from .._checks import F32, is_ready
from .._kernels import ffi, lib
from ..csr import csr_struct
from ..packing import held_of
from ..prepared import in_place, prepared
from ..sparse import lowrank_struct, struct

SHORT = 2**16  # multiply-adds of products that need no more thought
FEW = 256  # entries of a matrix beside one of low rank, of which a struct is kept for short products


def lowrank_matmul(gemm_f32f32):
    """Return the operation lowrank_matmul: u @ (s * (vt @ x)), both products by gemm_f32f32, each step in float32."""

    @wraps(reference.lowrank_matmul)
    def lowrank_matmul(a, x):
        if (made := seen(id(a))) and is_ready(x):  # a matrix that was seen before was checked
            m, k, rank, u, s, vt = made[0]
            if len(x) == k and rank * (k + m) * (n := x.shape[1]) <= SHORT:
                inner, y = new((rank, n), F32), new((m, n), F32)
                check(run(kernel, m, n, k, rank, u, s, vt, FLOATS(x), FLOATS(inner), FLOATS(y)), "x")
                return y
        return long(a, x)

    @in_default_mode
    def long(a, x):
        given, (a, x) = a, lowrank_arguments(a, x)
        once(_factors, given)
        inner = gemm_f32f32(a.vt, x, transposed=True)
        with np.errstate(all="ignore"):
            inner *= a.s[:, None]
        return gemm_f32f32(a.u, inner, transposed=True)

    def prepare(a, x):
        given, asked, (a, x) = x, a, lowrank_arguments(a, x)
        in_place(given, x, "x")
        m, k, rank, *factors = once(_factors, asked)
        n = x.shape[1]
        y = np.empty((m, n), F32)
        if n * rank * (k + m) > SHORT:
            def again():
                y[...] = long(a, x)
                return y
        else:
            inner = np.empty((rank, n), F32)
            operands = m, n, k, rank, *factors, FLOATS(x), FLOATS(inner), FLOATS(y)
            again = prepared("lowrank_matmul", kernel, operands, y, "x")
        again.held = asked
        return again

    kernel, run, seen = gemm_f32f32.kernel, lib.rc_lowrank_gemm_f32f32, kept(_factors).get
    lowrank_matmul.prepare, lowrank_matmul.kernel = prepare, kernel
    return lowrank_matmul


def _factors(given) -> tuple:
    """Return the sizes of a matrix that was checked, (m, k, rank), and its factors."""
    a = unprepared(given)
    return *a.shape, len(a.s), FLOATS(a.u), FLOATS(a.s), FLOATS(a.vt)


def lowrank_sparse_matmul(lowrank_matmul, sparse_matmul, csr_matmul):
    """Return the operation lowrank_sparse_matmul: the sparse product is added to y while it runs, but of a CSR after
    it: its own kernels gain more than an addition costs."""

    @wraps(reference.lowrank_sparse_matmul)
    def lowrank_sparse_matmul(a, x):
        if (made := seen(id(a))) and is_ready(x):  # a matrix that was seen before was checked
            sizes, rest, most, _ = made[0]
            m, k, rank = sizes
            if len(x) == k and most * (n := x.shape[1]) <= SHORT and n:
                inner, y = new((rank + m) * n, F32), new((m, n), F32)
                check(run(m, n, *rest, FLOATS(x), FLOATS(inner), FLOATS(y)), "a")
                return y
        return long(a, x)

    def prepare(a, x):
        given, asked, (a, x) = x, a, sparse_arguments(a, x)
        in_place(given, x, "x")
        (m, k), n = a.shape, x.shape[1]
        y = np.empty((m, n), F32)
        rank = a.low.rank
        if not n or not k or max(rank * (k + m), m * k) * n > SHORT:
            def again():
                y[...] = long(asked, x)
                return y

            again.held = asked
        else:
            _, rest, _, held = once(_parts, asked)
            inner = np.empty((rank + m) * n, F32)
            operands = *kernels[1:], m, n, *rest, FLOATS(x), FLOATS(inner), FLOATS(y)
            again = prepared("lowrank_sparse_matmul", kernels[0], operands, y, "a")
            again.held = held, asked
        return again

    @in_default_mode
    def long(a, x):
        given, (a, x) = a, sparse_arguments(a, x)
        if a.shape[1] and a.sparse.nnz <= FEW:
            once(_parts, given)
        y = lowrank_matmul(a.low, x)
        if not isinstance(a.sparse, CSR):
            return sparse_matmul.added(given, a, x, y)
        with np.errstate(all="ignore"):
            y += np.float32(0)  # +0.0 of each zero
            y += csr_matmul(a.sparse, x)
        return y

    kernels, seen = (lowrank_matmul.kernel, sparse_matmul.kernel, csr_matmul.kernel), kept(_parts).get
    run = partial(lib.rc_short_lowrank_sparse, *kernels)
    lowrank_sparse_matmul.prepare = prepare
    return lowrank_sparse_matmul


def _parts(given) -> tuple:
    """Return the sizes (m, k, rank) of a matrix that was checked, what the kernels read of it, at most how many
    multiply-adds it takes for a column, and what keeps it alive."""
    a = unprepared(given)
    m, k, rank, *factors = _factors(a.low)
    if isinstance(a.sparse, CSR):
        held, none = csr_struct(a.sparse), ffi.NULL
        structs = none, held.struct
    else:
        held, none = held_of(given, lowrank_struct) or struct(a.sparse), ffi.NULL
        structs = held.struct, none
    return (m, k, rank), (k, rank, *factors, *structs), max(rank * (k + m), m * k), held
