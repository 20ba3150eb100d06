"""Laws of loss scaling: the scaler's recurrence, what scaling changes and what not, and what it is for."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from training_examples import examples, same_bits, tiny_network

from refcompress import RefcompressError, reference
from refcompress.training import (
    SGD,
    Adam,
    Autocast,
    Dense,
    LossScaler,
    Network,
    Policy,
    Scaled,
    constant,
    error_rate,
    fit,
    rounded,
)

SEEDS = st.integers(0, 2**32 - 1)
NONE = {"dynamic": False}


def trained(seed, scale, steps=6, format="float16"):
    """Return the master weights after some steps at a fixed loss scale, and what rounding did on the way."""
    net, (x, labels) = tiny_network(seed, sizes=(6, 8, 3)), examples(seed, 64)
    low = Autocast(net, policy=Policy(format), scaler=LossScaler(scale, **NONE), watch=True)
    fit(low, x, labels, optimizer=Scaled(SGD(0.1), low.scaler), epochs=steps, batch=64, rng=np.random.default_rng(seed))
    counts = {
        key: sum(getattr(u, key) for u in low.underflow.values()) for key in ("zeroed", "subnormal", "overflowed")
    }
    return net.parameters, counts, low.scaler.skipped


@given(SEEDS, st.integers(8, 10), st.integers(1, 5))
@settings(max_examples=25)
def test_a_power_of_two_changes_no_bit_of_training_until_something_underflows_or_overflows(seed, exponent, more):
    small, counts, _ = trained(seed, 2.0**exponent)
    large, counts_large, skipped = trained(seed, 2.0 ** (exponent + more))
    # At 2**8 and more nothing of these networks underflows, except what cancels almost whole: few examples in a
    # hundred.
    if not any(counts.values()) and not counts_large["overflowed"]:
        assert skipped == 0 and same_bits(small, large)


def test_the_law_of_powers_of_two_is_not_empty_and_ends_where_values_leave_the_format():
    calm = [seed for seed in range(20) if not any(trained(seed, 2.0**9)[1].values())]
    assert len(calm) >= 10
    for seed in calm:
        expected = trained(seed, 2.0**9)[0]
        assert same_bits(expected, trained(seed, 2.0**12)[0])
        assert not same_bits(expected, trained(seed, 2.0**-9)[0])  # bits lost below 2**-14
        parameters, counts, skipped = trained(seed, 2.0**24)
        assert counts["overflowed"] and skipped == 6
        assert same_bits(parameters, tiny_network(seed, sizes=(6, 8, 3)).parameters)


def test_a_step_with_an_infinite_or_nan_gradient_changes_nothing_but_the_scale():
    for bad in (np.inf, -np.inf, np.nan):
        scaler, adam, w = LossScaler(8.0), Adam(), np.ones(3, np.float32)
        Scaled(adam, scaler).step({"w": w}, {"w": np.float32([1, bad, 1])})
        assert w.tolist() == [1, 1, 1] and adam.steps == 0
        assert (scaler.scale, scaler.streak, scaler.skipped) == (4.0, 0, 1)


@given(st.lists(st.booleans(), max_size=60), st.integers(1, 5), st.sampled_from([2.0, 1.5, 3.0]),
       st.sampled_from([0.5, 0.3]))
def test_the_scaler_follows_its_recurrence(finite, interval, growth, backoff):
    scaler = LossScaler(1024.0, growth=growth, backoff=backoff, interval=interval)
    scale, streak = np.float32(1024), 0
    for good in finite:
        if float(scale) * backoff < 2.0**-126 and not good:
            break
        scaler.update(good)
        if not good:
            scale, streak = np.float32(float(scale) * backoff), 0
        elif streak + 1 < interval:
            streak += 1
        else:
            scale, streak = np.float32(float(scale) * growth), 0
        assert (scaler.scale, scaler.streak) == (scale, streak)
    assert scaler.skipped == finite.count(False)


def test_the_defaults_are_the_documented_ones_and_the_scale_neither_overflows_nor_vanishes():
    scaler = LossScaler()
    assert (scaler.scale, scaler.growth, scaler.backoff, scaler.interval) == (65536.0, 2.0, 0.5, 2000)
    for _ in range(1999):
        scaler.update(True)
    assert scaler.scale == 65536
    scaler.update(True)
    assert scaler.scale == 131072 and scaler.streak == 0
    top = LossScaler(2.0**127, interval=1)
    top.update(True)
    assert top.scale == 2.0**127
    bottom = LossScaler(2.0**-126)
    with pytest.raises(RefcompressError, match="gradients: are not finite"):
        bottom.update(False)
    fixed = LossScaler(4.0, **NONE)
    fixed.update(False)
    assert fixed.scale == 4 and fixed.skipped == 1


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("growth, backoff", [(2.0, 0.5), (1.7, 0.3)])
def test_the_scaler_is_torchs_step_by_step(seed, growth, backoff):
    torch = pytest.importorskip("torch", reason="its loss scaling is compared with ours")
    rng = np.random.default_rng(seed)
    weight = torch.nn.Parameter(torch.ones(5))
    theirs = torch.amp.GradScaler(
        "cpu", init_scale=65536.0, growth_factor=growth, backoff_factor=backoff, growth_interval=4
    )
    sgd = torch.optim.SGD([weight], lr=0.5)
    mine = LossScaler(growth=growth, backoff=backoff, interval=4)
    w, ours = np.ones(5, np.float32), Scaled(SGD(0.5, momentum=0), mine)
    for step in range(300):
        g = rng.standard_normal(5).astype(np.float32)
        if rng.random() < (0.15, 0.3, 0.02)[step // 100]:
            g[rng.integers(5)] = rng.choice(np.float32([np.inf, -np.inf, np.nan]))
        theirs.scale(torch.zeros(()))  # a scaler makes its state when it first scales
        weight.grad = torch.from_numpy(g.copy())
        theirs.step(sgd)
        theirs.update()
        ours.step({"w": w}, {"w": g})
        assert mine.scale == theirs.get_scale() and mine.streak == theirs._get_growth_tracker()
        assert np.array_equal(w, weight.detach().numpy())


# What it is for -------------------------------------------------------------------------------------------------------


class Shrink:
    """y = x / 2**14: the gradient behind it is as small as in front of a layer of small weights."""

    parameters, gradients = {}, {}

    def forward(self, x, rng=None):
        return x * np.float32(2.0**-14)

    def backward(self, dy, *, input_gradient=True):
        return dy * np.float32(2.0**-14)


def error_after(seed, policy, scaler):
    """Return the error of two classes that a line tells apart, learnt behind a factor of 2**-14 in batches of 2048."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((4096, 4)).astype(np.float32)
    labels = (x @ np.float32([1, -2, 3, 1]) > 0).astype(np.uint8)
    net = Network([("fc", Dense(4, 2, rng=rng)), ("shrink", Shrink())])
    low = Autocast(net, policy=Policy(policy), scaler=scaler, watch=True)
    fit(low, x, labels, optimizer=Scaled(SGD(2.0**16), scaler), epochs=10, batch=2048, rng=rng, schedule=constant)
    return error_rate(net, x, labels), low.underflow["shrink.input"] if policy != "float32" else None


