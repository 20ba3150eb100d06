"""The mechanism of the native kernels: variants by name, bits that nothing changes, bad memory."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from implementations import NATIVE, each, need_native
from programs import run

from refcompress import reference, testing
from refcompress.agreement import exactly
from refcompress.errors import ArgumentTypeError, RefcompressError
from refcompress.formats import Quantized
from refcompress.ops import OPS
from refcompress.testing import guarded

native = need_native()

from refcompress.native import _call, _table, csr, gemm, threads  # noqa: E402

F = np.float32
EACH = each("space", NATIVE)


def integers(rng, *shape, dtype=np.int8):
    return rng.integers(np.iinfo(dtype).min, np.iinfo(dtype).max + 1, shape).astype(dtype)


def quantized(rng, n, k, form):
    """Return random weights with scales of one of seven forms: per tensor, output, input, both, and in groups."""
    group = (None, None, None, None, 5, 32, 48)[form]
    columns = (1, 1, k, k, -(-k // 5), -(-k // 32), -(-k // 48))[form]
    shape = (1 if form in (0, 2, 6) else n, columns)
    return Quantized(integers(rng, n, k), rng.uniform(0.5, 2, shape).astype(F), integers(rng, *shape), group)


def calls(rng, m, n, k):
    """Yield (operation, arguments, keyword arguments) for products of that size."""
    x = integers(rng, m, k)
    yield "gemm_s8s8", (x, integers(rng, n, k)), {}
    yield "gemm_u8s8", (x.view(np.uint8), integers(rng, n, k)), {}
    real = rng.normal(size=(m, k)).astype(F)
    for form in range(7):
        yield "gemm_f32s8", (real, quantized(rng, n, k, form)), {}
    w = rng.normal(size=(k, n)).astype(F)
    yield "csr_matmul", (reference.csr_from_dense(real, rng.random((m, k)) < 0.3), w), {}
    yield "gemm_f32f32", (real, w), {"transposed": True}
    yield "gemm_f32f32", (real, np.ascontiguousarray(w.T)), {}


def test_the_variants_have_names_and_each_wider_one_has_all_that_a_narrower_one_has():
    names = [space.__name__ for space in NATIVE]
    assert names == ["native.portable", "native.avx2", "native.avx512"][: len(names)]
    for narrow, wide in zip(NATIVE, NATIVE[1:]):
        assert set(vars(narrow)) <= set(vars(wide))
    for space in NATIVE:
        assert native.at(space.__name__.removeprefix("native.")) is space
        kernels = {name: f for name, f in vars(space).items() if callable(f)}
        assert set(kernels) <= set(OPS)
        assert all(f.isa in ("portable", "avx2", "avx512") for f in kernels.values())
    assert all(getattr(native, name) is f for name, f in vars(NATIVE[-1]).items() if callable(f))
    assert all(f.isa == "portable" for f in vars(NATIVE[0]).values() if callable(f))
    assert native.__name__ == "refcompress.native"
    for bad, kind in (("avx1024", RefcompressError), (None, ArgumentTypeError)):
        with pytest.raises(kind, match="^isa: "):
            native.at(bad)


def test_a_native_function_carries_the_contract_of_the_reference():
    for name, function in vars(NATIVE[-1]).items():
        if callable(function):
            assert function.__doc__ == getattr(reference, name).__doc__ and function.__name__ == name


def test_every_kernel_of_the_table_is_bound_to_its_operation_or_listed_as_a_helper():
    unbound = set(_table.KERNELS) - {name for name, f in vars(NATIVE[-1]).items() if callable(f)}
    assert unbound == set(_table.HELPERS)
    files = Path(native.__file__).parent.rglob("*.py")
    binders = "".join(path.read_text() for path in files if path.name != "_table.py")
    assert not {name for name in _table.HELPERS if f'"{name}"' not in binders}


def test_every_kernel_that_is_written_is_in_the_table_and_portable_has_them_all():
    """A function named rc_<operation>_<isa> that the list in csrc/kernels.h does not have would be compiled and
    never called."""
    rows = {isa: set(own) for isa, own, _ in _table.rows()}
    assert rows["portable"] == set(_table.KERNELS)
    sources = "".join(path.read_text() for path in (Path(__file__).resolve().parents[2] / "csrc").glob("*/*.[ch]"))
    written = set(re.findall(r"\brc_(\w+)_(portable|avx2|avx512)\b", sources))
    assert {(op, isa) for op, isa in written if isa in rows} == {(op, isa) for isa in rows for op in rows[isa]}


# Where the kernels change what they do: a tile of 3, 4 or 8 rows of x and 4, 6 or 48 of w; 60 or 128 rows of x a block;
# 32 steps of 16 or 64 inputs, or 384 inputs, a packed block; 64 or 32 columns of csr, 16, 8; 512 columns of a
# transposed w, 3 or 6 of its rows; k of whole KiB.
@pytest.mark.parametrize(
    "m, n, k",
    [
        (1, 1, 511),
        (1, 7, 513),
        (2, 5, 1040),
        (3, 6, 2047),
        (4, 13, 2049),
        (5, 12, 4200),
        (59, 9, 40),
        (60, 65, 30),
        (61, 33, 70),
        (125, 3, 17),
        (131, 50, 390),
        (7, 64, 100),
        (9, 127, 33),
        (6, 25, 48),
        (3, 72, 8),
        (2, 4, 600),
        (7, 1040, 14),
        (5, 513, 19),
        (9, 70, 512),
        (61, 65, 256),
    ],
)
def test_all_variants_give_the_same_bits_across_blocks(m, n, k):
    for op, arguments, kwargs in calls(np.random.default_rng(m * n * k), m, n, k):
        expected = getattr(NATIVE[0], op)(*arguments, **kwargs)
        if op in ("gemm_s8s8", "gemm_u8s8"):
            exactly(getattr(reference, op)(*arguments, **kwargs), expected)
        for space in NATIVE[1:]:
            exactly(expected, getattr(space, op)(*arguments, **kwargs))


@EACH
def test_the_number_of_threads_and_the_size_of_chunks_change_no_bit(space, count, monkeypatch):
    for op, arguments, kwargs in calls(np.random.default_rng(3), 70, 43, 90):
        count(1)
        expected = getattr(space, op)(*arguments, **kwargs)
        for workers in (1, 2, 3):
            count(workers)
            for seconds in (1e-9, 1e-5, 1):  # chunks of a single row or grain, and single rows of x, up to all at once
                monkeypatch.setattr(threads, "CHUNK_SECONDS", seconds)
                exactly(expected, getattr(space, op)(*arguments, **kwargs))


@EACH
@pytest.mark.skipif(not guarded.available(), reason="needs mprotect")
def test_kernels_read_nothing_outside_their_arrays_even_where_x_is_long(space, monkeypatch):
    """The sweep of test_agreement has all lengths to 67; here blocks are crossed, and x is not copied to a cache
    line."""
    monkeypatch.setattr(gemm, "aligned", lambda x: x)
    monkeypatch.setattr(csr, "aligned", lambda x: x)
    rng = np.random.default_rng(4)
    for m, n, k in ((5, 66, 1030), (61, 70, 67), (1, 64, 2051), (2, 131, 513)):
        for op, arguments, kwargs in calls(rng, m, n, k):
            expected = getattr(space, op)(*arguments, **kwargs)
            for layout in testing.layouts.GUARDED:
                exactly(expected, getattr(space, op)(*testing.layouts.place(arguments, layout), **kwargs))


@EACH
def test_kernels_write_no_row_and_no_byte_outside_their_own(space):
    """y lies between guard pages, and what other threads would write keeps its values."""
    if not guarded.available():
        pytest.skip("needs mprotect")
    level = NATIVE.index(space)
    row, ffi = _call.lib.rc_kernels_at(level), _call.ffi
    x, w = integers(np.random.default_rng(5), 5, 70), integers(np.random.default_rng(6), 13, 70)
    expected = reference.gemm_s8s8(x, w)
    for begin, end in ((0, 13), (0, 1), (3, 10), (7, 13), (4, 4)):
        for place in (guarded.ends_at_guard, guarded.begins_at_guard):
            y = place(np.full((5, 13), 77, np.int32))
            status = row.gemm_s8s8(begin, end, 5, 13, 70, _call.pointer(x), _call.pointer(w),
                                   ffi.cast("int32_t *", y.ctypes.data))
            assert status == _call.lib.RC_OK
            assert np.array_equal(y[:, begin:end], expected[:, begin:end])
            assert (np.delete(y, np.s_[begin:end], axis=1) == 77).all()


@EACH
def test_integer_products_are_exact_up_to_their_last_k(space):
    for op, x, w, k in (("gemm_s8s8", np.int8(-128), -128, 131_071), ("gemm_s8s8", np.int8(127), -128, 131_071),
                        ("gemm_u8s8", np.uint8(255), -128, 65_793), ("gemm_u8s8", np.uint8(255), 127, 65_793)):
        y = getattr(space, op)(np.full((2, k), x), np.full((3, k), w, np.int8))
        assert y.tolist() == [[int(x) * w * k] * 3] * 2


@EACH
def test_infinity_and_nan_meet_every_weight_and_no_other_row(space):
    x = np.ones((5, 37), F)
    x[1, 36], x[3, 0] = np.inf, np.nan
    w = Quantized(np.zeros((7, 37), np.int8), F([[1]]), np.int8([[0]]))
    y = space.gemm_f32s8(x, w)
    assert np.isnan(y[[1, 3]]).all() and (y[[0, 2, 4]] == 0).all()


@EACH
def test_an_index_that_changed_after_it_was_checked_is_refused_not_followed(space):
    for n in (1, 8, 20, 70):
        for field, at, value in (("indices", 5, 4), ("indices", 0, -1), ("indices", 7, -(2**31)), ("indptr", 1, -1),
                                 ("indptr", 2, 2**62), ("indptr", 5, 9), ("indptr", 0, 2**40)):
            a = reference.csr_from_dense(np.eye(8, 4, dtype=F), np.arange(32).reshape(8, 4) % 4 == 1)
            array = getattr(a, field)
            array.flags.writeable = True
            array[at] = value
            with pytest.raises(RefcompressError, match="^a: has an index outside its array"):
                space.csr_matmul(a, np.ones((4, n), F))


DECREASING = """
import sys
import numpy as np
from refcompress import RefcompressError, native, reference
from refcompress.testing import guarded
space = next(space for space in native.available() if space.__name__ == sys.argv[1])
for n in (1, 8, 20, 70):
    for at, value in ((2, 0), (3, 1), (5, 0), (7, 5)):
        a = reference.csr_from_dense(np.eye(8, 4, dtype=np.float32), np.arange(32).reshape(8, 4) % 4 == 1)
        for field in ("indptr", "indices", "data"):
            object.__setattr__(a, field, guarded.ends_at_guard(getattr(a, field)))
        a.indptr[at] = value
        try:
            space.csr_matmul(a, np.ones((4, n), np.float32))
        except RefcompressError as error:
            print(error.argument)
