"""A run: what it keeps, what it says, what it chooses; and the table of a network."""

import weakref

import numpy as np
import pytest

import refcompress as rc
from refcompress import native, reference
from refcompress.formats import Graph, Input, Node
from refcompress.graph import Builder, Model
from refcompress.graph.run import values_of
from refcompress.graph.use import Use

X = np.random.default_rng(0).integers(-3, 4, (5, 8)).astype(np.float32)
W = np.random.default_rng(1).integers(-3, 4, (4, 8)).astype(np.float32)


def layer(weight) -> Model:
    builder = Builder()
    return builder.model(builder.linear(builder.input("x", ("n", 8)), weight, name="fc"))


ROWS = rc.quantize_s8(W, axis=0)
STORED = {
    "gemm_f32f32": W, "gemm_f32s8": ROWS,
    "quantize_unpack": rc.quantize_pack(rc.quantize_s8(W, bits=3, group=4), bits=3),
    "gemm_f32s4": rc.quantize_pack(rc.quantize_s8(W, bits=4, group=4)), "gemm_f32nf4": rc.floats_nf4_encode(W),
    "csr_matmul": rc.csr_from_dense(W), "csr_from_dense": rc.Shared(np.uint8(np.abs(W)), np.float32([0, 1, -1, 2])),
    "lowrank_matmul": rc.LowRank(W[:, :2].copy(), np.float32([2, 1]), W[:2].copy()),
    "gemm_f32mixed": rc.allocate_mixed(W, np.arange(4) % 2 == 0), "decoded from Quantized": rc.quantize_s16(W),
}


@pytest.mark.parametrize("said", STORED)
@pytest.mark.parametrize("space", [reference, *native.available()], ids=lambda space: space.__name__)
def test_each_format_is_multiplied_as_it_is_stored_and_the_report_says_by_whom(said, space):
    use = Use(space)
    y = layer(STORED[said])(X, use=use)
    dense = STORED[said] if said == "gemm_f32f32" else STORED[said].dense()
    # 8 products of float32, added in any order: gamma_9 of the sum of their magnitudes
    assert np.all(np.abs(y - X.astype(np.float64) @ dense.T) <= 10 * 2.0**-24 * (np.abs(X) @ np.abs(dense).T))
    assert list(use.said) == ["fc"] and any(line.startswith(said) for line in use.said["fc"])
    assert all("(" in line or line.startswith("decoded") for line in use.said["fc"])


def test_a_whole_layer_scales_and_rounds_its_inputs_and_adds_its_bias():
    scale, bias = np.float32([1, 2, 4, 8] * 2), np.float32([1, 2, 3, 4])
    for bits, step in ((None, None), (8, None), (4, 0.5)):
        layered = rc.QuantizedLayer(ROWS, scale, bits, step, bias)
        x = X / scale
        if bits:
            x = rc.quantize_s8(x, bits=bits, **({"axis": 0} if step is None else {
                "scale": np.full((1, 1), step, np.float32)})).dense()
        assert np.array_equal(layer(layered)(X), rc.gemm_f32s8(x, ROWS) + bias)


def test_a_transposed_weight_is_multiplied_as_it_is_stored_where_its_rows_can_be_turned():
    from refcompress.formats.arranged import Arranged, Arrangement

    turned = {"gemm_f32s8": rc.quantize_s8(np.ascontiguousarray(W.T), axis=1),
              "csr_matmul": Arranged(rc.csr_from_dense(W), Arrangement((4, 8), (1, 0))),
              "lowrank_matmul": rc.LowRank(W[:2].T.copy(), np.float32([2, 1]), W[:, :2].T.copy()),
              "decoded from CSR": rc.csr_from_dense(np.ascontiguousarray(W.T)), "gemm_f32f32": W.T.copy()}
    for said, weight in turned.items():
        builder, use = Builder(), Use(native)
        y = builder.model(builder.linear(builder.input("x", ("n", 8)), weight, name="fc", transposed=True))(X, use=use)
        dense = np.asarray(weight)
        assert np.all(np.abs(y - X.astype(np.float64) @ dense) <= 10 * 2.0**-24 * (np.abs(X) @ np.abs(dense)))
        assert any(line.startswith(said) for line in use.said["fc"]), use.said


