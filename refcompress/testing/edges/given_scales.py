"""Scales that are given, not found: far too small for the numbers, far too large, and two that differ by far."""

from collections.abc import Callable

import numpy as np

from ..cases import Calls

_F = np.float32
LEAST = 2.0**-126  # scales are normal numbers


def _magnitudes():
    """Return numbers on both sides of what int16, int32, int64 and uint64 hold, of float32's ends, and zeros."""
    powers = np.ldexp(1.0, [7, 8, 15, 16, 23, 24, 31, 32, 33, 63, 64, 65, 100, 127]).astype(_F)
    around = np.concatenate([np.nextafter(powers, _F(0)), powers, powers * _F(1.5)])
    return np.concatenate([[0, 1, np.finfo(_F).max], around, -around, [-1, -0.0, np.finfo(_F).min]]).astype(_F)


def _subnormals():
    """Return numbers below the least scale: quotients below 1, beside a half among them."""
    return np.ldexp(_F([1.9, 1.5, 1 + 2.0**-22, 1, 1 - 2.0**-22, 0.75, 2.0**-22]), -127).astype(_F)


def _quantized(bits: tuple[dict, ...]) -> Callable[[], Calls]:
    def calls():
        wide, small = _magnitudes(), _subnormals()
        for more in bits:
            for x, scale in ((wide, 1.0), (wide, 0.7), (wide, LEAST), (wide, 1e30), (wide[:5], 3e38),
                             (wide[-5:], LEAST), (np.append(small, -small), LEAST), (np.append(small, _F(1)), LEAST)):
                for kinds in ({}, {"scheme": "affine"}, {"scheme": "affine", "zero_point": 1}):
                    yield (x,), {"scale": scale, **kinds, **more}
                rows = np.stack([x, x[::-1]])
                scales = _F([[scale], [scale]])
                yield (rows,), {"axis": 0, "scale": scales, **more}
                yield (rows,), {"group": len(x), "scale": scales, **more}
        # The zero point belongs to the scale that is given, not to the one that the numbers would have (QUANT-2.5).
        x = _F([[-1, 3, 0.5, 2], [-7, 0, 1, 5]])
        for scale in (0.004, 0.02, 0.1, 0.4, 3.0, 100.0):
            yield (x,), {"scheme": "affine", "scale": scale}
            yield (x,), {"scheme": "affine", "axis": 0, "scale": _F([[scale], [2 * scale]])}
            yield (x,), {"scheme": "affine", "axis": 1, "scale": _F([[scale, 1, scale / 3, 2]])}
            yield (x,), {"scheme": "affine", "group": 2, "scale": _F([[scale, 0.3], [0.05, scale]])}
    return calls


def _sums():
    """NN-8.1: both factors have the shift of the larger scale. Sums beside ties show another shift."""
    every = np.arange(-128, 128).astype(np.int8)
    found = 0
    for d in range(3, 127, 2):
        for n in range(d // 3, d, 5):
            ratio = (n + 0.5) / d
            if _shifts_differ(ratio, every):
                found += 1
                for small in (1e-7, 0.01):
                    yield (np.zeros(256, np.int8), every, small, ratio, 1.0), {}
                    yield (every, np.zeros(256, np.int8), ratio, small, 1.0), {}
                if found == 12:
                    return


def _shifts_differ(ratio: float, every: np.ndarray) -> bool:
    """Return whether some product by a factor of 22 bits is rounded to another integer than by one of 24 bits."""
    shift = int(np.floor(22 - np.log2(ratio)))
    results = [np.rint(every * np.rint(ratio * 2.0**s) / 2.0**s) for s in (min(shift, 24) - 1, 24)]
    return bool((results[0] != results[1]).any())


EDGES: dict[str, tuple[Callable[[], Calls], ...]] = {
    "quantize_s8": (_quantized(({}, {"bits": 2}, {"bits": 5})),),
    "quantize_s16": (_quantized(({},)),),
    "nn_add_s8": (_sums,),
}
