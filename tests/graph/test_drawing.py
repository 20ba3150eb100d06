"""The picture of a network: every node stands in it, no box lies on another, and nothing in a name is markup."""

import itertools
import xml.etree.ElementTree as ET

import numpy as np
import pytest

import refcompress as rc
from refcompress import Builder
from refcompress.formats import Input, Node
from refcompress.graph import draw

SVG = "{http://www.w3.org/2000/svg}"


def residual():
    """Return a network with two ways, a long line, a bias that hangs on no input, and a value that nothing takes."""
    b = Builder()
    x = b.input("x", ("batch", 4))
    h = x
    for number in range(3):
        h = b.relu(b.linear(h, np.ones((4, 4), np.float32), name=f"block/{number}/a long name of a layer"))
        h = b.add(h, b.tanh(b.linear(x, rc.quantize_s8(np.ones((4, 4), np.float32), axis=0))))
    bias = b.reshape(np.ones(4, np.float32), np.int64([1, 4]), name="turned")
    b.sigmoid(x, name="unused")
    return b.model(b.add(h, bias, name="<b>&</b>"), x)


def boxes(text):
    """Return (left, top, right, bottom) of each box, and the lines of text."""
    root = ET.fromstring(text)
    rects = [tuple(float(each.get(key)) for key in ("x", "y", "width", "height"))
             for each in root.iter(f"{SVG}rect") if each.get("rx")]
    return [(x, y, x + w, y + h) for x, y, w, h in rects], [each.text for each in root.iter(f"{SVG}text")], root


def test_every_node_has_a_box_and_no_box_lies_on_another():
    model = residual()
    found, texts, root = boxes(draw(model))
    assert len(found) == len(model.graph.nodes) + 1 + 2  # the input, the outputs
    width, height = float(root.get("width")), float(root.get("height"))
    assert all(0 <= left < right <= width and 0 <= top < bottom <= height for left, top, right, bottom in found)
    for (a, b, c, d), (e, f, g, h) in itertools.combinations(found, 2):
        assert c <= e or g <= a or d <= f or h <= b
    assert "add  <b>&</b>" in texts and "8 bits, 4 scales" in texts and "weight 4 x 4" in texts
    assert draw(model) == draw(residual())


def test_what_hangs_on_no_input_stands_above_the_first_node_that_takes_it():
    found, _, root = boxes(draw(residual()))
    heads = [each.text for each in root.iter(f"{SVG}text") if each.get("font-weight")]  # the first line of each box
    tops = {head: top for head, (_, top, _, _) in zip(heads, found, strict=True)}
    assert 0 < tops["add  <b>&</b>"] - tops["reshape  turned"] < 150


def test_a_network_of_one_value_and_what_is_no_model():
    b = Builder()
    assert len(boxes(draw(b.model(b.input("x", (1,)))))[0]) == 2
    with pytest.raises(rc.ArgumentTypeError, match="model: must be a Model, not Graph"):
        draw(residual().graph)


def test_the_nodes_of_branches_are_drawn_above_the_node_that_they_belong_to():
    then = rc.Graph((), ("t",), (Node("tanh", ("x",), ("t",), {}, "in one"),))
    other = rc.Graph((), ("o",), (Node("relu", ("x",), ("o",), {}, "in the other"),))
    graph = rc.Graph((Input("x", "float32", (2, 3)), Input("choice", "bool", ())), ("y",), (
        Node("if", ("choice",), ("y",), {"then_branch": then, "else_branch": other}, "choose"),))
    found, texts, root = boxes(draw(rc.Model(graph, {})))
    heads = [each.text for each in root.iter(f"{SVG}text") if each.get("font-weight")]
    tops = {head: top for head, (_, top, _, _) in zip(heads, found, strict=True)}
    assert tops["x"] < tops["tanh  in one"] == tops["relu  in the other"] < tops["if  choose"] < tops["y"]
    assert len(list(root.iter(f"{SVG}path"))) >= 6
