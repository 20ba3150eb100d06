"""The graph in a file: one for each file, one string of bytes for each graph, and hostile bytes are refused early."""

import re
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from container_strategies import graphs
from file_mutations import file_of, framed, graph
from hypothesis import given, settings
from hypothesis import strategies as st
from implementations import BOTH, each

from refcompress import (
    CorruptError,
    Graph,
    LimitError,
    RefcompressError,
    UnsupportedVersionError,
    container,
    reference,
)
from refcompress.container import cursor, entry_bytes, layer_of, streams
from refcompress.container.cursor import Coding, integer_bytes
from refcompress.container.graphs import content
from refcompress.formats import Input, Node
from refcompress.formats.graph import MAX_DEPTH
from refcompress.ledger import ledger

TEXT = (Path(__file__).parents[2] / "FORMAT.md").read_text(encoding="utf-8")
SIMPLE = Graph((Input("x", "float32", ("batch", 2)),), ("y",), (
    Node("linear", ("x", "fc.weight"), ("h",), {}, "fc"), Node("clip", ("h",), ("y",), {"highest": 6.0})))


def entry(data: bytes) -> bytes:
    """Return the entry of a graph with this content, whatever it is."""
    stream = streams.Stream(np.frombuffer(data, np.uint8), Coding(reference))
    return b"\x14" + integer_bytes(len(data)) + stream.tobytes()


def test_the_example_of_the_text_is_what_a_writer_writes():
    table = TEXT[TEXT.index("Example: a network of two nodes") :].partition("\n## ")[0]
    told = bytes.fromhex("".join(re.findall(r"^\| `([0-9A-F ]+)` \|", table, re.M)))
    assert content(SIMPLE) == told and len(told) == 89
    assert layer_of(entry(told)) == SIMPLE


@settings(deadline=None, max_examples=30)
@given(graphs())
def test_a_graph_has_one_string_of_bytes_and_comes_back_from_it(value):
    data = entry_bytes(value)
    back = layer_of(data)
    assert back == value and repr(back.nodes) == repr(value.nodes)
    assert entry_bytes(back) == data == entry(content(value))


@each("impl", BOTH)
def test_both_implementations_write_and_read_the_same(impl):
    assert entry_bytes(graph(), implementation=impl) == entry_bytes(graph())
    assert layer_of(entry_bytes(graph()), implementation=impl) == graph()


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_a_changed_content_is_refused_or_is_that_of_another_graph(data):
    """The stream is right, so that every change reaches the fields of the graph."""
    body = bytearray(content(graph()))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(body) - 1))
        way = data.draw(st.integers(0, 3))
        if way == 0:
            body[at] = data.draw(st.integers(0, 255))
        elif way == 1:
            body[at] = (body[at] + data.draw(st.sampled_from([-1, 1, 2]))) % 256
        elif way == 2:
            del body[at : at + data.draw(st.integers(1, 9))]
        else:
            body[at:at] = data.draw(st.binary(min_size=1, max_size=9))
        if not body:
            return
    part = entry(bytes(body))
    try:
        value = layer_of(part)
    except (CorruptError, LimitError):
        return
    assert entry_bytes(value) == part


def deep(levels: int) -> Graph:
    """Return graphs in graphs."""
    value = Graph((), ("y",), (Node("relu", ("w",), ("y",)),))
    for level in range(levels - 1):
        value = Graph((), (f"y{level}",), (Node("if", ("w",), (f"y{level}",), {"then": value}),))
    return value


def test_graphs_in_graphs_go_as_deep_as_the_format_and_a_file_that_goes_deeper_is_refused():
    deepest = deep(MAX_DEPTH)
    assert layer_of(entry_bytes(deepest)) == deepest
    with pytest.raises(RefcompressError, match="depth"):
        deep(MAX_DEPTH + 1)
    level = b"\x00\x01\x00\x00\x01y\x01\x01\x00\x00\x01\x00\x00"  # of bytes that never end well
    body = level
    for _ in range(3000):
        body = b"\x00\x00\x01" + b"\x00\x00\x00\x01a\x00\x00\x00" + b"\x01\x00\x04" + body
    with pytest.raises(CorruptError):
        layer_of(entry(body))


@pytest.mark.parametrize("body, rule", [
    (b"\x7f", "127 inputs do not fit the 0 bytes"),
    (b"\x00\xff\xff\xff\x7f", "268435455 outputs do not fit"),
    (b"\x00\x01\x00\x00\x01y\x7f", "127 nodes do not fit"),
    (b"\x00\x01\x01", "text 1 is none: there are 0 so far"),
    (b"\x00\x01\x00\x01\x00", "a text has at most 4096 bytes, of which 0 or fewer"),
    (b"\x00\x01\x00\x00\xff\xff\x03", "a text has at most 4096 bytes"),
    (b"\x00\x01\x00\x00\x02\xc3\x28", "a text is no UTF-8"),
    (b"\x00\x01\x00\x00\x03\xed\xa0\x80", "a text is no UTF-8"),
    (b"\x01\x00\x00\x01x\x63\x00", "element type 99 is none"),
    (content(SIMPLE)[:-1], "8 bytes are announced, 7 are left"),
    (content(SIMPLE) + b"\0", "1 bytes are left after the last node"),
    (content(SIMPLE)[:-9] + b"\x05" + bytes(8), "type 5 of an attribute is none"),
    (content(SIMPLE)[:-8] + np.float64(np.nan).tobytes(), "must not be NaN"),
    (content(SIMPLE).replace(b"\x01\x05\x01\x02", b"\x01\x02\x01\x02"), "takes 'y', which it or a later node gives"),
    (content(SIMPLE).replace(b"\x06\x00\x02fc", b"\x06\x00\x01x"), "is not the content that a writer has"),
], ids=lambda value: value if isinstance(value, str) else "")
def test_what_breaks_a_rule_is_refused_by_it(body, rule):
    with pytest.raises(CorruptError, match=re.escape(rule)):
        layer_of(entry(body))


