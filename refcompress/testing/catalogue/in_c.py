"""Kernels in C, compiled when they are first called: what is read and written beside arrays, deaths, loops, statuses.

Each file of the folder ``c`` has all bugs of an operation. One of them is chosen when it is compiled. A right kernel of
the same file shows that the rest of it is right.
"""

import ctypes
import functools
import os
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from .kernels import Kernel

FOLDER = Path(__file__).parent / "c"


@functools.cache
def _compiled(op: str, bug: str) -> Callable:
    from ... import native  # it need not be built where no kernel in C is called

    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, f"{op}.so")
        subprocess.run(["cc", "-std=c11", "-D_DEFAULT_SOURCE", "-O1", "-frounding-math", "-w", "-shared", "-fPIC",
                        f"-DBUG={bug}", str(FOLDER / f"{op}.c"), "-o", path, "-lm"], check=True)
        library = ctypes.CDLL(path)
    wrapped = native.wrap(op, ctypes.cast(library.kernel, ctypes.c_void_p).value)
    _LIBRARIES.append(library)
    return wrapped


_LIBRARIES: list[ctypes.CDLL] = []  # for as long as the process lives: the functions are theirs


def _in_c(op: str, bug: str) -> Callable:
    return lambda *args, **kwargs: _compiled(op, bug)(*args, **kwargs)


_KERNELS = (
    ("gemm_s8s8", "NONE", "the plain loop in C", "algorithm", "Three loops, and sums of 32 bits."),
    ("gemm_s8s8", "READS_PAST", "reads sixteen inputs whole", "memory",
     "A vector is loaded whole and masked then: the last row reads past the end of its array."),
    ("gemm_s8s8", "READS_BEFORE", "reads the element before the first", "memory",
     "A window of elements is filled from one place before the row."),
    ("gemm_s8s8", "WRITES_PAST", "writes one result too many", "memory",
     "A vector is stored whole where one element is left."),
    ("gemm_s8s8", "WRITES_BEFORE", "writes before the first result", "memory",
     "A loop that counts down ends one place too low."),
    ("gemm_s8s8", "NULL_AT_33", "dies at 33 inputs", "memory",
     "A pointer is set on a path that one length does not take."),
    ("gemm_s8s8", "FIXED_BUFFER", "a buffer of 64 bytes", "memory",
     "A row is copied into an array on the stack, whose size nobody checks."),
    ("gemm_s8s8", "WRITES_INPUT", "writes to its input", "memory",
     "const is cast away, and the same value is written back. Memory that is read-only refuses that."),
    ("gemm_s8s8", "HANGS_AT_31", "never comes back at k mod 32 = 31", "status",
     "A loop counts an unsigned number down to below zero."),
    ("gemm_s8s8", "SLEEPS_AT_65", "an hour for 65 inputs", "status", "A lock is waited for that nobody gives back."),
    ("gemm_s8s8", "BAD_STATUS", "refuses what is good", "status",
     "A status that was left from a check is returned at some lengths."),
    ("gemm_s8s8", "UNKNOWN_STATUS", "a status that nobody knows", "status", "Minus one stands for many things."),
    ("gemm_s8s8", "EXITS", "ends the process", "status", "An assertion of another kind calls exit."),
    ("gemm_s8s8", "STATIC_SUMS", "static sums for all threads", "state",
     "An array that is static saves the stack, and all threads have the same one."),
    ("gemm_s8s8", "LEAKS", "64 KiB lost with each call", "state", "What malloc gave is never freed."),
    ("gemm_s8s8", "LEAVES_MODE", "rounds upward from then on", "state",
     "The mode of the processor is set, and one way out does not restore it."),
    ("gemm_s8s8", "NOT_WRITTEN", "nothing written without inputs", "state",
     "A sum of no terms is 0, and must be written."),
    ("gemm_s8s8", "CHAR_IS_UNSIGNED", "char is unsigned", "format",
     "Whether char has a sign is the compiler's choice; on ARM it has none."),
    ("gemm_s8s8", "SHORT_SUMS", "sums in a short", "bits", "The type of a product was taken for that of a sum."),
    ("gemm_s8s8", "RANGE_PASSED_BY", "each thread from the first output on", "state",
     "The range of a thread was taken for a number of outputs."),
    ("nn_softmax", "READS_PAST", "reads eight inputs whole", "memory",
     "The maximum of a row is taken over whole vectors."),
    ("nn_softmax", "NO_MAXIMUM", "maximum not subtracted, in C", "values",
     "The textbook's formula overflows for arguments above 88."),
    ("nn_softmax", "LAST_ROW_LOST", "the last row lost, in C", "tail", "The end of the range was taken for inclusive."),
    ("nn_softmax", "WRITES_PAST", "divides one element too many", "memory", "A loop ends with <= for <."),
    ("csr_matmul", "NONE", "the plain loop in C", "order", "One chain an element, in storage order, not fused."),
    ("csr_matmul", "TWO_ENTRIES_AT_A_TIME", "two entries at a time", "memory",
     "A loop that is unrolled by two takes one entry of the next row, or none of anybody's."),
    ("csr_matmul", "READS_NEXT_COLUMN", "the next column in every seventh row", "memory",
     "The last element of a row of x is taken one place further on."),
    ("csr_matmul", "RETURNS_FOR_EMPTY", "ends with the first empty row", "state",
     "A return stands where the loop should go on. What is left of the result is what was in memory."),
    ("csr_matmul", "ALL_COLUMNS_WRITTEN", "four columns at a time", "memory",
     "Columns are rounded up to a multiple of four: the next row is written over, or what lies behind the last."),
)

KERNELS: list[Kernel] = [Kernel(op, name, kind, story, _in_c(op, bug), needs=("cc", "cffi"), alone=True)
                         for op, bug, name, kind, story in _KERNELS]
