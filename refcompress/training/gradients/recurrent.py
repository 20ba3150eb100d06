"""Recurrent layers in training, forward and back through time (Werbos 1990).

Forward keeps nothing; backward walks forward once more, keeps what each step had, and then walks back. Weights are
matrices with the rows of one direction behind those of the other, and in each the gates behind each other.
"""

import numpy as np

from ..arithmetic import sigmoid
from ..layers import product
from .row import Gradient

__all__ = ["ROWS"]

WAYS = {"forward": (False,), "reverse": (True,), "bidirectional": (False, True)}


class _Way:
    """The weights of one direction, and the sums of their gradients: pairs of what a product got and gave."""

    def __init__(self, d, gates, m, weight, recurrent, bias, peepholes, merged):
        rows = slice(d * gates * m, (d + 1) * gates * m)
        self.m, self.weight, self.recurrent = m, weight[rows], recurrent[rows]
        self.peepholes = np.zeros(3 * m, weight.dtype) if peepholes is None else peepholes[d]
        own, back = (np.zeros((2, gates * m), weight.dtype) if bias is None else bias[d].reshape(2, -1))
        self.bias, self.hidden_bias = own + back, back[-m:]
        if not merged:  # the bias of the hidden part stays behind R, where the reset gate multiplies
            self.bias = np.concatenate([self.bias[:-m], own[-m:]])
        self.pairs: list[tuple[slice, np.ndarray, np.ndarray]] = []
        self.of_peepholes, self.of_hidden_bias = np.zeros_like(self.peepholes), np.zeros_like(self.hidden_bias)

    def of_recurrent(self):
        found = np.zeros_like(self.recurrent)
        for rows in dict.fromkeys((part.start, part.stop) for part, _, _ in self.pairs):
            gave = np.concatenate([d for part, d, _ in self.pairs if (part.start, part.stop) == rows])
            got = np.concatenate([h for part, _, h in self.pairs if (part.start, part.stop) == rows])
            found[slice(*rows)] = product(gave.T, got)
        return found


class _LSTM:
    """One step of an lstm, and back."""

    gates, states = 4, 2

    def __init__(self, *, clip, coupled):
        self.clip, self.coupled = clip, coupled

    def step(self, given, states, way):
        (h, c), m, p = states, way.m, way.peepholes
        a, inside = _cut(given + product(h, way.recurrent.T), self.clip)
        i, o, f, g = (a[:, j * m : (j + 1) * m] for j in range(4))
        i = sigmoid(i + p[:m] * c)
        f = 1 - i if self.coupled else sigmoid(f + p[2 * m :] * c)
        g = np.tanh(g)
        new = f * c + i * g
        o, t = sigmoid(o + p[m : 2 * m] * new), np.tanh(new)
        return (o * t, new), (h, c, i, o, f, g, new, t, inside)

    def back(self, d_states, kept, way):
        h, c, i, o, f, g, new, t, inside = kept
        (dh, dc), m, p = d_states, way.m, way.peepholes
        do = dh * t * o * (1 - o)
        dc = dc + dh * o * (1 - t * t) + do * p[m : 2 * m]
        di, df, dg = dc * g, dc * c, dc * i * (1 - g * g)
        if self.coupled:
            di, df = di - df, np.zeros_like(df)
        di, df = di * i * (1 - i), df * f * (1 - f)
        way.of_peepholes += np.concatenate([(di * c).sum(0), (do * new).sum(0), (df * c).sum(0)])
        da = np.concatenate([di, do, df, dg], axis=1) * inside
        way.pairs.append((slice(0, 4 * m), da, h))
        return da, (product(da, way.recurrent), dc * f + di * p[:m] + df * p[2 * m :])


