"""FORMAT.md is complete: a decoder written from its text alone, in plain Python, reads what the container writes."""

import re

import numpy as np
from container_strategies import layer_maps, of_version, same
from hypothesis import given, settings
from text_contents import content
from text_contexts import context_codes, row_codes
from text_decoder import TEXT, Decoder

from refcompress import Plain, Quantized, Shared, container, reference
from refcompress.container.cursor import Coding


@settings(deadline=None)
@given(layer_maps())
def test_a_decoder_written_from_the_text_reads_every_file(layers):
    for version in (1, 2, 3, 4, 5):
        held = of_version(layers, version)
        decoded = Decoder(container.write(held, Coding(reference, version))).layers
        order = held if version > 1 else sorted(held, key=str.encode)
        assert repr(decoded) == repr({name: content(layers[name]) for name in order})  # NaN == NaN


@settings(deadline=None, max_examples=30)
@given(layer_maps())
def test_a_decoder_written_from_the_text_reads_every_file_with_contexts(layers):
    decoded = Decoder(container.dumps(layers, contexts=True)).layers
    assert repr(decoded) == repr({name: content(value) for name, value in layers.items()})


def test_a_decoder_written_from_the_text_reads_a_pruned_matrix_and_the_example():
    rng = np.random.default_rng(3)
    for shape, kind in (((30, 80), 9), ((35, 500), 26)):
        codes = ((rng.random(shape) < rng.random(shape[1]) ** 4) * rng.integers(1, 9, shape)).astype(np.uint8)
        layers = {"w": Shared(codes, np.arange(9, dtype=np.float32))}
        data = container.dumps(layers, contexts=True)
        assert data[9] == kind and len(data) < len(container.dumps(layers))
        assert Decoder(data).layers == {"w": content(layers["w"])}
    pattern = r"codes 0 2 1, 0 0 3 with c = 4 is the (?:\w+ )?bytes? `([0-9A-F ]+)`"
    for read, example in zip((context_codes, row_codes), re.findall(pattern, TEXT), strict=True):
        assert read(bytes.fromhex(example), 2, 3, 4) == [0, 2, 1, 0, 0, 3]


def test_a_decoder_written_from_the_text_reads_sections_and_metadata():
    sizes = [5, 65535, 3, 65536, 65537, 1, 2, 40_000, 30_000, 7]
    layers = {str(n): np.full(size, n, np.int8) for n, size in enumerate(sizes)}
    metadata = {"recipe": "[[rules]]\n", "a": "", "\u00e9": "\0e\u0301"}
    decoder = Decoder(container.dumps(layers, metadata=metadata))
    assert decoder.layers == {name: content(value) for name, value in layers.items()} and decoder.metadata == metadata


def test_a_decoder_written_from_the_text_reads_streams_of_many_lanes():
    rng = np.random.default_rng(5)
    for size in (2047, 2048, 5000, 70_001):
        codes = np.minimum(rng.geometric(0.4, size), 30).astype(np.uint8)
        layers = {"w": Shared(codes, np.arange(1, 32, dtype=np.float32))}
        assert Decoder(container.dumps(layers)).layers == {"w": content(layers["w"])}


def test_a_decoder_written_from_the_text_reads_blocks():
    codes = np.minimum(np.random.default_rng(6).geometric(0.4, 2**16 + 3000), 30).astype(np.uint8)
    codes[2**16 :] = 2
    layers = {"w": Shared(codes, np.arange(1, 32, dtype=np.float32))}
    data = container.dumps(layers)
    assert b"\0\x13\x02\x01\x11" in data and Decoder(data).layers == {"w": content(layers["w"])}


def test_a_decoder_written_from_the_text_reads_planes_of_more_than_one_run():
    numbers = np.zeros(2**18 + 3, np.int8)
    numbers[-5:] = -1, 2, -3, 4, -128
    pairs = np.zeros(2**17 + 1, np.complex64)
    pairs[-1] = -0.0 - 3j
    layers = {"int8": Plain.of(numbers), "complex": Plain.of(pairs)}
    data = container.dumps(layers)
    assert len(data) < 70_000 and Decoder(data).layers == {name: content(value) for name, value in layers.items()}


def test_the_worked_example_is_what_the_writer_writes():
    example = TEXT.split("## Worked example")[1]
    names = {"np": np, "Shared": Shared, "Quantized": Quantized}
    exec(re.search(r"```python\n(.*?)```", example, re.S)[1], names)
    rows = re.findall(r"^\| (\d+) \| `([0-9A-F ]+)` \|", example, re.M)
    data = bytes.fromhex("".join(row for _, row in rows))
    starts = np.cumsum([0] + [len(bytes.fromhex(row)) for _, row in rows])[:-1]
    assert [int(at) for at, _ in rows] == starts.tolist()
    assert container.dumps(names["layers"], metadata=names["metadata"]).hex(" ") == data.hex(" ")
    assert same(container.loads(data), names["layers"]) and container.metadata_of(data) == names["metadata"]
    assert f"The file has {len(data)} bytes" in example