@pytest.mark.parametrize("name", STORED)
def test_an_embedding_gives_the_rows_of_the_decoded_matrix(name):
    weight = STORED[name]
    builder = Builder()
    model = builder.model(builder.embedding(builder.input("i", ("n", 2), "int64"), weight))
    i = np.int64([[3, 0], [-1, 2]])
    assert np.array_equal(model(i), np.asarray(weight)[i])


def test_a_format_where_an_array_is_taken_is_decoded_and_that_is_said():
    builder, use = Builder(), Use(native)
    bias = rc.Plain((W[:, 0].view(np.uint32) >> 16).astype(np.uint16), "bfloat16")
    model = builder.model(builder.linear(builder.input("x", ("n", 8)), W, bias, name="fc"))
    assert np.array_equal(model(X, use=use), X @ W.T + W[:, 0])
    assert "fc.bias decoded from Plain" in use.said["fc"]


def test_an_array_that_a_file_keeps_bit_for_bit_is_an_array():
    """Also where it says a shape: that is followed before a run, and nothing is said to be decoded."""
    builder, use = Builder(), Use(native)
    y = builder.linear(builder.input("x", ("n", 8)), rc.Plain.of(W), rc.Plain.of(W[:, 0].copy()), name="fc")
    model = builder.model(builder.reshape(y, rc.Plain.of(np.int64([-1, 2])), name="two"))
    assert model.known["two"].shape == ("2 * n", 2)
    assert np.array_equal(model(X, use=use), (X @ W.T + W[:, 0]).reshape(-1, 2))
    assert list(use.said) == ["fc"] and "decoded" not in str(use.said)


def test_what_a_product_reads_is_made_once_where_it_is_to_be_kept():
    made = []

    class Counting:
        __name__ = "counting"

        @staticmethod
        def quantize_unpack(packed):
            made.append(packed)
            return reference.quantize_unpack(packed)

    for keep, times in ((False, 3), (True, 1)):
        made.clear()
        use, model = Use(Counting, keep=keep), layer(STORED["quantize_unpack"])
        results = [model(X, use=use) for _ in range(3)]
        assert len(made) == times and all(np.array_equal(results[0], y) for y in results)


def test_what_is_kept_does_not_grow_with_runs():
    """Also where a weight is computed in the run, has directions and gates, or is several convolutions."""
    from refcompress.formats.arranged import Arranged, Arrangement

    rng = np.random.default_rng(0)

    def real(*shape):
        return rng.standard_normal(shape).astype(np.float32)

    builder = Builder()
    x = builder.input("x", (3, 2, 4))
    cell = builder.gru(x, rc.quantize_pack(rc.quantize_s8(real(18, 4), bits=4, axis=0)),
                       rc.quantize_s8(real(18, 3), axis=0), direction="bidirectional")
    own = builder.lstm(x, builder.multiply(real(12, 4), np.float32([[2]])), real(12, 3))
    image = builder.reshape(x, shape=(1, 4, 3, 2))
    three = builder.conv(image, rc.Tucker2(real(5, 2), real(2, 3, 1, 1), real(4, 3)))
    two = builder.conv(image, rc.LowRankConv(real(2, 4, 1, 1), real(3, 2, 2, 2)))
    wide = builder.linear(x, Arranged(rc.csr_from_dense(real(3, 4)), Arrangement((3, 4), (0, 1))))
    model, use = builder.model(cell, own, three, two, wide), Use(native, keep=True)
    given = real(3, 2, 4)
    first = model.run(given, use=use)
    kept = len(use._made)
    for _ in range(3):
        assert all(rc.same(a, b) for a, b in zip(model.run(given, use=use).values(), first.values()))
    assert len(use._made) == kept > 5