def test_a_graph_that_the_bytes_cannot_hold_is_refused_before_memory_is_taken():
    for data, error in ((b"\x14" + integer_bytes(2**40) + b"\x01" + bytes(99), CorruptError),
                        (b"\x14" + integer_bytes(0), CorruptError),
                        (b"\x14" + integer_bytes(700) + b"\x01" + b"\xff" * 88, LimitError)):
        with pytest.raises(error):
            layer_of(data, limit=60_000)
    texts = b"".join(integer_bytes(i) + integer_bytes(min(i, 4095)) + b"\x01a" for i in range(6000))
    body = b"\x00" + integer_bytes(6000) + texts  # each text is the last one and a letter: 16 MB of 36 kB
    data = entry(body)
    tracemalloc.start()
    begun = time.perf_counter()
    try:
        with pytest.raises((LimitError, CorruptError)):
            layer_of(data, limit=100 * len(body) + 10**6)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 100 * len(body) + 4 * 10**6 and time.perf_counter() - begun < 10


def test_a_file_has_one_graph(tmp_path):
    path = tmp_path / "a.rcz"
    with pytest.raises(RefcompressError, match=r"layers\['b'\]: is a graph, and so is 'a': a file has one"):
        container.dumps({"a": SIMPLE, "b": graph()})
    with pytest.raises(RefcompressError, match="a file has one"):
        container.save(path, {"a": SIMPLE, "b": SIMPLE})
    assert not path.exists()
    part = entry_bytes(SIMPLE)
    with pytest.raises(UnsupportedVersionError, match="is of kind 20; this release reads 0 to 19 in version 2"):
        container.loads(file_of(1, lambda number: part, 2))
    for second in (part, entry_bytes(graph()), b"\x0a\x01"):
        with pytest.raises(CorruptError, match="a file has one graph"):
            container.loads(framed({"w": entry_bytes(np.ones(3)), "a": part, "b": second}))


def test_an_open_file_names_its_graph_wherever_it_stands(tmp_path):
    arrays = {str(n): np.full(30_000, n, np.int16) for n in range(5)}
    for at in (0, 3, 5):
        layers = dict([*list(arrays.items())[:at], ("net", SIMPLE), *list(arrays.items())[at:]])
        container.save(tmp_path / "a.rcz", layers)
        with container.open(tmp_path / "a.rcz") as file:
            assert file.graph_name == "net" and file["net"] == SIMPLE and list(file) == list(layers)
            assert file.outline("net").text == "network of 2 nodes" and file.outline("net").nbytes == 0
            size = file.entry_bytes("net")
        account = ledger((tmp_path / "a.rcz").read_bytes())
        assert account.by_entry()["net"] == size + 5 and account.by_kind()["graph"] > 70
    container.save(tmp_path / "a.rcz", arrays)
    with container.open(tmp_path / "a.rcz") as file:
        assert file.graph_name is None


@pytest.mark.parametrize("value, error, rule", [
    (Graph((), ("\ud800",), (Node("relu", ("w",), ("\ud800",)),)), RefcompressError, "texts without surrogates"),
    (Graph((), ("y" * 4097,), (Node("relu", ("w",), ("y" * 4097,)),)), LimitError, "texts of at most 4096 bytes"),
    (Graph((Input("x", "int8", (2**63 - 1,)),), ("x",), ()), LimitError, "sizes below 2**63 - 1"),
    (Graph((Input("x", "int8", (1,) * 33),), ("x",), ()), LimitError, "at most 32 dimensions"),
], ids=["surrogate", "text", "size", "dimensions"])
def test_a_graph_that_no_file_holds_is_refused_by_the_name_of_its_entry(value, error, rule):
    with pytest.raises(error, match=r"layers\['g'\].value: .*" + re.escape(rule)):
        container.dumps({"g": value})


def test_integers_of_attributes_have_64_bits():
    numbers = (0, -1, 1, 2**63 - 1, -(2**63), 63, 64, -64, -65)
    value = Graph((), ("y",), (Node("relu", ("w",), ("y",), {"n": numbers, "m": -(2**63)}),))
    assert layer_of(entry_bytes(value)) == value
    body = content(Graph((), ("y",), (Node("relu", ("w",), ("y",), {"m": 0}),)))
    assert body.endswith(b"m\x01\x00")
    for symbol in (b"\xff" * 9 + b"\x03", b"\xff" * 10 + b"\x01", b"\x80\x00"):  # 65 bits; 11 bytes; a byte too many
        with pytest.raises(CorruptError):
            layer_of(entry(body[:-1] + symbol))
    assert cursor.integer_bytes(2**64 - 1) == b"\xff" * 9 + b"\x01"
