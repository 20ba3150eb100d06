"""Train big, then compress: the ledger counts what the products do, budgets hold, files fit."""

import functools

import numpy as np
import pytest

from refcompress import RefcompressError, Shared, container, load_model
from refcompress.graph import Builder
from refcompress.recipes import train_big
from refcompress.recipes.train_big import Flops, compress_to, flops_an_example, planned, train_for, widths
from refcompress.training import GraphNetwork


def examples(n=400):
    x = np.random.default_rng(1).standard_normal((n, 20)).astype(np.float32)
    return x, x[:, :4].argmax(axis=1).astype(np.uint8)


def network(hidden=(16, 8)):
    return widths(20, hidden, 4, np.random.default_rng(0))


def test_the_operations_of_an_example_are_those_of_its_products(monkeypatch):
    from refcompress.training import layers

    net, counted = network(), []
    plain = layers.product
    monkeypatch.setattr(
        layers,
        "product",
        lambda a, b, out=None: counted.append(2 * a.shape[0] * a.shape[1] * b.shape[1]) or plain(a, b, out=out),
    )
    net.backward(np.ones_like(net.forward(examples(10)[0])))
    assert sum(counted) == 10 * flops_an_example(net)


def test_training_spends_whole_steps_and_never_more_than_it_may():
    net, (x, y), rng = network(), examples(), np.random.default_rng(0)
    one = flops_an_example(net) * 50
    ledger = Flops(100 * one)
    assert train_for(net, x, y, flops=20.7 * one, ledger=ledger, rng=rng, batch=50) == 20
    assert ledger.spent == 20 * one and ledger.left == 80 * one
    for flops in (81 * one, 0.5 * one):
        with pytest.raises(RefcompressError, match="flops"):
            train_for(net, x, y, flops=flops, ledger=ledger, rng=rng, batch=50)
    assert ledger.spent == 20 * one


@functools.cache
def trained():
    net, (x, y) = network(), examples()
    train_for(net, x, y, flops=5e7, ledger=Flops(5e7), rng=np.random.default_rng(0), batch=50, weight_decay=1e-4)
    return net, x, y


def zeroed(net, keep, first):
    """All but ``keep`` weights at zero, those of the first layer before the others, or after them."""
    names = [name for name, p in net.parameters.items() if p.ndim == 2]
    left = sum(net.parameters[name].size for name in names) - keep
    for name in names if first else names[::-1]:
        flat = net.parameters[name].reshape(-1)
        flat[: min(left, flat.size)] = 0
        left -= min(left, flat.size)
    return net


@pytest.mark.parametrize("first", [True, False])
def test_a_weight_at_zero_costs_nothing_unless_all_are_paid_for(first):
    net = zeroed(network(), 100, first)
    nonzero = [int((p != 0).sum()) for p in net.parameters.values() if p.ndim == 2]
    assert sum(nonzero) == 100
    assert flops_an_example(net) == 4 * nonzero[0] + 6 * sum(nonzero[1:])
    assert flops_an_example(net, dense=True) == flops_an_example(network())


