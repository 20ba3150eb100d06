"""Gradients of whole graphs beside torch's, in float64, where torch is installed: `make test` goes without it."""

import numpy as np
import pytest

from refcompress.graph import Builder
from refcompress.training import GraphNetwork, softmax_cross_entropy

torch = pytest.importorskip("torch", reason="its gradients are compared with ours")


def drawn(rng, *shape):
    return (rng.standard_normal(shape) / 2).astype(np.float32)


def tensors(net):
    """Return the parameters as torch's, by name."""
    return {name: torch.tensor(p, requires_grad=True) for name, p in net.parameters.items()}


def agree(net, x, labels, their, theirs):
    """Compare loss and gradients: of fewer than 10,000 roundings in float64 of numbers below 10."""
    loss, dy = softmax_cross_entropy(net.forward(x, np.random.default_rng(0)), labels)
    net.backward(dy)
    expected = torch.nn.functional.cross_entropy(their, torch.tensor(labels))
    expected.backward()
    bound = 10_000 * 2.0**-53 * 10
    assert abs(loss - expected.item()) <= bound
    for name, p in theirs.items():
        assert np.abs(net.gradients[name] - p.grad.numpy()).max() <= bound, name


@pytest.mark.parametrize("batch_statistics", [False, True])
def test_a_network_of_convolutions_and_its_running_averages(batch_statistics):
    b, rng, f = Builder(), np.random.default_rng(0), torch.nn.functional
    y = b.conv(b.input("x", ("n", 4, 9, 8)), drawn(rng, 6, 2, 3, 3), drawn(rng, 6), name="conv1", groups=2,
               strides=(2, 1), pads=(1, 2, 1, 2), dilations=(1, 2))
    y = b.batch_norm(y, drawn(rng, 6), drawn(rng, 6), drawn(rng, 6), np.abs(drawn(rng, 6)), name="bn")
    y = b.max_pool(b.silu(y), kernel=(2, 2), strides=(2, 2))
    y = b.conv(y, drawn(rng, 6, 1, 3, 3), name="depthwise", groups=6, pads=(1, 1, 1, 1))
    y = b.conv_transposed(b.tanh(y), drawn(rng, 6, 5, 2, 2), drawn(rng, 5), name="up", strides=(2, 2))
    y = b.gelu(b.global_average_pool(y))
    net = GraphNetwork(b.model(b.linear(b.flatten(y), drawn(rng, 3, 5), name="fc")), batch_statistics=batch_statistics)
    net = net.astype(np.float64)
    x, labels = rng.standard_normal((5, 4, 9, 8)), rng.integers(0, 3, 5)
    p, running = tensors(net), [torch.tensor(net.tensors[f"bn.{part}"]) for part in ("third", "fourth")]
    t = f.conv2d(torch.tensor(x), p["conv1.weight"], p["conv1.bias"], (2, 1), (1, 2), (1, 2), 2)
    t = f.batch_norm(t, *running, p["bn.weight"], p["bn.bias"], batch_statistics, 0.1)
    t = f.conv2d(f.max_pool2d(f.silu(t), 2), p["depthwise.weight"], padding=1, groups=6)
    t = f.conv_transpose2d(torch.tanh(t), p["up.weight"], p["up.bias"], 2)
    agree(net, x, labels, f.linear(f.gelu(t.mean((2, 3))), p["fc.weight"]), p)
    for part, theirs in zip(("third", "fourth"), running):
        assert np.abs(net.tensors[f"bn.{part}"] - theirs.numpy()).max() <= 1000 * 2.0**-53 * 10


