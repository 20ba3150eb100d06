"""One layer y = x @ w.T and its quantized stand-in: the grid, the inputs' second moments, the error of the output.

What the post-training methods share. Letters: w the weight, m outputs of k inputs; x the calibration inputs, n rows of
k; h = x.T @ x their second moments, which GPTQ and AdaRound call the Hessian (of the squared error, but for a factor).
"""

from dataclasses import dataclass, replace

import numpy as np

from ... import arguments
from ...errors import RefcompressError
from ...formats import Quantized
from .integers import quantize_s8
from .scales import limits

__all__ = ["LayerFit", "quantize_hessian", "quantize_nearest"]

ROWS = 4096  # of x that are float64 at once


@dataclass(frozen=True, eq=False)
class LayerFit:
    """What a post-training method made of one layer, and what that did to the layer's output on the calibration inputs.

    weight : Quantized (m, k). input_scale : None or float32 (k,), by which the inputs are divided first. input_bits :
    None (inputs stay float32) or 2 to 8, to which they are rounded symmetrically; input_step : their scale, or None for
    one a row, from the row's largest magnitude. bias : None or float32 (m,), added to the output.

    output, before, after : sums of squares over the calibration inputs, in float64: of the output x @ w.T; of the error
    that rounding to nearest makes; of the error that is left.
    """

    weight: Quantized
    output: float
    before: float
    after: float
    input_scale: np.ndarray | None = None
    input_bits: int | None = None
    input_step: float | None = None
    bias: np.ndarray | None = None

    @np.errstate(all="ignore")
    def forward(self, x) -> np.ndarray:
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
            inputs = grid(x, self.input_bits, axis=0 if step is None else None, scale=step).nearest(x)
            x = exact_weight(inputs)
        y = x.astype(np.float64) @ exact_weight(self.weight).T
        return y if self.bias is None else y + self.bias


