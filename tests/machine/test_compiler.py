"""What the C compiler may be told, and what is refused: options that let it change results."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from implementations import need_native

need_native()

from refcompress.native import _build  # noqa: E402

CC = shutil.which((os.environ.get("CC") or "cc").split()[0])
SOURCE = Path(__file__).resolve().parents[2] / "csrc" / "mode.c"

pytestmark = pytest.mark.skipif(CC is None, reason="needs a C compiler")


def compiled(*options: str) -> subprocess.CompletedProcess:
    return subprocess.run([CC, *_build.FLAGS, *options, "-fsyntax-only", f"-I{SOURCE.parent}", str(SOURCE)],
                          capture_output=True, text=True)


def known(*options: str) -> bool:
    """Return whether this compiler, for this processor, has these options at all."""
    done = subprocess.run([CC, *options, "-fsyntax-only", "-xc", "-"], input="int x;", capture_output=True, text=True)
    return done.returncode == 0


def test_the_flags_that_we_build_with_are_accepted():
    done = compiled()
    assert done.returncode == 0 and not done.stderr, done.stderr


@pytest.mark.parametrize("options, said", [
    (["-ffast-math"], "-ffast-math, or a part of it"),
    (["-Ofast"], "-ffast-math, or a part of it"),
    (["-funsafe-math-optimizations"], "-ffast-math, or a part of it"),
    (["-freciprocal-math"], "-ffast-math, or a part of it"),
    (["-fno-signed-zeros"], "-ffast-math, or a part of it"),
    (["-fassociative-math", "-fno-signed-zeros", "-fno-trapping-math"], "-ffast-math, or a part of it"),
    (["-ffinite-math-only"], "-ffinite-math-only"),
    (["-mfpmath=387"], "computes floats in a wider type"),
], ids=lambda value: " ".join(value) if isinstance(value, list) else "")
def test_what_lets_the_compiler_change_results_is_refused_with_a_sentence(options, said):
    if not known(*options):
        pytest.skip(f"{CC} has no {' '.join(options)} here")
    done = compiled(*options)
    if done.returncode == 0 and "clang" in subprocess.run([CC, "--version"], capture_output=True, text=True).stdout:
        pytest.skip("clang says of this option in no macro that it is on")
    assert done.returncode != 0 and "refcompress: " in done.stderr and said in done.stderr
