"""ggml's own C beside our blocks, number by number: ``make ggml-in-c``, a campaign and no part of make test.

    python tests/ggml/ggml_in_c.py llama_cpp_python-0.3.36.tar.gz

Compiles ggml-quants.c, which the package llama-cpp-python brings, with and without fused multiply-adds. Decodes 20,000
blocks of random bytes of every type, and encodes 1.6 million numbers to Q8_0 and Q4_0. Exit code 1: a number that is
not a NaN has other bits, or a byte differs that no fused addition explains.
"""

import ctypes
import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import numpy as np

from refcompress import GGMLBlocks, ggml_decode, ggml_encode
from refcompress.formats import GGML_TYPES

BLOCKS, ROWS = 20_000, 50_000
FLAGS = {"as the C standard rounds": ["-ffp-contract=off"], "fused": ["-mfma", "-ffp-contract=fast"]}


def built(folder: Path, source: Path, flags: list[str]) -> ctypes.CDLL:
    """Return ggml's functions of blocks, compiled with these flags."""
    library = folder / f"ggml{''.join(flags)}.so"
    include = [f"-I{source / name}" for name in ("include", "src", "src/ggml-cpu")]
    subprocess.run([os.environ.get("CC", "cc"), "-O2", "-shared", "-fPIC", "-w", *flags, *include,
                    str(source / "src" / "ggml-quants.c"), "-o", str(library)], check=True)
    return ctypes.CDLL(str(library), mode=os.RTLD_LAZY)  # what it calls of the rest of ggml is never called here


def call(function, a: np.ndarray, out: np.ndarray, numbers: int) -> np.ndarray:
    function(ctypes.c_void_p(a.ctypes.data), ctypes.c_void_p(out.ctypes.data), ctypes.c_int64(numbers))
    return out


def decoded_otherwise(library, name: str) -> int:
    """Return how many numbers have other bits in C; all NaNs are one."""
    block = GGML_TYPES[name]
    data = np.random.default_rng(block.number).integers(0, 256, (BLOCKS, block.nbytes), np.uint8)
    size = BLOCKS * block.numbers
    function = getattr(library, f"dequantize_row_{name.lower().replace('_k', '_K')}")
    theirs, ours = call(function, data, np.empty(size, np.float32), size), ggml_decode(GGMLBlocks(data, name, (size,)))
    differ = theirs.view(np.uint32) != ours.view(np.uint32)
    return int((differ & ~(np.isnan(theirs) & np.isnan(ours))).sum())


def encoded_otherwise(library, name: str) -> int:
    """Return how many bytes differ from those in C: of normal numbers of many sizes, of ties and of zeros."""
    rng = np.random.default_rng(1)
    x = (rng.standard_normal((ROWS, 32)) * np.exp(rng.uniform(-20, 8, (ROWS, 1)))).astype(np.float32)
    x[::7] = np.round(x[::7] * 2) / 2
    function = getattr(library, f"quantize_row_{name.lower()}_ref")
    theirs = call(function, x, np.empty((ROWS, GGML_TYPES[name].nbytes), np.uint8), x.size)
    return int((theirs != ggml_encode(x, name).data).sum())


def main(archive: str) -> int:
    wrong = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with tarfile.open(archive) as packed:
            packed.extractall(folder, [member for member in packed if "/ggml/include/" in member.name or
                                       "/ggml/src/ggml-" in member.name], filter="data")
        source = next(folder.glob("*/vendor/llama.cpp/ggml"))
        for said, flags in FLAGS.items():
            library = built(folder, source, flags)
            for name in GGML_TYPES:
                differ = decoded_otherwise(library, name)
                wrong += differ > 0
                print(f"{name:7} decoded, {said}: {differ} of {BLOCKS * GGML_TYPES[name].numbers:,} numbers differ")
            for name in ("Q8_0", "Q4_0"):
                differ = encoded_otherwise(library, name)
                wrong += differ > 0 and (name, said) != ("Q4_0", "fused")
                print(f"{name:7} encoded, {said}: {differ} of {ROWS * GGML_TYPES[name].nbytes:,} bytes differ")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
