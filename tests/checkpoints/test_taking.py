"""A network that a person wrote, filled from a checkpoint: what fits is taken, what does not is refused by its name."""

import h5py
import numpy as np
import pytest
from torch_bytes import archive, dumped, storage, tensor

import refcompress as rc
from refcompress import ArgumentTypeError, Plain, RefcompressError
from refcompress.graph import Builder

RNG = np.random.default_rng(22)


def whole(*shape):
    """Return small whole numbers: no order of a sum rounds them."""
    return RNG.integers(-3, 4, shape).astype(np.float32)


STATE = {"fc1.weight": whole(5, 6), "fc1.bias": whole(5), "fc2.weight": whole(3, 5), "fc2.bias": whole(3)}
X = whole(4, 6)


def dense(take):
    b = Builder(take)
    y = b.relu(b.linear(b.input("x", ("n", 6)), b.take("fc1.weight", 5, 6), b.take("fc1.bias", 5)))
    return b.model(b.linear(y, b.take("fc2.weight", 3, 5), b.take("fc2.bias", 3)))


def expected(state=STATE):
    hidden = np.maximum(X @ state["fc1.weight"].T + state["fc1.bias"], 0)
    return hidden @ state["fc2.weight"].T + state["fc2.bias"]


def torch_file(path, state):
    parts = {name: tensor(storage(str(i), a.size), a.shape) for i, (name, a) in enumerate(state.items())}
    path.write_bytes(archive(dumped(parts), {str(i): a.tobytes() for i, a in enumerate(state.values())}))
    return path


def test_a_network_takes_its_tensors_from_every_file_of_tensors_and_from_a_mapping(tmp_path):
    rc.save(tmp_path / "a.safetensors", STATE)
    np.savez(tmp_path / "a.npz", **STATE)
    for source in (torch_file(tmp_path / "a.pt", STATE), tmp_path / "a.safetensors", tmp_path / "a.npz", STATE):
        model = rc.load_model(source, dense)
        assert rc.same(dict(model.tensors), STATE) and np.array_equal(model(X), expected())


def test_a_compressed_file_without_a_graph_runs_from_the_formats_that_it_has(tmp_path):
    state = {"fc1.weight": np.resize(STATE["fc1.weight"], (50, 60)), "fc1.bias": whole(50)}
    result = rc.compress(state, rc.Recipe((rc.Rule("*.weight", "share", {"bits": 3}),)), target=tmp_path / "a.rcz")
    assert "array, float32" in [row.stored for row in result.rows]

    def network(take):
        b = Builder()
        return b.model(b.linear(b.input("x", (60,)), take("fc1.weight", 50, 60), take("fc1.bias", 50), name="fc1"))

    model, x = rc.load_model(result.path, network), whole(60)
    assert isinstance(model.tensors["fc1.weight"], rc.Shared)
    assert np.array_equal(model(x), state["fc1.weight"] @ x + state["fc1.bias"])  # eight values at most
    with pytest.raises(RefcompressError, match="'fc1.weight': must have the shape"):
        rc.load_model(result.path, network, layout="keras")  # a format is not turned


@pytest.mark.parametrize("change, said", [
    ({"fc2.weight": None}, r"tensor 'fc2\.weight': is not in the checkpoint, and .* the nearest: 'fc1\.weight'"),
    ({"fc1.weight": whole(6, 5)}, r"tensor 'fc1\.weight': must have the shape \(5, 6\) in the network, and has \(6, 5\)"
                                  r' in the checkpoint; it fits with its axes turned: layout="keras"'),
    ({"fc1.bias": whole(4)}, r"tensor 'fc1\.bias': must have the shape \(5,\) in the network, and has \(4,\) in the "
                             r"checkpoint$"),
    ({"fc3.weight": whole(2, 2)}, r"network: does not take 'fc3\.weight' of the checkpoint; name what .* unused="),
    ({"fc1.weight": STATE["fc1.weight"].astype(np.float64)}, r"tensor 'fc1\.weight': must not be float64"),
])
def test_what_does_not_fit_is_refused_by_the_name_of_its_tensor(tmp_path, change, said):
    state = {name: a for name, a in {**STATE, **change}.items() if a is not None}
    np.savez(tmp_path / "a.npz", **state)
    for source in (tmp_path / "a.npz", state):
        with pytest.raises(RefcompressError, match=said):
            rc.load_model(source, dense)


