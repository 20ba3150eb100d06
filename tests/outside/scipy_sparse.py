"""SciPy's own tests of sparse matrices, with its product of a CSR and a dense matrix replaced by ours.

    python -m tests.outside.scipy_sparse

The suite is the one that the package installs. All its products of a CSR with vectors and matrices go through two
functions of SciPy's, csr_matvec and csr_matvecs; these are replaced. Ours take a product of float32. They take one of
another real type where float32 holds every sum of it exactly, so that the result is the same: most tests have small
integers in float64. Products of any other kind stay SciPy's own, and are counted by their reason.

What comes in by CSR.of and goes out by scipy_arguments is compared with what SciPy makes of the same arrays.
"""

import argparse
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import scipy
import scipy.sparse
from scipy.sparse import _sparsetools

from refcompress import native, reference
from refcompress.errors import RefcompressError
from refcompress.formats import CSR
from refcompress.ops import OPS

VERSION = "1.17.1"  # whose private functions these are

TESTS = Path(scipy.sparse.__file__).parent / "tests"

# Tests that are left out, as pytest's -k has them, by the reason.
LEFT_OUT = {
    "TestInt32Overflow and test_matvecs": "2.5 GB of int8, which ours would take as 10 GB of float32",
    "test_sparsetools and test_upcast": "asks the replaced function to refuse types that SciPy never hands on",
}
LARGEST = 2**24  # up to which float32 holds every integer


def why_not(data: np.ndarray, x: np.ndarray) -> str:
    """Return why a product cannot be ours, or nothing."""
    if data.dtype == x.dtype == np.float32:
        return ""
    if data.dtype.kind not in "biuf" or x.dtype.kind not in "biuf":
        return f"{np.result_type(data, x).name} is no real type"
    if not all(np.all(np.isfinite(part) & (part == np.round(part))) for part in (data, x)):
        return "float32 does not hold every number"
    largest = [float(np.abs(part.astype(np.longdouble)).max(initial=0)) for part in (data, x)]
    exact = largest[0] * largest[1] * max(len(data), 1) <= LARGEST and max(largest) <= LARGEST
    return "" if exact else "too large a sum"


class Replaced:
    """The two functions of SciPy's, as long as the block runs; how many products were ours, and whose were not."""

    def __init__(self):
        self.counts, self.own = Counter(), {name: getattr(_sparsetools, name) for name in ("csr_matvec", "csr_matvecs")}

    def __enter__(self):
        _sparsetools.csr_matvec, _sparsetools.csr_matvecs = self.vector, self.vectors
        return self

    def __exit__(self, *_):
        for name, function in self.own.items():
            setattr(_sparsetools, name, function)

    def vector(self, m, k, indptr, indices, data, x, y):
        self.add("csr_matvec", (m, k), (indptr, indices, data), x.reshape(k, 1), y.reshape(m, 1),
                 (m, k, indptr, indices, data, x, y))

    def vectors(self, m, k, n, indptr, indices, data, x, y):
        self.add("csr_matvecs", (m, k), (indptr, indices, data), x.reshape(k, n), y.reshape(m, n),
                 (m, k, n, indptr, indices, data, x, y))

    def add(self, name, shape, parts, x, y, args):
        """Add a product to y, as SciPy's functions do; ``args`` is the call."""
        indptr, indices, data = parts
        if reason := why_not(data[: indptr[-1]], x):
            self.counts[reason] += 1
            self.own[name](*args)
            return
        stored = indices[: indptr[-1]], data[: indptr[-1]].astype(np.float32)  # SciPy's arrays may be longer than that
        a = CSR.of(SimpleNamespace(shape=shape, indptr=indptr, indices=stored[0], data=stored[1]))
        x = np.ascontiguousarray(x, np.float32)
        found = native.csr_matmul(a, x)
        for other in (native.prepare(a), a):
            for space in native.available():
                if not np.array_equal(space.csr_matmul(other, x), found, equal_nan=True):
                    raise AssertionError(f"{space.__name__} has other bits")
        self.counts["ours"] += 1
        with np.errstate(all="ignore"):
            y += found.astype(y.dtype)


