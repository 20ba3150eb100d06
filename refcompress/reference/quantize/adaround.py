"""AdaRound: gradient descent decides whether each weight is rounded up or down, so that the output changes least."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ... import arguments
from ..hessian import layer_error
from .layer import LayerFit, exact_weight, layer_arguments
from .scales import limits

__all__ = ["quantize_adaround"]

ZETA, GAMMA = 1.1, -0.1  # how far the sigmoid is stretched beyond 0 and 1, so that it reaches them
BETA = 20.0, 2.0  # the exponent of the regularizer, from the end of the warm-up to the last step
WARM_UP = 0.2  # the share of the steps in which weights move freely, without regularizer
REGULARIZER = 10.0  # its weight, in units of the error that rounding to nearest makes in the output, a weight


@np.errstate(all="ignore")  # IEEE arithmetic is the promise, whatever np.seterr says
def quantize_adaround(w: NDArray[np.float32], hessian: NDArray[np.float64], *, bits: int = 4, scheme: str = "symmetric",
                      axis: int | None = 0, group: int | None = None, scale: float | NDArray | None = None,
                      zero_point: int | NDArray | None = None, iterations: int = 1000,
                      learning_rate: float = 0.02) -> LayerFit:
    """Round each weight of a layer up or down, so that the output changes least, by gradient descent on a soft choice.

        minimise over v:  trace(d @ h @ d.T) + regularizer * sum(1 - |2 r(v) - 1|**beta),  d = soft(v) - w
        soft(v) = scale * (clip(floor(w / scale) + r(v) + zero_point, lowest, highest) - zero_point)
        r(v) = clip(sigmoid(v) * (1.1 + 0.1) - 0.1, 0, 1);       in the end a weight goes up where r(v) >= 1/2

    Parameters
    ----------
    w, hessian, bits, scheme, axis, group, scale, zero_point : as in :func:`quantize_nearest`
    iterations : int >= 0
    learning_rate : float in [0, 1]
        Of Adam.

    Returns
    -------
    LayerFit
        before is the error of quantize_nearest on the same arguments. The descent is float32, in BLAS's order, and
        starts where r gives the weights themselves. No output depends on another. Each takes what the descent found if
        its error, in float64, is smaller than that of rounding to nearest. So after <= before. A zero of w stays zero,
        and the weights of a dead input are rounded to nearest.

    **Source** Nagel, Amjad, van Baalen, Louizos & Blankevoort, Up or Down? Adaptive Rounding for Post-Training
    Quantization (2020, arXiv 2004.10568).

    **Departs** the gradient is that of all calibration inputs at once, through h. The error of each output is relative
    to that of rounding it to nearest, so that one weight of the regularizer serves all layers. The objective has no
    activation function. An output never ends worse than rounded to nearest. Zeros stay zeros.

    Cost 2 m k**2 an iteration.

    >>> w, x = np.float32([[0.45, 0.4, 1]]), np.float32([[1, 1, 0], [0, 0, 1]])    # 0.45 + 0.4 is nearer to 1 than to 0
    >>> fit = quantize_adaround(w, x.T.astype(np.float64) @ x, bits=2)
    >>> fit.weight.values.tolist(), fit.after < fit.before
    ([[1, 0, 1]], True)
    """
    w, h, nearest, iterations, learning_rate = adaround_arguments(
        w, hessian, bits, scheme, axis, group, scale, zero_point, iterations, learning_rate)
    lowest, highest = limits(int(bits), scheme)
    e_nearest = layer_error(exact_weight(nearest) - w, h)
    s, z = nearest.expand(nearest.scale), nearest.expand(nearest.zero_point).astype(np.float32)
    ends = lowest - z, highest - z
    # Beyond the grid, where every rounding is clipped, a step more or less makes no difference.
    steps = np.clip(w / s, ends[0] - 1, ends[1] + 1)
    down = np.floor(steps)
    v = v_of(steps - down)
    v[w == 0] = -np.inf  # pruned weights: always down, which is zero itself
    # In units of the error that rounding to nearest makes in the output, a weight: so one regularizer fits all layers.
    unit = np.sqrt(np.where(e_nearest > 0, e_nearest / max(w.shape[1], 1), 1))[:, None]
    common = np.sqrt(h.diagonal().mean()) if h.any() else 1.0
    v = descent(v, down, steps, (s * (common / unit)).astype(np.float32), (h / common**2).astype(np.float32), ends,
                iterations, learning_rate)
    values = np.clip(down + (r_of(v) >= 0.5) + z, lowest, highest).astype(np.int8)
    values = np.where(h.diagonal() > 0, values, nearest.values)  # dead inputs: rounded to nearest
    better = layer_error(exact_weight(replace(nearest, values=values)) - w, h) < e_nearest
    return LayerFit.of(w, h, replace(nearest, values=np.where(better[:, None], values, nearest.values)), nearest)


def r_of(v: np.ndarray) -> np.ndarray:
    """Return r(v), from 0 (down) to 1 (up)."""
    return np.clip((ZETA - GAMMA) / (1 + np.exp(-v)) + GAMMA, 0, 1)


def v_of(r: np.ndarray) -> np.ndarray:
    """Return the v with r(v) = r, for r in [0, 1)."""
    return -np.log((ZETA - GAMMA) / (r - GAMMA) - 1)


def descent(v, down, steps, s, h, ends, iterations: int, learning_rate: float) -> np.ndarray:
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


def adaround_arguments(w, hessian, bits, scheme, axis, group, scale, zero_point, iterations, learning_rate):
    """Return w, hessian, w rounded to nearest, iterations and learning_rate, or refuse the arguments."""
    w, h, nearest = layer_arguments(w, hessian, bits, scheme, axis, group, scale, zero_point)
    iterations = arguments.integer(iterations, "iterations", 0)
    return w, h, nearest, iterations, arguments.real(learning_rate, "learning_rate", 0, 1)
