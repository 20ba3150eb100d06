"""The loss that a classifier is trained on."""

import numpy as np

from .. import arguments
from ..errors import RefcompressError


def softmax_cross_entropy(logits: np.ndarray, labels: np.ndarray) -> tuple[float, np.ndarray]:
    """Return the mean cross-entropy of the softmax of ``logits`` against ``labels``, and its gradient.

    loss = mean over i of -log p[i, labels[i]], with p = softmax(logits); gradient = (p - onehot(labels)) / n.

    logits : (n, c) float32 or float64, n >= 1, or (..., c) with n in all; labels : (n,) or (...) integers in [0, c).
    Returns the loss as a float and the gradient with respect to the logits, in their shape and dtype. The largest logit
    of a row is subtracted first (which changes nothing in the formula), so no exponential overflows.
    Raises RefcompressError for labels of another length or outside [0, c).

    **Source** Goodfellow, Bengio, Courville, "Deep Learning", section 6.2.2.3. **Departs** nothing. Cost: n c
    exponentials.

    >>> loss, gradient = softmax_cross_entropy(np.zeros((1, 2), np.float32), np.array([0]))
    >>> round(loss, 6), gradient.tolist()
    (0.693147, [[-0.5, 0.5]])
    """
    *several, c = logits.shape
    if labels.shape != tuple(several):
        rows = several[0] if len(several) == 1 else tuple(several)
        raise RefcompressError("labels", f"must have one entry a row of logits, {rows}, not shape {labels.shape}")
    arguments.each(labels, "labels", (labels >= 0) & (labels < c), f"must be in [0, {c})")
    shape, logits, labels = logits.shape, logits.reshape(-1, c), labels.reshape(-1)
    n = len(labels)
    z = logits - logits.max(axis=1, keepdims=True)
    p = np.exp(z)
    total = p.sum(axis=1, keepdims=True)
    rows = np.arange(n)
    loss = float(np.mean(np.log(total[:, 0]) - z[rows, labels]))
    p /= total
    p[rows, labels] -= 1
    p /= n
    return loss, p.reshape(shape)
