"""
Each bit halves the error of rounding
=====================================

A weight is rounded to the nearest of evenly spaced values. Its error is at most half of the step between two values. If
weights lie at random between the values, the mean squared error is the square of the step, divided by 12.
"""

import numpy as np
from classroom import GREY, annotated, picture

import refcompress as rc

w = np.random.default_rng(0).standard_normal((256, 1024), dtype=np.float32)
bits = np.arange(2, 9)
measured, one_scale, law = [], [], []
for b in bits:
    q = rc.quantize_s8(w, bits=int(b), axis=0)
    measured.append(float(np.sqrt(np.mean((q.dense() - w) ** 2))))
    one_scale.append(float(np.sqrt(np.mean((rc.quantize_s8(w, bits=int(b)).dense() - w) ** 2))))
    law.append(float(np.sqrt(np.mean(q.scale.astype(np.float64) ** 2) / 12)))

figure, ax = picture(x="bits a weight", y="root mean square error", logarithmic="y", width=7, height=4)
annotated(ax, bits, one_scale, "one scale for all", at=1, offset=(8, 4), marker="s")
annotated(ax, bits, measured, "a scale each row", at=1, offset=(-88, -14), marker="o")
annotated(ax, bits, law, "step / √12", at=4, offset=(-62, -10), colour=GREY, linestyle="--")
ax.set(xticks=bits, yticks=[0.003, 0.01, 0.03, 0.1, 0.3, 1])
assert abs(measured[-1] / law[-1] - 1) < 0.01
figure.set_label("Error against bits, from 2 to 8. Both measured lines fall by half with each bit, and the one "
                 "with a scale for each row lies lower. The law, step over the root of 12, meets it from 4 "
                 "bits on.")
