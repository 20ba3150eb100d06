"""What other people's tests are given: plain arrays, bounds, an assertion, checks with names and pytest's plugin."""

import importlib
import os
import subprocess
import sys
import time

import numpy as np
import pytest

from refcompress import RefcompressError, native, reference, testing
from refcompress.agreement import Disagreement, NoBound
from refcompress.errors import MissingExtra
from refcompress.ops import OPS
from refcompress.testing import adapters, layouts
from refcompress.testing.conforming import CHECKS, Conformance, conformance, conforms

X, W = np.int8([[2, 3]]), np.int8([[5, 7], [1, -1]])


@pytest.mark.parametrize("layout", layouts.LAYOUTS, ids=lambda layout: layout.__name__)
def test_plain_gives_the_same_values_in_one_piece_of_native_memory_that_may_be_written(layout):
    for a in (np.arange(6, dtype=np.float32).reshape(2, 3), np.array(3, np.int64), np.zeros((0, 4), np.uint8)):
        got = testing.plain((layout(a), {"again": [layout(a)]}))
        for b in (got[0], got[1]["again"][0]):
            assert type(b) is np.ndarray and b.shape == a.shape and np.array_equal(a, b)
            assert b.flags.c_contiguous and b.flags.aligned and b.flags.writeable and b.dtype.isnative
    good = np.zeros(3)
    assert testing.plain(good) is good and testing.plain(None) is None


def test_a_bound_is_nothing_for_exact_operations_a_number_for_products_and_none_for_optima():
    assert testing.bound("gemm_s8s8", X, W) == 0.0
    assert testing.bound("share_optimal", np.ones(4, np.float32), clusters=1) is None
    x = np.float32([[1 / 3, 1], [np.inf, 1], [3e38, 3e38]])
    allowed = testing.bound("gemm_f32f32", x, np.float32([[1, 1]]))
    assert 0 < allowed[0, 0] < 2**-20 and allowed[1, 0] == 0 and allowed[2, 0] == np.inf
    with pytest.raises(RefcompressError, match="^op: "):
        testing.bound("gemm", X)


def test_assert_agrees_passes_what_the_rule_passes_and_nothing_else():
    right = reference.gemm_s8s8(X, W)
    testing.assert_agrees("gemm_s8s8", right, X, W)
    with pytest.raises(Disagreement, match=r"^gemm_s8s8: result\[0, 1\]"):
        testing.assert_agrees("gemm_s8s8", right + np.int32([[0, 1]]), X, W)
    large = np.float32([[3e38, 3e38], [1, 2]])  # the first sum may overflow on its way
    testing.assert_agrees("gemm_f32f32", reference.gemm_f32f32(large, large[1:]), large, large[1:])
    with pytest.raises(NoBound):
        testing.assert_agrees("gemm_f32f32", np.float32([[0]]), large[:1], large[:1])


@pytest.mark.parametrize("op", ["nn_lookup_s8", "huffman_encode"])
def test_our_own_operations_pass_every_check(op):
    tried = {name: conformance(name, op, getattr(native, op)) for name in CHECKS}
    needed = set(CHECKS) - {"options", "values"}
    assert all(tried[name] for name in needed), tried


def broken(name):
    """Return gemm_s8s8 with a bug that the check of this name is there for."""
    calls = []

    def function(x, w, *, x_zero_point=0):
        y = reference.gemm_s8s8(x, w, x_zero_point=x_zero_point)
        calls.append(1)
        longest = max(*x.shape, *w.shape)
        wrong = {"sizes": longest % 8 == 0, "tails": longest % 8 > 0, "values": (x == -128).any(),
                 "layouts": not x.flags.c_contiguous, "bits": not x.flags.c_contiguous, "state": len(calls) % 2 == 0}
        return y + np.int32(1) if wrong[name] else y

    return function if name != "refusals" else lambda x, w, **kwargs: None


@pytest.mark.parametrize("name", ["sizes", "tails", "layouts", "values", "state", "refusals", "bits"])
def test_each_check_finds_its_own_bug(name):
    with pytest.raises(Disagreement, match="gemm_s8s8"):
        conformance(name, "gemm_s8s8", broken(name))


