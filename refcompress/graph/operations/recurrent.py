"""LSTM and GRU: a state that each step of a sequence changes.

Weights are matrices: the rows of one direction behind those of the other, and in each the gates behind each other, in
ONNX's order (lstm: input, output, forget, cell; gru: update, reset, hidden).
"""

from collections.abc import Callable

import numpy as np

from ...errors import RefcompressError
from ..known import Known
from ..sizes import added, product
from ..use import Use, Weight
from ..weights import as_rows, row_block
from .checks import float32, of_type, rank, same_size
from .row import operation

__all__ = ["ROWS"]

DIRECTIONS = {"forward": (False,), "reverse": (True,), "bidirectional": (False, True)}
Array = np.ndarray | None


def lstm(x: np.ndarray, weight: Weight, recurrent: Weight, bias: Array = None, lengths: Array = None,
         first_h: Array = None, first_c: Array = None, peepholes: Array = None, *, use: Use,
         direction: str = "forward", batch_first: bool = False, clip: float = 0.0, coupled: bool = False):
    """Run a long short-term memory over a sequence.

        i, o, f = sigmoid(W x[t] + R h + b + P c),  g = tanh(W x[t] + R h + b)
        c = f c + i g,    h = o tanh(c)

    Parameters
    ----------
    x : (steps, n, k) float32; with batch_first (n, steps, k)
    weight, recurrent : (directions * 4 m, k) and (directions * 4 m, m), or with the directions as an axis in front;
        float32 or a compressed format
    bias : None or (directions, 8 m): those of W, then those of R
    lengths : None or (n,) int32, how many steps of each sequence count; behind them y is 0, and the states stay
    first_h, first_c : None (zeros) or (directions, n, m); with batch_first (n, directions, m)
    peepholes : None or (directions, 3 m): P of input, output (with the new c) and forget
    direction : "forward", "reverse" or "bidirectional". coupled : f = 1 - i
    clip : where it is not 0, what the functions of the gates take is cut to [-clip, clip]; not c

    Returns
    -------
    y : (steps, directions, n, m) float32, h of each step; the last h and the last c, (directions, n, m); with
        batch_first (n, steps, directions, m) and (n, directions, m)
        Products as use.product gives them; W x + (the sum of both biases) + R h, and all else in float32, each step
        rounded; sigmoid and tanh are nn_activation's.

    **Source** Hochreiter and Schmidhuber, Long Short-Term Memory (1997); with forget gates and peepholes: Gers,
    Schraudolph and Schmidhuber 2002; ONNX, LSTM (14). **Departs** other activations than these are refused; the states
    of a sequence without steps are the first ones, where ONNX says nothing.
    """
    kernel = use("nn_activation")

    def step(given: np.ndarray, h: np.ndarray, state: tuple[np.ndarray, ...], of: "_Direction") -> tuple:
        m = h.shape[1]
        gates, c = given + of.recurrent(h), state[0]
        i, o, f, g = (gates[:, j * m : (j + 1) * m] for j in range(4))
        if of.peepholes is not None:
            p = of.peepholes
            i, f = i + p[:m] * c, f + p[2 * m :] * c
        i = kernel(_cut(i, clip), "sigmoid")
        f = np.float32(1) - i if coupled else kernel(_cut(f, clip), "sigmoid")
        c = f * c + i * kernel(_cut(g, clip), "tanh")
        if of.peepholes is not None:
            o = o + of.peepholes[m : 2 * m] * c
        return kernel(_cut(o, clip), "sigmoid") * kernel(c, "tanh"), (c,)

    return _run(x, weight, recurrent, bias, lengths, (first_h, first_c), peepholes, direction, batch_first, 4, True,
                step, use)


