"""Planted kernels of everything that returns a format, a mask or a code."""

import numpy as np

from ... import reference
from ...formats import Encoded, Shared
from .products import with_fields


def _keeps_minus_zero(w, mask=None):
    return reference.csr_from_dense(w, (w != 0) | np.signbit(w) if mask is None else mask)


def _drops_nan(w, mask=None):
    return reference.csr_from_dense(w, (w < 0) | (w > 0) if mask is None else mask)


def _adds_to_zero(a):
    y = np.zeros(a.shape, np.float32)
    np.add.at(y, (np.repeat(np.arange(a.shape[0]), np.diff(a.indptr)), a.indices), a.data)
    return y


def _cuts_at_threshold(w, *, sparsity=None, keep=None):
    if isinstance(w, dict):
        return {name: _cuts_at_threshold(a, sparsity=sparsity, keep=min(keep, a.size)) for name, a in w.items()}
    keep = w.size - int(np.rint(sparsity * w.size)) if keep is None else keep
    return np.abs(w) >= np.sort(np.abs(w), axis=None)[w.size - keep] if keep else np.zeros(w.shape, bool)


def _ties_to_highest(w, *, sparsity=None, keep=None):
    if isinstance(w, dict):
        return reference.prune_magnitude(w, sparsity=sparsity, keep=keep)
    back = reference.prune_magnitude(np.ascontiguousarray(w.ravel()[::-1]), sparsity=sparsity, keep=keep)
    return back[::-1].reshape(w.shape)


def _each_layer_alone(w, *, sparsity=None, keep=None):
    if not isinstance(w, dict):
        return reference.prune_magnitude(w, sparsity=sparsity, keep=keep)
    size = sum(a.size for a in w.values())
    share = sparsity if keep is None else 1 - keep / size
    return {name: reference.prune_magnitude(a, sparsity=share) for name, a in w.items()}


def _midpoint_to_upper(w, **kwargs):
    shared = reference.share_kmeans(w, **kwargs)
    book = shared.codebook.astype(np.float64)
    if kwargs.get("pruned") or len(book) < 2:
        return shared
    upper = np.searchsorted(0.5 * (book[1:] + book[:-1]), w.astype(np.float64), side="right")
    return Shared(upper.astype(shared.codes.dtype), shared.codebook)


def _empty_clusters(value: float):
    def share_kmeans(w, **kwargs):
        shared = reference.share_kmeans(w, **kwargs)
        missing = (kwargs.get("clusters") or 2 ** kwargs["bits"]) - len(shared.codebook)
        return with_fields(shared, codebook=np.append(shared.codebook, np.full(missing, value, np.float32)))
    return share_kmeans


def _zero_moves(w, *, pruned=False, **kwargs):
    return reference.share_kmeans(w, **kwargs)


def _rounds(rounding):
    """Return a quantize_s8 that uses the reference's scale and zero point, and another way to round."""
    def quantize_s8(x, **kwargs):
        q = reference.quantize_s8(x, **kwargs)
        ratio = (x / q.expand(q.scale)).astype(np.float64)
        low = -128 if kwargs.get("scheme") == "affine" else -127
        return with_fields(q, values=np.clip(rounding(ratio) + q.expand(q.zero_point), low, 127).astype(np.int8))
    return quantize_s8


def _emits_minus_128(x, **kwargs):
    q = reference.quantize_s8(x, **kwargs)
    ratio = np.rint((x / q.expand(q.scale)).astype(np.float64)) + q.expand(q.zero_point)
    return with_fields(q, values=np.clip(ratio, -128, 127).astype(np.int8))


def _zero_scale(x, **kwargs):
    q = reference.quantize_s8(x, **kwargs)
    return q if np.any(x) or "scale" in kwargs else with_fields(q, scale=np.zeros_like(q.scale))


def _axis_from_the_end(x, *, axis=None, **kwargs):
    return reference.quantize_s8(x, axis=None if axis is None else -1 - axis % x.ndim, **kwargs)


def _int8_difference(q):
    with np.errstate(over="ignore"):
        return (q.values - q.expand(q.zero_point)).astype(np.float32) * q.expand(q.scale)


def _sign_flipped(w, **kwargs):
    low = reference.lowrank_svd(w, **kwargs)
    return with_fields(low, u=-low.u, vt=-low.vt)


