"""The leading singular vectors of a matrix by the eigenvectors of its smaller product with itself."""

import numpy as np

# Where the square of the shorter side is at most this, times the rank, all eigenvectors take less time than a Krylov
# space of the rank (measured on Gaussian noise, whose singular values are close together: 300 x 784, 384 x 1536 and
# 768 x 768 are level at ranks of 22, 38 and 130).
WHOLE = 4000
# Squared, singular values lose half of their digits: below this share of the largest too many.
CLEAR = 2.0**-10


def leading(w: np.ndarray, rank: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return u, s, vt of the best matrix of the rank, in float64, s descending.

    With e the eigenvectors of w w.T (or w.T w, if it is smaller), s vt = e.T w. Rows of vt are orthogonal to about
    (2**-26 s[0] / s)**2. Where s is below 2**-24 s[0], which rounding to float32 hides, s and the rows of vt are 0.
    """
    wide = w.astype(np.float64)
    turned = wide.T if w.shape[0] > w.shape[1] else wide
    u = np.linalg.eigh(turned @ turned.T)[1][:, ::-1][:, :rank]
    vt = u.T @ turned
    s = np.sqrt(np.sum(vt * vt, axis=1))
    order = np.argsort(-s, kind="stable")  # equal ones may have changed places by rounding
    u, s, vt = u[:, order], s[order], vt[order]
    s[s <= 2.0**-24 * s.max(initial=0)] = 0
    vt /= np.where(s > 0, s, np.inf)[:, None]
    return (vt.T, s, u.T) if turned is not wide else (u, s, vt)
