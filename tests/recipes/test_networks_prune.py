"""Pruning of a network, layer after layer; and a budget shared out over its layers."""

import itertools
from types import SimpleNamespace

import numpy as np
import pytest
from test_networks_quantize import dense, error_of_layer, inputs, network

from refcompress import container, load_model, native, same, save_model
from refcompress.constants import U64
from refcompress.container.writer import entry_bytes
from refcompress.errors import ArgumentTypeError, RefcompressError
from refcompress.formats import CSR, LowRank
from refcompress.graph import Builder
from refcompress.graph.use import Use
from refcompress.recipes.networks import allocate_network, prune, prune_network, quantize_network

METHODS = ("magnitude", "wanda", "sparsegpt", "obs")


@pytest.mark.parametrize("method", METHODS)
def test_as_many_weights_go_as_asked_and_no_layer_is_worse_than_by_magnitude(method):
    model, x = network(), inputs()
    result = prune_network(model, [x[:20], x[20:]], method=method, sparsity=0.5)
    for i, row in enumerate(result.rows):
        assert row.after <= row.before and (method == "magnitude" or row.after < row.before or row.note)
        weight = result.model.tensors[f"fc{i}.weight"]
        assert isinstance(weight, CSR) and weight.data.size == weight.shape[0] * weight.shape[1] // 2
        wrong, bound = error_of_layer(model, result.model, f"fc{i}", x)
        assert abs(wrong - row.after) <= bound
        assert row.nbytes == len(entry_bytes(weight))


