"""The commands that take a network out of its file: run, evaluate, draw, inspect, decompress."""

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from cli_examples import run

import refcompress as rc
from refcompress import Builder, container, models
from refcompress.recipes import lenet_300_100
from refcompress.recipes.inference import model_of_layers
from refcompress.training import mnist


def pair():
    """Return a network of two inputs, of which one is added behind a layer, and two outputs."""
    b = Builder()
    h = b.linear(b.input("x", ("batch", 3)), np.float32([[1, 2, 3], [0, 0, -1]]), np.float32([0.5, 0]), name="fc")
    y = b.relu(b.add(h, b.input("shift", (2,)), name="sum"), name="bend")
    return b.model(y, h)


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rc.save_model("net.rcz", pair())
    np.save("x.npy", np.float32([[1, 1, 1], [0, 0, 2]]))
    np.save("shift.npy", np.float32([0, 4]))
    return "net.rcz"


def test_run_computes_the_outputs_and_says_who_computed_each_node(file, capsys):
    given = "--input", "x=x.npy", "--input", "shift=shift.npy", "--implementation", "reference"
    code, out, err = run(capsys, "run", file, *given, "--output", "out.npz", "--json")
    report = json.loads(out)
    assert (code, err) == (0, "") and [each["node"] for each in report["nodes"]] == ["fc", "sum", "bend"]
    assert report["nodes"][0]["computed by"] == ["gemm_f32f32 (reference)"]
    assert report["outputs"]["bend"] == {"shape": [2, 2], "type": "float32", "least": 2.0, "most": 6.5, "nan": 0,
                                         "numbers": [6.5, 3.0, 6.5, 2.0]}
    assert rc.same(models.load("out.npz"), pair().run({"x": np.load("x.npy"), "shift": np.load("shift.npy")}))
    code, out, _ = run(capsys, "run", file, *given)
    assert code == 0 and "gemm_f32f32 (reference)" in out and "6.5 3 6.5 2" in out
    assert all(len(line) <= 80 for line in out.splitlines())


def test_inputs_may_lie_in_one_npz_and_the_only_input_needs_no_name(file, capsys):
    np.savez("both.npz", x=np.load("x.npy"), shift=np.load("shift.npy"))
    assert run(capsys, "run", file, "--input", "both.npz")[0] == 0
    b = Builder()
    rc.save_model("one.rcz", b.model(b.relu(b.input("x", (2,)))))
    np.save("one=two.npy", np.float32([-1, 2]))
    code, out, _ = run(capsys, "run", "one.rcz", "--input", "one=two.npy", "--json")
    assert code == 0 and json.loads(out)["outputs"]["relu1"]["numbers"] == [0, 2]


@pytest.mark.parametrize("inputs, words", [
    ([], "net.rcz: takes x, float32 batch x 3; shift, float32 2: give --input x=X.npy"),
    (["x=x.npy"], "give --input shift=X.npy"),
    (["x=x.npy", "shift=long.npy"], "must have a size 2 along axis 0 of 2, not 3"),
    (["x.npy"], "must say which input it is, NAME=x.npy"),
    (["x=x.npy", "x=x.npy"], "gives the input x a second time"),
    (["z=x.npy"], "z is no input of the network; it has x, float32 batch x 3"),
    (["x=shift.npy", "shift=shift.npy"], "net.rcz: inputs['x']"),
    (["x=wide.npy", "shift=shift.npy"], "must be of dtype float32, not float64"),
    (["x=bad.npy", "shift=shift.npy"], "bad.npy: announces 24 bytes of elements and has 20"),
    (["x=pickled.npy", "shift=shift.npy"], "pickled.npy"),
    (["x=missing.npy", "shift=shift.npy"], "missing.npy: No such file"),
    (["x=net.rcz"], "must end in .npy"),
])
def test_inputs_that_do_not_fit_are_refused_by_name(file, capsys, inputs, words):
    np.save("wide.npy", np.ones((2, 3)))
    np.save("long.npy", np.ones(3, np.float32))
    np.save("pickled.npy", np.array([None, {}]), allow_pickle=True)
    Path("bad.npy").write_bytes(Path("x.npy").read_bytes()[:-4])
    code, out, err = run(capsys, "run", file, *(part for each in inputs for part in ("--input", each)))
    assert (code, out, err.count("\n")) == (2, "", 1) and words in err


def test_outputs_that_are_nan_are_said_and_the_verdict_is_bad(file, capsys):
    np.save("x.npy", np.float32([[np.nan, 1, 1], [0, 0, 2]]))
    code, out, err = run(capsys, "run", file, "--input", "x=x.npy", "--input", "shift=shift.npy")
    assert code == 1 and "output 'bend' has 2 numbers that are NaN, of 4" in err and "output" in out


