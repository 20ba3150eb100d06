"""AWQ: inputs of large activations get finer weights, by scaling them before the weights are rounded."""

from dataclasses import replace

import numpy as np

from ... import arguments
from ...constants import SMALLEST_NORMAL
from ...errors import RefcompressError
from .layer import LayerFit, difference, errors, exact_weight, grid, inputs_argument, layer_arguments, quantize_hessian

__all__ = ["quantize_awq", "quantize_clip"]

FLOOR = 1e-4  # a silent input counts as this share of the loudest, so that scales stay within 1e4 of each other


@np.errstate(all="ignore")  # IEEE arithmetic is the promise, whatever np.seterr says
def quantize_awq(w, x, *, bits=4, scheme="symmetric", axis=0, group=None, steps=20, clip=True) -> LayerFit:
    """Scale each input's weights by a power of its mean magnitude before rounding, the inputs by the inverse.

        y = (x / s) @ round(w * s).T;    s = a**alpha, a[j] = mean |x[:, j]|, alpha in {0, 1/steps, ... (steps-1)/steps}

    Parameters
    ----------
    w : float32 (m, k), finite; x : float32 (n, k), finite, the calibration inputs
    bits, scheme, axis, group : as in :func:`quantize_nearest`
    steps : int, at least 1, how many alphas are tried
    clip : bool, whether :func:`quantize_clip` then narrows the ranges (needs axis 0)

    Returns
    -------
    LayerFit : with the input_scale s, float32, divided by the root of its largest times its smallest; None where alpha
        is 0. The alpha of least error on x is taken, the first of equals. As alpha = 0 is rounding to nearest, and
        clipping is kept only where it helps, after <= before.

    Raises
    ------
    ArgumentTypeError, RefcompressError : by name.

    **Source** Lin, Tang, Tang, Yang et al., AWQ (2023, arXiv 2306.00978), section 3.2, eq. 4 and 5; for clipping the
    end of the section.

    **Departs** s stays with the layer as input_scale, where the paper folds it into the layer before; means below 1e-4
    of the largest count as that (the authors' code floors s); an alpha whose weights leave float32 is passed over.

    Cost 2 steps m k**2 + 2 n k**2.

    >>> rng = np.random.default_rng(0)
    >>> x = (rng.normal(size=(64, 8)) * [20, 1, 1, 1, 1, 1, 1, 1]).astype(np.float32)      # one input is loud
    >>> w = rng.normal(size=(16, 8)).astype(np.float32)
    >>> fit = quantize_awq(w, x, bits=3)
    >>> fit.input_scale.argmax(), fit.after < fit.before
    (np.int64(0), True)
    """
    w = arguments.finite(arguments.array(w, "w", np.float32, ndim=2), "w")
    x = inputs_argument(x, w.shape[1])
    steps = arguments.integer(steps, "steps", 1)
    w, h, g = layer_arguments(w, quantize_hessian(x), bits, scheme, axis, group, None, None)
    clip = arguments.boolean(clip, "clip")
    if clip and axis != 0:
        raise RefcompressError("clip", "ranges are clipped output by output: with it axis must be 0")
    loud = np.abs(x.astype(np.float64)).mean(axis=0) if len(x) else np.ones(w.shape[1])
    loud = np.maximum(loud, FLOOR * loud.max(initial=0))
    loud[loud == 0] = 1  # all of x is zero

    before = after = errors(difference(g.nearest(w), w), h).sum()
    weight, scale = g.nearest(w), np.ones(w.shape[1], np.float32)
    for i in range(1, steps):
        s = loud ** (i / steps)
        s = (s / np.sqrt(s.max(initial=1e-300) * s.min(initial=1e300))).astype(np.float32)
        scaled = w * s
        if np.all(np.isfinite(scaled)):
            candidate = grid(scaled, bits, scheme, axis, group).nearest(scaled)
            error = errors(exact_weight(candidate) / s - w, h).sum()
            if error < after:
                after, weight, scale = error, candidate, s
    if clip:
        wide = scale.astype(np.float64)
        narrow = quantize_clip(w * scale, h / np.outer(wide, wide), bits=bits, scheme=scheme, group=group).weight
        error = errors(exact_weight(narrow) / scale - w, h).sum()
        if error < after:
            after, weight = error, narrow
    return LayerFit(weight, float(errors(w.astype(np.float64), h).sum()), float(before), float(after),
                    input_scale=None if np.all(scale == 1) else scale)


@np.errstate(all="ignore")  # IEEE arithmetic is the promise, whatever np.seterr says
def quantize_clip(w, hessian, *, bits=4, scheme="symmetric", group=None, steps=20, narrowest=0.5) -> LayerFit:
    """Narrow the range of each output (or run of inputs) until rounding within it costs the layer's output least.

        scale = ratio * (the range's scale), ratio in {1, ... narrowest} in ``steps`` equal steps;
        least  d @ h @ d.T  over the run's own inputs, d = round(w) - w

    Parameters
    ----------
    w, hessian, bits, scheme, group : as in :func:`quantize_nearest`, scales per output or run
    steps : int, at least 1; narrowest : float in (0, 1]

    Returns
    -------
    LayerFit : its weight.scale and weight.zero_point serve as the scale and zero_point of the other methods. Errors are
        float64; of equal ones the wider range is taken. Where the runs of an output, chosen each for itself, are no
        better together than unclipped ones, the output keeps those: after <= before, always.

    Raises
    ------
    ArgumentTypeError, RefcompressError : by name.

    **Source** Lin et al., AWQ (2023), section 3.2: "weight clipping to minimize the MSE error".

    **Departs** the error is of all calibration inputs, by way of h, and an output's never grows.

    Cost 2 steps m k times the inputs in a run.

    >>> w = np.float32([[0.33, -0.33, 0.33, -0.33, 1]])              # at 2 bits all but the outlier would be lost
    >>> fit = quantize_clip(w, np.eye(5), bits=2)
    >>> fit.weight.scale.tolist(), fit.weight.values.tolist()
    ([[0.5]], [[1, -1, 1, -1, 1]])
    """
    w, h, g = layer_arguments(w, hessian, bits, scheme, 0, group, None, None)
    steps = arguments.integer(steps, "steps", 1)
    narrowest = arguments.real(narrowest, "narrowest", 0, 1)
    if narrowest == 0:
        raise RefcompressError("narrowest", "must be above 0")
    size = max(w.shape[1], 1) if group is None else g.group
    widest = g.scale
    least, scale = np.full(widest.shape, np.inf), widest.copy()
    for ratio in np.linspace(1, narrowest, steps + 1):
        trial = replace(g, scale=np.maximum(widest * np.float32(ratio), SMALLEST_NORMAL))
        d = difference(trial.nearest(w), w)
        for i, start in enumerate(range(0, w.shape[1], size)):
            run = slice(start, start + size)
            error = errors(d[:, run], h[run, run])
            better = error < least[:, i]
            least[better, i], scale[better, i] = error[better], trial.scale[better, i]

    unclipped = errors(difference(g.nearest(w), w), h)
    clipped = errors(difference(replace(g, scale=scale).nearest(w), w), h)
    better = clipped < unclipped
    weight = replace(g, scale=np.where(better[:, None], scale, widest)).nearest(w)
    return LayerFit(weight, float(errors(w.astype(np.float64), h).sum()), float(unclipped.sum()),
                    float(np.where(better, clipped, unclipped).sum()))