def test_values_are_forgotten_behind_the_last_node_that_takes_them():
    """A value of a chain dies when the next one is there; one that a graph in a later node takes stays until then."""
    branch = Graph((), ("sum",), (Node("add", ("c", "a"), ("sum",)),))
    nodes = [Node("relu", ("x",), ("a",)), Node("relu", ("a",), ("b",)), Node("relu", ("b",), ("c",)),
             Node("if", ("t",), ("d",), {"then_branch": branch, "else_branch": branch}), Node("relu", ("d",), ("y",))]
    graph = Graph((Input("x", "float32", (9,)),), ("y",), tuple(nodes))
    assert [*map(set, graph.forgotten)] == [{"x"}, set(), {"b"}, {"a", "c"}, {"d"}]
    alive: dict[str, weakref.ref] = {}
    seen = {}

    def watch(node, found):
        seen[node.name] = {name for name, each in alive.items() if each() is not None}
        alive.update({name: weakref.ref(a) for name, a in zip(node.outputs, found)})

    values_of(graph, {"x": np.ones(9, np.float32), "t": np.bool_(True)}, Use(reference), watch=watch)
    assert seen["c"] == {"a", "b"} and seen["sum"] == {"a", "c"} and not seen["y"] & {"a", "b", "c"}


def test_if_runs_one_branch_and_what_is_known_of_both_is_known():
    then = Graph((), ("p",), (Node("reshape", ("x",), ("p",), {"shape": (-1,)}),))
    other = Graph((), ("q",), (Node("reshape", ("x",), ("r",), {"shape": (2, 3)}),
                               Node("squeeze", ("r",), ("q",), {"axes": (0,)}, "wrong")))
    node = Node("if", ("c",), ("y",), {"then_branch": then, "else_branch": other})
    inputs = Input("x", "float32", (6,)), Input("c", "bool", ())
    model = Model(Graph(inputs, ("y",), (node,)), {})
    assert model.known["y"].shape == (6,)  # the other branch would be refused
    x = np.arange(6, dtype=np.float32)
    assert np.array_equal(model(x, np.bool_(True)), x)
    with pytest.raises(rc.RefcompressError, match="node 'wrong': axes"):
        model(x, np.bool_(False))
    with pytest.raises(rc.RefcompressError, match="node 'wrong': axes"):
        Model(Graph(inputs[:1], ("y",), (node,)), {"c": np.bool_(False)})


def test_if_takes_values_from_around_and_gives_sizes_that_branches_share():
    then = Graph((), ("p",), (Node("relu", ("x",), ("p",)),))
    other = Graph((), ("q",), (Node("concat", ("x", "x"), ("q",), {"axis": 1}),))
    model = Model(Graph((Input("x", "float32", ("n", 2)), Input("c", "bool", (1,))), ("y",), (
        Node("if", ("c",), ("y",), {"then_branch": then, "else_branch": other}),)), {})
    assert model.known["y"].shape == ("n", "?")
    x = np.float32([[1, -1]])
    assert model(x, np.array([False])).tolist() == [[1, -1, 1, -1]] and model(x, np.array([True])).tolist() == [[1, 0]]


def test_shapes_that_are_computed_are_known_before_a_run():
    """What exporters write for view(n, -1): shape, gather, unsqueeze, concat, reshape."""
    builder = Builder()
    x = builder.input("x", ("n", 3, 4))
    n = builder.gather(builder.shape(x), np.int64(0))
    whole = builder.multiply(n, np.int64(3))
    shape = builder.concat(builder.unsqueeze(whole, axes=(0,)), np.int64([-1]), axis=0)
    filled = builder.constant_of_shape(builder.concat(np.int64([2]), builder.unsqueeze(n, axes=(0,)), axis=0))
    model = builder.model(builder.reshape(x, shape, name="flat"), builder.identity(filled, name="filled"))
    assert model.known["flat"].shape == ("3 * n", 4) and model.known["filled"].shape == (2, "n")
    assert model(np.zeros((5, 3, 4), np.float32))[0].shape == (15, 4)


