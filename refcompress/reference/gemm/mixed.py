"""Dense products with weights of two widths in one call.

Letters: x is the input, m rows of k; w the weight, n outputs by k inputs; y is m by n.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ... import arguments
from ...errors import ArgumentTypeError
from ...formats import Mixed
from ...formats.prepared import unprepared
from .products import same_k

__all__ = ["gemm_f32mixed"]


def gemm_f32mixed(x: ArrayLike, w: Mixed) -> NDArray[np.float32]:
    """Multiply float32 inputs by weights of which some rows or columns are int16 and the others int8, with scales.

        y[i, j] = sum over p of x[i, p] * scale[j, p] * (values[j, p] - zero_point[j, p])
        scale, values and zero_point are those of the part that holds row j, column p

    Parameters
    ----------
    x : (m, k) float32
    w : Mixed of shape (n, k), its parts with any of their scales

    Returns
    -------
    (m, n) float32 : NaN and infinity follow IEEE arithmetic, nothing is skipped; zeros where k is 0
        Here products and sums are float64, p ascending, rounded to float32 once. Native sums:
        ``contract.f32mixed_sums``.

    **Source** Dettmers et al., LLM.int8() (2022, arXiv 2208.07339), section 3.2, eq. 8: the sum of a product in 16 bits
    and one in 8.

    **Departs** the inputs stay float32, and the wide weights are 16-bit integers, not float16.

    Cost 2 m n k operations.

    >>> from refcompress import allocate_mixed, dequantize_s8, gemm_f32s8
    >>> x, w = np.float32([[2, 10]]), np.float32([[3, -4], [0.5, 1]])
    >>> m = allocate_mixed(w, np.bool_([False, True]))
    >>> gemm_f32mixed(x, m)[0, 0] == gemm_f32s8(x, m.low)[0, 0]
    np.True_
    """
    x, w = f32mixed_arguments(x, w)
    steps = [part.values.astype(np.int64) - part.expand(part.zero_point) for part in (w.low, w.high)]
    scales = [part.expand(part.scale).astype(np.float64) for part in (w.low, w.high)]
    weight = w.merge(scales[0] * steps[0], scales[1] * steps[1])  # exact in float64: 24 bits times 17
    y = np.zeros((x.shape[0], w.shape[0]))
    with np.errstate(all="ignore"):  # IEEE arithmetic is the promise, whatever np.seterr says
        for p in range(x.shape[1]):
            y += np.multiply.outer(x[:, p].astype(np.float64), weight[:, p])
        return y.astype(np.float32)


def f32mixed_arguments(x, w) -> tuple[np.ndarray, Mixed]:
    """Return the arguments of gemm_f32mixed, checked: what both implementations accept."""
    x, w = arguments.array(x, "x", np.float32, ndim=2), unprepared(w)
    if not isinstance(w, Mixed):
        raise ArgumentTypeError("w", f"must be a Mixed, not {type(w).__name__}")
    return same_k(x, w)