def test_tensors_that_a_network_leaves_out_are_named_by_patterns():
    state = {**STATE, "bn.num_batches_tracked": np.array(3), "head.weight": whole(2, 2)}
    model = rc.load_model(state, dense, unused=["*.num_batches_tracked", "head.*"])
    assert rc.same(dict(model.tensors), STATE)
    with pytest.raises(RefcompressError, match="does not take 'head.weight' of"):
        rc.load_model(state, dense, unused=["*.num_batches_tracked"])


@pytest.mark.parametrize("given", [{"unused": "fc*"}, {"network": "dense"}, {"network": lambda take: take}])
def test_arguments_of_another_type_are_refused(given):
    with pytest.raises(ArgumentTypeError, match=next(iter(given))):
        rc.load_model(STATE, **{"network": dense, **given})


@pytest.mark.parametrize("given, said", [
    ({"layout": "jax"}, "layout: "), ({"names": {"fc9.weight": "fc1.weight"}}, r"names\['fc9\.weight'\]"),
    ({"network": None}, "network: must be given"),
    ({"network": None, "path": "a.pt", "layout": "keras"}, "network: must"),
])
def test_other_words_are_refused_by_name(given, said):
    with pytest.raises(RefcompressError, match=said):
        rc.load_model(**{"path": STATE, "network": dense, **given})


def test_a_builder_adds_a_tensor_that_is_asked_for_again_once_and_checks_its_shape_each_time():
    def network(take, m=6):
        b = Builder(take)
        y = b.linear(b.input("x", ("n", 6)), b.take("w", 6, 6))
        return b.model(b.linear(y, b.take("w", m, 6)))

    w = whole(6, 6)
    assert np.array_equal(rc.load_model({"w": w}, network)(X), X @ w.T @ w.T)
    with pytest.raises(RefcompressError, match=r"tensor 'w': must have the shape \(5, 6\)"):
        rc.load_model({"w": w}, lambda take: network(take, 5))
    with pytest.raises(RefcompressError, match="take: must be given to the Builder"):
        Builder().take("w", 6, 6)


def test_a_file_that_has_a_network_takes_no_other(tmp_path):
    rc.save_model(tmp_path / "a.rcz", rc.load_model(STATE, dense))
    with pytest.raises(RefcompressError, match="network: must be left out: the file has a network of its own, 'graph'"):
        rc.load_model(tmp_path / "a.rcz", dense)


def test_narrow_floats_become_float32_and_integers_stay():
    def network(take):
        b = Builder()
        return b.model(b.add(b.embedding(take("places", 3), take("table", 4, 2)), take("offset", 2)))

    bits = np.array([0x3F80, 0xC000], np.uint16)  # 1 and -2 in bfloat16
    state = {"places": np.int64([3, 0, 3]), "table": whole(4, 2).astype(np.float16), "offset": Plain(bits, "bfloat16")}
    model = rc.load_model(state, network)
    table = state["table"].astype(np.float32)
    assert np.array_equal(model.run({})[model.graph.outputs[0]], table[[3, 0, 3]] + np.float32([1, -2]))


def test_names_lead_from_the_network_to_the_checkpoint_and_errors_say_both():
    names = {name: name.replace("fc", "layers/dense/vars/") for name in STATE}
    state = {names[name]: a for name, a in STATE.items()}
    assert rc.same(dict(rc.load_model(state, dense, names=names).tensors), STATE)
    state[names["fc1.bias"]] = whole(7)
    with pytest.raises(RefcompressError, match=r"'layers/dense/vars/1\.bias' \(the network's 'fc1\.bias'\): must"):
        rc.load_model(state, dense, names=names)


