"""Tell cffi what to build: the header that C compiles is the header that Python reads."""

import os
from pathlib import Path

from cffi import FFI

ROOT = Path(__file__).resolve().parents[2]
HEADER = ROOT / "csrc" / "refcompress.h"


def declarations(header: Path) -> str:
    """Return a header for cffi, which has no preprocessor: the headers that it includes by their place, in their place,
    and no other line that begins with '#'."""
    lines = []
    for line in header.read_text().splitlines(True):
        if line.startswith('#include "'):
            lines.append(declarations(header.parent / line.split('"')[1]))
        elif not line.startswith("#"):
            lines.append(line)
    return "".join(lines)


# -ffp-contract=off: a multiply and an add are fused where the source says fma, and nowhere else; -fno-math-errno lets
# fmaf become one instruction where the machine has it. Instruction sets are asked for function by function.
FLAGS = ["-std=c11", "-O2", "-ffp-contract=off", "-fno-math-errno", "-Wall", "-Wextra", "-Wconversion"]

ffibuilder = FFI()
ffibuilder.cdef(declarations(HEADER))
ffibuilder.set_source(
    "refcompress.native._kernels",
    '#include "refcompress.h"',
    sources=sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("csrc/**/*.c")),
    depends=sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("csrc/**/*.h")),
    include_dirs=["csrc"],
    extra_compile_args=FLAGS + os.environ.get("REFCOMPRESS_CFLAGS", "").split(),
    extra_link_args=os.environ.get("REFCOMPRESS_CFLAGS", "").split(),
    libraries=["m"],
    # Without a compiler the package installs all the same, and native says what is missing; who needs C asks for it.
    optional=not os.environ.get("REFCOMPRESS_REQUIRE_C"),
)
