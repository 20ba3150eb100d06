"""What the statistics of a network at work are, and how second moments are summed."""

from dataclasses import dataclass

import numpy as np

from ..errors import RefcompressError

__all__ = ["KINDS", "ROWS", "GradientStatistics", "Statistics", "add_moment", "mirror"]

KINDS = ("gradient", "square", "curvature")
ROWS = 512  # of the second moment that are computed at a time: the temporary stays a small part of it


@dataclass(frozen=True, eq=False)
class Statistics:
    """What a layer was given and gave, over ``count`` rows of x (examples, of a Convolution places); float64 but
    ``zeros``.

    square_sums (k,): sum of x². moment (k, k): sum of x xᵀ, or None. zeros (m,) int64: how often the output, after the
    pooling and the ReLU that follow if they do, was zero; sums (m,): its sum; both over ``activations`` values an
    output.
    """

    count: int
    square_sums: np.ndarray
    moment: np.ndarray | None
    zeros: np.ndarray
    sums: np.ndarray
    activations: int

    @property
    def norms(self) -> np.ndarray:
        """The Euclidean norm of each input over the examples, (k,): Wanda's ||X_j|| (Sun et al. 2023)."""
        return np.sqrt(self.square_sums)

    @property
    def hessian(self) -> np.ndarray:
        """The sum of x xᵀ, (k, k): what quantize_hessian gives for these inputs, and all layer-wise methods take."""
        if self.moment is None:
            raise RefcompressError("moments", "must be True where the Hessian is wanted")
        return self.moment


@dataclass(frozen=True, eq=False)
class GradientStatistics:
    """Means over ``count`` examples of derivatives of the loss by a layer's weight, each of its shape, float64, or
    None.

    gradient: of the first derivative; square: of its square, the diagonal of the empirical Fisher information;
    curvature: of the second derivative as Optimal Brain Damage propagates it.
    """

    count: int
    gradient: np.ndarray | None
    square: np.ndarray | None
    curvature: np.ndarray | None


def add_moment(product: np.ndarray, x: np.ndarray) -> None:
    """Add xᵀ x to the upper triangle of ``product``, some rows at a time: half of the work, and a small temporary."""
    for i in range(0, len(product), ROWS):
        product[i : i + ROWS, i:] += x[:, i : i + ROWS].T @ x[:, i:]


def mirror(product: np.ndarray) -> None:
    """Copy the upper triangle of a moment to the lower one."""
    for i in range(1, len(product)):  # a row at a time: indices of the whole triangle would be twice its size
        product[i, :i] = product[:i, i]
