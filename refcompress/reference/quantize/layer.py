"""One layer y = x @ w.T and its quantized stand-in: the grid, rounding to nearest, and what that does to the output.

What the post-training methods share. Letters: w the weight, m outputs of k inputs; x the calibration inputs, n rows of
k; h = x.T @ x their Hessian (``reference/hessian.py``).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ... import arguments
from ...errors import RefcompressError
from ...formats import Quantized
from ...formats.base import expand
from ..hessian import hessian_argument, layer_error
from .integers import quantize_s8

__all__ = ["LayerFit", "quantize_nearest"]

ROWS = 512  # of a layer that are float64 at once


@dataclass(frozen=True, eq=False)
class LayerFit:
    """What a post-training method made of one layer, and what that did to the layer's output on the calibration inputs.

    Parameters
    ----------
    weight : Quantized (m, k)
    output, before, after : float
        Sums of squares over the calibration inputs, in float64: of the output x @ w.T; of the error that rounding to
        nearest makes; of the error that is left.
    input_scale : None, or (k,) float32
        The inputs are divided by it first.
    input_bits : None, or 2 to 8
        The inputs are rounded to so many bits, symmetrically. With None they stay float32.
    input_step : None, or float
        The scale of the rounded inputs. With None each row has one, from its largest magnitude.
    bias : None, or (m,) float32
        It is added to the output.
    """

    weight: Quantized
    output: float
    before: float
    after: float
    input_scale: np.ndarray | None = None
    input_bits: int | None = None
    input_step: float | None = None
    bias: np.ndarray | None = None

    @classmethod
    def of(cls, w: np.ndarray, hessian: np.ndarray, weight: Quantized, nearest: Quantized | None = None,
           input_scale: np.ndarray | None = None) -> "LayerFit":
        """Return the fit of a layer w by ``weight``; ``nearest`` is w rounded to nearest, by default ``weight`` itself.

        The errors are traces of d @ h @ d.T in float64, d the exact difference of the weights.
        """
        after = rounding_error(weight, w, hessian, input_scale).sum()
        before = after if nearest is None else rounding_error(nearest, w, hessian).sum()
        output = np.concatenate([layer_error(w[some].astype(np.float64), hessian) for some in in_parts(w)]).sum()
        return cls(weight, float(output), float(before), float(after), input_scale=input_scale)

    @np.errstate(all="ignore")
    def forward(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the output (n, m) for float32 inputs (n, k): products and sums in float64, rounded once to float32."""
        x = arguments.array(x, "x", np.float32, ndim=2)
        if x.shape[1] != self.weight.shape[1]:
            raise RefcompressError("x", f"must have a column for each of the {self.weight.shape[1]} inputs of the "
                                        f"weight, not {x.shape[1]}")
        return self.exact(x).astype(np.float32)

    def exact(self, x: np.ndarray) -> np.ndarray:
        """Return ``forward`` before its last rounding, float64; x is float32 (n, k) and not checked."""
        if self.input_scale is not None:
            x = x / self.input_scale
        if self.input_bits is not None:
            step = None if self.input_step is None else np.full((1, 1), self.input_step, np.float32)
            x = exact_weight(quantize_s8(x, bits=self.input_bits, axis=0 if step is None else None, scale=step))
        y = x.astype(np.float64) @ exact_weight(self.weight).T
        return y if self.bias is None else y + self.bias


@np.errstate(all="ignore")  # IEEE arithmetic is the promise, whatever np.seterr says
def quantize_nearest(w: NDArray[np.float32], hessian: NDArray[np.float64], *, bits: int = 8, scheme: str = "symmetric",
                     axis: int | None = 0, group: int | None = None, scale: float | NDArray | None = None,
                     zero_point: int | NDArray | None = None) -> LayerFit:
    """Round a layer's weights to the nearest point of a grid of few bits: what the other methods are measured against.

        q = clip(rint(w / scale) + zero_point, lowest, highest)

    Parameters
    ----------
    w : (m, k) float32, finite
    hessian : (k, k) float64, as of :func:`quantize_hessian`
        The values do not depend on it, only the errors do.
    bits : int, 2 to 8
    scheme : "symmetric" or "affine"
        From -top to top, top = 2**(bits-1) - 1; or one more below.
    axis, group : int or None
        What shares a scale: each output (axis 0 or -2), each input (1 or -1), or all (None); or each group of ``group``
        consecutive inputs of an output, of which the last may be smaller.
    scale, zero_point : as in :func:`quantize_s8`
        By default from the range of the weights.

    Returns
    -------
    LayerFit
        Values and scales are those of quantize_s8; before == after. The errors are traces of d @ h @ d.T in float64,
        where d is the exact difference of the weights.

    **Source** Jacob et al. (2018, arXiv 1712.05877), section 2.1, eq. 1.

    **Departs** nothing.

    Cost 2 m k**2, for the errors.

    >>> w, x = np.float32([[1, 0.3], [-0.5, 0.2]]), np.float32([[1, 2], [3, 4]])
    >>> fit = quantize_nearest(w, quantize_hessian(x), bits=2)
    >>> fit.weight.values.tolist()
    [[1, 0], [-1, 0]]
    >>> round(fit.after, 6) == round(float(np.sum((x @ w.T - fit.forward(x)) ** 2)), 6)
    True
    """
    w, h, weight = layer_arguments(w, hessian, bits, scheme, axis, group, scale, zero_point)
    return LayerFit.of(w, h, weight)


def layer_arguments(w, hessian, bits, scheme, axis, group, scale, zero_point) -> tuple:
    """Return w, its Hessian, and w rounded to nearest, or refuse the arguments."""
    w = weight_argument(w)
    return w, hessian_argument(hessian, w.shape[1]), nearest(w, bits, scheme, axis, group, scale, zero_point)


def nearest(w: np.ndarray, bits, scheme, axis, group, scale=None, zero_point=None,
            quantize_s8=quantize_s8) -> Quantized:
    """Return what quantize_s8 makes of the matrix w; with a group, axis stays at its default, 0."""
    if group is not None and axis != 0:
        raise RefcompressError("axis or group", "groups lie within an output: with them axis must be 0")
    return quantize_s8(w, bits=bits, scheme=scheme, axis=axis if group is None else None, group=group, scale=scale,
                       zero_point=zero_point)


def weight_argument(w) -> np.ndarray:
    """Return the weights, or refuse them."""
    return arguments.finite(arguments.array(w, "w", np.float32, ndim=2), "w")


def rounding_error(q: Quantized, w: np.ndarray, hessian: np.ndarray,
                   input_scale: np.ndarray | None = None) -> np.ndarray:
    """Return the squared error of each output if q (divided by the inputs' scale) stands in for w."""
    errors = []
    for some in in_parts(w):
        fitted = exact_weight(q, some)
        errors.append(layer_error((fitted if input_scale is None else fitted / input_scale) - w[some], hessian))
    return np.concatenate(errors)


def in_parts(w: np.ndarray) -> list[slice]:
    """Return slices of ROWS rows each: so few are float64 at once."""
    return [slice(begin, begin + ROWS) for begin in range(0, max(len(w), 1), ROWS)]


def exact_weight(q: Quantized, some: slice = slice(None)) -> np.ndarray:
    """Return what q, or some rows of it, stands for in float64, where 24 bits of scale times 9 of the difference are
    exact.
    """
    values = q.values[some]
    scale, zero_point = (expand(a if len(a) == 1 else a[some], values.shape, q.group) for a in (q.scale, q.zero_point))
    return scale * (values.astype(np.float64) - zero_point)