@pytest.mark.parametrize("method", METHODS[:3])
def test_two_of_four_inputs_stay(method):
    result = prune_network(network(), inputs(), method=method, n=2, m=4, sparse=False)
    for row in result.rows:
        kept = (result.model.tensors[row.weight] != 0).reshape(len(result.model.tensors[row.weight]), -1)
        for begin in range(0, kept.shape[1], 4):
            group = kept[:, begin : begin + 4]
            assert np.all(group.sum(axis=1) == -(-group.shape[1] // 2))


def test_what_was_pruned_stays_pruned_when_it_is_quantized():
    sparse = prune_network(network(), inputs(), sparsity=0.6)
    for method in ("gptq", "adaround", "nearest"):
        small = quantize_network(sparse.model, inputs(), bits=4, method=method, iterations=30)
        for row in small.rows:
            zeros = sparse.model.tensors[row.weight].dense() == 0
            assert np.all(small.model.tensors[row.weight].dense()[zeros] == 0)


def test_where_a_method_is_worse_its_layer_is_pruned_by_magnitude_and_says_so(monkeypatch):
    worse = SimpleNamespace(prune_sparsegpt=lambda w, h, **options: (w == w, -w))
    monkeypatch.setattr(prune, "wanda_mask", lambda matrices, *others: np.zeros(matrices.shape, bool))
    result, plain = (prune_network(network(), inputs(), method=method, sparsity=0.5, implementation=worse)
                     for method in ("sparsegpt", "magnitude"))
    for row in result.rows:
        assert row.method == "magnitude" and "wanda left" in row.note and "more than magnitude" in row.note
        assert result.model.tensors[row.weight] == plain.model.tensors[row.weight]


def test_a_layer_that_calibration_never_reached_is_pruned_by_magnitude():
    result = prune_network(network(), np.zeros((3, 12), np.float32), sparsity=0.5)
    assert "never reached" in result.rows[0].note and result.rows[0].method == "magnitude"
    assert not any(row.note for row in result.rows[1:] if "never" in row.note)  # the biases reach the others
    allocated = allocate_network(network(), np.zeros((3, 12), np.float32), budget=10**6)
    assert ["never reached" in row.note for row in allocated.rows] == [True] + [False] * (len(allocated.rows) - 1)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("method", METHODS)
def test_a_weight_that_is_infinite_is_refused_by_its_node(method):
    model = network()
    name, node = next(iter(model.weighted().items()))
    weight = dense(model.tensors[name]).copy()
    weight[1, 2] = np.inf
    with pytest.raises(RefcompressError, match=rf"node '{node.name}'.*1, 2.*finite"):
        prune_network(model.replaced({name: weight}), inputs(8), method=method, sparsity=0.5)


@pytest.mark.parametrize(("options", "error", "said"), [
    ({}, RefcompressError, "sparsity"), ({"sparsity": 1.5}, RefcompressError, "sparsity"),
    ({"sparsity": 0.5, "n": 1, "m": 2}, RefcompressError, "sparsity"), ({"n": 3, "m": 2}, RefcompressError, "n"),
    ({"method": "obs", "n": 1, "m": 2}, RefcompressError, "obs"), ({"n": 1}, ArgumentTypeError, "m"),
    ({"method": "x", "sparsity": 0.1}, RefcompressError, "method"),
])
def test_what_is_refused_is_named(options, error, said):
    with pytest.raises(error, match=said):
        prune_network(network(), inputs(), **options)


CHOICES = [{"bits": 2}, {"bits": 8}, {"rank": 0.5}, {"sparsity": 0.5}, {}]


@pytest.mark.parametrize("measure", ["layer", "output"])
def test_the_allocation_is_the_best_of_all_within_the_budget(measure):
    model, x = network(), inputs()
    alone = [allocate_network(model, x, budget=10**6, candidates=[each], measure="layer", implementation=native)
             for each in CHOICES]
    sizes = [[row.nbytes for row in each.rows] for each in alone]
    costs = [[row.after / row.output for row in each.rows] for each in alone]
    for budget in (900, 1500, 2500, 4000):
        found = allocate_network(model, x, budget=budget, candidates=CHOICES, measure=measure, implementation=native)
        assert found.spent == sum(row.nbytes for row in found.rows) <= budget
        if measure == "layer":
            every = itertools.product(range(len(CHOICES)), repeat=3)
            best = min(sum(costs[j][i] for i, j in enumerate(choice)) for choice in every
                       if sum(sizes[j][i] for i, j in enumerate(choice)) <= budget)
            assert abs(found.cost - best) <= 4 * U64 * best  # sums of three, in another order
    assert found.error < allocate_network(model, x, budget=900, candidates=CHOICES, measure=measure).error


def test_all_bytes_of_the_file_are_those_of_the_allocation(tmp_path):
    found = allocate_network(network(), inputs(), budget=1200)
    written = {name: found.model.tensors[name] for name in found.choices}
    container.save(tmp_path / "weights.rcz", written)
    with container.open(tmp_path / "weights.rcz") as file:
        assert sum(file.entry_bytes(name) for name in written) == found.spent


def test_operations_are_counted_and_time_is_measured():
    model, x = network(), inputs()
    whole = 2 * len(x) * sum(m * k for k, m in ((12, 16), (16, 10), (10, 6)))
    assert allocate_network(model, x, budget=whole, candidates=[{}, {"rank": 0.25}], unit="operations").error == 0
    half = allocate_network(model, x, budget=whole * 2 // 3, candidates=[{}, {"rank": 0.25}], unit="operations")
    assert any(isinstance(half.model.tensors[name], LowRank) for name in half.choices) and half.spent <= whole * 2 // 3
    timed = allocate_network(model, x, budget=10**11, candidates=[{}, {"bits": 2}], unit="nanoseconds")
    assert timed.error == 0 and 0 < timed.spent < 10**11


def test_a_fisher_diagonal_weighs_the_weights():
    model, x = network(), inputs()
    fisher = {f"fc{i}.weight": np.full(model.tensors[f"fc{i}.weight"].shape, 10.0 ** (-9 * i)) for i in range(3)}
    found = allocate_network(model, x, budget=900, measure=fisher, candidates=[{"bits": 2}, {"bits": 8}])
    assert found.choices["fc0.weight"] == {"bits": 8}


@pytest.mark.parametrize(("options", "error", "said"), [
    ({"budget": 10}, RefcompressError, "budget"), ({"budget": 0}, RefcompressError, "budget"),
    ({"candidates": []}, ArgumentTypeError, "candidates"),
    ({"candidates": {"bits": 2}}, ArgumentTypeError, "candidates"),
    ({"candidates": [{"bits": 2, "rank": 1}]}, RefcompressError, r"candidates\[0\]"),
    ({"candidates": [{"bits": 2, "keep": 1}]}, RefcompressError, "setting 'keep'"),
    ({"candidates": [{"bits": 2, "method": "awq"}]}, RefcompressError, "awq"),
    ({"unit": "seconds"}, RefcompressError, "unit"), ({"measure": {}}, RefcompressError, "measure"),
])
def test_what_no_budget_can_be_shared_by_is_refused(options, error, said):
    with pytest.raises(error, match=said):
        allocate_network(network(), inputs(), **{"budget": 10**5, **options})


def test_nothing_is_changed():
    model = network()
    before = {name: dense(tensor).copy() for name, tensor in model.tensors.items()}
    prune_network(model, inputs(), sparsity=0.5)
    allocate_network(model, inputs(), budget=1200)
    assert all(np.array_equal(model.tensors[name], tensor) for name, tensor in before.items())


def test_a_pruned_convolution_is_sparse_runs_as_it_is_stored_and_comes_back_from_a_file(tmp_path):
    """Small integers: no sum of the network reaches 2**24, so the order of sums changes no bit."""
    rng, b = np.random.default_rng(0), Builder()

    def drawn(*shape):
        return rng.integers(-2, 3, shape).astype(np.float32)

    x = b.input("x", ("n", 3, 9, 9))
    h = b.relu(b.conv(x, drawn(8, 3, 3, 3), name="whole"))
    h = b.conv(b.relu(b.conv(h, drawn(8, 4, 3, 3), groups=2, name="groups")), drawn(8, 1, 3, 3), groups=8, name="deep")
    model, images = b.model(b.linear(b.flatten(h), drawn(5, 72), name="fc")), np.sign(drawn(6, 3, 9, 9))
    result = prune_network(model, images, sparsity=0.6, method="magnitude")
    use = Use(native)
    y = result.model(images, use=use)
    for name in "whole", "groups", "fc":
        assert any("csr_matmul" in line for line in use.said[name]) and "decoded" not in " ".join(use.said[name])
    assert isinstance(result.model.tensors["deep.weight"], np.ndarray)
    arrays = result.model.replaced({name: np.asarray(tensor) for name, tensor in result.model.tensors.items()})
    assert np.array_equal(y, arrays(images))
    save_model(tmp_path / "a.rcz", result.model)
    back = load_model(tmp_path / "a.rcz")
    assert np.array_equal(back(images, implementation=native), y) and same(back.tensors, result.model.tensors)
