"""The operations as fast as can be, under the names of the reference: C kernels, and Python around NumPy and BLAS.

>>> from refcompress import native
>>> native.csr_matmul.isa == native.available()[-1].csr_matmul.isa    # the widest kernel that this machine runs
True
>>> native.at("portable").csr_matmul.isa                              # one variant by name
'portable'

An implementation is a namespace: ``at(isa)`` has every operation that this instruction set or a narrower one computes,
``available()`` lists those of this machine, narrowest first, and this module has those of the widest. Operations for
which there is nothing faster are not here: nothing switches language behind the caller's back.

Each call computes in the default mode of the floating-point unit: it rounds to nearest and keeps subnormals. Another
library may have set another rounding, or that subnormals become zeros. The call sets the default mode, in the pool's
threads too, and sets the mode that it found again when it ends, also by an exception. (On processors other than x86-64
and aarch64 only the rounding can be set.) NumPy, and so the reference, computes in the mode that it finds: the two
agree in the default mode.

A product that is so short that checking its arguments takes longer than the work can be prepared:

>>> import numpy as np
>>> x, w = np.ones((1, 8), np.int8), np.ones((2, 8), np.int8)
>>> again = native.gemm_s8s8.prepare(x, w)   # checks, once
>>> x[:] = 3                     # each call reads x and w where they are, and writes and returns the same array
>>> again().tolist()
[[24, 24]]
"""

import inspect
from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from .. import arguments, products
from ..errors import ArgumentTypeError, NotBuilt, RefcompressError

if TYPE_CHECKING:  # the operations are put here at the end of this file; a tool that only reads finds the reference's
    from ..reference import *  # noqa: F403

try:
    from ._kernels import ffi, lib
except ImportError as error:
    if isinstance(error, ModuleNotFoundError):
        rule = (
            "the C kernels are not built (there was no working C compiler when refcompress was installed); install gcc "
            "or clang, then refcompress again with REFCOMPRESS_REQUIRE_C=1 set, to see what fails if it does, or run "
            "'make build' in a checkout"
        )
    else:
        rule = f"the C kernels cannot be loaded: {error}; a symbol that is undefined has no definition in csrc/"
    raise NotBuilt("native", rule) from None

from . import (
    _kernels,
    adaround,
    allocate,
    csr,
    floats,
    gemm,
    gemm_bf16,
    gemm_codes,
    gemm_narrow,
    ggml,
    hessian,
    huffman,
    lowrank,
    nn,
    planes,
    prepared,
    prune,
    quantize,
    rangecoder,
    share,
    sparse,
    threads,
)
from ._call import in_default_mode
from ._table import HELPERS, KERNELS, PARTS, SPEED, Row, rows
from .packers import PACKERS, prepare

__all__ = ["at", "available", "wrap", "parts", "prepare", "PACKERS", "matmul", "compiled", "compiler", "path",
           "threads"]

# How the operations become Python functions. A family's __all__ names its operations, and each is a function there. If
# the table has a kernel of that name, it is a binder, whose arguments are the kernel and a Row. If its parameters are
# named as operations, it is a binder too, whose arguments are these. Else it is the operation itself, in Python.
_FAMILIES = (prune, hessian, adaround, share, quantize, floats, ggml, allocate, lowrank, csr, sparse, gemm, gemm_bf16,
             gemm_codes, gemm_narrow, huffman, rangecoder, planes, nn)
_BINDERS = {op: getattr(family, op) for family in _FAMILIES for op in family.__all__}
_PARTS = {op: tuple(inspect.signature(function).parameters) for op, function in _BINDERS.items() if op not in KERNELS}
_MADE_OF = {op: parts for op, parts in _PARTS.items() if parts and set(parts) <= set(_BINDERS)}
_IN_PYTHON = [op for op in _PARTS if op not in _MADE_OF]


def _bound(op: str, kernel, row: Row) -> Callable:
    """Return the operation computed by a C kernel, in the default mode whatever another library has set."""
    return _in_mode(op, _BINDERS[op](kernel, row))


def _in_mode(op: str, function: Callable) -> Callable:
    """Return an operation in the default mode; of those of prepared.OPERATIONS, C looks after the mode."""
    return function if op in prepared.OPERATIONS else in_default_mode(function)


