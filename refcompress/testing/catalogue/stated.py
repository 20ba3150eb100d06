"""Kernels on points that a clause settles in a few words: wrong by that clause, or right as it leaves them free.

Each story names the clause.
"""

from collections.abc import Callable
from heapq import heapify, heappop, heappush
from itertools import product

import numpy as np

from ... import reference
from ...agreement.divergence import loss
from ...errors import RefcompressError
from ...reference.allocate import Allocation
from ...reference.exponential import exponential
from ...reference.nn.rows import chain_sums
from ...reference.quantize.ranges import histogram
from ..values import with_fields
from .kernels import Kernel, for_each

_F = np.float32


def _zero_point_by(quotient: Callable) -> Callable[[str], Callable]:
    """Return the maker of affine quantizers whose zero point is lowest - ``quotient`` of low, high, steps and scale."""
    def maker(op: str) -> Callable:
        def quantize(x, **kwargs):
            q = getattr(reference, op)(x, **kwargs)
            if kwargs.get("scheme") != "affine" or kwargs.get("scale") is not None:
                return q
            low, high = reference.quantize_range_minmax(x, axis=kwargs.get("axis"), group=kwargs.get("group"))
            bits = 16 if op == "quantize_s16" else int(kwargs.get("bits", 8))
            lowest = -(2 ** (bits - 1))
            with np.errstate(all="ignore"):
                zero = np.rint(lowest - quotient(low, high, 2**bits - 1, q.scale))
            zero = np.where(high == low, lowest, np.clip(np.nan_to_num(zero), lowest, -lowest - 1))
            zero = zero.astype(q.zero_point.dtype).reshape(q.scale.shape)
            z = with_fields(q, zero_point=zero)
            with np.errstate(all="ignore"):
                values = np.rint(x / q.expand(q.scale)) + z.expand(z.zero_point)
            values = np.clip(values, lowest, -lowest - 1).astype(q.values.dtype)
            return with_fields(q, zero_point=zero, values=values)
        return quantize
    return maker


def _exact_step(low, high, steps, scale):
    return low / ((high - low) / steps)


def _narrow_quotient(low, high, steps, scale):
    return low.astype(_F) / scale


def _smallest_of_equals(x, *, bits=8, axis=None, group=None, bins=2048):
    """Goes from few bins to many, and keeps the first of those that cannot be told apart."""
    low, high = reference.quantize_range_kl(x, bits=bits, axis=axis, group=group, bins=bins)
    largest, levels, bins = float(np.max(np.abs(x), initial=0)), 2 ** (int(bits) - 1), int(bins)
    if axis is not None or group is not None or largest == 0 or bins > 100:
        return low, high
    counts = histogram(np.abs(x).astype(np.float64).ravel(), largest, bins)
    found = [loss(counts, m, levels) for m in range(levels, bins + 1)]
    least = min(value for value, _ in found)
    m = levels + next(i for i, (value, off) in enumerate(found) if value <= least + off)
    least_end, most_end = reference.quantize_range_minmax(x)
    t = (m + 0.5) * largest / bins
    return np.maximum(least_end, -t) + 0.0, np.minimum(most_end, t) + 0.0


def _newest_package(counts, *, limit=15):
    """Of packages of equal weight the one that was made last."""
    right = reference.huffman_lengths(counts, limit=limit)
    lengths = np.zeros(len(counts), np.uint8)
    heap = [(weight, 0, -symbol, [symbol]) for symbol, weight in enumerate(counts.tolist()) if weight]
    if len(heap) < 2 or len(heap) > 300:
        return right
    heapify(heap)
    for age in range(len(heap) - 1):
        (a, _, _, left), (b, _, _, other) = heappop(heap), heappop(heap)
        lengths[left + other] += 1
        heappush(heap, (a + b, 1, -age, left + other))
    return lengths if lengths.max() <= limit else right


def _whole_allocations(cost, size, budget):
    """Compares whole allocations alone: of equal ones the lower choice in the last layer where they differ."""
    layers, choices = cost.shape
    if not layers or choices**layers > 4096:
        return reference.allocate_exact(cost, size, budget)
    best = None
    for choice in product(range(choices), repeat=layers):
        total, taken = 0.0, 0
        for i, j in enumerate(choice):
            total, taken = total + cost[i, j].item(), taken + size[i, j].item()
        key = total, taken, choice[::-1]
        if taken <= budget and (best is None or key < best):
            best = key
    return Allocation(np.int64(best[2][::-1]), best[0], best[1], best[0])


def _choices_from_the_last(cost, size, budget):
    """Tries the choices of a layer from the last to the first: of equal ones the higher stays."""
    found = reference.allocate_exact(cost[:, ::-1], size[:, ::-1], budget)
    choice = cost.shape[1] - 1 - found.choice if len(cost) else found.choice
    return Allocation(choice.astype(np.int64), found.cost, found.size, found.bound)


def _difference_in_float32(x):
    with np.errstate(all="ignore"):
        e = exponential((x - x.max(axis=-1, keepdims=True, initial=-np.inf)).astype(np.float64))
        return (e * (1 / chain_sums(e))).astype(_F)


def _infinite_row_is_nan(x, weight=None, *, epsilon=1e-5):
    y = reference.nn_rms_norm(x, weight, epsilon=epsilon)
    return np.where(np.isinf(x).any(axis=-1, keepdims=True), _F(np.nan), y)


