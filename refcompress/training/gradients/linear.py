"""Gradients of products: linear, matmul, and the rows that an embedding picks."""

import numpy as np

from ..layers import RUN, product
from .row import Gradient, summed_to

__all__ = ["ROWS", "stacked"]


def linear(dy, y, x, weight, bias=None, *, wanted, transposed):
    """dx = dy W;  dW = dyᵀ x and db = sum of dy, over all rows. transposed : Wᵀ stands for W."""
    rows, given = dy.reshape(-1, dy.shape[-1]), x.reshape(-1, x.shape[-1])
    dx = product(rows, weight.T if transposed else weight).reshape(x.shape) if wanted[0] else None
    dw = (product(given.T, rows) if transposed else product(rows.T, given)) if wanted[1] else None
    return dx, dw, rows.sum(axis=0) if len(wanted) > 2 and wanted[2] else None


def matmul(dy, y, a, b, *, wanted):
    """da = dy bᵀ;  db = aᵀ dy, of each pair of matrices; summed where one matrix meets many."""
    left, right = (a[None, :] if a.ndim == 1 else a), (b[:, None] if b.ndim == 1 else b)
    dy = dy.reshape(*np.broadcast_shapes(left.shape[:-2], right.shape[:-2]), left.shape[-2], right.shape[-1])
    da = db = None
    if wanted[0]:
        da = summed_to(stacked(dy, right.swapaxes(-1, -2)), left).reshape(a.shape)
    if wanted[1]:
        db = summed_to(stacked(left.swapaxes(-1, -2), dy), right).reshape(b.shape)
    return da, db


def stacked(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return a @ b of each pair of matrices, in runs of terms as ``product`` does it."""
    k = b.shape[-2]
    size = -(-k // max(1, -(-k // RUN)))
    y = a[..., :size] @ b[..., :size, :]
    for p in range(size, k, size):
        y += a[..., p : p + size] @ b[..., p : p + size, :]
    return y


def embedding(dy, y, indices, weight, *, wanted):
    """Each row of the table gets the sum of the gradients of all places that it was put in, in their order."""
    dw = np.zeros_like(weight)
    np.add.at(dw, indices, dy)
    return None, dw


ROWS = (Gradient("linear", linear), Gradient("matmul", matmul), Gradient("embedding", embedding, frozenset({1})))
