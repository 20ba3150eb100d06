#!/usr/bin/env bash
# compressed-tensors rounds quotients to the type of the weights before it rounds them to integers: in bfloat16 8 % of int8
# codes are not the nearest ones.
#
# Guess: an int8 code is the integer nearest to weight / scale, so each weight is at most half a step from its number, whatever
# type the weights have.
# Seen (compressed-tensors 0.20.1 with torch 2.14.1 on the CPU): weight / scale is computed in the weights' type. Between 64 and
# 127 the numbers of bfloat16 lie half a step apart, between 32 and 64 a quarter. 101.3 becomes 101.5 and then, to even, 102. Of
# normally distributed weights 8 % of the codes are not the nearest, and the farthest lies 0.75 steps from its weight; in float16
# 1 %, 0.55 steps; in float32 none. The scale is not to blame: it is the stored one. torchao (0.18.0, not run
# here) has both: Int8WeightOnlyConfig keeps its scale in float32, multiplies in float32, and none of its codes is off; with
# IntxWeightOnlyConfig of 8 bits, which inverts the scale in bfloat16 as well, 10 % are, up to 1.1 steps.
# Why it matters: a bound "error <= scale / 2" does not hold, and who checks a checkpoint by rounding it again in float32 finds
# one code in twelve altered.
# Exit code 0: still so. 1: it changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q --disable-pip-version-check compressed-tensors==0.20.1 torch==2.14.1 2>/dev/null
cat >"$folder/seen.py" <<'PYTHON'
import sys

import torch
from compressed_tensors.compressors.naive_quantized.base import NaiveQuantizationCompressor
from compressed_tensors.quantization import QuantizationArgs, QuantizationScheme
from compressed_tensors.quantization.utils.helpers import calculate_qparams

arguments = QuantizationArgs(num_bits=8, type="int", symmetric=True, strategy="channel")
scheme = QuantizationScheme(targets=["Linear"], weights=arguments)
weights = torch.randn((256, 1024), generator=torch.Generator().manual_seed(0)) * 0.05
off = {}
for kind in (torch.bfloat16, torch.float16, torch.float32):
    w = weights.to(kind)
    scale, zero = calculate_qparams(w.amin(1, keepdim=True), w.amax(1, keepdim=True), arguments)
    given = {"weight": w, "weight_scale": scale, "weight_zero_point": zero}
    codes = NaiveQuantizationCompressor.compress(given, scheme)["weight"].double()
    steps = (w.double() / scale.double() - codes).abs()
    off[kind] = float((steps > 0.5 + 1e-4).double().mean())
    print(f"{str(kind):15} {100 * off[kind]:5.2f} % of the codes are not the nearest; the farthest is {float(steps.max()):.3f} "
          "steps away")
sys.exit(not (off[torch.bfloat16] > 0.05 and 0.002 < off[torch.float16] < 0.05 and off[torch.float32] == 0))
PYTHON
"$folder/env/bin/python" "$folder/seen.py"
