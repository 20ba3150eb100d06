"""Agreement of layers that are pruned by their Hessian: the mask but for near ties, the weights within a bound."""

from typing import Any

import numpy as np

from ..constants import U64, U
from ..reference.hessian import damped
from ..reference.prune.obs import obs_arguments
from ..reference.prune.sparsegpt import count_pruned, sparsegpt_arguments
from .exact import UNDERFLOW, Disagreement, everywhere, exactly
from .moved import SINGLE, Factor, Moved, alone, beaten, eta, pair


def near_sparsegpt(expected: Any, got: Any, args: tuple, kwargs: dict | None = None) -> None:
    """Raise Disagreement unless ``got`` is as right a result of prune_sparsegpt as ``expected``.

    The decisions of its own mask are followed (:mod:`moved`). At each block or group, what goes must be what has the
    least w**2 / u_jj**2, for some values within their bounds. A weight that stays is within its bound, and one rounding
    to float32.
    """
    if same_bits(expected, got):
        return
    pair(expected, got)
    given = {"sparsity": None, "n": None, "m": None, "block": 128, "damping": 0.01, **(kwargs or {})}
    w, hessian, given = named(args, given)
    w, u, sparsity, n, m, block = sparsegpt_arguments(w, hessian, **given)
    mask, (rows, k) = got[0], w.shape
    live = hessian.diagonal() > 0
    moved = Moved.of(w, Factor.of(u, damped(hessian, float(given["damping"])), live))
    for i in range(k):
        if n is None and i % block == 0:
            last = min(i + block, k)
            want = count_pruned(sparsity, rows * last) - count_pruned(sparsity, rows * i)
            _chosen(moved, mask, slice(i, last), want)
        elif n is not None and i % m == 0:
            last = min(i + m, k)
            want = last - i - -(-n * (last - i) // m)
            for row in range(rows):
                _chosen(moved, mask, slice(i, last), want, row)
        moved.decided(i, np.zeros(rows), mask[:, i])
    _weights(moved.now.T, moved.off.T, mask, got[1])


def _chosen(moved: Moved, mask: np.ndarray, some: slice, want: int, row: int | None = None) -> None:
    """Raise Disagreement unless so many of some inputs (of a row) went, and those of the least scores."""
    rows = slice(None) if row is None else slice(row, row + 1)
    stays, width = mask[rows, some], some.stop - some.start
    went = int(np.count_nonzero(~stays))
    if went != want:
        raise Disagreement(f"result[0][{'' if row is None else row}, {some.start}:{some.stop}]: {went} weights went, "
                           f"expected {want}")
    if row is None:  # of one input the scores are as the weights, whatever u is
        for j in range(some.start, some.stop):
            now, off = np.abs(moved.now[j]), moved.off[j]
            wrong = beaten(now - off, now + off, mask[:, j], first=True)
            if wrong is not None:
                raise Disagreement(f"result[0][{wrong[0]}, {j}]: went, and [{wrong[1]}, {j}], nearer to 0, stays")
    least, most = (a[rows].reshape(-1) for a in moved.scores(some))
    wrong = beaten(least, most, stays.reshape(-1), first=True)
    if wrong is not None:
        (a, b), (i, j) = (divmod(place, width) for place in wrong)
        first = row or 0
        raise Disagreement(f"result[0][{a + first}, {b + some.start}]: went, with a score of {least[wrong[0]]:g} or "
                           f"more; [{i + first}, {j + some.start}] stays, with {most[wrong[1]]:g} or less")


def near_obs(expected: Any, got: Any, args: tuple, kwargs: dict | None = None) -> None:
    """Raise Disagreement unless ``got`` is as right a result of prune_obs as ``expected``.

    The weights of a row are known once its mask is: the solution x of h_SS (x - w_S) = h_SG w_G, S what stays, G what
    went. It is off by at most ||row of h_SS^-1|| times (eta ||h_SS|| ||x - w_S|| + gamma_k || |h_SG| |w_G| ||)
    (:mod:`moved`), and is rounded to float32.

    Each row of the mask is followed: at each step the cheapest weight of those that went must be the cheapest of all,
    for some values within their bounds. With R gone, [h^-1]_qq and w are those of the inverse of the rest of h, whose
    condition is none worse: so they are off by eta kappa ||h^-1||, and by eta kappa times the norm of w and of its
    change. Between the rows, the last step that was taken must not be dearer than the next one that was not.
    """
    if same_bits(expected, got):
        return
    pair(expected, got)
    given = {"sparsity": None, "keep": None, "damping": 0.01, **(kwargs or {})}
    w, hessian, given = named(args, given)
    w, h, inverse, _ = obs_arguments(w, hessian, given["sparsity"], given["keep"], given["damping"])
    mask, weights = got
    x, off = np.zeros(w.shape), np.zeros(w.shape)
    for i in range(len(w)):
        stay, go = np.flatnonzero(mask[i]), np.flatnonzero(~mask[i])
        x[i, stay], off[i, stay] = _solved(w[i].astype(np.float64), h, stay, go)
    _weights(x, off, mask, weights)
    if not np.array_equal(mask, expected[0]):
        live = hessian.diagonal() > 0
        _equal_rows(w, mask)
        _rows([_followed(w[i].astype(np.float64), h, inverse, live, ~mask[i], i) for i in range(len(w))])


def _solved(w: np.ndarray, h: np.ndarray, stay: np.ndarray, go: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if not len(stay) or not len(go):
        return w[stay], np.zeros(len(stay))
    among, across, k = h[np.ix_(stay, stay)], h[np.ix_(stay, go)], len(h)
    inverse = np.linalg.inv(among)
    change = np.linalg.solve(among, across @ w[go])
    gamma = 2 * k * U64 / (1 - k * U64)
    right = np.linalg.norm(np.abs(across) @ np.abs(w[go]))
    coupled = eta(k) * np.linalg.norm(among) * np.linalg.norm(change) + gamma * right
    return w[stay] + change, np.linalg.norm(inverse, axis=1) * coupled + 2 * U64 * np.abs(w[stay] + change)


def _followed(w: np.ndarray, h: np.ndarray, inverse: np.ndarray, live: np.ndarray, went: np.ndarray, row: int):
    """Return the ends of the dearest loss that the row has taken, and of that of its next step (None: has none)."""
    inverse, left, taken, start = inverse.copy(), np.ones(len(w), bool), [-np.inf, -np.inf], np.linalg.norm(w)
    apart, floor = alone(h), 1 / h.diagonal()
    among = np.ix_(live, live)
    norm = np.linalg.norm(inverse[among])
    share = 0.0 if apart else eta(int(live.sum())) * np.sum(h.diagonal()[live]) * np.trace(inverse[among])
    single = SINGLE if len(np.unique(h.diagonal())) > 1 else 0.0
    steps = int(went.sum())
    for step in range(steps + 1):
        diagonal = np.maximum(inverse.diagonal(), floor)
        off = np.where(live, share * norm, 0) + single * diagonal
        size = share * (np.linalg.norm(w) + start) * live
        with np.errstate(all="ignore"):
            least = np.maximum(np.abs(w) - size, 0) ** 2 / (2 * (diagonal + off))
            most = (np.abs(w) + size) ** 2 / (2 * np.maximum(diagonal - off, floor * (1 - single)))
        least, most = (np.where(left, a, np.inf) for a in (least, most))
        if step == steps:
            after = [max(taken[0], least.min()), max(taken[1], most.min())] if left.any() else None
            return taken, after
        mine = np.flatnonzero(went & left)
        values = w**2 / (2 * diagonal)
        q = int(mine[np.lexsort((-mine, values[mine]))[0]])
        chosen = left.copy()
        chosen[q] = False  # what has the largest loss stays longest; of equal ones the lowest index
        here = np.flatnonzero(left)
        wrong = beaten(least[here], most[here], chosen[here], first=True)
        if wrong is not None:
            other = here[wrong[1]]
            raise Disagreement(f"result[0][{row}, {q}]: went, at a loss of {least[q]:g} or more; [{row}, {other}] has "
                               f"one of {most[other]:g} or less, and the mask keeps it or took it later")
        taken = [max(taken[0], least[q]), max(taken[1], most[q])]
        left[q] = False
        inner = max(inverse[q, q], floor[q])
        w = w - w[q] / inner * inverse[q]
        inverse -= np.outer(inverse[q], inverse[q] / inner)
        w[~left] = 0
    raise AssertionError("a row ends in its last step")


def _rows(rows: list) -> None:
    """Raise Disagreement where a row took a step that is dearer for sure than the next one of another row."""
    cheapest = sorted((after[1], -j) for j, (_, after) in enumerate(rows) if after is not None)[:2]
    for i, (taken, _) in enumerate(rows):
        for loss, j in cheapest:
            if i != -j and (loss, j) < (taken[0], -i):
                raise Disagreement(f"result[0]: row {i} lost a weight at {taken[0]:g} or more, row {-j} kept one of "
                                   f"{loss:g} or less")


def _equal_rows(w: np.ndarray, mask: np.ndarray) -> None:
    """Raise Disagreement where of two equal rows, whose losses are equal whatever they are, the upper one lost more."""
    before: dict[bytes, int] = {}
    for i in reversed(range(len(w))):
        first = w[i][np.flatnonzero(w[i])[:1]]
        lower = before.setdefault((w[i] * np.sign(first) if len(first) else np.abs(w[i])).tobytes(), i)
        if np.count_nonzero(~mask[i]) > np.count_nonzero(~mask[lower]):
            raise Disagreement(f"result[0]: row {i} lost more weights than row {lower}, which is the same")


def _weights(x: np.ndarray, off: np.ndarray, mask: np.ndarray, weights: np.ndarray) -> None:
    with np.errstate(all="ignore"):
        allowed = np.nan_to_num(U * np.abs(x) + UNDERFLOW + off, nan=np.inf, posinf=np.inf)
        good = ~mask | (np.abs(weights - x) <= allowed)
    everywhere(good, np.where(mask, x, 0).astype(np.float32), weights, "result[1]", allowed)


def same_bits(expected: Any, got: Any) -> bool:
    """Return whether two results agree exactly."""
    try:
        exactly(expected, got)
    except Disagreement:
        return False
    return True


def named(args: tuple, given: dict) -> tuple[np.ndarray, np.ndarray, dict]:
    """Return both operands of a layer, which may have come by their names, and the other options."""
    names = {**given, **dict(enumerate(args))}
    w, other = (names.pop(next(key for key in keys if key in names)) for keys in ((0, "w"), (1, "x", "hessian")))
    return w, np.asarray(other), names

