"""Train big, then compress: the ledger counts what the products do, budgets hold, files fit."""

import numpy as np
import pytest

from refcompress import RefcompressError, container
from refcompress.recipes.train_big import Flops, compress_to, flops_an_example, train_for, widths


def examples(n=400):
    x = np.random.default_rng(1).standard_normal((n, 20)).astype(np.float32)
    return x, x[:, :4].argmax(axis=1).astype(np.uint8)


def network(hidden=(16, 8)):
    return widths(20, hidden, 4, np.random.default_rng(0))


def test_the_operations_of_an_example_are_those_of_its_products(monkeypatch):
    from refcompress.training import layers

    net, counted = network(), []
    plain = layers.product
    monkeypatch.setattr(layers, "product", lambda a, b, out=None: counted.append(2 * a.shape[0] * a.shape[1] * b.shape[1])
                        or plain(a, b, out=out))
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


def test_files_fit_their_bytes_and_hold_the_network():
    net, (x, y) = network(), examples()
    ledger = Flops(1e12)
    train_for(net, x, y, flops=3e8, ledger=ledger, rng=np.random.default_rng(0), batch=50)
    before = net.copy().parameters
    kept = []
    for target in (270, 340, 410):
        small = compress_to(net, target, x, y, bits=3, flops=1e8, ledger=ledger, rng=np.random.default_rng(0))
        assert len(small.data) <= target
        loaded = container.loads(small.data)
        assert all(np.array_equal(loaded[name] if isinstance(loaded[name], np.ndarray) else loaded[name].dense(), p)
                   for name, p in small.network.parameters.items())
        kept.append(small.kept)
    assert kept[0] < kept[1] < kept[2]
    assert all(np.array_equal(before[name], p) for name, p in net.parameters.items())
    with pytest.raises(RefcompressError, match="nbytes"):
        compress_to(net, 100, x, y, bits=3, flops=1e8, ledger=ledger, rng=np.random.default_rng(0))
