"""PyTorch's topk as a selection, and its CSR from and to dense."""

import numpy as np
import torch

from . import Peer, by_rule


def set_threads(threads: int) -> None:
    torch.set_num_threads(threads)


def _magnitude(w, sparsity):
    w = torch.from_numpy(w)
    keep = w.numel() - int(np.rint(sparsity * w.numel()))
    return lambda: _mask(w.abs().flatten()[None], keep, w.shape)


def _select(scores, structure="element", sparsity=0.0, n=0, m=1):
    scores = torch.from_numpy(scores)
    if structure == "nm":
        return lambda: _mask(scores.view(-1, m), n, scores.shape)
    if structure != "element":
        raise ValueError(f"no one function selects by {structure}")
    keep = scores.numel() - int(np.rint(sparsity * scores.numel()))
    return lambda: _mask(scores.flatten()[None], keep, scores.shape)


def _mask(rows, keep, shape):
    places = torch.topk(rows, keep, dim=1, sorted=False).indices
    return torch.zeros(rows.shape, dtype=torch.bool).scatter_(1, places, True).view(shape).numpy()


def _the_same_magnitudes(expected, got, args, kwargs):
    _the_same_scores(expected, got, (np.abs(args[0]),), {})


def _the_same_scores(expected, got, args, kwargs):
    """Of equal ones torch keeps any: the scores that stay are the same, in each group."""
    scores = args[0]
    group = (-1, kwargs["m"]) if kwargs.get("structure") == "nm" else (1, -1)
    ours, theirs = (np.where(mask, scores, -np.inf).reshape(group) for mask in (expected, got))
    assert np.array_equal(np.sort(ours, axis=1), np.sort(theirs, axis=1)), "other scores stay"


def _from_dense(w):
    w = torch.from_numpy(w)
    return lambda: w.to_sparse_csr()


def _same_csr(expected, got, args, kwargs):
    parts = got.crow_indices(), got.col_indices(), got.values()
    assert all(np.array_equal(ours, theirs.numpy())
               for ours, theirs in zip((expected.indptr, expected.indices, expected.data), parts))


def _to_dense(a):
    w = torch.from_numpy(a.dense()).to_sparse_csr()
    return lambda: w.to_dense().numpy()


PEERS = {
    "prune_magnitude": Peer("torch, topk", _magnitude, _the_same_magnitudes),
    "prune_select": Peer("torch, topk", _select, _the_same_scores),
    "csr_from_dense": Peer("torch, to_sparse_csr", _from_dense, _same_csr),
    "csr_to_dense": Peer("torch, to_dense", _to_dense, by_rule("csr_to_dense")),
}
