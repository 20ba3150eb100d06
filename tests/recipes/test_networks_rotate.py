"""Rotations that leave what a network computes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refcompress.constants import U64
from refcompress.errors import ArgumentTypeError, RefcompressError
from refcompress.graph import Builder, Model
from refcompress.recipes.networks import quantize_network, rotate_network
from refcompress.recipes.networks.orthogonal import hadamard, rotation

RNG = np.random.default_rng(0)
U32 = 2.0**-24  # unit roundoff of float32


def whole(*shape: int) -> np.ndarray:
    return RNG.integers(-2, 3, shape).astype(np.float32)


def normal(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype(np.float32)


def transformer(norm: str) -> Model:
    """Return a transformer of two blocks with norms in front, none of whose sums is rounded.

    Its stream is a row of +1 and -1, as many of each, times 1, 2, 4, 8, 16: each norm divides by a power of two. What
    a norm multiplies and adds, the linear nodes behind it take back.
    """
    b, k = Builder(), 16
    eye, zero = np.eye(k, dtype=np.float32), np.zeros((k, k), np.float32)

    def normed(x: str, name: str) -> tuple[str, np.ndarray, np.ndarray]:
        gain = 2.0 ** RNG.integers(-2, 3, k).astype(np.float32)
        if norm == "rms_norm":
            return b.rms_norm(x, gain, epsilon=0.0, name=name), eye / gain, np.zeros(k, np.float32)
        offset = whole(k)
        return b.layer_norm(x, gain, offset, epsilon=0.0, name=name), eye / gain, -offset / gain

    rows = np.stack([RNG.permutation(np.repeat(np.float32([1, -1]), k // 2)) for _ in range(9)])
    x = b.embedding(b.input("tokens", ("batch", 4), "int64"), rows / 2, name="table")
    x = b.add(x, b.embedding(b.tensor("same", np.zeros(1, np.int64)), np.zeros((1, k), np.float32), name="places"))
    x = b.add(x, b.linear(x, eye, name="first")) if norm == "rms_norm" else b.add(x, x)
    for i in range(2):
        h, back, shift = normed(x, f"{i}.norm1")
        q, key = (b.linear(h, zero, name=f"{i}.{part}") for part in "qk")
        mixed = b.attention(q, key, b.linear(h, back, shift, name=f"{i}.v"), heads=4, name=f"{i}.mix")
        x = b.add(x, b.linear(mixed, 4**i * eye, name=f"{i}.out"), name=f"{i}.sum1")
        h, back, shift = normed(x, f"{i}.norm2")
        up = b.relu(b.linear(h, np.concatenate([back, -back]), np.concatenate([shift, -shift]), name=f"{i}.up"))
        x = b.add(x, b.linear(up, 2 * 4**i * np.concatenate([eye, -eye], axis=1), name=f"{i}.down"), name=f"{i}.sum2")
    h, back, shift = normed(x, "last")
    head = whole(7, k)
    return b.model(b.linear(h, head @ back, head @ shift, name="head"))


def tokens(*shape: int) -> np.ndarray:
    """Return sequences of one token each, so that an attention gives what it gets."""
    return np.repeat(RNG.integers(0, 9, (*shape, 1)), 4, axis=-1)


@given(st.integers(1, 80), st.integers(0, 3))
def test_a_rotation_is_orthogonal_and_spreads_every_axis(k, seed):
    q = rotation(k, seed)
    # An entry has a few roundings, of cosines and roots, and a sum of k products k more.
    assert np.max(np.abs(q @ q.T - np.eye(k))) <= (k + 16) * U64 * 4
    assert np.max(np.abs(q)) <= np.sqrt(2 / k) + 4 * U64


def test_rotations_of_powers_of_four_are_exact():
    assert np.array_equal(rotation(16) @ rotation(16).T, np.eye(16)) and set(np.abs(rotation(16)).flat) == {0.25}
    assert np.array_equal(hadamard(8) @ hadamard(8).T, 8 * np.eye(8))


@pytest.mark.parametrize("norm", ["rms_norm", "layer_norm"])
def test_a_transformer_computes_the_same_in_rotated_channels(norm):
    model, x = transformer(norm), tokens(9)
    found = rotate_network(model, seed=1)
    assert not found.left and len(found.done) == 3
    assert np.array_equal(found.model(x), model(x)) and model(x).any()
    assert {node.operation for node in found.model.graph.nodes if "norm" in node.name} == {"rms_norm"}
    for name in ("table.weight", "0.v.weight", "0.out.weight", "1.up.weight", "1.down.weight", "head.weight"):
        assert not np.array_equal(found.model.tensors[name], model.tensors[name])


@pytest.mark.parametrize("norm", ["rms_norm", "layer_norm"])
def test_one_norm_and_its_readers_are_within_the_bound_of_their_products(norm):
    k, b = 16, Builder()
    x = b.linear(b.input("x", ("batch", k)), normal(k, k), normal(k), name="write")
    y = b.layer_norm(x, normal(k), normal(k), name="norm") if norm == "layer_norm" else b.rms_norm(x, normal(k),
                                                                                                 name="norm")
    model, rows = b.model(b.linear(y, normal(5, k), normal(5), name="read")), normal(9, k)
    rotated = rotate_network(model).model

    def magnitudes(each: Model) -> np.ndarray:
        """Return the sums of magnitudes behind each output: products of products, each norm's division by its root."""
        w, read = (np.abs(each.tensors[f"{name}.weight"].astype(np.float64)) for name in ("write", "read"))
        written = np.abs(rows.astype(np.float64)) @ w.T + np.abs(each.tensors["write.bias"])
        exact = rows.astype(np.float64) @ each.tensors["write.weight"].T.astype(np.float64) + each.tensors["write.bias"]
        centre = exact.mean(axis=1, keepdims=True) if norm == "layer_norm" and each is model else 0
        size = np.sqrt(np.mean((exact - centre) ** 2, axis=1, keepdims=True))
        gain, offset = (np.abs(each.tensors[f"norm.{part}"]) if f"norm.{part}" in each.tensors else default
                        for part, default in (("weight", 1.0), ("bias", 0.0)))
        # The root's own relative error is that of the sum of squares, and multiplies every value of the row.
        swell = 1 + np.max(written / size, axis=1, keepdims=True)
        return ((written + np.abs(centre)) / size * swell * gain + offset) @ read.T + np.abs(each.tensors["read.bias"])

    bound = (6 * k + 12) * U32 * (magnitudes(model) + magnitudes(rotated))
    assert np.all(np.abs(model(rows) - rotated(rows)) <= bound)


