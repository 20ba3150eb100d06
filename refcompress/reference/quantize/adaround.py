"""AdaRound: gradient descent decides whether each weight is rounded up or down, so that the output changes least."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ... import arguments
from ...formats import Quantized
from ..exponential import exponential
from ..hessian import layer_error
from .integers import limits
from .layer import LayerFit, exact_weight, layer_arguments

__all__ = ["quantize_adaround"]

ZETA, GAMMA = 1.1, -0.1  # how far the sigmoid is stretched beyond 0 and 1, so that it reaches them
BETA = 20.0, 2.0  # the exponent of the regularizer, from the end of the warm-up to the last step
WARM_UP = 0.2  # the share of the steps in which weights move freely, without regularizer
REGULARIZER = 10.0  # its weight, in units of the error that rounding to nearest makes in the output, a weight
BITS = 13  # of the Hessian and of the errors of weights, without their signs: sums of 2**17 products have 43
ROWS = 256  # of w that are at work together


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
        before is the error of quantize_nearest on the same arguments. The descent starts where r gives the weights
        themselves. It is float64, element by element. For the gradient d and h are rounded to integers of 13 bits and a
        sign, h after its rows and columns were divided by powers of two that take its diagonal between 1/4 and 1: so
        the sums of products are exact, and their order is nobody's concern. No output depends on another. Each takes
        what the descent found if its error is smaller than that of rounding to nearest. So after <= before. A zero of w
        stays zero, and the weights of a dead input are rounded to nearest.

    **Source** Nagel, Amjad, van Baalen, Louizos & Blankevoort, Up or Down? Adaptive Rounding for Post-Training
    Quantization (2020, arXiv 2004.10568).

    **Departs** the gradient is that of all calibration inputs at once, through h. The error of each output is relative
    to that of rounding it to nearest, so that one weight of the regularizer serves all layers. beta is rounded to an
    integer. The objective has no activation function. An output never ends worse than rounded to nearest. Zeros stay
    zeros.

    Cost 2 m k**2 an iteration. 256 outputs at a time take 100 bytes a weight; the native form takes 80, and 2 k**2.

    >>> w, x = np.float32([[0.45, 0.4, 1]]), np.float32([[1, 1, 0], [0, 0, 1]])    # 0.45 + 0.4 is nearer to 1 than to 0
    >>> fit = quantize_adaround(w, x.T.astype(np.float64) @ x, bits=2)
    >>> fit.weight.values.tolist(), fit.after < fit.before
    ([[1, 0, 1]], True)
    """
    w, h, nearest, iterations, learning_rate = adaround_arguments(
        w, hessian, bits, scheme, axis, group, scale, zero_point, iterations, learning_rate)
    products = whole_hessian(h).astype(np.float64)
    return rounded(w, h, nearest, limits(int(bits), scheme),
                   lambda problem: descent(problem, products, iterations, learning_rate))


@dataclass(frozen=True)
class Problem:
    """Some rows of a layer, in units of their scales: what the descent decides about.

    v : where it begins. down : the integers below. steps : the weights. low, high : the ends of the grid; all four as
    float32. unit : what an integer of the errors is in them. slope : what an integer of the sums is in the gradient
    """

    v: NDArray[np.float64]
    down: NDArray[np.float32]
    steps: NDArray[np.float32]
    low: NDArray[np.float32]
    high: NDArray[np.float32]
    unit: NDArray[np.float64]
    slope: NDArray[np.float64]


def rounded(w: np.ndarray, h: np.ndarray, nearest: Quantized, ends: tuple[int, int],
            solve: Callable[[Problem], np.ndarray]) -> LayerFit:
    """Return w rounded as ``solve`` finds best, some rows at a time; it gives the last v of a problem."""
    error = layer_error(exact_weight(nearest) - w, h)
    values, live = nearest.values.copy(), h.diagonal() > 0
    z = np.broadcast_to(nearest.expand(nearest.zero_point), w.shape)
    for begin in range(0, len(w), ROWS):
        some = slice(begin, begin + ROWS)
        problem = problem_of(w, h, nearest, error, ends, some)
        found = np.clip(problem.down + (r_of(solve(problem)) >= 0.5) + z[some], *ends).astype(np.int8)
        values[some] = np.where(live, found, values[some])  # dead inputs: rounded to nearest
    better = layer_error(exact_weight(replace(nearest, values=values)) - w, h) < error
    return LayerFit.of(w, h, replace(nearest, values=np.where(better[:, None], values, nearest.values)), nearest)


