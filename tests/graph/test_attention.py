"""Attention and rotary positions against their formulas in float64."""

import numpy as np
import pytest

from refcompress import native, reference
from refcompress.graph import Builder

RNG = np.random.default_rng(2)


def real(*shape):
    return RNG.standard_normal(shape).astype(np.float32)


def attend(*inputs, **attributes) -> np.ndarray:
    builder = Builder()
    names = [None if a is None else builder.input(f"in{i}", a.shape, a.dtype.name) for i, a in enumerate(inputs)]
    model = builder.model(builder.attention(*names, **attributes))
    found = [model(*(a for a in inputs if a is not None), implementation=each) for each in (reference, native)]
    assert near(*found)
    return found[0]


def by_formula(q, k, v, seen, scale):
    """Return attention of (heads, l, d) and (kv_heads, s, d): seen (heads, l, s) bool."""
    y = np.zeros((*q.shape[:2], v.shape[2]))
    for h, i in np.ndindex(q.shape[:2]):
        g = h * len(k) // len(q)
        keys = np.flatnonzero(seen[h, i])
        if not len(keys):
            continue
        score = np.array([np.dot(q[h, i].astype(np.float64), k[g, j]) * scale for j in keys])
        weight = np.exp(score - score.max())
        y[h, i] = (weight[:, None] * v[g, keys]).sum(0) / weight.sum()
    return y


def near(got, expected) -> bool:
    """Scores are sums of 8 products, and rounded thrice; weights and their products with values likewise: the error is
    below 2^-24 times a hundred for values and scores of at most 8."""
    return np.abs(got - expected).max() <= 100 * 2.0**-24 * 8


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("heads, kv_heads", [(4, 4), (4, 2), (4, 1)])
@pytest.mark.parametrize("mask", [None, "bool", "added"])
def test_attention_is_its_formula_for_grouped_queries_and_masks(causal, heads, kv_heads, mask):
    q, k, v = real(2, heads, 5, 8), real(2, kv_heads, 6, 8), real(2, kv_heads, 6, 3)
    seen = RNG.integers(0, 4, (2, 1, 5, 6)) > 0
    given = {None: None, "bool": seen, "added": np.where(seen, np.float32(0), np.float32(-np.inf))}[mask]
    y = attend(q, k, v, given, causal=causal)
    visible = np.broadcast_to(seen if mask else True, (2, heads, 5, 6)) & (np.tri(5, 6, dtype=bool) | (not causal))
    for b in range(2):
        assert near(y[b], by_formula(q[b], k[b], v[b], visible[b], 8**-0.5))


def test_a_query_that_sees_no_key_is_zero():
    mask = np.zeros((3, 4), bool)
    mask[1, 2] = True
    y = attend(real(1, 2, 3, 4), real(1, 2, 4, 4), v := real(1, 2, 4, 5), mask)
    assert not y[0, :, [0, 2]].any() and np.array_equal(y[0, :, 1], v[0, :, 2])


def test_keys_of_the_past_stand_in_front_and_are_seen_by_all():
    q, k, v, past_k, past_v = real(1, 2, 3, 4), real(1, 2, 3, 4), real(1, 2, 3, 4), real(1, 2, 2, 4), real(1, 2, 2, 4)
    whole_k, whole_v = np.concatenate([past_k, k], 2), np.concatenate([past_v, v], 2)
    y = attend(q, k, v, None, past_k, past_v, causal=True)
    assert np.array_equal(y, attend(q, whole_k, whole_v, np.tri(3, 5, 2, dtype=bool)))
    builder = Builder()
    names = [builder.input(f"in{i}", a.shape) for i, a in enumerate((q, k, v, past_k, past_v))]
    found = builder.attention(*names[:3], None, *names[3:], outputs=3)
    _, keys, values = builder.model(*found)(q, k, v, past_k, past_v)
    assert np.array_equal(keys, whole_k) and np.array_equal(values, whole_v)


def test_a_mask_that_is_shorter_than_the_keys_hides_the_rest():
    q, k, v, mask = real(1, 2, 3, 4), real(1, 2, 5, 4), real(1, 2, 5, 4), np.ones((3, 4), bool)
    assert np.array_equal(attend(q, k, v, mask), attend(q, k, v, np.arange(5) < np.full((3, 1), 4)))


def test_heads_side_by_side_are_those_on_an_axis():
    q, k, v = real(2, 3, 4 * 6), real(2, 5, 2 * 6), real(2, 5, 2 * 7)

    def apart(a, heads):
        return a.reshape(*a.shape[:2], heads, -1).swapaxes(1, 2)

    y = attend(q, k, v, heads=4, kv_heads=2)
    expected = attend(apart(q, 4), apart(k, 2), apart(v, 2))
    assert np.array_equal(y, expected.swapaxes(1, 2).reshape(2, 3, -1))


def test_scale_and_softcap_change_the_scores():
    q, k, v = real(1, 1, 3, 4), real(1, 1, 5, 4), real(1, 1, 5, 2)
    scores = 3 * np.tanh(q[0, 0].astype(np.float64) @ k[0, 0].T * 0.7 / 3)
    weights = np.exp(scores)
    expected = weights / weights.sum(1, keepdims=True) @ v[0, 0]
    assert near(attend(q, k, v, scale=0.7, softcap=3.0)[0, 0], expected)


@pytest.mark.parametrize("interleaved", [False, True])
def test_rotary_turns_each_pair_by_the_angle_of_its_position(interleaved):
    """As complex numbers: (x1 + i x2) e^(i angle), within the rounding of two products and a sum."""
    x, positions = real(2, 3, 4, 8), RNG.integers(0, 50, (2, 4))
    angles = np.arange(50)[:, None] / 100.0 ** (np.arange(3) / 3)
    builder = Builder()
    a, p = builder.input("x", x.shape), builder.input("p", positions.shape, "int64")
    y = builder.model(builder.rotary(a, np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32), p,
                                     interleaved=interleaved, dimensions=6))(x, positions)
    pairs = [(0, 1), (2, 3), (4, 5)] if interleaved else [(0, 3), (1, 4), (2, 5)]
    for j, (first, second) in enumerate(pairs):
        turned = (x[..., first] + 1j * x[..., second]) * np.exp(1j * angles[positions, j])[:, None]
        for got, part in ((y[..., first], turned.real), (y[..., second], turned.imag)):
            assert np.all(np.abs(got - part) <= 4 * 2.0**-24 * np.abs(x[..., first] + 1j * x[..., second]))
    assert np.array_equal(y[..., 6:], x[..., 6:])