@pytest.mark.parametrize("dense", [False, True])
def test_planned_steps_never_cost_more_than_is_paid_for_and_one_more_might(dense, monkeypatch):
    net, x, y = trained()
    total = sum(p.size for p in net.parameters.values() if p.ndim == 2)
    for target in range(310, 550, 60):
        ledger = Flops(5e6)
        small = compress_to(
            net, target, x, y, bits=3, flops=5e6, ledger=ledger, rng=np.random.default_rng(0), batch=50, dense=dense
        )
        one = 50 * flops_an_example(net, dense=True)
        assert len(small.data) <= target and 0 < ledger.spent <= 5e6
        # Weights behind the first layer cost half as much again: planned for as if these alone were left.
        assert ledger.spent > (5e6 - one if dense or small.whole else 5e6 * 4 / 6 - one)
        assert small.steps == 5e6 // one if dense or small.whole else small.steps > 5e6 // one
    for keep in (1, 50, total // 2, total):
        # Of a network whose first layer is pruned first, the plan is exact.
        steps = planned(net, keep, 5e6, batch=50, dense=dense)
        costs = [worst(net, keep, n, dense) for n in (steps, steps + 1)]
        assert costs[0] <= 5e6 < costs[1]


def worst(net, keep, steps, dense):
    """What so many steps cost, one by one, with masks that take the first layer's weights first."""
    names = [name for name, p in net.parameters.items() if p.ndim == 2]
    total = sum(net.parameters[name].size for name in names)
    net, pruning, spent = net.copy(), max(int(0.7 * steps), 1), 0
    every, alive = max(pruning // 30, 1), total
    for step in range(steps):
        if step and step <= pruning and (step % every == 0 or step == pruning):
            final = 1 - keep / total
            alive = max(round((1 - final + final * (1 - step / pruning) ** 3) * total), keep)
            zeroed(net, alive, True)
        spent += 50 * flops_an_example(net, dense=dense)
    return spent


def test_files_fit_their_bytes_and_hold_the_network_its_biases_shared_too():
    net, x, y = trained()
    ledger, before, kept = Flops(1e12), net.copy().parameters, []
    for target in (360, 430, 500):
        small = compress_to(net, target, x, y, bits=3, flops=2e7, ledger=ledger, rng=np.random.default_rng(0))
        loaded = container.loads(small.data)
        assert len(small.data) <= target and sorted(loaded) == sorted(net.parameters)
        assert all(
            isinstance(s, Shared) and np.array_equal(s.dense(), small.network.parameters[name])
            for name, s in loaded.items()
        )
        assert small.kept == sum(int(np.count_nonzero(s.dense())) for name, s in loaded.items() if s.dense().ndim == 2)
        kept.append(small.kept)
    assert kept[0] < kept[1] < kept[2]
    assert all(np.array_equal(before[name], p) for name, p in net.parameters.items())


def test_a_network_that_fits_loses_no_weight_and_takes_as_many_bits_as_fit():
    net, x, y = trained()
    bits = []
    for target in (600, 800, 5000):
        small = compress_to(
            net, target, x, y, bits=3, flops=1e7, ledger=Flops(1e7), rng=np.random.default_rng(0), batch=50
        )
        assert small.whole and len(small.data) <= target
        bits.append(small.bits)
    assert 3 <= bits[0] < bits[1] < bits[2] == 8
    assert small.kept == 16 * 20 + 8 * 16 + 4 * 8


def test_a_file_that_the_tuning_made_too_large_is_made_again_smaller_from_what_is_left_of_the_operations(monkeypatch):
    net, x, y = trained()
    plain, sizes = container.dumps, []

    def larger(layers, **options):
        """Files of tuned values, which are not those of any weight, take 9 bytes more."""
        data = plain(layers, **options)
        if tuned:
            sizes.append(len(data) + 9)
            return data + b"123456789"
        return data

    tuned = False
    shared = train_big.SharedCentroids.shared

    def mark(self):
        nonlocal tuned
        tuned = True
        return shared(self)

    fitting = train_big._fitting

    def unmark(*arguments):
        nonlocal tuned
        tuned = False
        return fitting(*arguments)

    monkeypatch.setattr(container, "dumps", larger)
    monkeypatch.setattr(train_big.SharedCentroids, "shared", mark)
    monkeypatch.setattr(train_big, "_fitting", unmark)
    ledger = Flops(1e7)
    small = compress_to(net, 400, x, y, bits=3, flops=1e7, ledger=ledger, rng=np.random.default_rng(0), batch=50)
    assert len(sizes) > 1 and sizes[0] > 400 >= sizes[-1] == len(small.data)
    assert ledger.spent <= 1e7


def test_refuses_what_no_weights_fit_what_is_not_paid_for_and_what_the_ledger_does_not_have():
    net, x, y = trained()
    for nbytes, flops, ledger, argument in (
        (100, 1e8, 1e8, "nbytes"),
        (0, 1e8, 1e8, "nbytes"),
        (400, 1e8, 0.9e8, "flops"),
        (400, 1e3, 1e8, "flops"),
    ):
        account = Flops(ledger)
        with pytest.raises(RefcompressError) as caught:
            compress_to(net, nbytes, x, y, bits=3, flops=flops, ledger=account, rng=np.random.default_rng(0))
        assert caught.value.argument == argument and account.spent == 0


def test_refuses_a_file_with_weights_of_which_none_leads_through():
    net, x, y = trained()
    net = net.copy()
    net.parameters["fc1.weight"][...] *= 1000  # so all that stay lie in the first layer
    with pytest.raises(RefcompressError, match="none leads from an input") as caught:
        compress_to(net, 240, x, y, bits=3, flops=1e7, ledger=Flops(1e7), rng=np.random.default_rng(0), batch=50)
    assert caught.value.argument == "nbytes"


PLACES, WIDTH, SYMBOLS = 6, 8, 5


def decoder(length=PLACES):
    """A block of a transformer on sequences, with an embedding, attention, a residual and layer norms."""
    b, rng = Builder(), np.random.default_rng(3)

    def dense(x, k, m, name):
        return b.linear(x, rng.standard_normal((m, k)).astype(np.float32) / 3, np.zeros(m, np.float32), name=name)

    x = b.embedding(b.input("x", ("n", length), "int64"), rng.standard_normal((SYMBOLS, WIDTH)).astype(np.float32))
    y = b.layer_norm(x, np.ones(WIDTH, np.float32), np.zeros(WIDTH, np.float32))
    mixed = b.attention(*(dense(y, WIDTH, WIDTH, name) for name in "qkv"), heads=2, causal=True)
    x = b.add(x, dense(mixed, WIDTH, WIDTH, "out"))
    return GraphNetwork(b.model(dense(b.gelu(x, approximate=True), WIDTH, SYMBOLS, "next")))


def sequences(n=60):
    x = np.random.default_rng(1).integers(0, SYMBOLS, (n, PLACES + 1))
    return x[:, :-1], x[:, 1:]


def test_a_transformers_operations_are_those_of_its_layers_and_its_attention():
    net = decoder()
    weights = 4 * WIDTH * WIDTH + WIDTH * SYMBOLS
    attention = 12 * PLACES * PLACES * WIDTH
    assert flops_an_example(net) == 6 * PLACES * weights + attention
    net.parameters["next.weight"][...] = 0
    assert flops_an_example(net) == 6 * PLACES * 4 * WIDTH * WIDTH + attention
    assert flops_an_example(net, dense=True) == 6 * PLACES * weights + attention


@pytest.mark.parametrize("dense", [False, True])
def test_a_transformers_file_fits_its_bytes_and_runs_as_the_network_does(dense, tmp_path):
    net, (x, y), ledger, seen = decoder(), sequences(), Flops(3e8), []
    steps = train_for(net, x, y, flops=2e7, ledger=ledger, rng=np.random.default_rng(0), batch=20,
                      watch=lambda: seen.append(ledger.spent))
    assert len(seen) == steps and seen[-1] == ledger.spent
    whole = []
    for target in (1100, 2000):
        own = Flops(ledger.budget, ledger.spent)
        small = compress_to(net, target, x, y, bits=3, flops=2e7, ledger=own, rng=np.random.default_rng(0), batch=20,
                            dense=dense)
        whole.append(small.whole)
        assert len(small.data) <= target and 0 < own.spent - ledger.spent <= 2e7
        (tmp_path / "small.rcz").write_bytes(small.data)
        model = load_model(tmp_path / "small.rcz")
        assert all(isinstance(tensor, Shared) for tensor in model.tensors.values())
        assert all(np.array_equal(model.tensors[name].dense(), p) for name, p in small.network.parameters.items())
        assert np.array_equal(model(x), small.network.model()(x))
    assert whole == [False, True]


def test_refuses_a_graph_whose_operations_depend_on_more_than_the_batch():
    with pytest.raises(RefcompressError, match="must have fixed sizes beside the batch"):
        flops_an_example(decoder("places"))