def gru(x: np.ndarray, weight: Weight, recurrent: Weight, bias: Array = None, lengths: Array = None,
        first_h: Array = None, *, use: Use, direction: str = "forward", batch_first: bool = False, clip: float = 0.0,
        reset_after: bool = False):
    """Run gated recurrent units over a sequence.

        z, r = sigmoid(W x[t] + b + R h + d)
        g = tanh(W x[t] + b + R (r h) + d);    reset_after: g = tanh(W x[t] + b + r (R h + d))
        h = (1 - z) g + z h

    Parameters
    ----------
    x : (steps, n, k) float32; with batch_first (n, steps, k)
    weight, recurrent : (directions * 3 m, k) and (directions * 3 m, m), or with the directions as an axis in front;
        float32 or a compressed format
    bias : None or (directions, 6 m): b, then d
    lengths, first_h, direction, batch_first, clip : as for lstm
    reset_after : the reset gate multiplies behind R

    Returns
    -------
    y : (steps, directions, n, m) float32, h of each step; the last h, (directions, n, m); with batch_first (n, steps,
        directions, m) and (n, directions, m). Rounded as for lstm.

    **Source** Cho et al., Learning Phrase Representations (2014, arXiv 1406.1078); ONNX, GRU (14).
    **Departs** as for lstm.
    """
    kernel = use("nn_activation")

    def step(given: np.ndarray, h: np.ndarray, state: tuple[np.ndarray, ...], of: "_Direction") -> tuple:
        m = h.shape[1]
        if reset_after:
            back = of.recurrent(h)
            gates = kernel(_cut(given[:, : 2 * m] + back[:, : 2 * m], clip), "sigmoid")
            z, r = gates[:, :m], gates[:, m:]
            inner = given[:, 2 * m :] + r * (back[:, 2 * m :] + of.hidden_bias)
        else:
            gates = kernel(_cut(given[:, : 2 * m] + of.recurrent(h, 0, 2), clip), "sigmoid")
            z, r = gates[:, :m], gates[:, m:]
            inner = given[:, 2 * m :] + of.recurrent(r * h, 2, 3)
        g = kernel(_cut(inner, clip), "tanh")
        return (np.float32(1) - z) * g + z * h, ()

    return _run(x, weight, recurrent, bias, lengths, (first_h,), None, direction, batch_first, 3, not reset_after,
                step, use)


def _cut(a: np.ndarray, clip: float) -> np.ndarray:
    a = np.ascontiguousarray(a)
    return np.clip(a, np.float32(-clip), np.float32(clip)) if clip else a


class _Direction:
    """The weights of one direction."""

    def __init__(self, d: int, gates: int, m: int, weight, recurrent, bias, peepholes, use: Use, both: bool):
        self._use, self._m = use, m
        first, last = d * gates * m, (d + 1) * gates * m
        self.weight = use.once(weight, f"direction {d}", lambda: row_block(weight, first, last, use))
        self._recurrent = use.once(recurrent, f"direction {d}", lambda: row_block(recurrent, first, last, use))
        self.peepholes = None if peepholes is None else peepholes[d]
        self.bias = np.zeros(gates * m, np.float32)
        self.hidden_bias = np.zeros(m, np.float32)
        if bias is not None:
            own, back = bias[d, : gates * m], bias[d, gates * m :]
            self.bias = own + back
            if not both:  # that of the hidden part stays inside, where the reset gate multiplies
                self.bias[(gates - 1) * m :] = own[(gates - 1) * m :]
                self.hidden_bias = back[(gates - 1) * m :]

    def recurrent(self, h: np.ndarray, first: int = 0, last: int | None = None) -> np.ndarray:
        """Return R h, of the gates from first to last alone."""
        part, m, use = self._recurrent, self._m, self._use
        if last is not None:
            part = use.once(part, f"gates {first} {last}", lambda: row_block(part, first * m, last * m, use))
        return use.product(h, part)


def _run(x, weight, recurrent, bias, lengths, states, peepholes, direction, batch_first, gates, both, step: Callable,
         use: Use) -> tuple[np.ndarray, ...]:
    """Return h of each step and the last states, of all directions."""
    weight = use.once(weight, "rows", lambda: as_rows(weight, use))
    recurrent = use.once(recurrent, "rows", lambda: as_rows(recurrent, use))
    if batch_first:
        x, states = x.swapaxes(0, 1), tuple(None if s is None else s.swapaxes(0, 1) for s in states)
    steps, n, k = x.shape
    m = recurrent.shape[1]
    ways = DIRECTIONS[direction]
    y = np.zeros((steps, len(ways), n, m), np.float32)
    last = np.zeros((len(states), len(ways), n, m), np.float32)
    alive = np.full(n, steps) if lengths is None else np.asarray(lengths, np.int64)
    if np.any(wrong := (alive < 0) | (alive > steps)):
        raise RefcompressError("lengths", f"must be in [0, {steps}], not {alive[wrong][0]}")
    rows = np.ascontiguousarray(x).reshape(steps * n, k)
    for d, backward in enumerate(ways):
        of = _Direction(d, gates, m, weight, recurrent, bias, peepholes, use, both)
        given = (use.product(rows, of.weight) + of.bias).reshape(steps, n, gates * m)
        h, *state = (np.zeros((n, m), np.float32) if s is None else np.ascontiguousarray(s[d]) for s in states)
        now = tuple(state)
        for t in range(steps):
            if backward:  # each sequence from its own end
                at = np.where(t < alive, alive - 1 - t, t)
                inputs = given[at, np.arange(n)]
            else:
                at, inputs = np.full(n, t), given[t]
            new, then = step(inputs, h, now, of)
            on = t < alive
            if on.all():
                h, now = new, then
            else:
                h = np.where(on[:, None], new, h)
                now = tuple(np.where(on[:, None], b, a) for a, b in zip(now, then))
            y[at[on], d, np.flatnonzero(on)] = h[on]
        last[0, d] = h
        for i, each in enumerate(now):
            last[i + 1, d] = each
    if batch_first:
        return np.ascontiguousarray(y.transpose(2, 0, 1, 3)), *(np.ascontiguousarray(a.swapaxes(0, 1)) for a in last)
    return y, *last


