#!/usr/bin/env bash
# The bytes of ggml's Q4_0 hang on the compiler, and those of the package gguf are not always ggml's.
#
# Guess: Q4_0 is defined by ggml's reference code (quantize_row_q4_0_ref), and gguf's Python form gives the same bytes.
# Seen (llama-cpp-python 0.3.36, which brings ggml; gguf 0.19.0; NumPy 2.4.6; gcc, x86-64 Linux):
# 1. The reference code adds 8.5 to a product. A compiler may fuse the two (gcc does so where the processor has the
#    instruction and nobody forbids it; on Arm it always has). With and without that, codes differ at ties: in 43 % of the
#    blocks below, whose weights are multiples of a sixteenth of the largest. gguf rounds both, as the code that is not
#    fused.
# 2. A block of zeros has the scale -0.0 (bytes 00 80). One that starts with -0.0 has so in ggml, whose search for the largest
#    begins with 0.0, and the scale 0.0 (00 00) in gguf. So the zeros come back with another sign.
# 3. Decoding does not hang on it: all products of a float16 and integers are exact in float32, in each of these types.
# Why it matters: a checker that compares files byte for byte must know how its peer was compiled.
# Exit code 0: still so. 1: it changed. It downloads 75 MB and needs a C compiler.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q --disable-pip-version-check gguf==0.19.0 numpy==2.4.6 2>/dev/null
"$folder/env/bin/pip" download -q --disable-pip-version-check --no-deps --no-binary :all: -d "$folder" llama-cpp-python==0.3.36 2>/dev/null
tar xzf "$folder"/llama_cpp_python-0.3.36.tar.gz -C "$folder" --wildcards '*/ggml/include/*' '*/ggml/src/ggml-*'
source=$(echo "$folder"/*/vendor/llama.cpp/ggml)
for contract in off fast; do
  cc -O2 -shared -fPIC -w -mfma -ffp-contract=$contract -I"$source/include" -I"$source/src" -I"$source/src/ggml-cpu" \
    "$source/src/ggml-quants.c" -o "$folder/$contract.so"
done
cat >"$folder/seen.py" <<'PYTHON'
import ctypes
import os
import sys

import gguf
import numpy as np

folder = sys.argv[1]
rounded, fused = (ctypes.CDLL(f"{folder}/{name}.so", mode=os.RTLD_LAZY) for name in ("off", "fast"))
Q4_0 = gguf.GGMLQuantizationType.Q4_0


def call(library, name, a, out):
    numbers = a.size if a.dtype == np.float32 else out.size
    getattr(library, name)(ctypes.c_void_p(a.ctypes.data), ctypes.c_void_p(out.ctypes.data), ctypes.c_int64(numbers))
    return out


def encoded(library, x):
    return call(library, "quantize_row_q4_0_ref", x, np.empty((len(x), 18), np.uint8))


rng = np.random.default_rng(0)
x = rng.integers(-15, 16, (10_000, 32)).astype(np.float32) * rng.uniform(0.01, 1, (10_000, 1)).astype(np.float32)
x[:, 0] = np.abs(x).max(axis=1) * 16 / 15
by_c, by_fused, by_gguf = encoded(rounded, x), encoded(fused, x), gguf.quants.quantize(x, Q4_0)
differ = (by_c != by_fused).any(axis=1).mean()
print(f"fused or not: {differ:.1%} of {len(x)} blocks differ; gguf differs from the one that is not fused in "
      f"{(by_c != by_gguf).any(axis=1).sum()}")
zeros = np.zeros((1, 32), np.float32)
zeros[0, 0] = -0.0
scales = [a[0, :2].tobytes().hex(" ") for a in (encoded(rounded, zeros), gguf.quants.quantize(zeros, Q4_0))]
print("the scale of zeros that start with -0.0: ggml", scales[0], "gguf", scales[1])
same = []
for name, numbers, nbytes in (("q4_1", 32, 20), ("q2_K", 256, 84), ("q4_K", 256, 144), ("q5_K", 256, 176)):
    data = rng.integers(0, 256, (2000, nbytes), np.uint8)
    a, b = (call(library, f"dequantize_row_{name}", data, np.empty(2000 * numbers, np.float32)) for library in (rounded, fused))
    same.append(np.array_equal(a, b, equal_nan=True))
print("decoded to the same numbers:", same)
still = differ > 0.05 and np.array_equal(by_c, by_gguf) and scales == ["00 80", "00 00"] and all(same)
sys.exit(0 if still else 1)
PYTHON
"$folder/env/bin/python" "$folder/seen.py" "$folder"
