"""What the tensors of a new network begin as: the same function that takes them from a checkpoint makes them anew."""

import math

import numpy as np

from .. import arguments
from ..errors import ArgumentTypeError, RefcompressError

__all__ = ["Fresh"]

ONES = frozenset({"weight", "scale", "gamma", "variance", "running_var", "moving_variance"})  # of one axis


class Fresh:
    """A Take of a network that is not trained yet: ``network(Fresh(rng))``, where a checkpoint is ``load_model(path,
    network)``.

    A tensor of two axes or more, (outputs, inputs, ...), is drawn from ``rng`` in C order, from a normal distribution
    of variance 2 / (the product of all axes but the first). One of one axis is 1 where the last part of its name is in
    ONES (the weight of a norm, a running variance), else 0 (a bias, a running mean). float32. A name that is asked for
    again is the same array.

    **Source** He et al. 2015 (arXiv 1502.01852), eq. 10, for the variance. **Departs** nothing.

    >>> from refcompress.graph import Builder
    >>> def network(take):
    ...     b = Builder(take)
    ...     y = b.linear(b.input("x", ("n", 2)), b.take("fc.weight", 3, 2), b.take("fc.bias", 3))
    ...     return b.model(b.layer_norm(y, b.take("norm.weight", 3), b.take("norm.bias", 3)))
    >>> model = network(Fresh(np.random.default_rng(0)))
    >>> {name: value.tolist() for name, value in model.tensors.items() if value.ndim == 1}
    {'fc.bias': [0.0, 0.0, 0.0], 'norm.weight': [1.0, 1.0, 1.0], 'norm.bias': [0.0, 0.0, 0.0]}
    """

    def __init__(self, rng: np.random.Generator):
        if not isinstance(rng, np.random.Generator):
            raise ArgumentTypeError("rng", f"must be a Generator of NumPy, not {type(rng).__name__}")
        self._rng = rng
        self._made: dict[str, np.ndarray] = {}

    def __call__(self, name: str, *shape: int, turned: bool = True) -> np.ndarray:
        """Return the tensor of that name; ``turned`` is for checkpoints, and says nothing here."""
        wanted = arguments.shape(shape, f"tensor {name!r} shape", 4)
        if name not in self._made:
            self._made[name] = self._new(name, wanted)
        found = self._made[name]
        if found.shape != wanted:
            raise RefcompressError(f"tensor {name!r}", f"must have the shape {found.shape} that it was asked for with "
                                                       f"first, not {wanted}")
        return found

    def _new(self, name: str, shape: tuple[int, ...]) -> np.ndarray:
        if len(shape) < 2:
            return np.full(shape, name.split(".")[-1] in ONES, np.float32)
        spread = np.float32(math.sqrt(2 / max(math.prod(shape[1:]), 1)))
        return self._rng.standard_normal(shape, dtype=np.float32) * spread
