"""Laws of a training whose loss is scaled: what is not finite is left out, and all else is as if nothing had been
scaled."""

import numpy as np
import pytest
from training_examples import examples, tiny_network

from refcompress import RefcompressError
from refcompress.training import SGD, Adam, Autocast, LossScaler, Penalized, Policy, Scaled, fit, softmax_cross_entropy


@pytest.mark.parametrize("make", [lambda: SGD(1e-3), lambda: Adam(1e-3), lambda: SGD(1e-3, weight_decay=0.1)])
@pytest.mark.parametrize("scale", [0.5, 2.0**-10, 2.0**-126])
@pytest.mark.parametrize("dynamic", [True, False])
def test_a_gradient_that_overflows_when_the_scale_is_taken_out_is_not_stepped_along(make, scale, dynamic):
    scaler, w = LossScaler(scale, dynamic=dynamic, backoff=1 - 2.0**-20), np.ones((1, 2), np.float32)
    optimizer = make()
    scaled = Scaled(optimizer, scaler)
    if scale > 2.0**-126 or not dynamic:
        assert scaled.step({"w": w}, {"w": np.float32([[3e38, 1]])}) is False
        assert w.tolist() == [[1, 1]] and scaler.skipped == 1
    else:
        with pytest.raises(RefcompressError, match="gradients: are not finite"):
            scaled.step({"w": w}, {"w": np.float32([[3e38, 1]])})
        assert w.tolist() == [[1, 1]]
        return
    before = scaler.skipped
    assert scaled.step({"w": w}, {"w": np.float32([[scale, scale]])}) is True  # as if nothing had been
    assert np.isfinite(w).all() and (w < 1).all() and scaler.skipped == before


def test_fit_goes_on_after_a_batch_that_the_scaler_skipped_and_its_loss_is_of_the_others():
    net, (x, labels) = tiny_network(0), examples(0)
    x[5] = 1e6  # infinite in float16, and the loss of its batch is NaN
    low = Autocast(net, scaler=LossScaler())
    losses = fit(
        low, x, labels, optimizer=Scaled(Adam(0.01), low.scaler), epochs=3, batch=8, rng=np.random.default_rng(0)
    )
    assert low.scaler.skipped == 3 and np.isfinite(losses).all() and losses[2] < losses[0]
    assert all(np.isfinite(p).all() for p in net.parameters.values())
    # nobody skips: the weights are NaN
    with pytest.raises(RefcompressError, match="optimizer: the loss is nan in epoch 1"):
        fit(Autocast(net), x, labels, optimizer=Adam(0.01), epochs=3, batch=8, rng=np.random.default_rng(0))


def test_fit_refuses_an_epoch_in_which_every_loss_is_nan():
    net, (x, labels) = tiny_network(0), examples(0)
    low = Autocast(net, scaler=LossScaler())
    before = {name: p.copy() for name, p in net.parameters.items()}
    with pytest.raises(RefcompressError, match="network: has no finite loss in epoch 1"):
        fit(low, x + np.float32(1e6), labels, optimizer=Scaled(Adam(0.01), low.scaler), epochs=3, batch=8,
            rng=np.random.default_rng(0))
    assert all(np.array_equal(before[name], p) for name, p in net.parameters.items())


@pytest.mark.parametrize("scale", [1.0, 2.0**10])
def test_the_penalty_of_a_step_does_not_depend_on_the_loss_scale(scale):
    net, (x, labels) = tiny_network(0), examples(0)
    low = Autocast(net, policy=Policy("float32"), scaler=LossScaler(scale, dynamic=False))
    low.backward(softmax_cross_entropy(low.forward(x), labels)[1])
    plain = low.gradients["fc1.weight"].copy()
    target = net.parameters["fc1.weight"] - 1
    drawn = Penalized(low, {"fc1.weight": target}, 0.5).gradients()["fc1.weight"]
    assert np.abs((drawn - plain) / scale - 0.5).max() < 2.0**-20