class _GRU:
    """One step of a gru, and back."""

    gates, states = 3, 1

    def __init__(self, *, clip, reset_after):
        self.clip, self.reset_after = clip, reset_after

    def step(self, given, states, way):
        (h,), m, recurrent = states, way.m, way.recurrent
        a, inside = _cut(given[:, : 2 * m] + product(h, recurrent[: 2 * m].T), self.clip)
        z, r = sigmoid(a[:, :m]), sigmoid(a[:, m:])
        hidden = product(h if self.reset_after else r * h, recurrent[2 * m :].T)
        if self.reset_after:
            hidden += way.hidden_bias
        inner, within = _cut(given[:, 2 * m :] + (r * hidden if self.reset_after else hidden), self.clip)
        g = np.tanh(inner)
        return ((1 - z) * g + z * h,), (h, z, r, g, hidden, inside, within)

    def back(self, d_states, kept, way):
        h, z, r, g, hidden, inside, within = kept
        (dh,), m, recurrent = d_states, way.m, way.recurrent
        d_inner = dh * (1 - z) * (1 - g * g) * within
        before = dh * z
        if self.reset_after:
            d_hidden, dr = d_inner * r, d_inner * hidden
            way.of_hidden_bias += d_hidden.sum(0)
            way.pairs.append((slice(2 * m, 3 * m), d_hidden, h))
            before += product(d_hidden, recurrent[2 * m :])
        else:
            reached = product(d_inner, recurrent[2 * m :])
            dr = reached * h
            way.pairs.append((slice(2 * m, 3 * m), d_inner, r * h))
            before += reached * r
        da = np.concatenate([dh * (h - g) * z * (1 - z), dr * r * (1 - r)], axis=1) * inside
        way.pairs.append((slice(0, 2 * m), da, h))
        return np.concatenate([da, d_inner], axis=1), (before + product(da, recurrent[: 2 * m]),)


def _cut(a, clip):
    """Return what is cut to [-clip, clip], and where it was not; 0 cuts nothing."""
    return (np.clip(a, -clip, clip), np.abs(a) < clip) if clip else (a, np.ones((), bool))


def _walk(cell, merged, x, weight, recurrent, bias, lengths, states, peepholes, direction):
    """Yield for each direction: its weights, y (steps, n, m), the last states, and what each step had."""
    weight, recurrent = (a.reshape(-1, a.shape[-1]) for a in (weight, recurrent))  # or the directions apart
    steps, n, k = x.shape
    m = recurrent.shape[-1]
    alive = np.full(n, steps) if lengths is None else np.asarray(lengths, np.int64)
    for d, backward in enumerate(WAYS[direction]):
        way = _Way(d, cell.gates, m, weight, recurrent, bias, peepholes, merged)
        given = (product(x.reshape(-1, k), way.weight.T) + way.bias).reshape(steps, n, -1)
        now = tuple(np.zeros((n, m), x.dtype) if s is None else s[d] for s in states)
        y, tape = np.zeros((steps, n, m), x.dtype), []
        for t in range(steps):
            at = np.where(t < alive, alive - 1 - t, t) if backward else np.full(n, t)
            on = (t < alive)[:, None]
            new, kept = cell.step(given[at, np.arange(n)], now, way)
            now = tuple(np.where(on, b, a) for a, b in zip(now, new))
            y[at, np.arange(n)] = np.where(on, now[0], 0)
            tape.append((at, on, kept))
        yield way, y, now, tape


def _run(cell, merged, x, weight, recurrent, bias, lengths, states, peepholes, direction, batch_first):
    if batch_first:
        x, states = x.swapaxes(0, 1), tuple(None if s is None else s.swapaxes(0, 1) for s in states)
    walked = list(_walk(cell, merged, x, weight, recurrent, bias, lengths, states, peepholes, direction))
    y = np.stack([each[1] for each in walked], axis=1)
    last = [np.stack([each[2][i] for each in walked]) for i in range(cell.states)]
    if batch_first:
        return np.ascontiguousarray(y.transpose(2, 0, 1, 3)), *(np.ascontiguousarray(a.swapaxes(0, 1)) for a in last)
    return y, *last