@pytest.mark.parametrize("kv_heads", [2, 1])
def test_values_of_heads_are_rotated_to_the_last_bit_where_sums_are_exact(kv_heads):
    b = Builder()
    x = b.input("x", ("batch", 4, 6))
    q = b.linear(x, 0 * whole(8, 6), name="q")  # every key weighs 1/4
    key, v = (b.linear(x, whole(4 * kv_heads, 6), whole(4 * kv_heads), name=name) for name in "kv")
    mixed = b.attention(q, key, v, heads=2, kv_heads=kv_heads, name="mix")
    model, rows = b.model(b.linear(mixed, whole(5, 8), whole(5), name="out")), whole(3, 4, 6)
    found = rotate_network(model)
    assert found.done == ("the values of 'mix', 2 heads of 4",)
    assert np.array_equal(found.model(rows), model(rows))
    assert not np.array_equal(found.model.tensors["v.weight"], model.tensors["v.weight"])


def test_a_tied_table_is_stored_again_for_the_head():
    b = Builder()
    table = b.tensor("table", np.float32([[1, 1, -1, 1], [1, -1, -1, -1]]))
    x = b.embedding(b.input("tokens", ("batch", 3), "int64"), table, name="embedding")
    model = b.model(b.linear(b.rms_norm(x, np.float32([1, 2, 1, 4]), epsilon=0.0, name="norm"), table, name="head"))
    found, x = rotate_network(model), np.array([[0, 1, 1]])
    assert len(found.model.tensors) == 2 and np.array_equal(found.model(x), model(x))


def test_a_stream_with_norms_behind_the_additions_is_left_and_named():
    b = Builder()
    x = b.input("x", ("batch", 6))
    h = b.layer_norm(b.add(x, b.linear(x, normal(6, 6), name="fc")), normal(6), normal(6), name="norm")
    model = b.model(b.linear(b.layer_norm(b.add(h, b.linear(h, normal(6, 6), name="fc2"), name="sum"), name="norm2"),
                             normal(2, 6), name="head"))
    found = rotate_network(model)
    assert not found.done and len(found.left) == 2 and "'norm', a layer_norm, gives" in " ".join(found.left)
    assert found.model.graph == model.graph


def test_rotation_spreads_the_outliers_of_a_channel():
    k, b = 16, Builder()
    x = b.linear(b.input("x", ("batch", k)), normal(k, k), name="write")
    weight = normal(32, k)
    weight[:, 3] *= 30
    model, rows = b.model(b.linear(b.rms_norm(x, name="norm"), weight, name="read")), normal(200, k)
    rules = {"*": None, "read.weight": {"bits": 4, "method": "nearest"}}
    plain, rotated = (quantize_network(each, rows, rules=rules).error
                      for each in (model, rotate_network(model).model))
    assert rotated < plain / 2


def test_what_is_refused_is_named():
    with pytest.raises(ArgumentTypeError, match="model"):
        rotate_network({})
    with pytest.raises(RefcompressError, match="seed"):
        rotate_network(transformer("rms_norm"), seed=-1)
    small = quantize_network(transformer("rms_norm"), tokens(2), method="nearest", bits=8)
    with pytest.raises(ArgumentTypeError, match="rotate first"):
        rotate_network(small.model)
