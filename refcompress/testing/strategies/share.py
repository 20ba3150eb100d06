"""The strategies of the share family."""

import numpy as np
from hypothesis import strategies as st

from .draws import FINITE, SHAPE, array, either


@st.composite
def _share_kmeans(draw):
    w = draw(array(np.float32, draw(SHAPE), draw(either(FINITE))))
    kwargs = {"init": draw(st.sampled_from(["cut", "linear", "density", "random"])), "pruned": draw(st.booleans()),
              "iterations": draw(st.integers(0, 9))}
    if kwargs["init"] == "random":
        kwargs["seed"] = draw(st.integers(0, 9))
    if w.size > 1 and draw(st.booleans()):
        kwargs["clusters"] = draw(st.integers(1 + kwargs["pruned"], min(w.size, 20)))
    else:
        kwargs["bits"] = draw(st.integers(1, 4))
    if w.size and draw(st.booleans()):
        weights = draw(array(np.float32, w.shape, st.integers(0, 3).map(float)))
        weights.flat[0] = 1
        kwargs["weights"] = weights
    return (w,), kwargs


@st.composite
def _share_optimal(draw):
    args, kwargs = draw(_share_kmeans())
    return args, {name: value for name, value in kwargs.items() if name in ("bits", "clusters", "weights", "pruned")}


STRATEGIES = {"share_kmeans": _share_kmeans, "share_optimal": _share_optimal}