def _run_back(cell, merged, dy, x, weight, recurrent, bias, lengths, states, peepholes, direction, batch_first):
    """Return the gradients of x, weight, recurrent, bias, the first states and the peepholes."""
    dy, *d_last = dy
    if batch_first:
        x, dy = x.swapaxes(0, 1), dy.transpose(1, 2, 0, 3)
        states, d_last = (tuple(None if s is None else s.swapaxes(0, 1) for s in each) for each in (states, d_last))
    steps, n, k = x.shape
    rows, dx = x.reshape(-1, k), np.zeros_like(x)
    of_weight, of_recurrent, of_bias, of_first, of_peepholes = [], [], [], [], []
    walked = _walk(cell, merged, x, weight, recurrent, bias, lengths, states, peepholes, direction)
    for d, (way, _, _, tape) in enumerate(walked):
        now, d_given = [last[d] for last in d_last], np.zeros((steps, n, cell.gates * way.m), x.dtype)
        for at, on, kept in reversed(tape):
            now[0] = now[0] + np.where(on, dy[at, d, np.arange(n)], 0)
            found, before = cell.back([np.where(on, s, 0) for s in now], kept, way)
            now = [np.where(on, b, s) for b, s in zip(before, now)]
            d_given[at, np.arange(n)] += found
        flat = d_given.reshape(steps * n, -1)
        dx += product(flat, way.weight).reshape(x.shape)
        own = flat.sum(0)
        back = own if merged else np.concatenate([own[: -way.m], way.of_hidden_bias])
        of_weight.append(product(flat.T, rows))
        of_recurrent.append(way.of_recurrent())
        of_bias.append(np.concatenate([own, back]))
        of_first.append(now)
        of_peepholes.append(way.of_peepholes)
    first = [np.stack([each[i] for each in of_first]) for i in range(cell.states)]
    if batch_first:
        dx, first = dx.swapaxes(0, 1), [a.swapaxes(0, 1) for a in first]
    return (dx, np.concatenate(of_weight).reshape(weight.shape), np.concatenate(of_recurrent).reshape(recurrent.shape),
            np.stack(of_bias), first, np.stack(of_peepholes))


def lstm(x, weight, recurrent, bias=None, lengths=None, first_h=None, first_c=None, peepholes=None, *, direction,
         batch_first, clip, coupled):
    return _run(_LSTM(clip=clip, coupled=coupled), True, x, weight, recurrent, bias, lengths, (first_h, first_c),
                peepholes, direction, batch_first)


def lstm_gradient(dy, y, x, weight, recurrent, bias=None, lengths=None, first_h=None, first_c=None, peepholes=None, *,
                  wanted, direction, batch_first, clip, coupled):
    dx, dw, dr, db, (dh, dc), dp = _run_back(
        _LSTM(clip=clip, coupled=coupled), True, dy, x, weight, recurrent, bias, lengths, (first_h, first_c), peepholes,
        direction, batch_first)
    return (dx, dw, dr, db, None, dh, dc, dp)[: len(wanted)]


def gru(x, weight, recurrent, bias=None, lengths=None, first_h=None, *, direction, batch_first, clip, reset_after):
    return _run(_GRU(clip=clip, reset_after=reset_after), not reset_after, x, weight, recurrent, bias, lengths,
                (first_h,), None, direction, batch_first)


def gru_gradient(dy, y, x, weight, recurrent, bias=None, lengths=None, first_h=None, *, wanted, direction, batch_first,
                 clip, reset_after):
    dx, dw, dr, db, (dh,), _ = _run_back(
        _GRU(clip=clip, reset_after=reset_after), not reset_after, dy, x, weight, recurrent, bias, lengths, (first_h,),
        None, direction, batch_first)
    return (dx, dw, dr, db, None, dh)[: len(wanted)]


ROWS = (Gradient("lstm", lstm_gradient, frozenset({0, 1, 2, 3, 5, 6, 7}), lstm),
        Gradient("gru", gru_gradient, frozenset({0, 1, 2, 3, 5}), gru))
