"""Laws of the small network: gradients, optimisers, the hooks of compression, the loader of MNIST."""

import gzip
import shutil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refcompress import CorruptError, RefcompressError, Shared
from refcompress.training import (SGD, Adam, Dense, Dropout, Free, Masked, Network, ReLU, SharedCentroids, constant,
                                  cosine, error_rate, errors, fit, mnist, softmax_cross_entropy)

U = {np.float32: 2.0**-24, np.float64: 2.0**-53}
SIZES = st.integers(1, 9)
SEEDS = st.integers(0, 2**32 - 1)


def whole(rng, *shape, low=-4, high=5):
    """Small whole numbers: sums and products of these are exact in float64."""
    return rng.integers(low, high, shape).astype(np.float64)


def tiny_network(seed, dropout=0.0, dtype=np.float32, sizes=(6, 5, 3)):
    rng = np.random.default_rng(seed)
    k, hidden, m = sizes
    return Network([("drop", Dropout(dropout)), ("fc1", Dense(k, hidden, rng=rng, dtype=dtype)), ("relu", ReLU()),
                    ("fc2", Dense(hidden, m, rng=rng, dtype=dtype))])


def examples(seed, n=60, k=6, classes=3):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, k)).astype(np.float32)
    return x, (x[:, :classes].argmax(axis=1)).astype(np.uint8)


def is_positive_zero(a):
    return (np.ascontiguousarray(a).view(np.uint32) == 0).all()


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


# Hooks ----------------------------------------------------------------------------------------------------------------


@given(SEEDS, st.booleans(), st.floats(0, 1))
@settings(max_examples=25, deadline=None)
def test_pruned_weights_and_their_gradients_stay_positive_zero(seed, adam, share):
    x, y = examples(seed, 40)
    network = tiny_network(seed)
    mask = np.random.default_rng(seed).random((5, 6)) < share
    tuning = Masked(network, {"fc1.weight": mask})
    assert is_positive_zero(network.parameters["fc1.weight"][~mask])
    start = network.copy().parameters
    optimizer = Adam(0.05, weight_decay=0.1) if adam else SGD(0.05, weight_decay=0.1)
    fit(network, x, y, optimizer=optimizer, epochs=2, rng=np.random.default_rng(seed), batch=9, tuning=tuning)
    assert is_positive_zero(network.parameters["fc1.weight"][~mask])
    assert is_positive_zero(tuning.gradients()["fc1.weight"][~mask])
    assert (network.parameters["fc1.weight"][mask] != start["fc1.weight"][mask]).all()
    assert (network.parameters["fc2.weight"] != start["fc2.weight"]).any()


def test_a_mask_that_keeps_all_changes_no_bit_of_the_training():
    x, y = examples(7)
    runs = []
    for make in (lambda n: Free(n), lambda n: None, lambda n: Masked(n, {"fc1.weight": np.ones((5, 6), bool)})):
        network = tiny_network(7)
        fit(network, x, y, optimizer=Adam(0.01), epochs=2, rng=np.random.default_rng(0), tuning=make(network))
        runs.append(network.parameters["fc1.weight"].tobytes())
    assert runs[0] == runs[1] == runs[2]


def some_shared(rng, shape, clusters, pruned):
    codebook = np.sort(rng.standard_normal(clusters)).astype(np.float32)
    if pruned:
        codebook = np.concatenate([np.zeros(1, np.float32), codebook])
    return Shared(rng.integers(0, len(codebook), shape).astype(np.uint8), codebook)


@given(SIZES, SIZES, st.integers(1, 6), st.booleans(), SEEDS)
@settings(max_examples=40, deadline=None)
def test_the_gradient_of_a_centroid_is_the_derivative_of_the_loss_by_the_codebook_entry(n, k, clusters, pruned, seed):
    # loss = <dy, output> is linear in the weights of one layer, hence in the codebook; whole numbers make it exact.
    rng = np.random.default_rng(seed)
    layer = Dense(k, 4, rng=rng, dtype=np.float64)
    network = Network([("fc", layer)])
    s = some_shared(rng, (4, k), clusters, pruned)
    s = Shared(s.codes, np.rint(s.codebook * 4) + np.float32(0))
    tuning = SharedCentroids(network, {"fc.weight": s})
    x, dy = whole(rng, n, k), whole(rng, n, 4)
    start = np.sum(dy * network.forward(x))
    network.backward(dy)
    gradient = tuning.gradients()["fc.weight"].copy()
    for entry in range(int(s.pruned), len(s.codebook)):
        codebook = tuning.parameters["fc.weight"]
        codebook[entry] += 1
        tuning.apply()
        assert np.sum(dy * network.forward(x)) - start == gradient[entry]
        codebook[entry] -= 1
    assert not s.pruned or gradient[0] == 0