def problem_of(w: np.ndarray, h: np.ndarray, nearest: Quantized, error: np.ndarray, ends: tuple[int, int],
               some: slice) -> Problem:
    """Return what is to be decided about some rows of w; ``error`` is that of rounding to nearest.

    With p the powers of two of the inputs, an error of a step is s p in the units of the divided h. The power of two
    next to the largest of a row, over 2**BITS, is an integer's.
    """
    w, s, z = (np.ascontiguousarray(np.broadcast_to(a, w.shape)[some])
               for a in (w, nearest.expand(nearest.scale), nearest.expand(nearest.zero_point)))
    low, high = (end - z.astype(np.float32) for end in ends)
    # Beyond the grid, where every rounding is clipped, a step more or less makes no difference.
    steps = np.clip(w / s, low - 1, high + 1)
    down = np.floor(steps)
    v = v_of((steps - down).astype(np.float64))
    v[w == 0] = -np.inf  # pruned weights: always down, which is zero itself
    size = np.ldexp(s.astype(np.float64), powers(h)) * (h.diagonal() > 0)  # no step of a dead input counts
    bits = BITS - np.frexp(size.max(axis=1, keepdims=True, initial=0))[1]
    unit = np.ldexp(size, bits)
    # In units of the error that rounding to nearest makes in the output, a weight: so one regularizer fits all layers.
    each, power = np.frexp(np.where(error[some] > 0, error[some] / max(w.shape[1], 1), 1)[:, None])
    return Problem(v, down, steps, low, high, unit, np.ldexp(unit / each, 1 - 2 * bits - BITS - power))


def powers(h: np.ndarray) -> NDArray[np.int32]:
    """Return for each input the exponent whose power of two, squared, is at most four times its diagonal, and above it.
    """
    return (np.frexp(h.diagonal())[1] + 1) >> 1


def whole_hessian(h: np.ndarray) -> NDArray[np.int16]:
    """Return the Hessian as integers of BITS bits and a sign, its rows and columns divided by their powers of two.

    No element is above the root of the product of its two diagonals, if the Hessian is one; of another it is cut.
    """
    p, most = powers(h), 2.0**BITS
    return np.clip(np.rint(np.ldexp(h, BITS - p[:, None] - p)), -most, most).astype(np.int16)


def r_of(v: np.ndarray) -> np.ndarray:
    """Return r(v), from 0 (down) to 1 (up)."""
    return np.clip((ZETA - GAMMA) / (1 + exponential(-v)) + GAMMA, 0, 1)


def v_of(r: np.ndarray) -> np.ndarray:
    """Return the v with r(v) = r, for r in [0, 1): log(p / (1 - p)) for p = (r - GAMMA) / (ZETA - GAMMA).

    With p between 1/12 and 11/12 that is 2 artanh(2 p - 1), by five of Newton's steps from there on: the
    logarithms of processors differ in their last bits.
    """
    p = (r - GAMMA) / (ZETA - GAMMA)
    v = 4 * p - 2
    for _ in range(5):
        v = v - (1 / (1 + exponential(-v)) - p) / (p * (1 - p))
    return v


def schedule(iterations: int, learning_rate: float) -> Iterator[tuple[float, int]]:
    """Yield for each step Adam's rate, and the exponent of the regularizer's gradient (0 in the warm-up)."""
    first = second = 1.0
    for t in range(1, iterations + 1):
        first, second = first * 0.9, second * 0.999
        progress = t / iterations
        beta = BETA[1] + (BETA[0] - BETA[1]) * (1 + math.cos(math.pi * (progress - WARM_UP) / (1 - WARM_UP))) / 2
        # Where the cosine is 1/2 beta ends in .5: 0.3 in place of 0.5 is never so near to a tie.
        yield learning_rate * math.sqrt(1 - second) / (1 - first), int(beta + 0.3) - 1 if progress > WARM_UP else 0


def push_of(power: int) -> float:
    """Return the factor of the regularizer's gradient."""
    return REGULARIZER * 2 * (power + 1)


def descent(problem: Problem, h: np.ndarray, iterations: int, learning_rate: float) -> np.ndarray:
    """Return v after Adam's steps."""
    v, down, slope = problem.v, problem.down.astype(np.float64), problem.slope
    mean, square = np.zeros_like(v), np.zeros_like(v)
    for rate, power in schedule(iterations, learning_rate):
        sigmoid = 1 / (1 + exponential(-v))
        r = (ZETA - GAMMA) * sigmoid + GAMMA
        q = down + np.clip(r, 0, 1)
        inside = (r > 0) & (r < 1) & (q > problem.low) & (q < problem.high)
        x = np.rint((np.clip(q, problem.low, problem.high) - problem.steps) * problem.unit)
        gradient = slope * (x @ h)  # the product is exact
        if power:
            away = 2 * np.clip(r, 0, 1) - 1
            gradient -= np.copysign(push_of(power) * power_of_size(away, power), away)
        gradient = np.where(inside, gradient * ((ZETA - GAMMA) * sigmoid * (1 - sigmoid)), 0)
        mean += 0.1 * (gradient - mean)
        square += 0.001 * (gradient * gradient - square)
        v = v - rate * mean / (np.sqrt(square) + 1e-8)
    return v


def power_of_size(a: np.ndarray, power: int) -> np.ndarray:
    """Return |a|**power by squares of squares, from the lowest bit of ``power`` up."""
    result, square = np.ones_like(a), np.abs(a)
    while power:
        result = result * square if power & 1 else result
        square, power = square * square, power >> 1
    return result


def adaround_arguments(w, hessian, bits, scheme, axis, group, scale, zero_point, iterations, learning_rate):
    """Return w, hessian, w rounded to nearest, iterations and learning_rate, or refuse the arguments."""
    w, h, nearest = layer_arguments(w, hessian, bits, scheme, axis, group, scale, zero_point)
    iterations = arguments.integer(iterations, "iterations", 0)
    return w, h, nearest, iterations, arguments.real(learning_rate, "learning_rate", 0, 1)