def _shape(x, weight, recurrent, bias, lengths, states: dict, peepholes, direction, batch_first, gates):
    float32(x=x, weight=weight, recurrent=recurrent, bias=bias, peepholes=peepholes, **states)
    if direction not in DIRECTIONS:
        raise RefcompressError("direction", f"must be one of {', '.join(DIRECTIONS)}, not {direction!r}")
    ways = len(DIRECTIONS[direction])
    rank(x, "x", 3)
    for name, each in (("weight", weight), ("recurrent", recurrent)):
        rank(each, name, 2, 3)
    for name, each, dimensions in (("bias", bias, 2), ("lengths", lengths, 1), ("peepholes", peepholes, 2),
                                   *((name, each, 3) for name, each in states.items())):
        rank(each, name, dimensions)
    if weight.shape is None or recurrent.shape is None:
        return tuple(Known("float32", None) for _ in range(1 + len(states)))
    m = recurrent.shape[-1]
    for name, each in (("weight", weight), ("recurrent", recurrent)):
        merged = Known(each.type, (product(each.sizes[:-1]), each.sizes[-1]))
        same_size(merged, name, 0, product((ways, gates, m)), f"{ways} directions of {gates} gates of {m}")
        if len(each.shape) == 3:
            same_size(each, name, 0, ways, "one a direction")
    for name, each, size in (("bias", bias, product((2, gates, m))), ("peepholes", peepholes, product((3, m)))):
        same_size(each, name, 0, ways, "one a direction")
        same_size(each, name, 1, size, "all gates")
    if x.shape is None:
        return tuple(Known("float32", None) for _ in range(1 + len(states)))
    same_size(x, "x", 2, weight.shape[-1], "as the weight has columns")
    steps, n = x.shape[1::-1] if batch_first else x.shape[:2]
    if lengths is not None:
        of_type(lengths, "lengths", "int32", "int64")
        same_size(lengths, "lengths", 0, n, "one a sequence")
    for name, each in states.items():
        for axis, size in enumerate((n, ways, m) if batch_first else (ways, n, m)):
            same_size(each, name, axis, size, "directions, sequences and units")
    y = (n, steps, ways, m) if batch_first else (steps, ways, n, m)
    last = (n, ways, m) if batch_first else (ways, n, m)
    return Known("float32", y), *(Known("float32", last) for _ in states)


def lstm_shape(x: Known, weight: Known, recurrent: Known, bias: Known | None = None, lengths: Known | None = None,
               first_h: Known | None = None, first_c: Known | None = None, peepholes: Known | None = None, *,
               direction: str, batch_first: bool, clip: float, coupled: bool) -> tuple[Known, ...]:
    return _shape(x, weight, recurrent, bias, lengths, {"first_h": first_h, "first_c": first_c}, peepholes, direction,
                  batch_first, 4)


def gru_shape(x: Known, weight: Known, recurrent: Known, bias: Known | None = None, lengths: Known | None = None,
              first_h: Known | None = None, *, direction: str, batch_first: bool, clip: float,
              reset_after: bool) -> tuple[Known, ...]:
    return _shape(x, weight, recurrent, bias, lengths, {"first_h": first_h}, None, direction, batch_first, 3)


def cost(x: Known, weight: Known, recurrent: Known, *more, **attributes):
    """Return the operations of all products of all steps."""
    if x.shape is None:
        return None
    return product((2, *x.shape[:2], added(product(weight.sizes), product(recurrent.sizes))))


ROWS = (
    operation(lstm, lstm_shape, outputs=3, weight=1, recurrent=2, cost=cost),
    operation(gru, gru_shape, outputs=2, weight=1, recurrent=2, cost=cost),
)