@pytest.mark.parametrize("seed", range(3))
def test_float16_without_scaling_learns_nothing_where_gradients_underflow_and_with_it_what_float32_learns(seed):
    # A gradient of the loss is at most 1 / 2048 an example; behind the factor at most 2**-25, which rounds to zero.
    exact, _ = error_after(seed, "float32", LossScaler(1, **NONE))
    without, lost = error_after(seed, "float16", LossScaler(1, **NONE))
    scaled, kept = error_after(seed, "float16", LossScaler())
    untrained = error_rate(Network([("fc", Dense(4, 2, rng=_past_the_data(seed)))]), *_data(seed))
    assert without == untrained
    assert lost.zeroed == lost.values > 0
    assert exact < 0.05 and abs(scaled - exact) < 0.01 and without > exact + 0.1
    assert kept.zeroed < 0.001 * kept.values and kept.zeroed_unscaled == kept.values


def _past_the_data(seed):
    rng = np.random.default_rng(seed)
    rng.standard_normal((4096, 4))
    return rng


def _data(seed):
    x = np.random.default_rng(seed).standard_normal((4096, 4)).astype(np.float32)
    return x, (x @ np.float32([1, -2, 3, 1]) > 0).astype(np.uint8)


def test_bfloat16_needs_no_scaling_there():
    exact, _ = error_after(0, "float32", LossScaler(1, **NONE))
    plain, counts = error_after(0, "bfloat16", LossScaler(1, **NONE))
    assert abs(plain - exact) < 0.01 and counts.zeroed == 0


def test_the_report_counts_each_value_once():
    low = Autocast(tiny_network(0), scaler=LossScaler(2.0**10, **NONE), watch=True)
    low._gradient("g", np.float32([0, 1, 2.0**-26, 2.0**-20, 2.0**-11, 1e6, np.inf]), "float16")
    u = low.underflow["g"]
    # Divided by 2**10: 2**-10, then 2**-36 and 2**-30 vanish, 2**-21 is subnormal, 1e6 no longer overflows.
    assert vars(u) == {"values": 6, "zeroed": 1, "subnormal": 1, "overflowed": 1, "zeroed_unscaled": 2,
                       "subnormal_unscaled": 1}


@pytest.mark.parametrize("format", ["float16", "bfloat16"])
def test_training_rounds_as_the_floats_family_does(format):
    bits = np.random.default_rng(7).integers(0, 2**32, 200_000, dtype=np.uint32)
    x = bits.view(np.float32)
    x = np.concatenate(
        [x[~np.isnan(x)], np.float32([0, -0.0, 65519, 65520, -65520, np.inf, -np.inf, 2**-25, 3 * 2**-26])]
    )
    codes = reference.floats_encode(x, format, overflow="format")
    assert np.array_equal(rounded(x, format).view(np.uint32), reference.floats_decode(codes, format).view(np.uint32))