def _infinity_keeps_its_sign(x, weight=None, *, epsilon=1e-5):
    """Divides by the largest magnitude first, as LAPACK's norms do, and takes an infinity for 1 of it."""
    y = reference.nn_rms_norm(x, weight, epsilon=epsilon)
    return np.where(np.isinf(x) & np.isnan(y), np.sign(x), y)


def _in_turn(w, *, axis=None, group=None):
    """Adds magnitudes one after the other in float64."""
    q = reference.quantize_binary(w, axis=axis, group=group)
    if axis is not None or group is not None or not w.size:
        return q
    mean = np.cumsum(np.abs(w).astype(np.float64).ravel())[-1] / w.size
    return with_fields(q, scale=np.full(q.scale.shape, max(_F(mean), _F(2.0**-126)), _F))


def _without_index(op: str) -> Callable:
    def kernel(*args, **kwargs):
        try:
            return getattr(reference, op)(*args, **kwargs)
        except RefcompressError as error:
            raise type(error)(error.argument.partition("[")[0], error.rule) from None
    return kernel


def _one_end_for_both(op: str) -> Callable:
    def kernel(*args, **kwargs):
        low, high = getattr(reference, op)(*args, **kwargs)
        return (low, low) if np.array_equal(low, high) else (low, high)
    return kernel


def _planes_in_one_buffer(patterns, type):
    planes = reference.planes_split(patterns, type)
    if len({plane.dtype for plane in planes}) > 1:
        return planes
    return tuple(np.stack(planes, axis=1).T)


def _laid(change: Callable) -> Callable[[str], Callable]:
    def maker(op: str) -> Callable:
        return lambda *args, **kwargs: change(getattr(reference, op)(*args, **kwargs))
    return maker


def _with_steps(a):
    if not a.ndim:
        return a
    room = np.empty((*a.shape[:-1], 2 * a.shape[-1]), a.dtype)
    room[..., ::2] = a
    return room[..., ::2]


def _read_only(a):
    a = a.copy()
    a.flags.writeable = False
    return a


KERNELS: list[Kernel] = [
    *for_each("rounding", "the zero point of the scale before it was rounded",
              "A scale is kept in float64 until the end. The zero point belongs to the rounded one (QUANT-2.4).",
              _zero_point_by(_exact_step), "quantize_s8", "quantize_s16"),
    *for_each("rounding", "the zero point by a quotient in float32",
              "The quotient of the values is float32, and so this one was made so too (QUANT-2.4).",
              _zero_point_by(_narrow_quotient), "quantize_s8", "quantize_s16"),
    Kernel("huffman_lengths", "of equal packages the newest", "rule",
           "A stack in place of a queue hands back the package that was made last (HUFFMAN-2.2).", _newest_package),
    Kernel("allocate_exact", "ties among whole allocations", "rule",
           "Ties are broken in the end, where rounding has made equal what was dominated before (ALLOCATE-1.2).",
           _whole_allocations),
    Kernel("allocate_exact", "of equal choices the higher", "rule",
           "A comparison with <= keeps the last of equal choices (ALLOCATE-1.2).", _choices_from_the_last),
    Kernel("nn_softmax", "the difference in float32", "bits",
           "The maximum is subtracted before the row becomes float64 (NN-3.2).", _difference_in_float32),
    Kernel("nn_rms_norm", "a row with an infinity is NaN throughout", "values",
           "The rule of layer_norm was taken over; without a mean the finite places are zeros (NN-3.4).",
           _infinite_row_is_nan),
    Kernel("nn_rms_norm", "an infinity becomes 1", "values",
           "The row is divided by its largest magnitude first, and infinity over infinity is mended (NN-3.4).",
           _infinity_keeps_its_sign),
    Kernel("quantize_binary", "magnitudes added in turn", "rounding",
           "One float64 chain is wide enough for most; the stated order has eight sums and halves (QUANT-5.3).",
           _in_turn),
    *for_each("refusal", "the element's index left out", "The argument is named and not its element (GEN-3.5).",
              _without_index, "quantize_s8", "prune_select", "gemm_s8s8", "share_kmeans"),
    *for_each("promise", "one array for two results", "Where both ends are equal one array is returned for them: who "
              "writes to one changes the other (GEN-3.2).",
              _one_end_for_both, "quantize_range_minmax", "quantize_range_kl"),
    Kernel("quantize_range_kl", "of equal divergences the fewest bins", "algorithm",
           "Of ranges that lose equally little any may be returned (QUANT-4.5).", _smallest_of_equals),
    Kernel("planes_split", "all planes in one buffer", "algorithm",
           "Planes are views with steps that share no element (GEN-3.2).", _planes_in_one_buffer),
    *for_each("algorithm", "in Fortran's order", "The strides of a result are open (GEN-3.4).",
              _laid(np.asfortranarray), "gemm_s8s8", "gemm_f32f32", "nn_softmax"),
    *for_each("algorithm", "every second element of a buffer", "The strides of a result are open (GEN-3.4).",
              _laid(_with_steps), "gemm_u8s8", "csr_to_dense", "nn_activation"),
    *for_each("algorithm", "results that are read-only", "Whether a result may be written is open (GEN-3.4).",
              _laid(_read_only), "gemm_s8s8", "floats_decode", "huffman_counts"),
]
