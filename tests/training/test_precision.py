"""Laws of training in mixed precision: rounding bit for bit, and what each layer computes in."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from training_examples import examples, same_bits, tiny_network

from refcompress import RefcompressError
from refcompress.training import (
    Autocast,
    Convolution,
    Dense,
    Dropout,
    LossScaler,
    MaxPool,
    Network,
    Policy,
    QuantizedInputs,
    ReLU,
    Reshape,
    Summed,
    rounded,
    softmax_cross_entropy,
)

SEEDS = st.integers(0, 2**32 - 1)
NONE = {"dynamic": False}


def images(seed):
    """A small network of convolutions, with what it is given: 8 x 8 pixels."""
    rng = np.random.default_rng(seed)
    net = Network(
        [
            ("image", Reshape(8, 8, 1)),
            ("conv1", Convolution(1, 3, 3, rng=rng)),
            ("pool", MaxPool()),
            ("relu", ReLU()),
            ("conv2", Convolution(3, 4, 2, rng=rng)),
            ("flat", Reshape(16)),
            ("fc", Dense(16, 3, rng=rng)),
        ]
    )
    return net, rng.standard_normal((5, 64), np.float32), rng.integers(0, 3, 5)


# Rounding -------------------------------------------------------------------------------------------------------------


def every_neighbourhood(values):
    """Return nonnegative values of a narrow format, the middles between them, the float32 next to those; and
    mirrored."""
    a = values.astype(np.float64)
    middle = ((a[:-1] + a[1:]) / 2).astype(np.float32)  # exact: one bit more than the format has
    x = np.concatenate([values, middle, np.nextafter(middle, np.float32(0)), np.nextafter(middle, np.float32(np.inf))])
    return np.concatenate([x, -x])


def test_float16_is_numpys_float16_on_every_value_every_tie_and_their_neighbours():
    finite = np.arange(0x7C00, dtype=np.uint16).view(np.float16).astype(np.float32)
    x = np.append(
        every_neighbourhood(np.append(finite, np.float32(65536))), np.float32([np.inf, -np.inf, 3.4e38, 1e-45])
    )
    with np.errstate(over="ignore"):
        expected = x.astype(np.float16).astype(np.float32)
    assert np.array_equal(rounded(x, "float16").view(np.uint32), expected.view(np.uint32))


def test_bfloat16_keeps_its_values_and_takes_ties_to_even_and_all_else_to_the_nearest():
    upper = np.arange(0x7F80, dtype=np.uint32) << 16
    values = upper.view(np.float32)
    below, even = upper + np.uint32(0x7FFF), upper >> 16 & 1 == 0
    following = (upper + np.uint32(0x10000)).view(np.float32)  # after the last one: infinity
    for sign in (np.float32(1), np.float32(-1)):
        assert np.array_equal(rounded(sign * values, "bfloat16"), sign * values)
        assert np.array_equal(rounded(sign * below.view(np.float32), "bfloat16"), sign * values)
        assert np.array_equal(rounded(sign * (below + 1).view(np.float32), "bfloat16"),
                              sign * np.where(even, values, following))
        assert np.array_equal(rounded(sign * (below + 2).view(np.float32), "bfloat16"), sign * following)
    assert np.signbit(rounded(np.float32([-0.0, -1e-45]), "bfloat16")).all()


@pytest.mark.parametrize("format", ["float16", "bfloat16"])
def test_nan_stays_nan_and_infinity_infinite(format):
    nans = np.uint32([0x7FC00000, 0x7F800001, 0xFFFFFFFF, 0x7FFFFFFF]).view(np.float32)
    assert np.isnan(rounded(nans, format)).all()
    assert rounded(np.float32([np.inf, -np.inf]), format).tolist() == [np.inf, -np.inf]


def test_bfloat16_is_that_of_ml_dtypes():
    ml_dtypes = pytest.importorskip("ml_dtypes", reason="its types are compared with ours")
    x = np.random.default_rng(0).integers(0, 2**32, 200_000, dtype=np.uint32).view(np.float32)
    x = x[~np.isnan(x)]
    assert np.array_equal(rounded(x, "bfloat16"), x.astype(ml_dtypes.bfloat16).astype(np.float32))


# Autocast -------------------------------------------------------------------------------------------------------------


@given(SEEDS, st.sampled_from(["float16", "bfloat16"]))
@settings(max_examples=25)
def test_every_value_of_a_low_layer_is_one_of_its_format(seed, format):
    low = Autocast(tiny_network(seed, dropout=0.3), policy=Policy(format), scaler=LossScaler(2.0**10, **NONE))
    seen = []
    for layer in low._low.layers.values():
        forward, backward = layer.forward, layer.backward
        layer.forward = lambda x, rng=None, f=forward, p=layer.parameters: seen.extend([x, *p.values()]) or f(x, rng)
        layer.backward = lambda dy, f=backward, **options: seen.append(dy) or f(dy, **options)
    x, labels = examples(seed, 64)
    y = low.forward(x, np.random.default_rng(seed))
    low.backward(softmax_cross_entropy(y, labels)[1])
    seen = seen[1:]  # the input of the first layer, which is no layer of the policy and comes in float32
    assert len(seen) == 10
    for a in (y, *seen, *low.gradients.values()):
        assert np.array_equal(a, rounded(a, format), equal_nan=True)


@pytest.mark.parametrize("format", ["float16", "bfloat16"])
@pytest.mark.parametrize("seed", range(5))
def test_a_convolution_computes_in_the_format_as_the_product_of_its_patches(seed, format):
    net, x, labels = images(seed)
    low = Autocast(net, policy=Policy(format), scaler=LossScaler(2.0**10, **NONE))
    y = low.forward(x)
    expected, given_, kept = rounded(x, format).reshape(5, 8, 8, 1), {}, {}
    for name in ("conv1", "conv2"):
        weight = rounded(net.parameters[f"{name}.weight"], format)
        m, c, h, w = weight.shape
        rows, columns = expected.shape[1] - h + 1, expected.shape[2] - w + 1
        given_[name] = np.stack(
            [expected[:, r : r + rows, s : s + columns] for r in range(h) for s in range(w)], axis=3
        )
        # One sum of h w c products in float32 in any order, then one rounding: NumPy's product of the patches.
        sums = given_[name].reshape(-1, h * w * c) @ weight.transpose(0, 2, 3, 1).reshape(m, -1).T
        expected = rounded(sums + rounded(net.parameters[f"{name}.bias"], format), format).reshape(5, rows, columns, m)
        kept[name] = expected
        if name == "conv1":
            expected = np.maximum(expected.reshape(5, 3, 2, 3, 2, m).max(axis=(2, 4)), 0)
    outputs = rounded(expected.reshape(5, 16) @ rounded(net.parameters["fc.weight"], format).T, format)
    assert np.array_equal(y, outputs)
    low.backward(softmax_cross_entropy(y, labels)[1])
    for name, gradient in low.gradients.items():
        assert np.array_equal(gradient, rounded(gradient, format)) and gradient.any(), name
    assert low._formats["conv1"] == low._formats["conv2"] == format
    exact = images(seed)[0]
    assert not np.array_equal(exact.forward(x), y)  # float32 gives other numbers: the check above is not empty


def test_a_layer_derived_from_a_low_one_is_low_and_its_own_name_comes_first():
    class Mine(Dense):
        pass

    layer = Mine(2, 2, rng=np.random.default_rng(0))
    assert Policy().of(layer, "float32") == "float16" and Policy(full=["Mine"]).of(layer, "float16") == "float32"


@given(SEEDS)
@settings(max_examples=25)
def test_a_policy_of_float32_computes_what_the_network_computes(seed):
    plain, x, labels = tiny_network(seed), *examples(seed, 64)
    low = Autocast(plain.copy(), policy=Policy("float32"))
    for net in (plain, low):
        net.backward(softmax_cross_entropy(net.forward(x), labels)[1])
    assert same_bits(plain.gradients, low.gradients)
    assert np.array_equal(plain.forward(x), low.forward(x))


def test_whole_numbers_up_to_2048_are_exact_and_what_lies_above_is_rounded_once_per_operation():
    net = tiny_network(0, sizes=(3, 2, 1))
    net.assign({"fc1.weight": np.float32([[1000, 1000, 48], [1000, 1048, 1]]), "fc2.weight": np.float32([[1, 1]])})
    low = Autocast(net)
    # 2049 lies between 2048 and 2050, and goes to the even one; the sum of 2048 and 2048 is exact.
    assert low.forward(np.ones((1, 3), np.float32)).tolist() == [[4096]]
    assert net.forward(np.ones((1, 3), np.float32)).tolist() == [[4097]]


def test_layers_follow_their_input_and_full_layers_compute_in_float32():
    policy = Policy(low=["Dense"], full=["ReLU"])
    relu, dense, drop = ReLU(), tiny_network(0).layers["fc1"], Dropout(0.5)
    assert [policy.of(layer, "float16") for layer in (relu, dense, drop)] == ["float32", "float16", "float16"]
    assert [policy.of(layer, "float32") for layer in (relu, dense, drop)] == ["float32", "float16", "float32"]


@pytest.mark.parametrize(
    "make, argument",
    [
        (lambda: Policy("float8"), "format"),
        (lambda: Policy(low=["Dense"], full=["Dense", "ReLU"]), "full"),
        (
            lambda: Autocast(Network([("fc", Dense(2, 2, rng=np.random.default_rng(0), dtype=np.float64))])),
            "network.parameters['fc.weight']",
        ),
        (lambda: Autocast(tiny_network(0), policy=Policy(low=["Dens"])), "policy.low"),
        (lambda: Autocast(tiny_network(0), policy=Policy(full=["Softmax"])), "policy.full"),
        (
            lambda: Autocast(Network([("fc", Dense(2, 2, rng=np.random.default_rng(0))), ("q", QuantizedInputs(4))])),
            "network.layers['q']",
        ),
        (lambda: Summed(Autocast(tiny_network(0))), "network"),
        (lambda: LossScaler(np.float16(0)), "scale"),
        (lambda: LossScaler(growth=np.float32(1)), "growth"),
        (lambda: LossScaler(backoff=np.float32(1)), "backoff"),
        (lambda: LossScaler(dynamic="no"), "dynamic"),
        (lambda: LossScaler(0), "scale"),
        (lambda: LossScaler(np.inf), "scale"),
        (lambda: LossScaler(growth=1), "growth"),
        (lambda: LossScaler(backoff=1), "backoff"),
        (lambda: LossScaler(backoff=0), "backoff"),
        (lambda: LossScaler(interval=0), "interval"),
        (lambda: LossScaler(interval=2.0), "interval"),
    ],
)
def test_settings_are_refused_by_name(make, argument):
    with pytest.raises(RefcompressError) as caught:
        make()
    assert caught.value.argument == argument