def test_operands_that_all_threads_share_are_found():
    kept = {}

    def shared(x, w, *, x_zero_point=0):
        kept["x"] = x
        time.sleep(0.001)  # for another thread
        return reference.gemm_s8s8(kept["x"], w) if kept["x"].shape == x.shape else None

    with pytest.raises(Disagreement, match="threads called it at once"):
        conformance("threads", "gemm_s8s8", shared)


def test_what_is_not_offered_is_said_and_not_failed():
    def nothing(x, w, **options):
        raise NotImplementedError("on this machine")

    with pytest.raises(NotImplementedError, match="on this machine"):
        conformance("sizes", "gemm_s8s8", nothing)


def test_a_marked_function_is_the_same_function_and_bad_marks_are_refused():
    def mine(x, w):
        return None

    assert conforms("gemm_s8s8", failures={"tails": "none yet"})(mine) is mine
    assert mine.__conforms__ == Conformance("gemm_s8s8", {"tails": "none yet"})
    for op, failures in (("gemm", {}), ("gemm_s8s8", {"tail": "x"}), ("gemm_s8s8", {"tails": ""})):
        with pytest.raises(RefcompressError):
            conforms(op, failures=failures)


TESTS = '''
import numpy as np
from unittest import mock
from refcompress import testing

anything = mock.MagicMock()

@testing.conforms("nn_lookup_s8", failures={"refusals": "takes what it gets", "bits": "said to fail, and does not"})
def right(x, table):
    return table[x.astype(np.int16) + 128].astype(np.int8)

@testing.conforms("gemm_u8s8")
def missing(x, w, **kwargs):
    raise NotImplementedError("later")

def test_of_another_kind():
    pass
'''


def test_pytest_shows_each_check_of_a_marked_function_on_a_line(tmp_path):
    (tmp_path / "test_mine.py").write_text(TESTS)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-v", "-p", "refcompress.pytest_plugin", "-p", "no:cacheprovider",
         "test_mine.py"],
        cwd=tmp_path, capture_output=True, text=True, env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"})
    lines = dict(line.split(" ")[:2] for line in done.stdout.splitlines() if line.startswith("test_mine.py::"))
    assert {name.split("::")[-1] for name in lines if "::right::" in name} == set(CHECKS)
    assert lines["test_mine.py::right::tails"] == "PASSED" and lines["test_mine.py::right::refusals"] == "XFAIL"
    assert lines["test_mine.py::right::bits"] == "FAILED"  # expected to fail, and did not
    assert lines["test_mine.py::missing::sizes"] == "SKIPPED"
    assert lines["test_mine.py::test_of_another_kind"] == "PASSED"


def test_the_core_does_not_import_pytest():
    code = "import sys, refcompress.testing; assert not {'pytest', 'hypothesis'} & set(sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_every_operation_has_inputs_for_sizes_or_tails():
    """Where the sweep of an operation is such that a check would be empty, the check has to be thought of again."""
    from refcompress.testing.conforming import _plain_calls

    for op in list(OPS)[::9]:
        assert next(_plain_calls(op, "tails"), None) or next(_plain_calls(op, "sizes"), None), op


def test_the_adapter_of_gguf_fails_what_it_is_expected_to_fail_and_nothing_else():
    for op, function in adapters.operations("gguf").items():
        for name in ("tails", "values"):
            if name in adapters.failures("gguf", op):
                with pytest.raises(Disagreement):
                    conformance(name, op, function)
            else:
                assert conformance(name, op, function)


def test_an_adapter_whose_library_is_absent_says_so_in_one_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "gguf", None)
    with pytest.raises(MissingExtra, match="^gguf: cannot be imported.*pip install gguf"):
        adapters.operations("gguf")
    with pytest.raises(RefcompressError, match="^name: "):
        adapters.operations("unknown")
    for library in adapters.LIBRARIES:  # of every one the reasons can be read where it is absent
        reasons = importlib.import_module(f"refcompress.testing.adapters.{library}").FAILURES
        assert set(reasons) <= set(OPS) and all(set(of) <= set(CHECKS) for of in reasons.values())