@dataclass(frozen=True, eq=False)
class Grid:
    """The numbers that a matrix may take: scale * (q - zero_point), with integers q from lowest to highest."""

    scale: np.ndarray  # float32, int8: in a shape that Quantized takes for an (m, k) matrix
    zero_point: np.ndarray
    lowest: int
    highest: int
    group: int | None

    def column(self, j: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the scale and the zero point of input j: (m,) or (1,)."""
        at = j // self.group if self.group is not None else j if self.scale.shape[1] > 1 else 0
        return self.scale[:, at], self.zero_point[:, at]

    def round(self, w: np.ndarray, scale: np.ndarray, zero_point: np.ndarray) -> np.ndarray:
        """Return the nearest q, as float32 integers: the division is float32, halves go to even, as in quantize_s8."""
        q = np.rint(w.astype(np.float32, copy=False) / scale)
        return np.clip(q + zero_point, self.lowest, self.highest)

    def nearest(self, w: np.ndarray) -> Quantized:
        """Return the float32 matrix w rounded to nearest."""
        like = Quantized(np.zeros(w.shape, np.int8), self.scale, self.zero_point, self.group)
        return self.quantized(self.round(w, like.expand(self.scale), like.expand(self.zero_point)))

    def quantized(self, q: np.ndarray) -> Quantized:
        """Return the Quantized with the integers ``q``, of any dtype."""
        return Quantized(q.astype(np.int8), self.scale, self.zero_point, self.group)


def grid(w: np.ndarray, bits, scheme="symmetric", axis=0, group=None, scale=None, zero_point=None) -> Grid:
    """Return the grid that quantize_s8 takes for the checked matrix w; with a group, axis stays at its default."""
    if group is not None and axis != 0:
        raise RefcompressError("axis or group", "groups are runs within an output: with them axis must be 0")
    q = quantize_s8(w, bits=bits, scheme=scheme, axis=axis if group is None else None, group=group, scale=scale,
                    zero_point=zero_point)
    return Grid(q.scale, q.zero_point, *limits(int(bits), scheme), q.group)


@np.errstate(all="ignore")  # IEEE arithmetic is the promise, whatever np.seterr says
def quantize_hessian(x) -> np.ndarray:
    """Sum the second moments of a layer's inputs: all that its squared output error depends on.

        h[i, j] = sum over rows p of x[p, i] * x[p, j];        ||x @ d.T||**2 = trace(d @ h @ d.T) for any change d of w

    x : float32 (n, k), finite. Returns float64 (k, k), symmetric to the last bit; products and sums in float64, in the
    order of BLAS. That of batches of inputs is the sum of theirs. Raises ArgumentTypeError, RefcompressError by name.

    **Source** Frantar, Ashkboos, Hoefler & Alistarh, GPTQ (2022), section 3, "Optimal Brain Quantization", H = 2 x.T
    x. **Departs** without the factor 2: no method here depends on a factor, but the errors that they tell are then
    those of x. Cost 2 n k**2.

    >>> x = np.float32([[1, 2], [3, -1]])
    >>> quantize_hessian(x).tolist()
    [[10.0, -1.0], [-1.0, 5.0]]
    """
    x = inputs_argument(x)
    h = np.zeros((x.shape[1], x.shape[1]))
    for start in range(0, len(x), ROWS):
        rows = x[start : start + ROWS].astype(np.float64)
        h += rows.T @ rows
    lower = np.tril_indices(len(h), -1)
    h[lower] = h.T[lower]  # BLAS gives it so already where it sees a matrix times its own transpose
    return h


@np.errstate(all="ignore")  # IEEE arithmetic is the promise, whatever np.seterr says
def quantize_nearest(w, hessian, *, bits=8, scheme="symmetric", axis=0, group=None, scale=None,
                     zero_point=None) -> LayerFit:
    """Round a layer's weights to the nearest point of a grid of few bits: what the other methods are measured against.

        q = clip(rint(w / scale) + zero_point, lowest, highest)

    Parameters
    ----------
    w : float32 (m, k), finite; hessian : float64 (k, k), as of :func:`quantize_hessian`
    bits : 2 to 8; scheme : "symmetric" (-top to top, top = 2**(bits-1) - 1) or "affine" (one more below)
    axis, group : what shares a scale: each output (axis 0), each input (1), all (None); or each run of ``group`` inputs
        of an output, of which the last may be shorter
    scale, zero_point : as in quantize_s8, by default from the range of the weights

    Returns
    -------
    LayerFit : values and scales are those of quantize_s8; before == after. The errors are traces of d @ h @ d.T in
        float64, d the exact difference of the weights.

    Raises
    ------
    ArgumentTypeError, RefcompressError : by name; NaN and infinities by index.

    **Source** Jacob et al. (2018), section 2.1, eq. 1. **Departs** nothing. Cost 2 m k**2, for the errors.

    >>> w, x = np.float32([[1, 0.3], [-0.5, 0.2]]), np.float32([[1, 2], [3, 4]])
    >>> fit = quantize_nearest(w, quantize_hessian(x), bits=2)
    >>> fit.weight.values.tolist()
    [[1, 0], [-1, 0]]
    >>> round(fit.after, 6) == round(float(np.sum((x @ w.T - fit.forward(x)) ** 2)), 6)
    True
    """
    w, h, g = layer_arguments(w, hessian, bits, scheme, axis, group, scale, zero_point)
    weight = g.nearest(w)
    error = float(errors(difference(weight, w), h).sum())
    return LayerFit(weight, float(errors(w.astype(np.float64), h).sum()), error, error)


def layer_arguments(w, hessian, bits, scheme, axis, group, scale, zero_point):
    """Return w, hessian and the grid, or refuse the arguments."""
    w = arguments.finite(arguments.array(w, "w", np.float32, ndim=2), "w")
    h = arguments.finite(arguments.array(hessian, "hessian", np.float64, ndim=2), "hessian")
    k = w.shape[1]
    if h.shape != (k, k):
        raise RefcompressError("hessian", f"must have the shape ({k}, {k}), for the {k} inputs of w, not {h.shape}")
    arguments.each(h, "hessian", h == h.T, "must be equal to its transpose")
    arguments.each(h.diagonal(), "hessian's diagonal", h.diagonal() >= 0, "must not be negative")
    return w, h, grid(w, bits, scheme, axis, group, scale, zero_point)


def inputs_argument(x, k: int | None = None) -> np.ndarray:
    """Return the calibration inputs, or refuse them."""
    x = arguments.finite(arguments.array(x, "x", np.float32, ndim=2), "x")
    if k is not None and x.shape[1] != k:
        raise RefcompressError("x", f"must have a column for each of the {k} inputs of w, not {x.shape[1]}")
    return x


def exact_weight(q: Quantized) -> np.ndarray:
    """Return what q stands for in float64, where 24 bits of scale times 9 of the difference are exact."""
    return q.expand(q.scale).astype(np.float64) * (q.values.astype(np.int64) - q.expand(q.zero_point))


def difference(q: Quantized, w: np.ndarray) -> np.ndarray:
    """Return d = q - w in float64."""
    return exact_weight(q) - w


def errors(d: np.ndarray, h: np.ndarray) -> np.ndarray:
    """Return the sum of squares that a change d of the weights makes in each output: the diagonal of d @ h @ d.T."""
    return np.maximum(np.sum((d @ h) * d, axis=1), 0)  # a rounded h may be a little indefinite


def best_rows(candidate: np.ndarray, nearest: np.ndarray, e_candidate: np.ndarray, e_nearest: np.ndarray):
    """Return, output by output, the integers with the smaller error (the nearest ones on ties), and the errors."""
    better = e_candidate < e_nearest
    return np.where(better[:, None], candidate, nearest), np.where(better, e_candidate, e_nearest)


def measured(w: np.ndarray, x: np.ndarray, fit: LayerFit, **changes) -> LayerFit:
    """Return the fit with ``changes``, and with ``after`` (and ``output``) measured on the inputs x themselves."""
    fit = replace(fit, **changes)
    y = x.astype(np.float64) @ w.T.astype(np.float64)
    return replace(fit, output=float(np.sum(y**2)), after=float(np.sum((fit.exact(x) - y) ** 2)))