def test_no_file_that_is_read_is_written_over(file, capsys):
    for target in ("x.npy", "net.rcz"):
        assert run(capsys, "run", file, "--input", "x=x.npy", "--output", target)[0] == 2
    Path("there.npz").touch()
    code, _, err = run(capsys, "run", file, "--input", "x=x.npy", "--output", "there.npz")
    assert code == 2 and "is there already" in err
    run(capsys, "draw", file, "net.svg")
    code, _, err = run(capsys, "draw", file, "net.svg")
    assert code == 2 and "is there already; --force replaces it" in err
    assert run(capsys, "draw", file, "net.svg", "--force")[0] == 0


def test_draw_writes_a_picture_in_which_every_node_and_shape_stands(file, capsys):
    code, out, _ = run(capsys, "draw", file, "net.svg")
    texts = [each.text for each in ET.parse("net.svg").iter("{http://www.w3.org/2000/svg}text")]
    assert code == 0 and "net.svg: 3 nodes" in out and texts[0] == "x"
    assert {"batch x 3", "linear  fc", "weight 2 x 3", "bias 2", "batch x 2", "add  sum", "relu  bend"} <= set(texts)


def test_inspect_shows_the_nodes_with_their_shapes_and_what_keeps_them_from_running(file, capsys):
    code, out, _ = run(capsys, "inspect", file, "--json")
    graph = json.loads(out)["graph"]
    assert code == 0 and graph["nodes"][0]["shapes"] == [["batch", 2]] and graph["fault"] == ""
    assert "network of 3 nodes; takes x, float32 batch x 3; shift" in " ".join(run(capsys, "inspect", file)[1].split())
    container.save("more.rcz", {"net": pair().graph, **pair().tensors, "old": np.ones(2, np.float32)})
    assert "entry 'old': is used by no node" in " ".join(run(capsys, "inspect", "more.rcz")[1].split())
    container.save("less.rcz", {"net": pair().graph})
    assert "entry 'fc.weight': is not in the file" in " ".join(run(capsys, "inspect", "less.rcz")[1].split())


def test_decompress_to_tensors_says_that_the_network_stays_behind(file, capsys):
    code, _, err = run(capsys, "decompress", file, "a.npz")
    assert code == 0 and "the network of net.rcz is not written: .npz holds tensors alone" in err
    assert list(models.load("a.npz")) == ["fc.weight", "fc.bias"]
    container.save("no.rcz", pair().tensors)
    code, _, err = run(capsys, "decompress", "no.rcz", "a.onnx")
    assert code == 2 and "a.onnx: needs a graph, and no.rcz has none" in err


def test_evaluate_runs_a_graph_and_counts_nan_as_wrong(tmp_path, capsys, monkeypatch):
    rng = np.random.default_rng(0)
    some = mnist.Examples(rng.integers(0, 256, (40, 28, 28)).astype(np.uint8), rng.integers(0, 10, 40))
    monkeypatch.setattr(mnist, "load", lambda folder: (some, some))
    monkeypatch.setattr(mnist, "split", lambda examples: (examples, examples))
    weights = lenet_300_100.network(rng).parameters
    model = model_of_layers(weights, order=lenet_300_100.LAYERS, activations="tanh")
    rc.save_model(tmp_path / "a.rcz", model)
    code, out, _ = run(capsys, "evaluate", tmp_path / "a.rcz", "--implementation", "reference", "--json")
    report = json.loads(out)
    answers = model(some.inputs()).argmax(1)
    assert code == 0 and report["errors"]["test"] == int((answers != some.labels).sum()) and report["nan"] == 0
    assert run(capsys, "evaluate", tmp_path / "a.rcz", "--activation", "relu")[0] == 2
    bias = weights["fc3.bias"].copy()
    bias[4] = np.nan
    rc.save_model(tmp_path / "b.rcz", model.replaced({"fc3.bias": bias}))
    code, out, err = run(capsys, "evaluate", tmp_path / "b.rcz", "--json")
    assert code == 1 and json.loads(out)["errors"]["test"] == 40 and "80 images have an output that is NaN" in err
    b = Builder()
    images = b.reshape(b.input("images", (16, 1, 28, 28)), np.int64([16, 784]))
    fixed = b.model(b.linear(images, np.ones((10, 784), np.float32)))
    rc.save_model(tmp_path / "c.rcz", fixed)  # 16 images at a time: the last 8 are filled up
    code, out, _ = run(capsys, "evaluate", tmp_path / "c.rcz", "--json")
    assert code == 0 and json.loads(out)["errors"]["test"] == int((some.labels != 0).sum())
    rc.save_model(tmp_path / "d.rcz", pair())
    code, _, err = run(capsys, "evaluate", tmp_path / "d.rcz")
    assert code == 2 and "must be a network that takes (n, 784) or (n, 1, 28, 28)" in err
