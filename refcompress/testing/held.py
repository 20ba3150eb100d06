"""What a process holds of memory: exact numbers, not the pages that the system counts."""

import ctypes
import sys


class _Given(ctypes.Structure):  # struct mallinfo2 of glibc: bytes given out are the fields uordblks and hblkhd
    _fields_ = [(name, ctypes.c_size_t) for name in (
        "arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost")]


def held() -> tuple[int, int]:
    """Return the bytes that the C library has given out (0 where it does not say so), and Python's blocks.

    What was printed is written first: a stream holds each piece of it until then.
    """
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    look = getattr(ctypes.CDLL(None), "mallinfo2", None) if sys.platform == "linux" else None
    given = 0
    if look is not None:
        look.restype = _Given
        found = look()
        given = found.uordblks + found.hblkhd
    return given, sys.getallocatedblocks()
