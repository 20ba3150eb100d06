"""Calls made ready beforehand: `refcompress.native` says what for, csrc/prepared.c does them.

A product of eight rows and eight columns takes less time than it takes to check its arguments and to hand them over one
by one.
"""

import functools

import numpy as np

from ..errors import RefcompressError
from ._call import check, in_default_mode
from ._kernels import ffi, lib

# The operations that csrc/prepared.c has. It looks after the mode of the floating-point unit; no floats are computed
# outside of their kernels.
OPERATIONS = {name.removeprefix("rc_run_") for name in dir(lib) if name.startswith("rc_run_")}
# All products by narrow weights are called alike.
OPERATIONS |= {name for name, field in ffi.typeof("struct rc_kernels").fields
               if field.type is ffi.typeof("rc_gemm_f32narrow *")}

# These begin with the short products of csrc/gemm/short.c, and set the default mode themselves for what is longer.
OPERATIONS |= {"gemm_s8s4", "gemm_s8lut4", "gemm_s8s8_scaled", "gemm_s8s8_requantized", "lowrank_matmul",
               "lowrank_sparse_matmul"}


def by_name(op: str, kernel):
    """Return the kernel as a function that cffi knows by its name: called in less than half the time of a pointer."""
    return functools.partial(getattr(lib, f"rc_run_{op}"), kernel)


def in_place(given, checked: np.ndarray, argument: str) -> None:
    """Refuse what had to be copied when it was checked, of an argument that is to be read again where it is."""
    if checked is not given:
        raise RefcompressError(argument, "must be a C-contiguous, aligned array in native byte order: a call that is "
                               "prepared reads it anew each time, and a copy would not change with it")


def prepared(op: str, kernel, operands, y: np.ndarray, argument: str):
    """Return a function that makes a call of an operation again, and returns y.

    operands : what follows the kernel in its call. argument : the one that a status can be said of.
    """
    run, call = getattr(lib, f"rc_call_{op}"), ffi.new(f"struct rc_{op}_call *", (kernel, *operands))

    def again():
        if status := run(call):
            check(status, argument)
        return y

    # The call itself has addresses only, and keeps nothing alive.
    again.operands = operands  # type: ignore[attr-defined]
    return again


def with_prepare(operation, ready):
    """Return the operation with a function ``prepare`` of the same arguments, and ``empty``, which makes the result.

    ready : gives the call, and (given, checked, argument) of each array that the call reads anew each time.
    """
    def prepare(*args, **kwargs):
        call, read = ready(*args, **kwargs)
        for given, checked, argument in read:
            in_place(given, checked, argument)
        return call if hasattr(call, "operands") else in_default_mode(call)  # C looks after the mode of the former

    operation.prepare = in_default_mode(prepare)  # it may quantize
    return operation
