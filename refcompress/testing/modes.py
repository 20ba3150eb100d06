"""How the processor and NumPy compute: what a call must leave as it was."""

import contextlib
import ctypes
import platform
import sys
from collections.abc import Iterator

import numpy as np

_ONE, _SMALL, _NORMAL, _LEAST, _HALF = 1.0, 2.0**-54, 2.0**-1022, 5e-324, 0.5
_C = ctypes.CDLL(None) if sys.platform != "win32" else None
_DEFAULT = ctypes.c_void_p(-1)  # FE_DFL_ENV of glibc
# Where fenv_t of glibc has the registers that say how to compute, and which of their bits are no flags of errors.
_CONTROLS = {"x86_64": ((0, 0x0F3F), (28, 0xFFC0)), "aarch64": ((0, 0xFFFFFFFF),)}
_IN_FENV = _CONTROLS.get(platform.machine(), ()) if sys.platform == "linux" else ()


def mode() -> tuple:
    """Return what tells one mode from another: rounding, subnormals, and what NumPy does about errors. It is cheap.

    The C library's word for the rounding may be that of one unit of the processor alone. So sums are tried too, and the
    registers are read where it is known how they lie.
    """
    registers: tuple[int, ...] = ()
    if _IN_FENV and _C is not None:
        state = ctypes.create_string_buffer(64)
        _C.fegetenv(state)
        registers = tuple(int.from_bytes(state.raw[at : at + 4], "little") & bits for at, bits in _IN_FENV)
    rounding = _C.fegetround() if _C is not None else 0
    return (registers, rounding, _ONE + _SMALL, _ONE - _SMALL, -_ONE - _SMALL, _NORMAL * _HALF,
            _LEAST * _ONE), np.geterr()


@contextlib.contextmanager
def flushing() -> Iterator[None]:
    """Take subnormal numbers for zeros inside, as a caller may who was compiled for speed; where it is known how."""
    if platform.machine() == "x86_64" and sys.platform == "linux" and _C is not None:
        state = ctypes.create_string_buffer(64)
        _C.fegetenv(state)
        control = int.from_bytes(state.raw[28:32], "little") | 0x8040  # MXCSR: flush to zero, denormals are zeros
        ctypes.memmove(ctypes.addressof(state) + 28, control.to_bytes(4, "little"), 4)
        _C.fesetenv(state)
    try:
        yield
    finally:
        restore()


def changed(before: tuple) -> str:
    """Return in words what differs from a mode before, or nothing; set the processor's mode back."""
    after = mode()
    if after[0] != before[0]:
        restore()
        return ("leaves the mode of the floating-point unit changed: how sums are rounded, or what becomes of "
                "subnormal numbers")
    return "leaves numpy.seterr changed" if after[1] != before[1] else ""


def restore() -> None:
    """Set the processor back to rounding to nearest and subnormals, where the C library is glibc."""
    if sys.platform == "linux" and _C is not None:
        _C.fesetenv(_DEFAULT)