def _namespaces() -> dict[str, SimpleNamespace]:
    """Merge the table's rows, narrowest first: a wider instruction set replaces what it has a kernel of its own for."""
    kernels: dict[str, Any] = {}
    merged: dict[str, Callable] = {op: in_default_mode(_BINDERS[op]) for op in _IN_PYTHON}
    for function in merged.values():
        function.isa = "portable"  # type: ignore[attr-defined]
    spaces: dict[str, SimpleNamespace] = {}
    for isa, own, supported in rows():
        if not supported:
            continue
        kernels = kernels | own
        row = Row(isa, SPEED[isa], kernels)
        # A helper whose name begins with an operation's is a part of this operation: both are bound together.
        parts_of = {op for op in _BINDERS for helper in HELPERS if helper in own and helper.startswith(f"{op}_")}
        new = {op: _bound(op, kernels[op], row) for op in _BINDERS if op in own or op in parts_of}
        for op, parts in _MADE_OF.items():
            if any(part in new for part in parts):
                new[op] = _in_mode(op, _BINDERS[op](*((merged | new)[part] for part in parts)))
        for op, function in new.items():
            function.isa = isa  # type: ignore[attr-defined]
            if op in PACKERS and PACKERS[op][1] is not None:
                function.prepare_weight = partial(prepare, product=op)  # type: ignore[attr-defined]
        merged = merged | new
        spaces[isa] = SimpleNamespace(__name__=f"native.{isa}", **merged)
    return spaces


_SPACES = _namespaces()


def available() -> list[SimpleNamespace]:
    """Return the implementations that this machine runs, narrowest first."""
    return list(_SPACES.values())


def at(isa: str) -> SimpleNamespace:
    """Return the implementation of one instruction set: "portable", "avx2" or "avx512"."""
    return _SPACES[arguments.choice(isa, "isa", _SPACES)]


def parts(op: str) -> tuple[str, ...]:
    """Return the names of the C functions that ``op`` is computed by, each of which ``wrap`` takes from a caller.

    >>> parts("gemm_s8s8"), parts("csr_from_dense"), parts("lowrank_matmul")
    (('gemm_s8s8',), ('csr_from_dense', 'csr_count'), ('gemm_f32f32',))
    """
    arguments.choice(op, "op", [op for op in _BINDERS if op in KERNELS or op in _MADE_OF])
    if op in KERNELS:
        return op, *PARTS.get(op, ())
    return PARTS.get(op) or tuple(dict.fromkeys(part for made in _MADE_OF[op] for part in parts(made)[:1]))


def wrap(op: str, address: Any, *, part: str | None = None) -> Callable:
    """Return a C function as the operation ``op``, with the checks, threads and errors of our own.

    address : an int, or a function pointer of cffi or ctypes, of a function of the type rc_<part> that
        csrc/<family>/api.h declares. What it lies in is kept as long as the operation.
    part : of an operation of several C functions the one that this is, a name of ``parts(op)``; the others are our
        portable ones. Without it the function is the first of them.

    Where elements or their number are so special that no C function is needed, the result does not ask for it: an empty
    array, elements of one byte of which planes_split makes one plane.
    """
    names = parts(op)
    part = names[0] if part is None else arguments.choice(part, "part", names)
    kernel = ffi.cast(f"rc_{part} *", _number(address))
    if kernel == ffi.NULL:
        raise RefcompressError("address", "must not be NULL")
    _, own, _ = next(rows())
    others = {name: own[name] for name in own if name not in HELPERS}  # the values are to come from the caller's
    if part != op:
        others[part] = kernel
    row = Row("portable", SPEED["portable"], others)

    def bound(name: str) -> Callable:
        if name in _MADE_OF:
            return in_default_mode(_BINDERS[name](*map(bound, _MADE_OF[name])))
        return _bound(name, kernel if name == part else own[name], row)

    function = bound(op)
    function.address = address  # type: ignore[attr-defined]
    return function


def _number(address: Any) -> Any:
    """Return what cffi casts: a function of ctypes as its address."""
    if hasattr(address, "argtypes") and hasattr(address, "restype"):  # without importing ctypes where nobody did
        import ctypes

        return ctypes.cast(address, ctypes.c_void_p).value or 0
    if isinstance(address, (int, ffi.CData)) and not isinstance(address, bool):
        return address
    raise ArgumentTypeError("address", f"must be an int or a function pointer, not a {type(address).__name__}")


def compiled() -> list[str]:
    """Return the instruction sets that the kernels were compiled for, whether or not this machine runs them."""
    return [isa for isa, _, _ in rows()]


def path() -> str:
    """Return the path of the compiled library."""
    return _kernels.__file__


def compiler() -> str:
    """Return the name and version of the compiler that built the kernels."""
    return ffi.string(lib.rc_compiler()).decode()


@in_default_mode  # it may decode
def matmul(weight: Any, x: Any, *, decode: bool = False) -> Any:
    """Multiply a weight in any format by columns: ``refcompress.matmul`` with the operations here."""
    return products.matmul(weight, x, decode=decode, implementation=_SPACES[next(reversed(_SPACES))])


globals().update(vars(available()[-1]) | {"__name__": __name__})
