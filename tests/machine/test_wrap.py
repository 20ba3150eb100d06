"""A function in C of a user's own, as an operation: all of them, in each of their parts."""

import ctypes
import itertools
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from refcompress import RefcompressError, native, testing
from refcompress.agreement import Disagreement, exactly
from refcompress.errors import ArgumentTypeError
from refcompress.native import _call, _table
from refcompress.ops import OPS

ROOT = Path(__file__).resolve().parents[2]
TABLE = _call.lib.rc_kernels_at(0)
PARTS = [(op, part) for op in OPS if hasattr(native, op) and not hasattr(native._BINDERS[op], "__wrapped__")
         and op not in native._IN_PYTHON for part in native.parts(op)]
# What the others write goes by what these counted: where they count nothing, it would go past the arrays.
COUNTS = {"csr_count"}


def test_every_operation_of_the_table_of_kernels_can_be_wrapped():
    wrapped = {part for _, part in PARTS}
    packers = {"gemm_s8_pack", "gemm_s8s8_packed", "gemm_u8s8_packed", "gemm_coded_pack", "gemm_s8_lay"}
    assert wrapped | packers == set(_table.KERNELS) and not wrapped & packers


@pytest.mark.parametrize("op, part", PARTS)
def test_our_own_kernels_wrapped_give_the_same_bits(op, part):
    wrapped = native.wrap(op, getattr(TABLE, part), part=part)
    for args, kwargs in list(itertools.islice(testing.samples(op), 0, 240, 30)):
        exactly(getattr(native.at("portable"), op)(*args, **kwargs), wrapped(*args, **kwargs))


@pytest.mark.parametrize("op, part", [pair for pair in PARTS if pair[1] not in COUNTS])
def test_a_kernel_that_does_nothing_is_caught_in_every_part(op, part):
    calls = []

    @_call.ffi.callback(f"rc_{part}")
    def nothing(*arguments):
        calls.append(1)
        return 0

    wrapped = native.wrap(op, nothing, part=part)
    with pytest.raises((Disagreement, RefcompressError, IndexError, ValueError, RuntimeWarning)):
        for args, kwargs in testing.samples(op):
            got = wrapped(*args, **kwargs)  # first: what memory holds is then not yet the right result
            exactly(getattr(native.at("portable"), op)(*args, **kwargs), got)
    assert calls


def test_a_function_of_ctypes_is_taken_and_its_library_kept():
    prototype = ctypes.CFUNCTYPE(ctypes.c_int, *[ctypes.c_size_t] * 5, *[ctypes.c_void_p] * 3)
    function = prototype(int(_call.ffi.cast("uintptr_t", TABLE.gemm_s8s8)))
    wrapped = native.wrap("gemm_s8s8", function)
    assert wrapped.address is function
    assert wrapped(np.int8([[2, 3]]), np.int8([[5, 7]])).tolist() == [[31]]


@pytest.mark.parametrize("arguments, said", [(("gemm", 1), "op"), (("gemm_s8s8", 0), "address"),
                                             (("allocate_exact", 1), "op")])
def test_what_cannot_be_wrapped_is_refused_by_name(arguments, said):
    with pytest.raises(RefcompressError, match=f"^{said}: "):
        native.wrap(*arguments)


def test_an_address_must_be_one_and_a_part_must_be_known():
    for bad in (None, "gemm", 1.0, True):
        with pytest.raises(ArgumentTypeError, match="^address: "):
            native.wrap("gemm_s8s8", bad)
    with pytest.raises(RefcompressError, match="^part: "):
        native.wrap("gemm_s8s8", 1, part="gemm_u8s8")


@pytest.fixture(scope="module")
def mine(tmp_path_factory):
    """The library of examples/kernels, built as its first lines say."""
    if not shutil.which("cc"):
        pytest.skip("no C compiler")
    from refcompress.cli import guide

    library = tmp_path_factory.mktemp("mine") / "mine.so"
    folder = guide.include(None).data["include"]
    subprocess.run(["cc", "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", f"-I{folder}",
                    ROOT / "examples" / "kernels" / "mine.c", "-o", library], check=True)
    return ctypes.CDLL(str(library))


def test_the_example_of_a_kernel_agrees_and_the_one_without_a_tail_does_not(mine):
    assert testing.check("gemm_s8s8", native.wrap("gemm_s8s8", mine.my_gemm), examples=0)
    with pytest.raises(Disagreement, match="gemm_s8s8"):
        testing.check("gemm_s8s8", native.wrap("gemm_s8s8", mine.my_gemm_without_a_tail), examples=0)
