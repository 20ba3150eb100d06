"""The implementations under test, listed once: the reference, and every native one that this machine runs.

Where the C kernels are not built the tests of the reference run, and those of native are skipped. make test accepts no
such skip: with REFCOMPRESS_REQUIRE_C=1 conftest.py stops before the first test.
"""

import pytest

from refcompress import reference
from refcompress.errors import NotBuilt

try:
    from refcompress import native
except NotBuilt:
    native = None

NOT_BUILT = "the C kernels are not built"
NATIVE = native.available() if native else []  # narrowest first
EVERYONE = [reference, *NATIVE]
BOTH = [reference, *([native] if native else [])]  # where the widest instruction set of this machine is enough

needs_native = pytest.mark.skipif(native is None, reason=NOT_BUILT)


def need_native():
    """Return refcompress.native, or skip the whole file that calls this."""
    if native is None:
        pytest.skip(NOT_BUILT, allow_module_level=True)
    return native


def with_kernels_of(op: str) -> list:
    """Return the native namespaces with an operation, each of its kernels once.

    A wider instruction set without a kernel of its own has the narrower one's: this is the narrowest with that kernel.
    """
    spaces = [space for space in reversed(NATIVE) if hasattr(space, op)]
    return list({getattr(space, op).isa: space for space in spaces}.values())


def label(space) -> str:
    """Return the name of an implementation as tests show it: "reference", "native.avx2"."""
    return space.__name__.removeprefix("refcompress.")


def each(name: str, spaces: list):
    """Return the mark that runs a test with each of these implementations as its argument ``name``."""
    return pytest.mark.parametrize(name, spaces or [pytest.param(None, id="native", marks=needs_native)], ids=label)
