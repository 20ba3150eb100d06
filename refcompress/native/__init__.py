"""The operations as fast as can be, under the names of the reference: C kernels, and Python around NumPy and BLAS.

>>> from refcompress import native
>>> native.csr_matmul.isa == native.available()[-1].csr_matmul.isa    # the widest kernel that this machine runs
True
>>> native.at("portable").csr_matmul.isa                              # one variant by name
'portable'

An implementation is a namespace: ``at(isa)`` has every operation that this instruction set or a narrower one computes,
``available()`` lists those of this machine, narrowest first, and this module has those of the widest. Operations for which
there is nothing faster are not here: nothing switches language behind the caller's back.

Each call computes in the default mode of the floating-point unit: it rounds to nearest and keeps subnormals. Another library may
have set another rounding, or that subnormals become zeros; the call sets the default mode, in the pool's threads too, and sets
the mode that it found again when it ends, also by an exception. (On processors other than x86-64 and aarch64 only the rounding
can be set.) NumPy, and so the reference, computes in the mode that it finds: the two agree in the default mode.

A product that is so short that checking its arguments takes longer than the work can be prepared:

>>> import numpy as np
>>> x, w = np.ones((1, 8), np.int8), np.ones((2, 8), np.int8)
>>> again = native.gemm_s8s8.prepare(x, w)   # checks, once
>>> x[:] = 3                                 # each call reads x and w where they are, and writes and returns the same array
>>> again().tolist()
[[24, 24]]
"""

from types import SimpleNamespace

from .. import arguments
from ..errors import NotBuilt, RefcompressError

try:
    from ._kernels import ffi, lib
except ImportError as error:
    reason = ("there was no working C compiler when refcompress was installed"
              if isinstance(error, ModuleNotFoundError) else str(error))
    raise NotBuilt(
        "native",
        f"the C kernels are not built ({reason}); install gcc or clang, then refcompress again with REFCOMPRESS_REQUIRE_C=1 "
        "set, to see what fails if it does, or run 'make build' in a checkout",
    ) from None

from . import (
    _kernels,
    allocate,
    csr,
    floats,
    gemm,
    huffman,
    layers,
    lowrank,
    prune,
    quantize,
    rangecoder,
    share,
    threads,
)
from ._call import in_default_mode

__all__ = ["at", "available", "wrap", "compiled", "compiler", "path", "threads"]

# How an operation's C function becomes a Python function: one line an operation.
_BINDERS = {
    "csr_matmul": csr.csr_matmul,
    "gemm_s8s8": gemm.gemm_s8s8,
    "gemm_u8s8": gemm.gemm_u8s8,
    "gemm_f32s8": gemm.gemm_f32s8,
    "gemm_f32mixed": gemm.gemm_f32mixed,
    "gemm_f32f32": gemm.gemm_f32f32,
    "quantize_s8": quantize.quantize_s8,
    "dequantize_s8": quantize.dequantize_s8,
    "quantize_s16": quantize.quantize_s16,
    "dequantize_s16": quantize.dequantize_s16,
    "quantize_range_minmax": quantize.quantize_range_minmax,
    "floats_encode": floats.floats_encode,
    "floats_decode": floats.floats_decode,
    "share_kmeans": share.share_kmeans,
    "huffman_lengths": huffman.huffman_lengths,
    "huffman_code": huffman.huffman_code,
    "huffman_encode": huffman.huffman_encode,
    "huffman_decode": huffman.huffman_decode,
    "rangecoder_encode": rangecoder.rangecoder_encode,
    "rangecoder_decode": rangecoder.rangecoder_decode,
}

# Operations that are made of others that have kernels: which (the names, with spaces between them), and how.
_MADE_OF = {
    "lowrank_matmul": ("gemm_f32f32", lowrank.lowrank_matmul),
    "lowrank_randomized": ("gemm_f32f32", lowrank.lowrank_randomized),
    "quantize_range_mse": ("quantize_s8 dequantize_s8 quantize_s16 dequantize_s16 quantize_range_minmax",
                           quantize.quantize_range_mse),
    "floats_mx_encode": ("floats_encode", floats.floats_mx_encode),
    "floats_mx_decode": ("floats_decode", floats.floats_mx_decode),
}

