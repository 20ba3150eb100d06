"""
Rounding that looks at the inputs
=================================

Rounding to nearest makes the error of each *weight* as small as possible. GPTQ makes the error of the layer's *outputs*
small: the weights that are rounded later make up for the error of a rounded weight. This works if the inputs are
correlated: if they are often large together.
"""

import numpy as np
from classroom import annotated, picture

import refcompress as rc

rng = np.random.default_rng(0)
w = rng.standard_normal((64, 128), dtype=np.float32)
common = rng.standard_normal((1024, 1), dtype=np.float32)
shares = [0, 0.2, 0.4, 0.6, 0.8, 0.9, 0.95]
nearest, gptq = [], []
for share in shares:
    x = np.sqrt(share) * common + np.sqrt(1 - share) * rng.standard_normal((1024, 128), dtype=np.float32)
    fit = rc.quantize_gptq(w, rc.quantize_hessian(x.astype(np.float32)), bits=3)
    nearest.append(100.0)
    gptq.append(100 * fit.after / fit.before)

figure, ax = picture(x="correlation of any two inputs", y="squared error of the outputs, % of nearest", width=7,
                     height=4)
annotated(ax, shares, nearest, "rounded to nearest", at=0, offset=(6, -10))
annotated(ax, shares, gptq, "GPTQ", at=-1, offset=(8, 0), marker="o")
ax.set(ylim=(0, 110), xlim=(-0.02, 1.08))
assert gptq[-1] < gptq[0] <= 101
figure.set_label("The error of GPTQ, in per cent of that of rounding to nearest, against the correlation of "
                 "the inputs. It is near one hundred where inputs are independent, and falls as they go "
                 "together.")
