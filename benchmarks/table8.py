"""Deep Compression's table 8 on this machine: full layers of AlexNet and VGG-16, dense against sparse, batch 1 and 64.

Dense is BLAS in float32, sparse csr_matmul of the widest instruction set, at the density that the paper left; timed in
turns. The paper's figures are of MKL on a Core i7-5930k, microseconds an input: what is to be compared is the shape,
not the times.
"""

import sys

import numpy as np

from refcompress import native, reference
from refcompress.ops import OPS
from refcompress.testing.clock import in_turns, timed

# layer: (outputs, inputs, density kept; the paper's dense and sparse time at batch 1, then at batch 64)
LAYERS = {
    "AlexNet fc6": (4096, 9216, 0.09, 7516.2, 3066.5, 318.4, 1417.6),
    "AlexNet fc7": (4096, 4096, 0.09, 6187.1, 1282.1, 188.9, 682.1),
    "AlexNet fc8": (1000, 4096, 0.25, 1134.9, 890.5, 45.8, 407.7),
    "VGG-16 fc6": (4096, 25_088, 0.04, 35022.8, 3774.3, 1056.0, 1780.3),
    "VGG-16 fc7": (4096, 4096, 0.04, 5372.8, 545.1, 188.3, 274.9),
    "VGG-16 fc8": (1000, 4096, 0.23, 774.2, 777.3, 45.7, 363.1),
}
BATCHES = (1, 64)
DENSITIES = (0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.7)  # where break-even is looked for, on the shape of fc7
ROUNDS, SECONDS = 9, 0.1


def medians(functions) -> list[float]:
    """Return the median seconds of each function, called in turns."""
    labelled = dict(enumerate(functions))
    first = {label: timed(function, 1)[0] for label, function in labelled.items()}
    return [float(np.median(samples)) for samples in in_turns(labelled, first, SECONDS, ROUNDS).values()]


def pair(rng, outputs, inputs, density, batch):
    """Return the seconds of the dense and of the sparse product, which were compared before."""
    w = rng.standard_normal((outputs, inputs), dtype=np.float32)
    w *= rng.random(w.shape, dtype=np.float32) < density
    x = rng.standard_normal((inputs, batch), dtype=np.float32)
    a = reference.csr_from_dense(w)
    rows = slice(0, 64)  # the rule's own reference sums in float64: of some rows, for these layers are large
    part = reference.csr_from_dense(np.ascontiguousarray(w[rows]))
    OPS["csr_matmul"].rule(reference.csr_matmul(part, x), native.csr_matmul(a, x)[rows], (part, x))
    return medians([lambda: w @ x, lambda: native.csr_matmul(a, x)])


def measure(threads: int) -> list[dict]:
    rng, rows = np.random.default_rng(0), []
    for name, (outputs, inputs, density, *paper) in LAYERS.items():
        print(f"[table 8] {name}", file=sys.stderr, flush=True)
        for i, batch in enumerate(BATCHES):
            dense, sparse = pair(rng, outputs, inputs, density, batch)
            rows.append({"layer": name, "batch": batch, "density": density, "dense": dense, "sparse": sparse,
                         "paper": paper[2 * i] / paper[2 * i + 1]})
    for batch in BATCHES:
        print(f"[table 8] break-even, batch {batch}", file=sys.stderr, flush=True)
        ratios = []
        for density in DENSITIES:
            dense, sparse = pair(rng, 4096, 4096, density, batch)
            ratios.append(dense / sparse)
        rows.append({"layer": "4096 x 4096", "batch": batch, "break_even": crossing(DENSITIES, ratios),
                     "ratios": dict(zip(map(str, DENSITIES), ratios))})
    return rows


def crossing(densities, ratios) -> float | None:
    """Return the density at which dense / sparse falls through 1, between two measured ones in logarithms; None if
    it does not."""
    for (d0, r0), (d1, r1) in zip(zip(densities, ratios), zip(densities[1:], ratios[1:])):
        if r0 >= 1 > r1:
            t = np.log(r0) / np.log(r0 / r1)
            return float(d0 * (d1 / d0) ** t)
    return None


def text(rows) -> str:
    lines = [
        "",
        "As in table 8 of Deep Compression: microseconds an input, dense (BLAS) | sparse (csr_matmul); how many "
        "times faster sparse is,",
        "here and in the paper (MKL, Core i7-5930k).",
    ]
    for r in rows:
        if "break_even" in r:
            continue
        note = "" if r["dense"] > r["sparse"] else "  sparse LOSES"
        lines.append(
            f"  {r['layer']:<12} density {r['density']:<5g} batch {r['batch']:<3} "
            f"{1e6 * r['dense'] / r['batch']:10.1f} | "
            f"{1e6 * r['sparse'] / r['batch']:10.1f} us   {r['dense'] / r['sparse']:6.2f} x here, {r['paper']:5.2f} "
            f"x in the paper{note}"
        )
    for r in rows:
        if "break_even" in r:
            ratios = list(r["ratios"].values())
            at = (f"density {r['break_even']:.2f}" if r["break_even"] is not None
                  else f"above {DENSITIES[-1]}" if ratios[-1] >= 1 else f"below {DENSITIES[0]}")
            lines.append(f"  break-even of 4096 x 4096, batch {r['batch']}: {at}")
    return "\n".join(lines)
