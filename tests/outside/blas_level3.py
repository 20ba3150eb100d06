"""Netlib's tester of level 3 of the BLAS on gemm_f32f32: ``python -m tests.outside.blas_level3``.

The tester is Debian's package libblas-test, fetched with its Fortran library and unpacked into build/blas-test; nothing
is installed. The libblas.so.3 that it loads is sgemm.c, beside this file, and our kernels. Every instruction set of
this machine is tested, with weights by rows and transposed, in the tester's own sizes and in larger ones.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from refcompress import native
from refcompress.native._build import FLAGS, ROOT

FOLDER = ROOT / "build" / "blas-test"
PACKAGES = ("libblas-test", "libgfortran5", "libquadmath0")
LEVELS = ("portable", "avx2", "avx512")
SIZES = {"its own sizes": "6\n0 1 2 3 5 9", "larger sizes": "9\n1 2 7 16 17 31 33 64 65"}
INPUT = """'{summary}'
6
'none'
-1
F
F
T
16.0
{sizes}
3
0.0 1.0 0.7
3
0.0 1.0 1.3
SGEMM  T
SSYMM  F
STRMM  F
STRSM  F
SSYRK  F
SSYR2K F
"""


def tester() -> Path:
    """Return netlib's tester, which is fetched where it is not there."""
    found = sorted(FOLDER.glob("usr/lib/*/blas/xblat3s"))
    if not found:
        FOLDER.mkdir(parents=True, exist_ok=True)
        subprocess.run(["apt-get", "download", *PACKAGES], cwd=FOLDER, check=True)
        for package in FOLDER.glob("*.deb"):
            subprocess.run(["dpkg", "-x", str(package), str(FOLDER)], check=True)
        found = sorted(FOLDER.glob("usr/lib/*/blas/xblat3s"))
    return found[0]


def library(folder: Path) -> Path:
    """Build our kernels with sgemm around them, as the library that the tester loads."""
    path = folder / "libblas.so.3"
    sources = [*ROOT.glob("csrc/**/*.c"), Path(__file__).with_name("sgemm.c")]
    subprocess.run([os.environ.get("CC", "cc"), *FLAGS, "-shared", "-fPIC", f"-I{ROOT / 'csrc'}", *map(str, sources),
                    "-o", str(path), "-lm"], check=True)
    return path


def tested(folder: Path, level: int, transposed: int, sizes: str) -> str:
    """Return what the tester says of sgemm."""
    program = tester()
    libraries = f"{folder}:{program.parents[1]}"
    environment = os.environ | {"LD_LIBRARY_PATH": libraries, "SGEMM_LEVEL": str(level),
                                "SGEMM_TRANSPOSED": str(transposed)}
    text = INPUT.format(summary="summary", sizes=sizes)
    (folder / "summary").unlink(missing_ok=True)
    done = subprocess.run([str(program)], input=text, cwd=folder, env=environment, capture_output=True, text=True)
    return done.stdout + done.stderr + ((folder / "summary").read_text() if (folder / "summary").exists() else "")


def main() -> int:
    if not (shutil.which("apt-get") and shutil.which("dpkg")):
        print("netlib's tester is left out: it is fetched from Debian's packages, and there is no apt-get here")
        return 0
    wrong = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        library(folder)
        for space in native.available():
            isa = space.__name__.rpartition(".")[2]
            for form in ("weights by rows", "transposed"):
                for said, sizes in SIZES.items():
                    text = tested(folder, LEVELS.index(isa), form == "transposed", sizes)
                    good = "SGEMM  PASSED THE COMPUTATIONAL TESTS" in text and "PASSED THE TESTS OF ERROR-EXITS" in text
                    wrong += not good
                    calls = re.search(r"COMPUTATIONAL TESTS \(\s*(\d+) CALLS\)", text)
                    print(f"sgemm on gemm_f32f32, {isa}, {form}, {said}: "
                          + (f"passed, {int(calls[1]):,} calls" if good and calls else "FAILED"))
                    if not good:
                        print(text)
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