@given(st.integers(1, 6), st.booleans(), st.booleans(), SEEDS)
@settings(max_examples=25, deadline=None)
def test_tuned_weights_are_their_codebook_and_the_zero_code_stays_positive_zero(clusters, pruned, adam, seed):
    rng = np.random.default_rng(seed)
    x, y = examples(seed, 40)
    network = tiny_network(seed)
    given_ = {"fc1.weight": some_shared(rng, (5, 6), clusters, pruned),
              "fc2.weight": some_shared(rng, (3, 5), 4, False)}
    tuning = SharedCentroids(network, given_)
    for name, s in given_.items():
        assert np.array_equal(network.parameters[name], s.dense())
    optimizer = Adam(0.3, weight_decay=0.1) if adam else SGD(0.3, weight_decay=0.1)  # large: centroids cross
    fit(network, x, y, optimizer=optimizer, epochs=2, rng=rng, batch=9, tuning=tuning)
    for name, s in tuning.shared().items():
        assert np.array_equal(s.dense().view(np.uint32), network.parameters[name].view(np.uint32))
        assert s.pruned == given_[name].pruned
        assert (np.diff(s.codebook[int(s.pruned):]) >= 0).all()
        if s.pruned:
            assert np.array_equal(s.codes == 0, given_[name].codes == 0)
            assert is_positive_zero(network.parameters[name][s.codes == 0])
        # Members of one cluster are still members of one.
        assert len(set(zip(given_[name].codes.ravel().tolist(), s.codes.ravel().tolist()))) == len(np.unique(s.codes))


@pytest.mark.parametrize("hook, value", [(Masked, np.ones((5, 7), bool)), (Masked, np.ones((5, 6), np.uint8)),
                                         (SharedCentroids, Shared(np.zeros((2, 2), np.uint8), np.ones(1, np.float32)))])
def test_hooks_refuse_what_does_not_fit_the_network(hook, value):
    with pytest.raises(RefcompressError, match="fc1.weight"):
        hook(tiny_network(0), {"fc1.weight": value})
    with pytest.raises(RefcompressError, match="fc9.weight"):
        hook(tiny_network(0), {"fc9.weight": value if hook is SharedCentroids else np.ones((5, 6), bool)})


# MNIST ----------------------------------------------------------------------------------------------------------------


def test_mnist_loads_as_published():
    training, test = mnist.load()
    assert training.images.shape == (60000, 28, 28) and test.images.shape == (10000, 28, 28)
    assert np.bincount(test.labels).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    first, validation = mnist.split(training)
    assert len(first) == 55000 and len(validation) == 5000
    assert np.array_equal(validation.images, training.images[55000:])
    x = mnist.split(test, 10)[1].inputs()
    assert x.shape == (10, 784) and x.dtype == np.float32 and x.min() == 0 and x.max() == 1


def copies(tmp_path, but, data):
    for name in mnist.MD5:
        source = mnist.DIRECTORY / f"{name}.gz"
        if name != but:
            (tmp_path / source.name).symlink_to(source)
        elif data is not None:
            (tmp_path / source.name).write_bytes(data)
    return tmp_path


LABELS = "t10k-labels-idx1-ubyte"


@pytest.mark.parametrize("damage", [lambda raw, packed: gzip.compress(raw[:-1] + b"\x05"),
                                    lambda raw, packed: packed[:-100], lambda raw, packed: raw,
                                    lambda raw, packed: b"", lambda raw, packed: gzip.compress(b"")])
def test_mnist_names_the_file_that_is_not_as_published(tmp_path, damage):
    packed = (mnist.DIRECTORY / f"{LABELS}.gz").read_bytes()
    directory = copies(tmp_path, LABELS, damage(gzip.decompress(packed), packed))
    with pytest.raises(CorruptError, match=f"{LABELS}.gz"):
        mnist.load(directory)


def test_mnist_says_which_file_is_missing(tmp_path):
    with pytest.raises(RefcompressError, match=f"directory: must hold {LABELS}.gz"):
        mnist.load(copies(tmp_path, LABELS, None))
    shutil.copy(mnist.DIRECTORY / f"{LABELS}.gz", tmp_path)
    assert len(mnist.load(str(tmp_path))[1]) == 10000


@given(st.lists(st.integers(0, 5), min_size=1, max_size=3), SEEDS)
@settings(deadline=None)
def test_idx_round_trip_and_every_wrong_length_is_refused(shape, seed):
    a = np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)
    data = b"\0\0\x08" + bytes([a.ndim]) + b"".join(n.to_bytes(4, "big") for n in shape) + a.tobytes()
    assert np.array_equal(mnist.parse_idx(data, "file"), a)
    for wrong in (data + b"\0", data[:-1], data[:3], b"\1" + data[1:], data[:2] + b"\x0d" + data[3:],
                  data[:3] + b"\x04" + data[4:] + bytes(8), data[:3] + b"\0" + data[4:]):
        with pytest.raises(CorruptError, match="file"):
            mnist.parse_idx(wrong, "file")


def test_a_network_in_another_dtype_computes_the_same_and_is_its_own():
    net = Network([("fc1", Dense(5, 4, rng=np.random.default_rng(0))), ("relu", ReLU()), ("fc2", Dense(4, 3, rng=np.random.default_rng(1)))])
    wide = net.astype(np.float64)
    x = np.random.default_rng(2).standard_normal((7, 5))
    y = wide.forward(x)
    assert y.dtype == np.float64 and all(p.dtype == np.float64 for p in wide.parameters.values())
    # float32 of sums of 5, then of 4 terms: at most 5 + 4 + 3 roundings of the magnitudes.
    size = np.abs(x) @ np.abs(net.parameters["fc1.weight"].T) @ np.abs(net.parameters["fc2.weight"].T)
    assert np.all(np.abs(net.forward(x.astype(np.float32)) - y) <= 12 * 2.0**-23 * size)
    wide.parameters["fc1.bias"][...] = 9
    assert not net.parameters["fc1.bias"].any()