"""


@EACH
@pytest.mark.skipif(not guarded.available(), reason="needs guard pages")
def test_a_row_that_ends_before_it_begins_is_refused_not_read(space):
    """In a process of its own: whoever takes the difference for a length reads on until the guard page ends him."""
    done = subprocess.run(
        [sys.executable, "-c", DECREASING, space.__name__], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout) == (0, "a\n" * 16), done.stderr


def test_any_c_function_of_the_right_type_becomes_an_operation():
    table = _call.lib.rc_kernels_at(0)
    for op in ("csr_matmul", "gemm_s8s8", "gemm_u8s8", "gemm_f32s8", "gemm_f32f32"):
        pointer = getattr(table, op)
        for address in (pointer, int(_call.ffi.cast("uintptr_t", pointer))):
            function = native.wrap(op, address)
            for name, arguments, kwargs in calls(np.random.default_rng(7), 5, 6, 40):
                if name == op:
                    exactly(getattr(NATIVE[0], op)(*arguments, **kwargs), function(*arguments, **kwargs))
    with pytest.raises(ArgumentTypeError, match="^x: "):
        native.wrap("gemm_s8s8", table.gemm_s8s8)(F([[1]]), np.int8([[1]]))
    with pytest.raises(RefcompressError, match="^address: "):
        native.wrap("gemm_s8s8", 0)
    with pytest.raises(RefcompressError, match="^op: "):
        native.wrap("gemm", 1)


@pytest.mark.skipif(_call.ffi.sizeof("size_t") != 8, reason="written for 64 bits")
def test_a_wrong_c_function_is_caught_by_check():
    @_call.ffi.callback("rc_gemm_s8s8")
    def forgets_the_last_input(begin, end, m, n, k, x, w, y):
        for i in range(m):
            for o in range(begin, end):
                y[i * n + o] = sum(x[i * k + p] * w[o * k + p] for p in range(k - 1))
        return 0

    with pytest.raises(AssertionError, match=r"gemm_s8s8: result\[0, 0\]"):
        testing.check("gemm_s8s8", native.wrap("gemm_s8s8", forgets_the_last_input), examples=0, isolate=False,
                      explain=False)


def test_without_the_built_module_the_reference_works_and_native_says_why_not():
    done = run("""
import sys
sys.modules["refcompress.native._kernels"] = None
import refcompress
assert refcompress.csr_matmul
try:
    from refcompress import native
except refcompress.errors.NotBuilt as error:
    assert isinstance(error, ImportError)
    print(error)
""")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("native: the C kernels are not built (") and "install gcc or clang" in done.stdout
