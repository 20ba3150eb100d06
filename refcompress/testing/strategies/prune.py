"""The strategies of the prune family."""

import numpy as np
from hypothesis import strategies as st

from .draws import FINITE, LENGTH, NO_NAN, SHAPE, TAME, array, either


@st.composite
def _prune_magnitude(draw):
    w = draw(array(np.float32, draw(SHAPE), draw(either(NO_NAN))))
    if draw(st.booleans()):
        return (w,), {"keep": draw(st.integers(0, w.size))}
    share = {"sparsity": draw(st.floats(0, 1))}
    if draw(st.booleans()):
        return ({"first": w, "second": draw(array(np.float32, draw(SHAPE), TAME))},), share
    return (w,), share


@st.composite
def _prune_select(draw):
    structure = draw(st.sampled_from(["element", "nm", "block", "row", "column", "filter", "channel"]))
    dtype, floats = draw(st.sampled_from([np.float32, np.float64])), draw(either(FINITE))
    shape = draw(SHAPE if structure in ("element", "nm") else st.tuples(LENGTH, st.integers(0, 9)))
    scores = draw(array(dtype, shape, floats))
    if structure == "nm":
        m = draw(st.integers(1, 9))
        return (scores,), {"structure": structure, "n": draw(st.integers(0, m)), "m": m,
                           "axis": draw(st.none() | st.integers(-scores.ndim, scores.ndim - 1))}
    block = {"block": draw(st.tuples(*[st.integers(1, 5)] * 2))} if structure == "block" else {}
    both = {"first": scores, "second": scores[::-1].copy()} if draw(st.booleans()) else scores
    return (both,), {"structure": structure, "sparsity": draw(st.floats(0, 1)), **block}


@st.composite
def _prune_threshold(draw):
    return (draw(array(np.float32, draw(SHAPE), draw(either(FINITE)))),), {"quality": draw(st.floats(0, 4))}


@st.composite
def _prune_score(draw, signed: bool = True, by_input: bool = False):
    w = draw(array(np.float32, (draw(LENGTH), draw(LENGTH)), draw(either(FINITE))))
    dtype = draw(st.sampled_from([np.float32, np.float64]))
    statistic = draw(array(dtype, w.shape[1:] if by_input else w.shape, draw(either(FINITE))))
    return (w, statistic if signed else np.abs(statistic)), {}


@st.composite
def _prune_score_units(draw, floats: bool):
    count = draw(st.integers(1, 1000))
    elements = FINITE if floats else st.integers(0, count)
    return (draw(array(np.float64 if floats else np.int64, draw(LENGTH), elements)), count), {}


STRATEGIES = {
    "prune_magnitude": _prune_magnitude, "prune_select": _prune_select, "prune_threshold": _prune_threshold,
    "prune_score_wanda": lambda: _prune_score(signed=False, by_input=True), "prune_score_taylor": _prune_score,
    "prune_score_movement": _prune_score, "prune_score_apoz": lambda: _prune_score_units(floats=False),
    "prune_score_activation": lambda: _prune_score_units(floats=True), "prune_score_obd": _prune_score,
    "prune_score_fisher": lambda: _prune_score(signed=False),
}