def _one_rank_less(w, **kwargs):
    low = reference.lowrank_svd(w, **kwargs)
    return with_fields(low, u=low.u[:, :-1], s=low.s[:-1], vt=low.vt[:-1])


def _smallest_kept(w, **kwargs):
    """Takes the singular values in ascending order, as eigh gives them."""
    low = reference.lowrank_svd(w, **kwargs)
    u, s, vt = np.linalg.svd(w.astype(np.float64), full_matrices=False)
    last = slice(len(s) - low.rank, None)
    u, s, vt = (a.astype(np.float32) for a in (u[:, last], s[last], vt[last]))
    return with_fields(low, u=u, s=s, vt=vt)


# Huffman.

def _lengths_off_by_one(counts, **kwargs):
    lengths = reference.huffman_lengths(counts, **kwargs)
    lengths[lengths == lengths.max(initial=0)] += 1
    return lengths


def _ties_reversed(counts, **kwargs):
    return reference.huffman_lengths(counts[::-1], **kwargs)[::-1].copy()


def _limit_ignored(counts, *, limit=15):
    return reference.huffman_lengths(counts)


def _not_canonical(lengths):
    code = reference.huffman_code(lengths)
    codes = code.codes.copy()
    for length in range(1, 16):
        codes[code.lengths == length] = codes[code.lengths == length][::-1]
    return with_fields(code, codes=codes)


def _keeps_a_view(lengths):
    return with_fields(reference.huffman_code(lengths), lengths=lengths)


def _last_word_lost(symbols, code):
    encoded = reference.huffman_encode(symbols, code)
    return encoded if len(encoded.words) < 100 else with_fields(encoded, words=encoded.words[:-1])


def _big_endian_words(symbols, code):
    encoded = reference.huffman_encode(symbols, code)
    return Encoded(encoded.words.byteswap(), encoded.count, code)


def _last_lane_dropped(encoded):
    symbols = reference.huffman_decode(encoded)
    lanes = min(64, 1 << max(1, len(symbols) // 1024).bit_length() - 1)
    if lanes > 1:
        symbols[lanes - 1 :: lanes] = 0
    return symbols


def _always_bytes(encoded):
    return reference.huffman_decode(encoded).astype(np.uint8)


WRONG = [
    ("-0.0 stored", "csr_from_dense", _keeps_minus_zero),
    ("NaN not stored", "csr_from_dense", _drops_nan),
    ("-0.0 lost", "csr_to_dense", _adds_to_zero),
    ("count follows the ties", "prune_magnitude", _cuts_at_threshold),
    ("ties to the highest index", "prune_magnitude", _ties_to_highest),
    ("each layer alone", "prune_magnitude", _each_layer_alone),
    ("midpoint to the upper code", "share_kmeans", _midpoint_to_upper),
    ("empty cluster is NaN", "share_kmeans", _empty_clusters(np.nan)),
    ("empty cluster is 0", "share_kmeans", _empty_clusters(0.0)),
    ("pruned zeros move", "share_kmeans", _zero_moves),
    ("half away from zero", "quantize_s8", _rounds(lambda r: np.sign(r) * np.floor(np.abs(r) + 0.5))),
    ("half up", "quantize_s8", _rounds(lambda r: np.floor(r + 0.5))),
    ("truncation", "quantize_s8", _rounds(np.trunc)),
    ("-128 from a symmetric scheme", "quantize_s8", _emits_minus_128),
    ("zero scale", "quantize_s8", _zero_scale),
    ("scale of the wrong axis", "quantize_s8", _axis_from_the_end),
    ("int8 difference", "dequantize_s8", _int8_difference),
    ("sign of u flipped", "lowrank_svd", _sign_flipped),
    ("one rank less", "lowrank_svd", _one_rank_less),
    ("smallest singular values kept", "lowrank_svd", _smallest_kept),
    ("longest length off by one", "huffman_lengths", _lengths_off_by_one),
    ("ties reversed", "huffman_lengths", _ties_reversed),
    ("limit ignored", "huffman_lengths", _limit_ignored),
    ("codes not canonical", "huffman_code", _not_canonical),
    ("keeps a view of its input", "huffman_code", _keeps_a_view),
    ("last word lost", "huffman_encode", _last_word_lost),
    ("big-endian words", "huffman_encode", _big_endian_words),
    ("last lane dropped", "huffman_decode", _last_lane_dropped),
    ("always bytes", "huffman_decode", _always_bytes),
]