class Outcomes:
    """What became of each test."""

    def __init__(self):
        self.failed, self.counts = [], Counter()

    def pytest_runtest_logreport(self, report):
        if report.failed:
            self.failed.append(report.nodeid)
        if report.when == "call" or report.outcome == "skipped":
            self.counts[report.outcome] += 1


def suite(tests: list[str]) -> Outcomes:
    """Run some of SciPy's tests."""
    seen = Outcomes()
    chosen = "not (" + ") and not (".join(LEFT_OUT) + ")"
    pytest.main(["-q", "--no-header", "--tb=line", "-p", "no:cacheprovider", "-W", "ignore", f"--rootdir={TESTS}",
                 "-k", chosen, *tests], plugins=[seen])
    return seen


def in_and_out() -> int:
    """Return how many matrices came in and went out as they were."""
    rng = np.random.default_rng(0)
    count = 0
    for kind in (scipy.sparse.csr_array, scipy.sparse.csr_matrix):
        for index in (np.int32, np.int64):
            for dtype in (np.float32, np.float16):
                for m, k, density in ((0, 5, 0), (7, 0, 0), (40, 60, 0.2), (300, 20, 0.5)):
                    dense = rng.standard_normal((m, k)).astype(dtype) * (rng.random((m, k)) < density)
                    made = scipy.sparse.csr_array(dense.astype(np.float32))
                    s = kind((made.data.astype(dtype), made.indices.astype(index), made.indptr.astype(index)),
                             shape=(m, k))
                    a = CSR.of(s)
                    back = kind(*a.scipy_arguments())
                    assert a.canonical and back.dtype == s.dtype and (back != s).nnz == 0, (kind, index, dtype, m, k)
                    assert np.shares_memory(back.data, a.data if dtype == np.float32 else a.data.patterns) or not s.nnz
                    x = rng.integers(-9, 9, (k, 3)).astype(np.float32)
                    # the bound of float32 sums in any order, SciPy's too
                    for product in (native.csr_matmul(a, x), s.astype(np.float32) @ x):
                        OPS["csr_matmul"].rule(reference.csr_matmul(a, x), product, (a, x), {})
                    count += 1
    s = scipy.sparse.random_array((30, 40), density=0.2, dtype=np.float32, format="csr")
    s.data, s.indices = s.data.copy(), s.indices.copy()  # memory of their own
    shared = CSR.of(s, freeze=True)
    assert shared.indices is s.indices and shared.data is s.data
    for other in (s.tocsc(), s.tobsr(), s.tocoo(), s.astype(np.float64)):
        try:
            CSR.of(other)
        except RefcompressError:
            count += 1
        else:
            raise AssertionError(f"a matrix of the format {other.format} and type {other.dtype} was taken")
    return count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tests", nargs="*", default=["."], help="files of scipy.sparse.tests, or tests in them (all)")
    options = parser.parse_args()
    if scipy.__version__ != VERSION:
        raise SystemExit(f"needs SciPy {VERSION}, not {scipy.__version__}")
    print(f"in and out: {in_and_out()} matrices")
    with Replaced() as replaced:
        seen = suite([str(TESTS / name) for name in options.tests])
    print("tests: " + ", ".join(f"{count} {outcome}" for outcome, count in seen.counts.items()))
    for name, reason in LEFT_OUT.items():
        print(f"left out: {name}: {reason}")
    print("products: " + ", ".join(f"{count} {reason}" for reason, count in replaced.counts.most_common()))
    again = [str(TESTS / name) for name in seen.failed]
    failed = suite(again).failed if again else []  # with SciPy's own product
    new = sorted(set(seen.failed) - set(failed))
    print(f"failed: {len(new)}; with SciPy's own product too: {len(seen.failed) - len(new)}")
    for name in new:
        print(f"  {name}")
    if new or not replaced.counts["ours"]:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
