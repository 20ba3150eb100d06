"""Which build is tested, and with which examples.

With REFCOMPRESS_REQUIRE_C=1 (make test sets it) the tests fail at once where the C kernels are missing or older than
their sources, or where another installation than this tree (or REFCOMPRESS_BUILD) would be tested. A suite that passes
on the wrong build proves nothing. What is tested is listed in implementations.py.

Hypothesis: by default the same examples everywhere, so that a red test is red for all; HYPOTHESIS_PROFILE=fuzz (make
fuzz) draws fresh ones, many more of them.
"""

import os
from importlib import import_module
from pathlib import Path

import pytest
from hypothesis import settings

import refcompress

ROOT = Path(__file__).resolve().parents[1]

settings.register_profile("ci", derandomize=True, deadline=None, database=None, max_examples=50)
settings.register_profile("fuzz", deadline=None, max_examples=2000, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

# The tests take the sweeps of all operations, and a part of what goes beyond: tests/laws/test_edges.py. Only `make
# verdict` has the time for all of it.
import_module("refcompress.testing.sampling").PARTS.pop()


def pytest_configure(config):
    if not os.environ.get("REFCOMPRESS_REQUIRE_C"):
        return
    wanted = (ROOT / os.environ.get("REFCOMPRESS_BUILD", "")).resolve()
    tested = Path(refcompress.__file__).resolve().parents[1]
    if tested != wanted:
        raise pytest.UsageError(f"the tests would run on {tested}, not on {wanted}")
    try:
        from refcompress import native
    except refcompress.NotBuilt as error:
        raise pytest.UsageError(f"REFCOMPRESS_REQUIRE_C is set, and {error}") from None
    built = Path(native.path()).stat().st_mtime
    newer = [path for path in (ROOT / "csrc").rglob("*.[ch]") if path.stat().st_mtime > built]
    if newer:
        raise pytest.UsageError(f"the kernels are older than {newer[0].relative_to(ROOT)}: run make build")


def pytest_report_header(config):
    try:
        from refcompress import native
    except refcompress.NotBuilt as error:
        return f"refcompress: {refcompress.__file__}; {error}"
    return f"refcompress: {native.path()}; {native.compiler()}; {', '.join(s.__name__ for s in native.available())}"


@pytest.fixture
def two_threads():
    """Split the work of kernels among two threads, however small it is."""
    from refcompress.native import threads

    before, serial = threads.get(), threads.SERIAL_SECONDS
    threads.SERIAL_SECONDS = 0
    threads.set(2)
    yield
    threads.SERIAL_SECONDS = serial
    threads.set(before)
