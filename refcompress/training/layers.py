"""The layers of a small network: each computes its output, and from the gradient of its output that of its input.

Letters: n examples, k inputs, m outputs of a layer; x its input, y its output, dx and dy the gradients of the loss with
respect to them. ``forward`` keeps what ``backward`` needs, so the two alternate. Given ``rng`` a layer is in training
(dropout draws from it); without one it is in use. All arithmetic is NumPy's in the dtype of the parameters.
"""

from typing import Protocol

import numpy as np

from .. import arguments

RUN = 256  # terms of a dot product that go to the BLAS at once


def product(a: np.ndarray, b: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """Return a @ b for matrices, into ``out`` if given: runs of at most 256 terms, of equal length, added from the
    left.

    A BLAS that works with threads may cut a long sum elsewhere than one that does not, and then the bits of all
    training depend on the number of threads (OpenBLAS 0.3.31 does so at 784 terms). A short sum it leaves whole, except
    with the kernels that it has for Haswell and takes for some later processors: there the bits depend on the threads
    all the same.
    """
    k = len(b)
    size = -(-k // max(1, -(-k // RUN)))
    out = np.matmul(a[:, :size], b[:size], out=out)
    for p in range(size, k, size):
        out += a[:, p:p + size] @ b[p:p + size]
    return out


class Layer(Protocol):
    """What a network asks of a layer."""

    parameters: dict[str, np.ndarray]
    gradients: dict[str, np.ndarray]

    def forward(self, x: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray: ...

    def backward(self, dy: np.ndarray, *, input_gradient: bool = True) -> np.ndarray | None: ...


class Dense:
    """Multiply by a matrix and add a bias: y = x @ weight.T + bias.

    weight : (m, k); bias : (m,), zero at first; both float32 (float64 serves the finite differences of the tests).
    The weights are drawn from a normal distribution of variance 2 / k, in C order, from ``rng``.

    **Source** He et al. 2015 (arXiv 1502.01852) for the variance. **Departs** nothing. Cost: 2nmk forward, 4nmk
    backward (2nmk where the gradient of the input is not asked for).
    """

    def __init__(self, inputs: int, outputs: int, *, rng: np.random.Generator, dtype: type = np.float32):
        k, m = arguments.integer(inputs, "inputs", 1), arguments.integer(outputs, "outputs", 1)
        weight = rng.standard_normal((m, k), dtype=dtype) * np.sqrt(2 / k).astype(dtype)
        self.parameters = {"weight": weight, "bias": np.zeros(m, dtype=dtype)}
        self.gradients = {name: np.zeros_like(p) for name, p in self.parameters.items()}
        self._x: np.ndarray

    def forward(self, x: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
        self._x = x
        y = product(x, self.parameters["weight"].T)
        y += self.parameters["bias"]
        return y

    def backward(self, dy: np.ndarray, *, input_gradient: bool = True) -> np.ndarray | None:
        product(dy.T, self._x, out=self.gradients["weight"])
        np.sum(dy, axis=0, out=self.gradients["bias"])
        return product(dy, self.parameters["weight"]) if input_gradient else None


class ReLU:
    """Cut off what is negative: y = max(x, 0). The gradient at 0 is 0; NaN stays NaN."""

    def __init__(self):
        self.parameters: dict[str, np.ndarray] = {}
        self.gradients: dict[str, np.ndarray] = {}
        self._y: np.ndarray

    def forward(self, x: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
        self._y = np.maximum(x, 0)
        return self._y

    def backward(self, dy: np.ndarray, *, input_gradient: bool = True) -> np.ndarray | None:
        return dy * (self._y > 0) if input_gradient else None


class Tanh:
    """Bend what is large: y = tanh(x)."""

    def __init__(self):
        self.parameters: dict[str, np.ndarray] = {}
        self.gradients: dict[str, np.ndarray] = {}
        self._y: np.ndarray

    def forward(self, x: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
        self._y = np.tanh(x)
        return self._y

    def backward(self, dy: np.ndarray, *, input_gradient: bool = True) -> np.ndarray | None:
        return dy * (1 - self._y * self._y) if input_gradient else None


class Dropout:
    """Drop each value with probability ``rate`` in training and scale the others by 1 / (1 - rate); else pass x on.

    **Source** Srivastava et al. 2014 (JMLR 15:1929); with scaling in training rather than in use. **Departs** nothing.
    """

    def __init__(self, rate: float):
        self.parameters: dict[str, np.ndarray] = {}
        self.gradients: dict[str, np.ndarray] = {}
        self.rate = rate
        self._kept: np.ndarray | None = None

    @property
    def rate(self) -> float:
        return self._rate

    @rate.setter
    def rate(self, value: float):
        self._rate = arguments.real(value, "rate", 0, np.nextafter(1, 0))

    def forward(self, x: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
        self._kept = None
        if rng is None or self.rate == 0:
            return x
        kept = rng.random(x.shape, dtype=x.dtype)
        np.greater_equal(kept, self.rate, out=kept)
        kept *= 1 / (1 - self.rate)
        self._kept = kept
        return x * self._kept

    def backward(self, dy: np.ndarray, *, input_gradient: bool = True) -> np.ndarray | None:
        if not input_gradient:
            return None
        return dy if self._kept is None else dy * self._kept
