"""Clipping: a narrower range of a layer's weights has a finer step, and what lies outside of it is cut off."""

from functools import partial

import numpy as np
from numpy.typing import NDArray

from ... import arguments
from ...constants import SMALLEST_NORMAL
from ...errors import RefcompressError
from ..hessian import layer_error
from .integers import quantize_s8
from .layer import LayerFit, exact_weight, in_parts, layer_arguments, nearest

__all__ = ["quantize_clip"]


@np.errstate(all="ignore")  # IEEE arithmetic is the promise, whatever np.seterr says
def quantize_clip(w: NDArray[np.float32], hessian: NDArray[np.float64], *, bits: int = 4, scheme: str = "symmetric",
                  group: int | None = None, steps: int = 20, narrowest: float = 0.5) -> LayerFit:
    """Narrow the range of each output (or group of inputs) until rounding within it costs the layer's output least.

        scale = ratio * (the scale of the full range), ratio in {1, ... narrowest} in ``steps`` equal steps
        minimise  d @ h @ d.T  over the inputs of the group,  d = round(w) - w

    Parameters
    ----------
    w, hessian, bits, scheme, group : as in :func:`quantize_nearest`
        Each output, or group of an output, has a scale.
    steps : int >= 1
    narrowest : float in (0, 1]

    Returns
    -------
    LayerFit
        weight.scale and weight.zero_point serve as the scale and zero_point of the other methods. Errors are float64;
        ties go to the wider range. Each group is chosen for itself. Where the groups of an output are no better
        together than unclipped, the output stays unclipped. So after <= before.

    **Source** Lin, Tang, Tang, Yang et al., AWQ (2023, arXiv 2306.00978), section 3.2: "weight clipping to minimize
    the MSE error".

    **Departs** the error is that of all calibration inputs, through h, and that of an output never grows.

    Cost steps m k times the inputs in a group.

    >>> w = np.float32([[0.33, -0.33, 0.33, -0.33, 1]])              # at 2 bits all but the outlier would be lost
    >>> fit = quantize_clip(w, np.eye(5), bits=2)
    >>> fit.weight.scale.tolist(), fit.weight.values.tolist()
    ([[0.5]], [[1, -1, 1, -1, 1]])
    """
    w, h, wide, steps, narrowest = clip_arguments(w, hessian, bits, scheme, group, steps, narrowest)
    scale = least_scale(w, h, wide, bits, scheme, steps, narrowest, quantize_s8)
    return LayerFit.of(w, h, nearest(w, bits, scheme, 0, group, scale, wide.zero_point), wide)


def least_scale(w, h, wide, bits, scheme, steps, narrowest, quantize_s8) -> np.ndarray:
    """Return the scales of least error; those of the full ranges are wide.scale. Some outputs at a time."""
    return np.concatenate([_of_some(w[some], h, wide.scale[some], steps, narrowest, wide.group, partial(
        nearest, w[some], bits, scheme, 0, wide.group, zero_point=wide.zero_point[some], quantize_s8=quantize_s8))
        for some in in_parts(w)])


def _of_some(w, h, wide, steps, narrowest, group, rounded) -> np.ndarray:
    size = group or max(w.shape[1], 1)
    least, scale = np.full(wide.shape, np.inf), wide.copy()
    for ratio in np.linspace(1, narrowest, steps + 1):
        trial = np.maximum(wide * np.float32(ratio), SMALLEST_NORMAL)
        d = exact_weight(rounded(scale=trial)) - w
        for i, start in enumerate(range(0, w.shape[1], size)):
            members = slice(start, start + size)
            error = layer_error(d[:, members], h[members, members])
            better = error < least[:, i]
            least[better, i], scale[better, i] = error[better], trial[better, i]

    clipped, whole = (layer_error(exact_weight(rounded(scale=a)) - w, h) for a in (scale, wide))
    return np.where((clipped < whole)[:, None], scale, wide)


def clip_arguments(w, hessian, bits, scheme, group, steps, narrowest):
    """Return w, hessian, w rounded to nearest within the full ranges, steps and narrowest, or refuse the arguments."""
    w, h, wide = layer_arguments(w, hessian, bits, scheme, 0, group, None, None)
    steps, narrowest = arguments.integer(steps, "steps", 1), arguments.real(narrowest, "narrowest", 0, 1)
    if narrowest == 0:
        raise RefcompressError("narrowest", "must be above 0")
    return w, h, wide, steps, narrowest
