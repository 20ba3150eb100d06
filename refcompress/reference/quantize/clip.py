"""Clipping: a narrower range of a layer's weights has a finer step, and what lies outside of it is cut off."""

import numpy as np
from numpy.typing import NDArray

from ... import arguments
from ...constants import SMALLEST_NORMAL
from ...errors import RefcompressError
from ..hessian import layer_error
from .layer import LayerFit, exact_weight, layer_arguments, nearest

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

    Cost 2 steps m k times the inputs in a group.

    >>> w = np.float32([[0.33, -0.33, 0.33, -0.33, 1]])              # at 2 bits all but the outlier would be lost
    >>> fit = quantize_clip(w, np.eye(5), bits=2)
    >>> fit.weight.scale.tolist(), fit.weight.values.tolist()
    ([[0.5]], [[1, -1, 1, -1, 1]])
    """
    w, h, wide, steps, narrowest = clip_arguments(w, hessian, bits, scheme, group, steps, narrowest)

    def rounded(scale):
        return nearest(w, bits, scheme, 0, group, scale, wide.zero_point)

    size = wide.group or max(w.shape[1], 1)
    least, scale = np.full(wide.scale.shape, np.inf), wide.scale.copy()
    for ratio in np.linspace(1, narrowest, steps + 1):
        trial = np.maximum(wide.scale * np.float32(ratio), SMALLEST_NORMAL)
        d = exact_weight(rounded(trial)) - w
        for i, start in enumerate(range(0, w.shape[1], size)):
            members = slice(start, start + size)
            error = layer_error(d[:, members], h[members, members])
            better = error < least[:, i]
            least[better, i], scale[better, i] = error[better], trial[better, i]

    better = layer_error(exact_weight(rounded(scale)) - w, h) < layer_error(exact_weight(wide) - w, h)
    return LayerFit.of(w, h, rounded(np.where(better[:, None], scale, wide.scale)), wide)


def clip_arguments(w, hessian, bits, scheme, group, steps, narrowest):
    """Return w, hessian, w rounded to nearest within the full ranges, steps and narrowest, or refuse the arguments."""
    w, h, wide = layer_arguments(w, hessian, bits, scheme, 0, group, None, None)
    steps, narrowest = arguments.integer(steps, "steps", 1), arguments.real(narrowest, "narrowest", 0, 1)
    if narrowest == 0:
        raise RefcompressError("narrowest", "must be above 0")
    return w, h, wide, steps, narrowest
