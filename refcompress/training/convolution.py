"""Convolution and pooling for small networks, as matrix products of patches.

Images are (n, rows, columns, channels): a patch is then a few runs of memory. Letters: n examples, c channels in, m
out, h x w the kernel; x the input, y the output, dy and dx their gradients.
"""

import numpy as np
from numpy.lib.stride_tricks import as_strided

from .. import arguments
from .layers import product


def patches(x: np.ndarray, h: int, w: int) -> np.ndarray:
    """Return every h x w patch of (n, rows, columns, c) as a row: (n (rows - h + 1) (columns - w + 1), h w c), a
    copy."""
    n, rows, columns, c = x.shape
    a, b, d, e = x.strides
    shape = n, rows - h + 1, columns - w + 1, h, w, c
    return as_strided(x, shape, (a, b, d, b, d, e), writeable=False).reshape(-1, h * w * c)


def spread(back: np.ndarray, dy_shape: tuple[int, ...], x_shape: tuple[int, ...], h: int, w: int) -> np.ndarray:
    """Return what the rows of ``back``, one a patch as in ``patches``, add up to at each value of x: the other way
    round."""
    back = back.reshape(*dy_shape[:3], h, w, x_shape[3])
    dx = np.zeros(x_shape, back.dtype)
    for r in range(h):  # each pixel gets the gradients of all patches that it is in
        for s in range(w):
            dx[:, r : r + dy_shape[1], s : s + dy_shape[2]] += back[:, :, :, r, s]
    return dx


class Convolution:
    """Multiply each patch by a matrix and add a bias (im2col): y[i, r, s] = sum of x[i, r:, s:] * kernel, plus bias.

    weight : (m, c, h, w); bias : (m,), zero at first; no padding, stride 1. x : (n, rows, columns, c); y : (n, rows - h
        + 1,
    columns - w + 1, m). Drawn as those of Dense, k = c h w.

    **Source** Chellapilla, Puri and Simard 2006 for the product of patches; LeCun et al. 1998 for the layer.
    **Departs** nothing. Cost: 2 n m c h w for each place forward, twice that backward.
    """

    def __init__(self, inputs: int, outputs: int, size: int, *, rng: np.random.Generator, dtype: type = np.float32):
        c, m = arguments.integer(inputs, "inputs", 1), arguments.integer(outputs, "outputs", 1)
        size = arguments.integer(size, "size", 1)
        weight = rng.standard_normal((m, c, size, size), dtype=dtype) * np.sqrt(2 / (c * size * size)).astype(dtype)
        self.parameters = {"weight": weight, "bias": np.zeros(m, dtype=dtype)}
        self.gradients = {name: np.zeros_like(p) for name, p in self.parameters.items()}
        self._patches: np.ndarray
        self._shape: tuple[int, ...]

    def matrix(self) -> np.ndarray:
        """The weight as (m, h w c), in the order of a patch."""
        weight = self.parameters["weight"]
        return weight.transpose(0, 2, 3, 1).reshape(len(weight), -1)

    def forward(self, x: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
        m, _, h, w = self.parameters["weight"].shape
        self._shape, self._patches = x.shape, patches(x, h, w)
        y = product(self._patches, self.matrix().T)
        y += self.parameters["bias"]
        return y.reshape(len(x), x.shape[1] - h + 1, x.shape[2] - w + 1, m)

    def backward(self, dy: np.ndarray, *, input_gradient: bool = True) -> np.ndarray | None:
        m, c, h, w = self.parameters["weight"].shape
        flat = dy.reshape(-1, m)
        gradient = product(flat.T, self._patches).reshape(m, h, w, c)
        self.gradients["weight"][...] = gradient.transpose(0, 3, 1, 2)
        np.sum(flat, axis=0, out=self.gradients["bias"])
        if not input_gradient:
            return None
        return spread(product(flat, self.matrix()), dy.shape, self._shape, h, w)


class MaxPool:
    """Take the largest of each 2 x 2 square of even-sized images; the gradient goes to the first of equals, row by
    row."""

    def __init__(self):
        self.parameters: dict[str, np.ndarray] = {}
        self.gradients: dict[str, np.ndarray] = {}
        self._x: np.ndarray
        self._y: np.ndarray

    @staticmethod
    def _quarters(x: np.ndarray) -> list[np.ndarray]:
        return [x[:, r::2, s::2] for r in (0, 1) for s in (0, 1)]

    def forward(self, x: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
        first, second, third, fourth = self._quarters(x)
        self._x, self._y = x, np.maximum(np.maximum(first, second), np.maximum(third, fourth))
        return self._y

    def backward(self, dy: np.ndarray, *, input_gradient: bool = True) -> np.ndarray | None:
        if not input_gradient:
            return None
        dx = np.empty(self._x.shape, dy.dtype)
        free = np.ones(dy.shape, bool)
        for x, d in zip(self._quarters(self._x), self._quarters(dx)):
            hit = free & (x == self._y)
            np.multiply(dy, hit, out=d)
            free &= ~hit
        return dx


class Reshape:
    """Give each example another shape: (n, *any) to (n, *shape)."""

    def __init__(self, *shape: int):
        self.parameters: dict[str, np.ndarray] = {}
        self.gradients: dict[str, np.ndarray] = {}
        self.shape = arguments.shape(shape)
        self._before: tuple[int, ...]

    def forward(self, x: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
        self._before = x.shape
        return x.reshape(len(x), *self.shape)

    def backward(self, dy: np.ndarray, *, input_gradient: bool = True) -> np.ndarray | None:
        return dy.reshape(self._before) if input_gradient else None
