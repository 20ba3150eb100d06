"""What the error of a layer's output depends on: second moments of its inputs, summed batch by batch."""

import math
from dataclasses import dataclass, fields

import numpy as np

from ...reference.hessian import layer_error

__all__ = ["Moments", "ridge_of"]

RIDGES = (0.01, 0.1, 1.0)


@dataclass(eq=False)
class Moments:
    """Sums over the calibration rows of one layer, from which the error of its output follows for any new weights.

    The layer computes y = x @ w.T in the network as it came. In the compressed one it gets other inputs z, for the
    layers before it were compressed. With the weights w + d its error is

        ||x @ w.T - z @ (w + d).T||**2 = gap - 2 sum(cross * d) + trace(d @ hessian @ d.T),    u = (x - z) @ w.T

    hessian : (g, k, k), sum of z.T @ z: of the inputs that the layer will really get. cross : (g, m, k), sum of
    u.T @ z. gap, drift : (g, m), sums of u**2 and of u. sums, magnitudes, largest : (g, k), of z: sums, sums of
    magnitudes, the largest magnitude. output : sum of y**2. count : rows. All in float64, sums in the order of BLAS.
    ridge : as ridge_of finds it.

    **Source** the Hessian of the compressed inputs: Frantar et al., GPTQ (2022, arXiv 2210.17323), whose code feeds
    each block with the outputs of the quantized blocks before it; there the target is z @ w.T. The target x @ w.T, of
    the network as it came, corrects what the layers before did: Zhang, Zhang, Colbert & Saab, Qronos (2025, arXiv
    2505.11695).
    """

    hessian: np.ndarray
    cross: np.ndarray
    gap: np.ndarray
    drift: np.ndarray
    sums: np.ndarray
    magnitudes: np.ndarray
    largest: np.ndarray
    output: float = 0.0
    count: int = 0
    ridge: float = math.inf

    @classmethod
    def zeros(cls, matrices: np.ndarray) -> "Moments":
        """Return the moments of no rows, for a weight as matrices (g, m, k)."""
        g, m, k = matrices.shape
        return cls(np.zeros((g, k, k)), np.zeros((g, m, k)), np.zeros((g, m)), np.zeros((g, m)), np.zeros((g, k)),
                   np.zeros((g, k)), np.zeros((g, k)))

    def add(self, matrices: np.ndarray, x: np.ndarray, z: np.ndarray | None = None) -> None:
        """Add rows (g, n, k): x of the network as it came, z of the compressed one; None where they are the same."""
        w, x = matrices.astype(np.float64).swapaxes(1, 2), x.astype(np.float64)
        z, same = (x, True) if z is None else (z.astype(np.float64), False)
        self.hessian += z.swapaxes(1, 2) @ z
        size = np.abs(z)
        self.sums += z.sum(axis=1)
        self.magnitudes += size.sum(axis=1)
        self.largest = np.maximum(self.largest, size.max(axis=1, initial=0))
        self.output += float(np.sum((x @ w) ** 2))
        self.count += x.shape[1]
        if not same:
            u = (x - z) @ w
            self.cross += u.swapaxes(1, 2) @ z
            self.gap += np.sum(u**2, axis=1)
            self.drift += u.sum(axis=1)

    def symmetric(self) -> "Moments":
        """Return the moments with a Hessian that is symmetric to the last bit, as every method asks."""
        self.hessian = np.triu(self.hessian) + np.triu(self.hessian, 1).swapaxes(1, 2)
        return self

    def __add__(self, other: "Moments") -> "Moments":
        """Return the moments of the rows of both."""
        sums = {each.name: getattr(self, each.name) + getattr(other, each.name) for each in fields(self)}
        return Moments(**{**sums, "largest": np.maximum(self.largest, other.largest)})

    @property
    def dead(self) -> bool:
        """Whether every input was zero in every row: calibration never reached the layer."""
        return not self.hessian.any()

    def error(self, d: np.ndarray) -> np.ndarray:
        """Return the squared error of each output (g, m) for a change (g, m, k) of the weights."""
        change = np.stack([layer_error(each, h) for each, h in zip(d, self.hessian)])
        return np.maximum(self.gap - 2 * np.sum(self.cross * d, axis=2) + change, 0)

    def mean_error(self, d: np.ndarray) -> np.ndarray:
        """Return the mean of new output minus old (g, m), for a change d of the weights."""
        return ((d @ self.sums[:, :, None])[:, :, 0] - self.drift) / max(self.count, 1)

    def target(self, matrices: np.ndarray, ridge: float) -> np.ndarray:
        """Return the weights (g, m, k) float32 whose output on the compressed inputs is nearest to the layer's own.

            w + cross @ (hessian + ridge * mean of its diagonal)^-1

        The larger the ridge, the nearer they stay to w. A weight of 0, such as a pruned one, stays 0; and so do those
        of dead inputs.
        """
        best = matrices.astype(np.float64)
        for i, h in enumerate(self.hessian):
            live = h.diagonal() > 0
            if live.any() and self.cross[i].any():
                part = h[np.ix_(live, live)].copy()
                part[np.diag_indices(len(part))] += ridge * part.diagonal().mean()
                best[i][:, live] += np.linalg.solve(part, self.cross[i][:, live].T).T
        found = np.where(matrices == 0, 0, best).astype(np.float32)
        return np.where(np.isfinite(found), found, matrices)


def ridge_of(matrices: np.ndarray, halves: tuple[Moments, Moments]) -> float:
    """Return the ridge with which weights that make up for the layers before do best on rows that they have not seen.

    Each half of the rows is tried with the weights of the other half. Infinity: it is best to change nothing. Without
    this, 2,000 rows for 1,500 inputs lead to weights that fit these rows, and are worse on all others.
    """
    best, least = math.inf, sum(float(half.gap.sum()) for half in halves)
    for ridge in RIDGES:
        found = sum(float(seen.error(other.target(matrices, ridge).astype(np.float64) - matrices).sum())
                    for seen, other in (halves, halves[::-1]))
        if found < least:
            best, least = ridge, found
    return best
