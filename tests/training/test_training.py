"""Laws of the small network: gradients, optimisers, the training loop."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from training_examples import examples, tiny_network, whole

from refcompress import RefcompressError
from refcompress.training import (
    SGD,
    Adam,
    Dense,
    Dropout,
    Network,
    ReLU,
    Tanh,
    constant,
    cosine,
    error_rate,
    errors,
    fit,
    misses,
    softmax_cross_entropy,
)

U = {np.float32: 2.0**-24, np.float64: 2.0**-53}
SIZES = st.integers(1, 9)
SEEDS = st.integers(0, 2**32 - 1)


# Gradients ------------------------------------------------------------------------------------------------------------


@given(SIZES, SIZES, SIZES, SIZES, SEEDS)
@settings(max_examples=40, deadline=None)
def test_backward_gives_the_exact_change_of_a_loss_that_is_linear_in_each_step(n, k, hidden, m, seed):
    # With whole numbers, and steps too small to reach a kink of ReLU, loss = <dy, output> is linear in every single
    # parameter and all arithmetic is exact in float64: the finite difference is the derivative, without any error.
    rng = np.random.default_rng(seed)
    network = tiny_network(seed, 0.5, np.float64, (k, hidden, m))  # dropout at 0.5 scales by exactly 2
    network.assign({name: whole(rng, *p.shape) for name, p in network.parameters.items()})
    network.parameters["fc1.bias"][:] += 0.5  # so that no sum before ReLU is 0
    x, dy, step = whole(rng, n, k), whole(rng, n, m), 2.0**-10

    def loss():
        return float(np.sum(dy * network.forward(x, np.random.default_rng(seed))))

    start = loss()
    network.backward(dy)
    gradients = {name: g.copy() for name, g in network.gradients.items()}
    for name, p in network.parameters.items():
        for i in np.ndindex(p.shape):
            p[i] += step
            assert (loss() - start) / step == gradients[name][i], (name, i)
            p[i] -= step


@given(SIZES, SIZES, SEEDS)
@settings(max_examples=40, deadline=None)
def test_each_layer_gives_the_exact_gradient_of_its_input(n, k, seed):
    rng = np.random.default_rng(seed)
    dense = Dense(k, 4, rng=rng, dtype=np.float64)
    dense.parameters["weight"][...] = whole(rng, 4, k)
    x, step = whole(rng, n, k) + 0.5, 2.0**-10
    for layer in (dense, ReLU(), Dropout(0.5)):
        y = layer.forward(x, np.random.default_rng(seed))
        dy = whole(rng, *y.shape)
        dx = layer.backward(dy).copy()
        for i in np.ndindex(x.shape):
            moved = x.copy()
            moved[i] += step
            change = np.sum(dy * (layer.forward(moved, np.random.default_rng(seed)) - y)) / step
            assert change == dx[i], (type(layer).__name__, i)


@given(SIZES, SIZES, SEEDS)
@settings(max_examples=40, deadline=None)
def test_the_gradient_of_tanh_meets_its_central_difference_within_the_taylor_bound(n, k, seed):
    rng = np.random.default_rng(seed)
    x, dy, h = rng.normal(size=(n, k)) * 2, whole(rng, n, k), 2.0**-14
    layer = Tanh()
    difference = (np.tanh(x + h) - np.tanh(x - h)) / (2 * h)
    layer.forward(x)
    # The third derivative of tanh is at most 2, and h**2 / 6 of it the error of the difference; each tanh is off by 4 u
    # at most.
    assert np.all(
        np.abs(layer.backward(dy) - dy * difference)
        <= np.abs(dy) * (2 * h**2 / 6 + 8 * U[np.float64] / (2 * h) + 2**-50)
    )
    assert layer.backward(dy, input_gradient=False) is None


@given(SIZES, st.integers(1, 12), SEEDS)
@settings(max_examples=40, deadline=None)
def test_cross_entropy_gradient_meets_its_central_difference_within_the_taylor_bound(n, c, seed):
    rng = np.random.default_rng(seed)
    logits, labels, h = rng.uniform(-3, 3, (n, c)), rng.integers(0, c, n), 2.0**-14
    loss, gradient = softmax_cross_entropy(logits, labels)
    # In one logit the third derivative of the loss is p(1-p)(1-2p) / n, at most 1/(6 sqrt 3) < 0.1; that times h²/6 is
    # the error of the difference. Each loss is below 10 and is a mean of log(sum of c <= 12 exponentials) minus a
    # logit, n + c + 8 roundings of 2u each at most, on terms below 10; two losses are subtracted and divided by 2h.
    bound = 0.1 / n * h**2 / 6 + 2 * 10 * 2 * (n + c + 8) * U[np.float64] / (2 * h)
    for i in np.ndindex(logits.shape):
        up, down = logits.copy(), logits.copy()
        up[i] += h
        down[i] -= h
        change = (softmax_cross_entropy(up, labels)[0] - softmax_cross_entropy(down, labels)[0]) / (2 * h)
        assert abs(change - gradient[i]) <= bound


@given(SIZES, st.integers(2, 12), st.integers(-1000, 1000), SEEDS)
@settings(max_examples=40, deadline=None)
def test_cross_entropy_does_not_see_a_shift_of_all_logits(n, c, shift, seed):
    rng = np.random.default_rng(seed)
    logits, labels = rng.integers(-9, 9, (n, c)).astype(np.float32), rng.integers(0, c, n)
    loss, gradient = softmax_cross_entropy(logits, labels)
    shifted, same = softmax_cross_entropy(logits + np.float32(shift), labels)
    assert loss == shifted and np.array_equal(gradient, same)


def test_cross_entropy_is_finite_for_huge_logits():
    loss, gradient = softmax_cross_entropy(np.array([[1e38, -1e38], [-1e38, 1e38]], np.float32), np.array([0, 1]))
    assert loss == 0 and not gradient.any()


@pytest.mark.parametrize("labels, named", [([0, 3], r"labels\[1\]"), ([-1, 0], r"labels\[0\]"), ([0], "labels")])
def test_cross_entropy_refuses_labels_that_are_no_class_of_the_logits(labels, named):
    with pytest.raises(RefcompressError, match=named):
        softmax_cross_entropy(np.zeros((2, 3), np.float32), np.array(labels))


# Layers and networks --------------------------------------------------------------------------------------------------


def test_dropout_drops_its_share_and_keeps_the_mean_in_training_and_does_nothing_in_use():
    x = np.ones((400, 400), np.float32)
    layer = Dropout(0.25)
    assert layer.forward(x) is x and layer.backward(x) is x
    y = layer.forward(x, np.random.default_rng(1))
    dropped = np.count_nonzero(y == 0) / y.size
    # Six standard deviations of a mean of 160,000 draws: less than one seed in 500 million is further off.
    assert abs(dropped - 0.25) < 6 * (0.25 * 0.75 / y.size) ** 0.5
    assert set(np.unique(y)) == {np.float32(0), np.float32(1) / np.float32(0.75)}


@pytest.mark.parametrize("rate", [-0.1, 1, 1.5, float("nan"), "half"])
def test_dropout_refuses_a_rate_outside_0_and_1(rate):
    with pytest.raises(RefcompressError, match="rate"):
        Dropout(rate)


def test_parameters_are_named_by_layer_and_a_copy_has_its_own():
    network = tiny_network(0)
    assert list(network.parameters) == ["fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"]
    assert network.parameters["fc1.weight"].shape == (5, 6) and network.parameters["fc1.weight"].dtype == np.float32
    other = network.copy()
    other.parameters["fc1.weight"][...] = 7
    assert not (network.parameters["fc1.weight"] == 7).any()
    assert (other.forward(np.ones((1, 6), np.float32)) != network.forward(np.ones((1, 6), np.float32))).any()


@pytest.mark.parametrize("values, named", [({"fc9.weight": np.zeros((5, 6), np.float32)}, "fc9"),
                                           ({"fc1.weight": np.zeros((6, 5), np.float32)}, "shape"),
                                           ({"fc1.weight": np.zeros((5, 6))}, "dtype")])
def test_assign_refuses_what_does_not_fit_and_then_changes_nothing(values, named):
    network = tiny_network(0)
    before = network.copy().parameters
    with pytest.raises(RefcompressError, match=named):
        network.assign({"fc2.bias": np.ones(3, np.float32), **values})
    assert all(np.array_equal(p, before[name]) for name, p in network.parameters.items())


def test_a_network_refuses_two_layers_of_one_name():
    with pytest.raises(RefcompressError, match="layers"):
        Network([("a", ReLU()), ("a", ReLU())])


# Optimisers -----------------------------------------------------------------------------------------------------------


@given(st.integers(1, 12), st.integers(-8, 8), SIZES)
@settings(max_examples=40, deadline=None)
def test_sgd_under_a_constant_gradient_follows_its_closed_form_exactly(steps, g, size):
    # v_t = -a g (1 - u^t) / (1 - u), w_t = w_0 + sum of v; with a = 1/4 and u = 1/2 every number is dyadic and exact.
    w, optimizer = np.ones(size), SGD(0.25, momentum=0.5)
    for _ in range(steps):
        optimizer.step({"w": w}, {"w": np.full(size, float(g))})
    assert (w == 1 - 0.25 * g * sum(2 * (1 - 0.5**t) for t in range(1, steps + 1))).all()


@given(st.integers(1, 30), st.floats(1e-3, 1e3), st.sampled_from([-1, 1]))
@settings(max_examples=40, deadline=None)
def test_adam_under_a_constant_gradient_steps_by_the_learning_rate(steps, size, sign):
    # Both corrected means are exact for a constant gradient, so each step is a g / (|g| + e). With b1 = b2 = 1/2 the
    # corrections are exact; the means, root, quotient and products take fewer than 32 roundings a step.
    g, epsilon, rate = sign * size, 1e-8, 0.125
    w, optimizer = np.zeros(1), Adam(rate, beta1=0.5, beta2=0.5, epsilon=epsilon)
    for _ in range(steps):
        optimizer.step({"w": w}, {"w": np.array([g])})
    expected = -steps * rate * g / (abs(g) + epsilon)
    assert abs(w[0] - expected) <= 32 * steps * U[np.float64] * abs(expected)


@given(st.integers(1, 20), SEEDS)
@settings(max_examples=40, deadline=None)
def test_adam_is_algorithm_1_of_its_paper(steps, seed):
    # Gradients of one sign: then nothing cancels in the means, and t steps of both orders of the formula differ by at
    # most the relative error of their roundings: 1 / (1 - b2^t) <= 10 enlarges that of b2^t, 16 t u covers the rest.
    g = np.random.default_rng(seed).uniform(0.5, 2, steps)
    w, optimizer = np.zeros(1), Adam(0.01, beta1=0.5, beta2=0.9)
    theta, m, v = 0.0, 0.0, 0.0
    for t in range(1, steps + 1):
        optimizer.step({"w": w}, {"w": g[t - 1 : t]})
        m, v = 0.5 * m + 0.5 * g[t - 1], 0.9 * v + 0.1 * g[t - 1] ** 2
        theta -= 0.01 * (m / (1 - 0.5**t)) / ((v / (1 - 0.9**t)) ** 0.5 + 1e-8)
    assert abs(w[0] - theta) <= (10 + 16 * steps) * U[np.float64] * abs(theta) * 2


@pytest.mark.parametrize("optimizer", [SGD(0.5, momentum=0, weight_decay=0.25), Adam(0.5, weight_decay=0.25)])
def test_weight_decay_shrinks_matrices_and_leaves_biases_and_gradients_alone(optimizer):
    p = {"weight": np.full((2, 2), 8.0, np.float32), "bias": np.full(2, 8.0, np.float32)}
    g = {name: np.zeros_like(a) for name, a in p.items()}
    optimizer.step(p, g)
    assert (p["weight"] < 8).all() and (p["bias"] == 8).all() and not any(a.any() for a in g.values())
    if isinstance(optimizer, SGD):
        assert (p["weight"] == 8 * (1 - 0.5 * 0.25)).all()


@pytest.mark.parametrize("make", [lambda: SGD(-1), lambda: Adam(float("nan")), lambda: SGD(1, momentum=2),
                                  lambda: Adam(beta1=1)])
def test_optimizers_refuse_rates_without_sense(make):
    with pytest.raises(RefcompressError):
        make()


# Fitting --------------------------------------------------------------------------------------------------------------


def test_fit_learns_separable_examples_and_reports_each_epoch():
    x, y = examples(1, 300)
    network, told = tiny_network(1, sizes=(6, 16, 3)), []
    losses = fit(network, x, y, optimizer=Adam(0.02), epochs=40, rng=np.random.default_rng(1), batch=32,
                 progress=lambda *event: told.append(event))
    assert told == [(i + 1, 40, loss) for i, loss in enumerate(losses)]
    assert losses[-1] < losses[0] / 5
    assert error_rate(network, x, y) <= 0.03 and errors(network, x, y, batch=7) == errors(network, x, y)


@pytest.mark.parametrize("make", [lambda: Adam(0.01, weight_decay=1e-3), lambda: SGD(0.1)])
def test_the_same_seed_gives_the_same_bits_and_another_seed_does_not(make):
    x, y = examples(2)
    runs = []
    for seed in (5, 5, 6):
        network = tiny_network(3, dropout=0.3)
        fit(network, x, y, optimizer=make(), epochs=3, rng=np.random.default_rng(seed), batch=16)
        runs.append(b"".join(p.tobytes() for p in network.parameters.values()))
    assert runs[0] == runs[1] != runs[2]


def test_the_number_of_blas_threads_changes_no_bit_of_the_training():
    """Long sums (784 and 600 terms here) are what OpenBLAS cuts differently on one thread and on two."""
    threadpoolctl = pytest.importorskip("threadpoolctl", reason="it sets the threads of NumPy's BLAS")
    if not any(pool["internal_api"] == "openblas" for pool in threadpoolctl.threadpool_info()):
        pytest.skip("NumPy's BLAS is not OpenBLAS; what others do with short sums is not known to us")
    x = np.random.default_rng(0).random((512, 784), dtype=np.float32)
    short = []  # all that is promised is that training does as NumPy's product does with short sums
    for count in (1, 2):
        with threadpoolctl.threadpool_limits(count, user_api="blas"):
            short.append((x[:256, :196] @ x[256:, :196].T).tobytes())
    if short[0] != short[1]:
        pytest.skip("this processor's OpenBLAS adds up even short sums differently on one thread and on two")
    labels = np.arange(512) % 10
    weights = []
    for count in (1, 2):
        with threadpoolctl.threadpool_limits(count, user_api="blas"):
            rng = np.random.default_rng(1)
            network = Network([("fc1", Dense(784, 600, rng=rng)), ("relu1", ReLU()), ("fc2", Dense(600, 10, rng=rng))])
            fit(network, x, labels, optimizer=SGD(0.1), epochs=1, rng=rng, batch=256)
            weights.append(network.parameters["fc1.weight"].tobytes())
    assert weights[0] == weights[1]


@pytest.mark.parametrize("schedule", [cosine, constant])
def test_fit_follows_the_schedule_and_gives_the_learning_rate_back(schedule):
    x, y = examples(3, 10)
    seen = []

    class Recorder(SGD):
        def step(self, parameters, gradients):
            seen.append(self.learning_rate)

    optimizer = Recorder(0.5)
    fit(tiny_network(0), x, y, optimizer=optimizer, epochs=2, rng=np.random.default_rng(0), batch=4, schedule=schedule)
    assert seen == [0.5 * schedule(i / 6) for i in range(6)] and optimizer.learning_rate == 0.5


def test_fit_refuses_labels_of_another_length_and_a_loss_that_ran_away():
    x, y = examples(4)
    with pytest.raises(RefcompressError, match="labels"):
        fit(tiny_network(0), x, y[:-1], optimizer=SGD(0.1), epochs=1, rng=np.random.default_rng(0))
    with pytest.raises(RefcompressError, match="optimizer: the loss"):
        fit(tiny_network(0), x, y, optimizer=SGD(1e30), epochs=5, rng=np.random.default_rng(0), batch=8)


def test_error_rate_counts_what_is_wrong():
    network = tiny_network(0)
    x, _ = examples(5, 10)
    guess = network.forward(x).argmax(axis=1)
    guess[:3] = (guess[:3] + 1) % 3
    assert errors(network, x, guess) == 3 and error_rate(network, x, guess) == 0.3
    with pytest.raises(RefcompressError, match="labels"):
        error_rate(network, x, guess[:9])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("label", [0, 1, 2])
def test_an_output_that_is_nan_is_wrong_whatever_the_label(dtype, label):
    network = tiny_network(0, dtype=dtype)
    x, labels = examples(5, 10)[0].astype(dtype), np.full(10, label)
    for place in range(3):  # also where the largest of the others is at the label
        network.parameters["fc2.bias"][...] = 0
        network.parameters["fc2.bias"][place] = np.nan
        assert errors(network, x, labels) == 10 and error_rate(network, x, labels) == 1.0
    outputs = np.float32([[1, np.nan, 0], [1, 0, 0], [np.inf, np.inf, 0], [np.nan] * 3])
    assert misses(outputs, np.array([0, 0, 0, 0])) == 2  # an infinity is the largest, the first of equals
    assert misses(outputs, np.array([1, 1, 1, 0])) == 4


def test_misses_and_errors_refuse_labels_that_do_not_fit():
    network, (x, labels) = tiny_network(0), examples(5, 10)
    for bad in (labels[:9], labels[:, None], labels.astype(np.float32)):
        for count in (lambda bad: errors(network, x, bad), lambda bad: misses(network.forward(x), bad)):
            with pytest.raises(RefcompressError, match="labels"):
                count(bad)
    with pytest.raises(RefcompressError, match="batch"):
        errors(network, x, labels, batch=0)


def test_fit_refuses_weights_that_its_last_step_drove_to_infinity():
    class Last(SGD):
        def step(self, parameters, gradients):
            parameters["fc2.bias"][1] = np.inf

    with pytest.raises(RefcompressError, match="optimizer: fc2.bias is no longer finite after epoch 1"):
        fit(tiny_network(0), *examples(4, 8), optimizer=Last(0.1), epochs=2, rng=np.random.default_rng(0), batch=8)


def test_a_network_in_another_dtype_computes_the_same_and_is_its_own():
    net = Network(
        [
            ("fc1", Dense(5, 4, rng=np.random.default_rng(0))),
            ("relu", ReLU()),
            ("fc2", Dense(4, 3, rng=np.random.default_rng(1))),
        ]
    )
    wide = net.astype(np.float64)
    x = np.random.default_rng(2).standard_normal((7, 5))
    y = wide.forward(x)
    assert y.dtype == np.float64 and all(p.dtype == np.float64 for p in wide.parameters.values())
    # float32 of sums of 5, then of 4 terms: at most 5 + 4 + 3 roundings of the magnitudes.
    size = np.abs(x) @ np.abs(net.parameters["fc1.weight"].T) @ np.abs(net.parameters["fc2.weight"].T)
    assert np.all(np.abs(net.forward(x.astype(np.float32)) - y) <= 12 * 2.0**-23 * size)
    wide.parameters["fc1.bias"][...] = 9
    assert not net.parameters["fc1.bias"].any()
