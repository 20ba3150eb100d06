"""AdaRound: whether each weight goes up or down is learnt, so that the layer's output changes least."""

import numpy as np

from ... import arguments
from .layer import LayerFit, best_rows, difference, errors, layer_arguments

__all__ = ["quantize_adaround"]

ZETA, GAMMA = 1.1, -0.1  # how far the sigmoid is stretched beyond 0 and 1, so that it reaches them
BETA = 20.0, 2.0  # the exponent of the regularizer, from the end of the warm-up to the last step
OUTPUTS = 32  # learnt at once: no output depends on another, and what a step works on stays in cache
WARM_UP = 0.2  # the share of the steps in which weights move freely, without regularizer
REGULARIZER = 10.0  # its weight, in units of the error that rounding to nearest makes in the output, a weight


@np.errstate(all="ignore")  # IEEE arithmetic is the promise, whatever np.seterr says
def quantize_adaround(w, hessian, *, bits=4, scheme="symmetric", axis=0, group=None, scale=None, zero_point=None,
                      iterations=1000, learning_rate=0.02) -> LayerFit:
    """Round each weight of a layer up or down, as keeps the output nearest, by gradient descent on a soft choice.

        minimise over v:  trace(d @ h @ d.T) + regularizer * sum(1 - |2 r(v) - 1|**beta),  d = soft(v) - w
        soft(v) = scale * (clip(floor(w / scale) + r(v) + zero_point, lowest, highest) - zero_point)
        r(v) = clip(sigmoid(v) * (1.1 + 0.1) - 0.1, 0, 1);       in the end a weight goes up where r(v) >= 1/2

    Parameters
    ----------
    w, hessian, bits, scheme, axis, group, scale, zero_point : as in :func:`quantize_nearest`
    iterations : int, at least 0; learning_rate : float, of Adam

    Returns
    -------
    LayerFit : before is the error of quantize_nearest on the same arguments. The descent is float32, in BLAS's order,
        and starts where r gives the weights themselves. No output depends on another: each takes what was learnt if its
        error, in float64, is smaller than that of rounding to nearest. So after <= before, always. A zero of w stays zero.

    Raises
    ------
    ArgumentTypeError, RefcompressError : by name.

    **Source** Nagel, Amjad, van Baalen, Louizos & Blankevoort, Up or Down? Adaptive Rounding for Post-Training
    Quantization (2020, arXiv 2004.10568).

    **Departs** the gradient is that of all calibration inputs at once, by way of h; the error of each output is
    relative to that of rounding it to nearest, which lets one weight of the regularizer serve all layers; no
    activation function in the objective; an output never ends worse than rounding to nearest; zeros stay zeros.

    Cost 2 m k**2 an iteration.

    >>> w, x = np.float32([[0.45, 0.4, 1]]), np.float32([[1, 1, 0], [0, 0, 1]])    # 0.45 + 0.4 is nearer to 1 than to 0
    >>> fit = quantize_adaround(w, x.T.astype(np.float64) @ x, bits=2)
    >>> fit.weight.values.tolist(), fit.after < fit.before
    ([[1, 0, 1]], True)
    """
    w, h, g = layer_arguments(w, hessian, bits, scheme, axis, group, scale, zero_point)
    iterations = arguments.integer(iterations, "iterations", 0)
    learning_rate = arguments.real(learning_rate, "learning_rate", 0, 1)
    nearest = g.nearest(w)
    e_nearest = errors(difference(nearest, w), h)
    s, z = nearest.expand(nearest.scale), nearest.expand(nearest.zero_point).astype(np.float32)
    # Beyond the grid, where every rounding is clipped, a step more or less makes no difference.
    steps = np.clip(w / s, g.lowest - 1 - z, g.highest + 1 - z)
    down = np.floor(steps)
    v = _inverse(steps - down)
    v[w == 0] = -np.inf  # pruned weights: always down, which is zero itself
    # In units of the error that rounding to nearest makes in the output, a weight: so one regularizer fits all layers.
    unit = np.sqrt(np.where(e_nearest > 0, e_nearest / max(w.shape[1], 1), 1))[:, None]
    common = np.sqrt(h.diagonal().mean()) if h.any() else 1.0
    s, h32 = (s * (common / unit)).astype(np.float32), (h / common**2).astype(np.float32)
    for first in range(0, len(w), OUTPUTS):
        part = slice(first, first + OUTPUTS)
        ends = (g.lowest - z, g.highest - z) if len(z) == 1 else (g.lowest - z[part], g.highest - z[part])
        v[part] = _descend(v[part], down[part], steps[part], s[part], h32, ends, iterations, learning_rate)
    learnt = g.quantized(np.clip(down + (_rectified(v) >= 0.5) + z, g.lowest, g.highest))
    e_learnt = errors(difference(learnt, w), h)
    values, error = best_rows(learnt.values, nearest.values, e_learnt, e_nearest)
    return LayerFit(g.quantized(values), float(errors(w.astype(np.float64), h).sum()), float(e_nearest.sum()),
                    float(error.sum()))


def _rectified(v: np.ndarray) -> np.ndarray:
    """Return r(v), from 0 (down) to 1 (up)."""
    return np.clip((ZETA - GAMMA) / (1 + np.exp(-v)) + GAMMA, 0, 1)


def _inverse(r: np.ndarray) -> np.ndarray:
    """Return the v with r(v) = r, for r in [0, 1)."""
    return -np.log((ZETA - GAMMA) / (r - GAMMA) - 1)


def _descend(v, down, steps, s, h, ends, iterations: int, learning_rate: float) -> np.ndarray:
    """Return v after Adam's steps, all in float32; steps are the weights in units of their scales."""
    mean, square = np.zeros_like(v), np.zeros_like(v)
    for t in range(1, iterations + 1):
        sigmoid = 1 / (1 + np.exp(-v))
        r = (ZETA - GAMMA) * sigmoid + GAMMA
        inside = (r > 0) & (r < 1)
        r = np.clip(r, 0, 1)
        q = down + r
        inside &= (q > ends[0]) & (q < ends[1])
        gradient = 2 * s * ((s * (np.clip(q, *ends) - steps)) @ h)
        progress = t / iterations
        if progress > WARM_UP:
            beta = BETA[1] + (BETA[0] - BETA[1]) * (1 + np.cos(np.pi * (progress - WARM_UP) / (1 - WARM_UP))) / 2
            away = 2 * r - 1
            gradient -= np.float32(REGULARIZER * 2 * beta) * np.sign(away) * np.abs(away) ** np.float32(beta - 1)
        gradient *= inside * (ZETA - GAMMA) * sigmoid * (1 - sigmoid)
        mean += np.float32(0.1) * (gradient - mean)
        square += np.float32(0.001) * (gradient * gradient - square)
        rate = learning_rate * (1 - 0.999**t) ** 0.5 / (1 - 0.9**t)
        v = v - np.float32(rate) * mean / (np.sqrt(square) + np.float32(1e-8))
    return v