def keras_file(path, layers):
    """Write a file as Keras 3 does: layers/<layer>/vars/<number>, and attention's layers in one of their own."""
    with h5py.File(path, "w") as file:
        for layer, arrays in layers.items():
            for i, a in enumerate(arrays):
                file[f"layers/{layer}/vars/{i}"] = a
    return path


def test_the_layouts_of_keras_are_turned_so_that_the_network_computes_what_keras_defines(tmp_path):
    conv, depth, fc, table = whole(3, 2, 4, 5), whole(2, 2, 5, 3), whole(15, 6), whole(7, 6)
    path = keras_file(tmp_path / "a.weights.h5", {"conv2d": [conv, whole(5)], "depthwise_conv2d": [depth],
                                                  "dense": [fc], "embedding": [table]})

    def network(take):
        b = Builder()
        y = b.conv(b.transpose(b.input("x", (2, 6, 5, 4)), axes=(0, 3, 1, 2)), take("conv.weight", 5, 4, 3, 2),
                   take("conv.bias", 5), name="conv")
        y = b.conv(y, take("depth.weight", 15, 1, 2, 2), groups=5, name="depth")
        y = b.linear(b.transpose(y, axes=(0, 2, 3, 1)), take("fc.weight", 6, 15), name="fc")
        return b.model(b.add(y, b.embedding(b.tensor("one", np.int64([4])), take("table", 7, 6, turned=False))))

    names = {"conv.weight": "layers/conv2d/vars/0", "conv.bias": "layers/conv2d/vars/1",
             "depth.weight": "layers/depthwise_conv2d/vars/0", "fc.weight": "layers/dense/vars/0",
             "table": "layers/embedding/vars/0"}
    model = rc.load_model(path, network, layout="keras", names=names)
    x = whole(2, 6, 5, 4)
    with h5py.File(path) as file:
        bias = file["layers/conv2d/vars/1"][:]
    y = np.zeros((2, 4, 4, 5)) + bias
    for i in range(3):
        for j in range(2):
            y += x[:, i : i + 4, j : j + 4] @ conv[i, j]
    z = np.zeros((2, 3, 3, 5, 3))  # output number c * multiplier + q of a depthwise convolution
    for i in range(2):
        for j in range(2):
            z += y[:, i : i + 3, j : j + 3, :, None] * depth[i, j]
    assert np.array_equal(model(x), z.reshape(2, 3, 3, 15) @ fc + table[4])


def test_the_heads_of_keras_attention_are_one_axis_of_a_network():
    d, h, k = 6, 2, 4
    query, output, bias, x = whole(d, h, k), whole(h, k, d), whole(h, k), whole(3, d)

    def network(take):
        b = Builder()
        y = b.linear(b.input("x", ("n", d)), take("query", h * k, d), take("bias", h * k), name="query")
        return b.model(b.linear(y, take("output", d, h * k), name="output"))

    model = rc.load_model({"query": query, "output": output, "bias": bias}, network, layout="keras")
    heads = np.einsum("nd,dhk->nhk", x, query) + bias
    assert np.array_equal(model(x), np.einsum("nhk,hkd->nd", heads, output))


@pytest.mark.parametrize("stored, wanted, how, said", [
    ((7, 6), (7, 6), {}, "it fits as it is: say turned=False"),
    ((6, 7), (7, 6), {"turned": False}, "leave turned=False"),
    ((3, 3, 4, 5), (5, 3, 3, 3), {}, r"and has \(3, 3, 4, 5\) in the checkpoint$"),
    ((3, 5), (5, 1, 3), {}, r"and has \(3, 5\)"), ((2, 2, 6), (3, 8), {}, r"and has \(2, 2, 6\)"),
])
def test_a_shape_of_keras_that_does_not_fit_is_refused_with_what_would(stored, wanted, how, said):
    with pytest.raises(RefcompressError, match=said):
        rc.load_model({"w": whole(*stored)}, lambda take: take("w", *wanted, **how), layout="keras")