# Operations that are computed in Python, by another algorithm than the reference's: one function for every
# instruction set.
_IN_PYTHON = {
    "share_optimal": share.share_optimal,
    "prune_obs": layers.prune_obs,
    "prune_magnitude": prune.prune_magnitude,
    "prune_select": prune.prune_select,
    "prune_project_l0": prune.prune_project_l0,
    "allocate_exact": allocate.allocate_exact,
    "allocate_front": allocate.allocate_front,
    "quantize_range_percentile": quantize.quantize_range_percentile,
    "quantize_range_kl": quantize.quantize_range_kl,
    "quantize_pack": quantize.quantize_pack,
    "quantize_unpack": quantize.quantize_unpack,
    "requantize_s32": quantize.requantize_s32,
    "floats_nf4_encode": floats.floats_nf4_encode,
    "floats_nf4_decode": floats.floats_nf4_decode,
    "csr_from_dense": csr.csr_from_dense,
    "csr_to_dense": csr.csr_to_dense,
    "lowrank_whitened": lowrank.lowrank_whitened,
}

# Products so short that csrc/prepared.c looks after the mode of the floating-point unit; there are no floats outside the kernel.
_MODE_IN_C = {"csr_matmul", "gemm_s8s8", "gemm_u8s8", "gemm_f32s8"}

# Multiply-adds a second and thread, to the order of magnitude: only for deciding how finely to split the work.
_SPEED = {"portable": 2e8, "avx2": 4e9, "avx512": 8e9}


def _rows():
    """Yield (isa, row of the table, whether this machine runs it), narrowest first."""
    level = 0
    while (row := lib.rc_kernels_at(level)) != ffi.NULL:
        yield ffi.string(row.isa).decode(), row, bool(lib.rc_supported(level))
        level += 1


def _bound(op: str, kernel, isa: str):
    """Return the operation computed by a C kernel, in the floating-point unit's default mode whatever another library has set."""
    function = _BINDERS[op](kernel, _SPEED[isa])
    return function if op in _MODE_IN_C else in_default_mode(function)


def _namespaces() -> dict[str, SimpleNamespace]:
    """Merge the table's rows, narrowest first: a wider instruction set replaces what it has a kernel of its own for."""
    merged, spaces = {op: in_default_mode(function) for op, function in _IN_PYTHON.items()}, {}
    for function in merged.values():
        function.isa = "portable"
    for isa, row, supported in _rows():
        if not supported:
            continue
        for op in _BINDERS:
            kernel = getattr(row, op)
            if kernel != ffi.NULL:
                merged[op] = _bound(op, kernel, isa)
                merged[op].isa = isa
        for op, (parts, bind) in _MADE_OF.items():
            functions = [merged[part] for part in parts.split()]
            merged[op] = in_default_mode(bind(*functions))
            merged[op].isa = functions[0].isa
        spaces[isa] = SimpleNamespace(__name__=f"native.{isa}", **merged)
    return spaces


_SPACES = _namespaces()


def available() -> list[SimpleNamespace]:
    """Return the implementations that this machine runs, narrowest first."""
    return list(_SPACES.values())


def at(isa: str) -> SimpleNamespace:
    """Return the implementation of one instruction set: "portable", "avx2" or "avx512"."""
    return _SPACES[arguments.choice(isa, "isa", _SPACES)]


def wrap(op: str, address):
    """Return a C function as the operation ``op``, with the checks, threads and errors of our own.

    address : an int, or a cffi function pointer, of a function of the type rc_<op> in csrc/refcompress.h.
    """
    arguments.choice(op, "op", _BINDERS)
    kernel = ffi.cast(f"rc_{op} *", address)
    if kernel == ffi.NULL:
        raise RefcompressError("address", "must not be NULL")
    return _bound(op, kernel, "portable")


def compiled() -> list[str]:
    """Return the instruction sets that the kernels were compiled for, whether or not this machine runs them."""
    return [isa for isa, _, _ in _rows()]


def path() -> str:
    """Return the path of the compiled library."""
    return _kernels.__file__


def compiler() -> str:
    """Return the name and version of the compiler that built the kernels."""
    return ffi.string(lib.rc_compiler()).decode()


globals().update(vars(available()[-1]) | {"__name__": __name__})
