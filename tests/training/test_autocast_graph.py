"""Laws of mixed precision on graphs: formats by operation as torch's lists have them, and the bits of the other
autocast."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from training_examples import examples, same_bits, tiny_network

from refcompress import RefcompressError
from refcompress.graph import Builder
from refcompress.training import (
    POLICIES,
    SGD,
    Adam,
    Autocast,
    AutocastGraph,
    GraphNetwork,
    LossScaler,
    Policy,
    QuantizedInputs,
    Scaled,
    fit,
    model_of,
    rounded,
    softmax_cross_entropy,
)

SEEDS = st.integers(0, 2**32 - 1)
FORMATS = ["float16", "bfloat16"]


def images(seed):
    """A network with a convolution, a batch norm, attention and a layer norm, and what it is given: 6 x 6 pixels."""
    b, rng = Builder(), np.random.default_rng(seed)

    def drawn(*shape):
        return (rng.standard_normal(shape) / np.sqrt(np.prod(shape[1:]))).astype(np.float32)

    ones, zeros = np.ones(4, np.float32), np.zeros(4, np.float32)
    y = b.conv(b.input("x", ("n", 1, 6, 6)), drawn(4, 1, 3, 3), zeros, pads=(1,) * 4, strides=(2, 2), name="conv")
    y = b.relu(b.batch_norm(y, ones, zeros, zeros, ones, name="bn"), name="relu")
    y = b.transpose(b.reshape(y, shape=(0, 4, 9)), axes=(0, 2, 1), name="tokens")
    q, k, v = (b.linear(y, drawn(4, 4), name=name) for name in "qkv")
    y = b.add(y, b.attention(q, k, v, heads=2, name="attention"), name="residual")
    y = b.reduce_mean(b.layer_norm(y, ones, zeros, name="norm"), axes=(1,), keep=False, name="mean")
    net = GraphNetwork(b.model(b.linear(y, drawn(3, 4), np.zeros(3, np.float32), name="fc")))
    return net, rng.standard_normal((5, 1, 6, 6), np.float32), rng.integers(0, 3, 5)


@pytest.mark.parametrize("format", FORMATS)
def test_each_operation_computes_in_the_format_of_its_list(format):
    net, x, labels = images(0)
    low = AutocastGraph(net, policy=POLICIES[format], scaler=LossScaler(2.0**8, dynamic=False))
    low.backward(softmax_cross_entropy(low.forward(x), labels)[1])
    wide = {name for name, kept in low._formats.items() if kept == "float32"}
    # With float16 a layer norm is float32, and what follows follows; bfloat16 has no such list.
    assert wide == ({"norm", "mean"} if format == "float16" else set())
    for node in net.graph.nodes:
        given_, outputs, _ = net._passed[node.name]
        for y in outputs:
            assert np.array_equal(y, rounded(y, low._formats[node.outputs[0]]))
        if node.operation in ("conv", "linear", "attention"):
            assert all(np.array_equal(a, rounded(a, format)) for a in given_)
    for name, g in low.gradients.items():
        kept = format if name.split(".")[0] in ("conv", "q", "k", "v", "fc") else "float32"
        assert g.any() and np.array_equal(g, rounded(g, kept)), name
    assert not np.array_equal(net.gradients["norm.weight"], rounded(net.gradients["norm.weight"], format))


def test_a_convolution_in_the_format_is_one_rounding_of_a_sum_of_rounded_products():
    b, rng = Builder(), np.random.default_rng(0)
    w, bias = rng.standard_normal((3, 2, 2, 2), np.float32), rng.standard_normal(3, np.float32)
    net = GraphNetwork(b.model(b.conv(b.input("x", ("n", 2, 3, 3)), w, bias)))
    x = rng.standard_normal((4, 2, 3, 3), np.float32)
    y = AutocastGraph(net).forward(x)
    low, kernel = rounded(x, "float16").astype(np.float64), rounded(w, "float16").astype(np.float64)
    exact = np.stack([np.einsum("ncab,mcab->nm", low[:, :, r : r + 2, s : s + 2], kernel)
                      for r in (0, 1) for s in (0, 1)], axis=2).reshape(4, 3, 2, 2)
    exact += rounded(bias, "float16")[:, None, None]
    # Nine float32 roundings of the magnitudes' sum, and half a place of float16.
    size = np.abs(low).sum(axis=(1, 2, 3)).max() * np.abs(kernel).max() + np.abs(bias).max()
    assert (np.abs(y - exact) <= 9 * 2.0**-24 * size + 2.0**-11 * np.abs(exact)).all()
    assert np.array_equal(y, rounded(y, "float16"))


@pytest.mark.parametrize("format", FORMATS)
@given(seed=SEEDS)
@settings(max_examples=8)
def test_dense_layers_train_bit_for_bit_as_behind_the_other_autocast(format, seed):
    x, labels = examples(seed)
    plain = tiny_network(seed)
    graph = GraphNetwork(model_of(plain))
    for low in (Autocast(plain, policy=Policy(format), scaler=LossScaler(2.0**10)),
                AutocastGraph(graph, policy=POLICIES[format], scaler=LossScaler(2.0**10))):
        fit(low, x, labels, optimizer=Scaled(SGD(0.1), low.scaler), epochs=2, batch=20, rng=np.random.default_rng(1))
    assert same_bits(graph.parameters, plain.parameters)


def test_float32_computes_what_the_network_computes():
    net, x, labels = images(1)
    low = AutocastGraph(net.copy(), policy=POLICIES["float32"])
    for each in (net, low):
        each.backward(softmax_cross_entropy(each.forward(x), labels)[1])
    assert same_bits(net.gradients, low.gradients)


def trained(seed, scale):
    net, x, labels = images(seed)
    low = AutocastGraph(net, scaler=LossScaler(scale, dynamic=False), watch=True)
    fit(low, x, labels, optimizer=Scaled(Adam(0.01), low.scaler), epochs=3, batch=5, rng=np.random.default_rng(seed))
    lost = sum(u.zeroed + u.subnormal + u.overflowed for u in low.underflow.values())
    return net.parameters, lost, low.scaler.skipped


def test_a_power_of_two_changes_no_bit_until_something_is_lost_and_an_overflow_skips_the_step():
    calm = [seed for seed in range(10) if not trained(seed, 2.0**10)[1]]
    assert len(calm) >= 3
    for seed in calm[:3]:
        expected = trained(seed, 2.0**10)[0]
        assert same_bits(expected, trained(seed, 2.0**12)[0])
        assert not same_bits(expected, trained(seed, 2.0**-9)[0])
        parameters, lost, skipped = trained(seed, 2.0**26)
        assert lost and skipped == 3 and same_bits(parameters, images(seed)[0].parameters)


def test_the_step_of_quantized_inputs_is_trained_behind_an_autocast():
    model, (x, labels) = model_of(tiny_network(0)), examples(0)
    net = GraphNetwork(model, behind={"relu": QuantizedInputs(4)})
    low = AutocastGraph(net, policy=POLICIES["bfloat16"])
    fit(low, x, labels, optimizer=Adam(0.01), epochs=2, batch=20, rng=np.random.default_rng(0))
    assert net.parameters["relu.step"] > 0


@pytest.mark.parametrize("make, argument", [
    (lambda: AutocastGraph(tiny_network(0)), "network"),
    (lambda: AutocastGraph(images(0)[0].astype(np.float64)), "network.parameters['conv.weight']"),
    (lambda: AutocastGraph(images(0)[0], policy=Policy(low=["Dense"])), "policy.low"),
    (lambda: AutocastGraph(images(0)[0], policy=Policy(low=["conv"], full=["norm"])), "policy.full"),
])
def test_settings_are_refused_by_name(make, argument):
    with pytest.raises(RefcompressError) as caught:
        make()
    assert caught.value.argument == argument


def test_the_formats_are_those_of_torch_on_the_cpu():
    torch = pytest.importorskip("torch", reason="its autocast is compared with ours")
    f, x, w, v = torch.nn.functional, torch.randn(2, 4, 6, 6), torch.randn(4, 4, 3, 3), torch.randn(2, 5, 4)
    ones, m, q = torch.ones(4), torch.randn(4, 4), torch.randn(2, 2, 5, 4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        c, low = f.conv2d(x, w), f.linear(v, m)
        theirs = {
            "linear": low, "conv": c, "conv_transposed": f.conv_transpose2d(x, w), "matmul": v @ m,
            "attention": f.scaled_dot_product_attention(q, q, q),
            "lstm": torch.nn.LSTM(4, 4)(v)[0], "gru": torch.nn.GRU(4, 4)(v)[0],
            "softmax": low.softmax(-1), "exp": low.exp(), "power": low**2, "reciprocal": low.reciprocal(),
            "reduce_sum": low.sum(-1), "reduce_mean": low.mean(-1), "tanh": low.tanh(), "gelu": f.gelu(low),
            "layer_norm": f.layer_norm(low, (4,), ones, ones), "group_norm": f.group_norm(c, 2, ones, ones),
            "batch_norm": f.batch_norm(c, ones, ones, ones, ones), "add": low + v, "multiply": low * low,
            "concat": torch.cat([low, v]), "max_pool": f.max_pool2d(c, 2), "resize": f.interpolate(c, scale_factor=2),
        }
    policy = POLICIES["bfloat16"]
    wide_inputs = {"gru", "add", "concat"}  # on no list, and one input is float32
    for name, y in theirs.items():
        ours = "bfloat16" if name in policy.low or name not in policy.full | wide_inputs else "float32"
        assert str(y.dtype) == f"torch.{ours}", name