def test_a_transformer_with_grouped_queries():
    b, rng, f = Builder(), np.random.default_rng(1), torch.nn.functional
    y = b.embedding(b.input("x", ("n", 5), "int64"), drawn(rng, 7, 8), name="table")
    y = b.rms_norm(b.add(y, b.tensor("places", drawn(rng, 5, 8))), drawn(rng, 8), name="norm1")
    q, k, v = (b.linear(y, drawn(rng, m, 8), drawn(rng, m), name=name) for name, m in (("q", 8), ("k", 4), ("v", 4)))
    y = b.add(y, b.attention(q, k, v, heads=4, kv_heads=2, causal=True))
    y = b.layer_norm(y, drawn(rng, 8), drawn(rng, 8), name="norm2")
    y = b.multiply(b.gelu(b.linear(y, drawn(rng, 6, 8), name="gate"), approximate=True),
                   b.linear(y, drawn(rng, 6, 8), name="up"))
    net = GraphNetwork(b.model(b.linear(b.reduce_mean(y, axes=(1,), keep=False), drawn(rng, 3, 6), name="fc")))
    net = net.astype(np.float64)
    x, labels = rng.integers(0, 7, (6, 5)), rng.integers(0, 3, 6)
    p = tensors(net)
    # The embedding takes its indices first, so that its table is its first tensor.
    t = f.rms_norm(f.embedding(torch.tensor(x), p["table.weight"]) + p["places"], (8,), p["norm1.weight"], 1e-5)

    def heads(name, count):
        return f.linear(t, p[f"{name}.weight"], p[f"{name}.bias"]).reshape(6, 5, count, 2).swapaxes(1, 2)

    mixed = f.scaled_dot_product_attention(heads("q", 4), heads("k", 2), heads("v", 2), is_causal=True, enable_gqa=True)
    t = f.layer_norm(t + mixed.swapaxes(1, 2).reshape(6, 5, 8), (8,), p["norm2.weight"], p["norm2.bias"])
    t = f.gelu(f.linear(t, p["gate.weight"]), approximate="tanh") * f.linear(t, p["up.weight"])
    agree(net, x, labels, f.linear(t.mean(1), p["fc.weight"]), p)


@pytest.mark.parametrize("kind, order", [("lstm", (0, 2, 3, 1)), ("gru", (1, 0, 2))])
def test_recurrent_layers(kind, order):
    """order : which of our gates are torch's, one after the other."""
    b, rng, gates = Builder(), np.random.default_rng(2), len(order)
    more = {"reset_after": True} if kind == "gru" else {}
    y = b.node(kind, b.input("x", ("n", 4, 3)), drawn(rng, 2 * gates * 5, 3), drawn(rng, 2 * gates * 5, 5),
               drawn(rng, 2, 2 * gates * 5), direction="bidirectional", batch_first=True, name="rnn", **more)
    y = b.reshape(b.slice(y, starts=(2,), ends=(3,), axes=(1,)), shape=(0, 10))
    net = GraphNetwork(b.model(b.linear(y, drawn(rng, 3, 10), name="fc"))).astype(np.float64)
    x, labels = rng.standard_normal((6, 4, 3)), rng.integers(0, 3, 6)
    theirs = getattr(torch.nn, kind.upper())(3, 5, batch_first=True, bidirectional=True, dtype=torch.float64)
    w, r, bias = (net.parameters[f"rnn.{part}"] for part in ("weight", "bias", "third"))
    parts = {"weight_ih": w.reshape(2, gates, 5, 3), "weight_hh": r.reshape(2, gates, 5, 5),
             "bias_ih": bias.reshape(2, 2, gates, 5)[:, 0], "bias_hh": bias.reshape(2, 2, gates, 5)[:, 1]}
    for name, a in parts.items():
        for d, end in enumerate(("_l0", "_l0_reverse")):
            taken = a[d][list(order)]
            getattr(theirs, name + end).data = torch.tensor(taken.reshape(gates * 5, *a.shape[3:]))
    fc = torch.tensor(net.parameters["fc.weight"], requires_grad=True)
    agree(net, x, labels, torch.nn.functional.linear(theirs(torch.tensor(x))[0][:, 2], fc), {"fc.weight": fc})
    assert all(g.any() for g in net.gradients.values())
    bound = 10_000 * 2.0**-53 * 10
    for name, own in (("weight_ih", net.gradients["rnn.weight"]), ("weight_hh", net.gradients["rnn.bias"])):
        for d, end in enumerate(("_l0", "_l0_reverse")):
            g = getattr(theirs, name + end).grad.numpy().reshape(gates, 5, -1)
            mine = own.reshape(2, gates, 5, -1)[d][list(order)]
            assert np.abs(g - mine).max() <= bound
