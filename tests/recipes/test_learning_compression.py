"""Learning-compression: exact C steps, L steps drawn to them, and a result that every compression can stand for."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rounding import gamma

from refcompress import CSR, LowRank, RefcompressError, Shared, container
from refcompress.recipes.learning_compression import (
    Ranks,
    Shrunk,
    Sparse,
    Sum,
    Values,
    entries,
    geometric,
    learning_compression,
    stands_for,
)
from refcompress.training import Convolution, Dense, Network, Penalized, ReLU, Reshape, softmax_cross_entropy

SEEDS = st.integers(0, 2**32 - 1)


def network(seed=0):
    rng = np.random.default_rng(seed)
    return Network([("fc1", Dense(12, 8, rng=rng)), ("relu", ReLU()), ("fc2", Dense(8, 3, rng=rng))])


def examples(n=300, seed=1):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, 12)).astype(np.float32)
    return x, (x[:, :3] + x[:, 3:6]).argmax(axis=1).astype(np.uint8)


@given(st.integers(1, 7), st.integers(1, 7), SEEDS, st.floats(0, 2), st.floats(0.01, 10))
@settings(max_examples=50)
def test_the_rank_step_is_the_best_of_all_ranks(m, k, seed, alpha, mu):
    w = np.random.default_rng(seed).standard_normal((m, k)).astype(np.float32)
    for count in ("parameters", "bytes", "flops"):
        step = Ranks(alpha, count)
        cost = step.cost(w.shape)
        found = step.step(w, mu)
        s = np.linalg.svd(w.astype(np.float64), compute_uv=False)
        objective = [cost[r] + mu / 2 * np.sum(s[r:] ** 2) for r in range(len(s) + 1)]
        rank = len(s) if isinstance(found, np.ndarray) else found.rank
        # A sum of the squares (each rounded, and times mu / 2) in up to m or k sums, and the cost: nothing is negative.
        # The step may add in another order; both objectives are so far from the exact ones, and those from the step's.
        assert objective[rank] <= min(objective) * (1 + gamma(4 * (len(s) + 4)))
        if isinstance(found, np.ndarray):
            assert np.array_equal(found, w)
        else:  # its factors are smaller than the matrix
            assert found.rank == 0 or found.nbytes < w.nbytes or count != "bytes" and found.rank * (m + k) < m * k
    assert Ranks(1.0, "bytes").cost((m, k))[1] == 4 * min(m + k + 1, m * k) and Ranks(1.0).cost((m, k))[1] == min(
        m + k, m * k
    )


@pytest.mark.parametrize("count, unit, one", [("parameters", 1, 50), ("flops", 2, 50), ("bytes", 4, 51)])
def test_a_layer_whose_factors_would_be_as_large_stays_dense(count, unit, one):
    w = np.random.default_rng(0).standard_normal((20, 30)).astype(np.float32)
    for price in (0.0, 1e-9, 1e-3, 0.05, 0.2):
        theta = Ranks(price, count).step(w, 1.0)
        taken = unit * (theta.size if isinstance(theta, np.ndarray) else theta.rank * one)
        assert taken <= unit * 600 and (isinstance(theta, np.ndarray) or taken < unit * 600)
    assert isinstance(Ranks(0.0, count).step(w, 1.0), np.ndarray) and Ranks(1e9, count).step(w, 1.0).rank == 0
    net = Network(
        [("fc1", Dense(12, 8, rng=np.random.default_rng(0))), ("fc2", Dense(8, 3, rng=np.random.default_rng(1)))]
    )
    x, labels = examples()
    result = learning_compression(
        net, (x, labels), (x, labels), {"fc1.weight": Ranks(0.0, count)}, mus=[0.1, 1.0], epochs=1
    )
    assert isinstance(result.compressed["fc1.weight"], np.ndarray) and result.steps[-1]["chosen"] == {"fc1.weight": 8}
    assert stands_for(Sum(Ranks(0.0), Sparse(keep=1)).step(w, 1.0)).shape == w.shape


@given(st.lists(st.integers(-4, 4), min_size=1, max_size=6), st.integers(0, 6))
def test_the_sparse_steps_are_projections_and_prices_are_paid(values, keep):
    w = np.float32([values])
    keep = min(keep, w.size)
    assert Sparse(keep=keep).step(w, 1.0).nnz <= keep
    # The penalty of the whole objective, alpha |w|_0 + mu / 2 ||w - theta||**2, entry by entry and by brute force.
    alpha, mu = 3.0, 2.0
    theta = Sparse(alpha=alpha).step(w, mu).dense()
    costs = [alpha * sum(bits) + mu / 2 * sum((0 if b else v) ** 2 for b, v in zip(bits, values))
             for bits in product((0, 1), repeat=w.size)]
    assert alpha * np.count_nonzero(theta) + mu / 2 * float(np.sum((w - theta) ** 2)) == min(costs)
    assert np.abs(Shrunk(radius=3.0).step(w, 1.0).dense()).sum() <= 3
    assert np.array_equal(Shrunk(alpha=2.0).step(w, 2.0).dense(), np.sign(w) * np.maximum(np.abs(w) - 1, 0))


def test_a_sum_errs_less_than_either_part_and_never_more_with_more_turns():
    w = np.random.default_rng(0).standard_normal((20, 30)).astype(np.float32)
    errors = [
        float(np.sum((w - stands_for(Sum(Values(2), Sparse(keep=30), turns).step(w, 1.0))) ** 2))
        for turns in (1, 3, 10)
    ]
    alone = float(np.sum((w - Values(2).step(w, 1.0).dense()) ** 2))
    assert errors[2] <= errors[1] <= errors[0] < alone
    theta = Sum(Values(2), Sparse(keep=30)).step(w, 1.0)
    assert [type(part) for part in entries("w", theta).values()] == [Shared, CSR] and list(entries("w", theta)) == [
        "w.0",
        "w.1",
    ]


def test_the_penalty_joins_the_gradient():
    net, (x, labels) = network(), examples()
    target = {"fc1.weight": np.zeros((8, 12), np.float32)}

    def objective():
        loss, dy = softmax_cross_entropy(net.forward(x), labels)
        net.backward(dy)
        return loss + 0.35 * float(np.sum(net.parameters["fc1.weight"].astype(np.float64) ** 2))

    objective()
    gradient = Penalized(net, target, 0.7).gradients()["fc1.weight"].copy()
    w, h = net.parameters["fc1.weight"], np.float32(2.0**-7)
    for place in ((0, 0), (3, 5), (7, 11)):
        middle = w[place]
        w[place] = middle + h
        above = objective()
        w[place] = middle - h
        below = objective()
        w[place] = middle
        # Central differences of a smooth function in steps of 2**-7: h**2 of curvature's change, and float32 losses.
        assert abs((above - below) / (2 * h) - gradient[place]) < 2e-3
    with pytest.raises(RefcompressError, match="targets"):
        Penalized(net, {"fc9.weight": target["fc1.weight"]}, 1.0)
    with pytest.raises(RefcompressError, match="mu"):
        Penalized(net, target, -1.0)


@pytest.mark.parametrize(
    "compression, kind",
    [
        (Ranks(0.005), LowRank),
        (Sparse(keep=24), CSR),
        (Shrunk(radius=9.0), CSR),
        (Values(3), Shared),
        (Sum(Values(2), Sparse(keep=6)), tuple),
    ],
)
@pytest.mark.parametrize("multipliers", [True, False])
def test_the_result_is_what_its_file_stands_for_and_the_gap_closes(compression, kind, multipliers):
    net, (x, labels) = network(), examples()
    before = net.copy().parameters
    result = learning_compression(net, (x, labels), (x[:50], labels[:50]), {"fc1.weight": compression},
                                  mus=geometric(0.01, 1.6, 20), epochs=3, batch=50, multipliers=multipliers)
    assert all(np.array_equal(before[name], p) for name, p in net.parameters.items())
    back = container.loads(container.dumps(result.compressed))
    parts = [back[name] for name in back if name.startswith("fc1.weight")]
    assert np.array_equal(sum(p.dense() for p in parts), result.network.parameters["fc1.weight"])
    assert (len(parts) == 2) == (kind is tuple) and (kind is tuple or isinstance(parts[0], kind))
    assert len(result.steps) == 20 and result.steps[-1]["gap"] < 0.2 * result.steps[0]["gap"]
    assert result.steps[-1]["validation_error"] <= 0.25
    if isinstance(compression, Sparse):
        assert parts[0].nnz <= 24
    if isinstance(compression, Shrunk):
        assert np.abs(parts[0].data.astype(np.float64)).sum() <= 9


def test_a_higher_price_gives_lower_ranks_and_a_seed_one_result():
    net, (x, labels) = network(), examples()

    def ranks(alpha):
        result = learning_compression(
            net, (x, labels), (x, labels), {"fc1.weight": Ranks(alpha)}, mus=geometric(0.01, 1.5, 8)
        )
        return result.steps[-1]["chosen"]["fc1.weight"]

    found = [ranks(alpha) for alpha in (0.0, 0.003, 0.05)]
    assert (
        found[0] == 8 and found[0] >= found[1] >= found[2] and found == [ranks(alpha) for alpha in (0.0, 0.003, 0.05)]
    )


def test_settings_of_small_number_types_mean_the_numbers_that_they_say():
    net, (x, labels) = network(), examples()

    def run(step, kind):
        return (
            learning_compression(
                net,
                (x, labels),
                (x, labels),
                {"fc1.weight": step},
                mus=[kind(0.5), kind(1)],
                epochs=1,
                learning_rate=kind(0.0625),
                decay=kind(0.5),
            )
            .network.parameters["fc1.weight"]
            .tobytes()
        )

    for small, plain in (
        (Ranks(np.float16(0.0078125)), Ranks(0.0078125)),
        (Values(np.uint8(3)), Values(3)),
        (Sparse(keep=np.uint8(24)), Sparse(keep=24)),
        (Sparse(alpha=np.float16(0.0078125)), Sparse(alpha=0.0078125)),
        (Shrunk(alpha=np.float16(0.0078125)), Shrunk(alpha=0.0078125)),
    ):
        assert small == plain and run(small, np.float16) == run(plain, float)
    assert type(Ranks(np.float16(0.5)).alpha) is float and type(Values(np.uint8(3)).clusters) is int


@pytest.mark.parametrize(
    "compression", [Ranks(0.1), Sparse(keep=3), Shrunk(radius=1.0), Sum(Values(2), Sparse(keep=3))]
)
def test_what_stands_for_matrices_alone_refuses_a_kernel_by_its_name_before_any_training(compression):
    rng = np.random.default_rng(0)
    net = Network([("conv", Convolution(1, 2, 3, rng=rng)), ("flat", Reshape(2)), ("fc", Dense(2, 2, rng=rng))])
    x, labels = rng.standard_normal((5, 3, 3, 1)).astype(np.float32), np.zeros(5, int)
    with pytest.raises(RefcompressError) as caught:
        learning_compression(net, (x, labels), (x, labels), {"conv.weight": compression}, mus=[1.0])
    assert caught.value.argument == "compressions['conv.weight']"
    result = learning_compression(net, (x, labels), (x, labels), {"conv.weight": Values(2)}, mus=[1.0], epochs=1)
    assert result.compressed["conv.weight"].shape == (2, 1, 3, 3)


@pytest.mark.parametrize("call, argument", [
    (lambda: Values(0), "clusters"), (lambda: Values(2.0), "clusters"), (lambda: Sparse(alpha=-1.0), "alpha"),
    (lambda: Sum(Values(2), Values(2), turns=0), "turns"),
    (lambda: Ranks(-1.0), "alpha"), (lambda: Ranks(1.0, "seconds"), "count"), (lambda: Sparse(), "keep or alpha"),
    (lambda: Shrunk(1.0, 2.0), "radius or alpha"),
    (lambda: learning_compression(network(), examples(), examples(), {"fc9.weight": Values(2)}, mus=[1.0]),
     "compressions['fc9.weight']"),
    (lambda: learning_compression(network(), examples(), examples(), {"fc1.weight": Values(2)}, mus=[]), "mus"),
    (lambda: learning_compression(network(), examples(), examples(), {"fc1.weight": Values(2)}, mus=[1.0, 0.5]), "mus"),
    (lambda: learning_compression(network(), examples(), examples(), {"fc1.weight": Values(2)}, mus=[0.0]), "mus[0]"),
])
def test_refuses_by_name(call, argument):
    with pytest.raises(RefcompressError) as caught:
        call()
    assert caught.value.argument == argument
