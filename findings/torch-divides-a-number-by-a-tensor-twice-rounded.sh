#!/usr/bin/env bash
# torch computes number / tensor as number * (1 / tensor): the quotient is rounded twice, and NVFP4's global scale with it.
#
# Guess: the global scale of a layer that compressed-tensors writes as NVFP4 is the float32 nearest to 448 * 6 / max|w|, as its
# text says: one division, rounded once as IEEE 754 has it. A file can be checked by this formula.
# Seen (torch 2.14.1 on the CPU, compressed-tensors 0.20.1): with a Python number on the left, "/" is a reciprocal and then a
# product. Of 100,000 float32 numbers some 25 % give another quotient than the division of two tensors, by one unit in the last
# place. So the stored global scale differs from the formula in one layer of four.
# Why it matters: a last bit of a scale moves codes next to ties; a check of provenance that divides once blames files that were
# never touched. Who wants the division writes torch.tensor(2688.0) / x.
# Exit code 0: still so. 1: it changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q --disable-pip-version-check compressed-tensors==0.20.1 torch==2.14.1 2>/dev/null
cat >"$folder/seen.py" <<'PYTHON'
import sys

import torch
from compressed_tensors.quantization.utils.helpers import generate_gparam

x = torch.rand(100_000, generator=torch.Generator().manual_seed(0)) + 0.01
divided = torch.tensor(2688.0) / x
assert torch.equal(divided, (2688.0 / x.double()).float()), "the division of two tensors is not rounded once"
other = float((2688.0 / x != divided).double().mean())
same = torch.equal(2688.0 / x, x.reciprocal() * 2688.0)
scales = torch.stack([generate_gparam(-m.reshape(1), m.reshape(1)) for m in x[:1000]]).reshape(-1)
print(f"number / tensor: {100 * other:.1f} % of the quotients are not the nearest; number * (1 / tensor) is {'the same' if same else 'not it'}")
stored = float((scales != divided[:1000]).double().mean())
print(f"global scales of NVFP4: {100 * stored:.1f} % are not the nearest float32 to 2688 / max|w|")
sys.exit(not (same and other > 0.1 and stored > 0.1))
PYTHON
"$folder/env/bin/python" "$folder/seen.py"