def test_the_table_counts_parameters_bytes_and_operations():
    builder = Builder()
    x = builder.input("x", ("n", 3, 8, "columns"))
    y = builder.conv(x, rc.quantize_s8(np.ones((16, 3, 3, 3), np.float32), axis=0), np.zeros(16, np.float32),
                     strides=(2, 2), pads=(1, 1, 1, 1), name="conv")
    y = builder.flatten(builder.global_average_pool(builder.relu(y, name="relu")), name="flat")
    model = builder.model(builder.linear(y, builder.tensor("head", np.ones((10, 16), np.float32)), name="fc"))
    rows = {row.name: row for row in model.table({"n": 2, "columns": 6})}
    conv, fc = rows["conv"], rows["fc"]
    assert (conv.inputs, conv.outputs) == (((2, 3, 8, 6), (16, 3, 3, 3), (16,)), ((2, 16, 4, 3),))
    assert (conv.parameters, conv.operations) == (16 * 27 + 16, 2 * 2 * 16 * 4 * 3 * 27)
    assert conv.nbytes == 16 * 27 + 5 * 16 + 4 * 16 and conv.stored == "8 bits, 16 scales"
    assert (fc.parameters, fc.operations, rows["relu"].operations) == (160, 2 * 2 * 10 * 16, 0)
    opened = {row.name: row for row in model.table()}
    assert opened["conv"].outputs == (("n", 16, 4, "(columns - 1) // 2 + 1"),)
    assert opened["fc"].operations == "320 * n" and opened["flat"].outputs == (("n", 16),)
    text = str(model).split("\n")
    assert text[:2] == ["inputs: x float32 (n, 3, 8, columns)", "outputs: fc"] and len(text) == 9
    assert "608" in text[-1] and max(map(len, text)) < 160


def test_a_tensor_of_two_nodes_is_counted_once():
    builder = Builder()
    tied = builder.tensor("tied", W)
    hidden = builder.linear(builder.input("x", ("n", 8)), tied, name="one")
    model = builder.model(builder.matmul(hidden, tied, name="two"))
    assert [row.parameters for row in model.table()] == [32, 0]
    assert model.weighted() == {"tied": model.graph.nodes[0]}
    assert np.array_equal(model(X), X @ W.T @ W)
    doubled = model.replaced({"tied": 2 * W})
    assert np.array_equal(doubled(X), 4 * (X @ W.T @ W)) and np.array_equal(model(X), X @ W.T @ W)


@pytest.mark.parametrize("said", STORED)
@pytest.mark.parametrize("space", [reference, native], ids=["reference", "native"])
def test_a_prepared_float_network_gives_the_bits_of_a_run_whatever_came_before(said, space):
    from refcompress.graph.prepared import Prepared

    builder = Builder()
    x = builder.input("x", ("n", 8))
    hidden = builder.relu(builder.linear(x, STORED[said], np.float32([1, -2, 3, 0]), name="fc"), name="cut")
    twice = builder.add(hidden, builder.linear(x, STORED[said], name="again"), name="sum")
    model = builder.model(builder.linear(twice, W[:, :4].copy(), W[:, 4].copy(), name="last"), hidden, twice)
    for n in 1, 3:
        prepared = Prepared(model, (n, 8), implementation=space)
        for i in range(3):
            given = np.roll(X, i, axis=0)[:n] * np.float32(1 + i / 7)
            expected = model.run(given, implementation=space)
            found = [prepared.run({"x": given.copy()}), prepared.run(given)]
            assert all(rc.same(each[name], expected[name]) for each in found for name in expected)
        assert any(line.startswith(said) for line in prepared.said["fc"])
        with pytest.raises(rc.RefcompressError, match="prepared"):
            prepared.run(X)
    prepared = Prepared(model, (1, 8), implementation=space)
    with pytest.raises(rc.RefcompressError, match="NaN: input 'x'"):
        prepared.run(np.full((1, 8), np.nan, np.float32))


def test_outputs_of_both_infinities_are_no_nan():
    from refcompress.graph.prepared import Prepared

    builder = Builder()
    model = builder.model(builder.multiply(builder.input("x", (2,)), np.float32([1, -1])))
    found = Prepared(model, (2,)).run(np.float32([np.inf, np.inf]))
    assert found["multiply1"].tolist() == [np.inf, -np.inf]


@pytest.mark.parametrize("implementation", ["native", 3, np])
def test_what_has_no_operations_is_no_implementation(implementation):
    with pytest.raises(rc.ArgumentTypeError, match="implementation"):
        layer(W).run(X, implementation=implementation)
