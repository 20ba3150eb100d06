"""The modes of the floating-point unit that another library may leave behind, set as it would set them: by the C
library."""

import ctypes
import platform
from contextlib import contextmanager

import numpy as np

# The numbers of fesetround, and where in fenv_t glibc keeps the register with the bits that flush subnormals.
ROUNDINGS = {
    "x86_64": {"down": 0x400, "up": 0x800, "zero": 0xC00},
    "aarch64": {"up": 0x400000, "down": 0x800000, "zero": 0xC00000},
}
FLUSHES = {  # (byte in fenv_t, bits): results that are subnormal become zero (FTZ), and so do operands that are (DAZ)
    "x86_64": {"flush to zero": (28, 0x8040), "results to zero": (28, 0x8000), "operands to zero": (28, 0x40)},
    "aarch64": {"flush to zero": (0, 1 << 24)},
}
MACHINE = platform.machine()


def signature() -> bytes:
    """Return results of NumPy's that are others in each mode: what shows which one is set, without asking our own
    code."""
    one, least = np.full(64, 1, np.float32), np.full(64, 2.0**-149, np.float32)
    tiny = np.full(64, 2.0**-126, np.float32)
    with np.errstate(all="ignore"):
        results = one + tiny, -one - tiny, one - tiny, tiny * np.float32(0.5), least * one, least * np.float32(2.0**127)
        return b"".join(a.tobytes() for a in results)


DEFAULT = signature()


def modes() -> list[str]:
    """Return the names of those that this platform lets a test set; none where it has no such control that we know."""
    names = [*ROUNDINGS.get(MACHINE, ()), *FLUSHES.get(MACHINE, ())]
    return [name for name in names if _takes_effect(name)]


@contextmanager
def mode(name: str):
    """Compute in that mode meanwhile, in this thread."""
    library, before = ctypes.CDLL(None), ctypes.create_string_buffer(64)
    assert library.fegetenv(before) == 0
    changed = ctypes.create_string_buffer(before.raw)
    try:
        if name in ROUNDINGS[MACHINE]:
            assert library.fesetround(ROUNDINGS[MACHINE][name]) == 0
        else:
            at, bits = FLUSHES[MACHINE][name]
            ctypes.c_uint32.from_buffer(changed, at).value |= bits
            assert library.fesetenv(changed) == 0
        yield
    finally:
        assert library.fesetenv(before) == 0


def _takes_effect(name: str) -> bool:
    try:
        with mode(name):
            return signature() != DEFAULT
    except (AttributeError, OSError):  # no such functions in this C library
        return False
