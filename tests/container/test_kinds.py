"""Kinds of entry: each has a written number, words in FORMAT.md and a reader; each format of an array has a writer."""

import re
from pathlib import Path

import numpy as np
import pytest
from container_strategies import VALUES
from implementations import BOTH, each

from refcompress import (
    Encoded,
    HuffmanCode,
    RefcompressError,
    container,
    formats,
    quantize_pack,
    quantize_s8,
    reference,
)
from refcompress.container import entries, ggml, plain
from refcompress.container.cursor import Coding
from refcompress.container.kinds import LAST_OF, Kind
from refcompress.container.quantized import MX_NUMBERS

TEXT = (Path(__file__).parents[2] / "FORMAT.md").read_text(encoding="utf-8")
STREAMS = {HuffmanCode, Encoded}  # of these the streams within entries are made; they stand for no array
ARRAYS = {value for value in vars(formats).values() if isinstance(value, type) and issubclass(value, formats.Format)}
ARRAYS -= {formats.Format, *STREAMS, formats.Prepared}  # of a Prepared the weight is written


def test_the_numbers_are_those_of_the_text_and_each_is_given_once():
    told = [int(number) for number in re.findall(r"^### Kind (\d+): ", TEXT, re.M)]
    numbers = [int(kind) for kind in Kind.__members__.values()]  # with names of equal numbers, which a set would hide
    assert told == sorted(numbers) == list(range(len(numbers)))


def test_numbers_of_released_files_never_change():
    assert [kind.name for kind in sorted(Kind)][:21] == [  # a new kind is added at the end
        "ARRAY", "CSR", "SHARED", "INT8", "LOW_RANK", "INT16", "MIXED", "MX", "NF4", "CONTEXTS", "SAME",
        "INT8_DIFFERENCES", "INT16_DIFFERENCES", "ROWS", "PACKED", "LOW_RANK_CONV", "TUCKER2", "LAYER",
        "PLAIN", "GGML_BLOCKS", "GRAPH"]
    assert LAST_OF == {1: 9, 2: 19, 3: 25, 4: 26, 5: max(Kind)}


def test_dtypes_and_mx_formats_are_numbered_as_the_text_says():
    row = re.search(r"dtype   byte: (.*?)\n    shape", TEXT, re.S)[1]
    assert {int(n): np.dtype(name) for n, name in re.findall(r"(\d+) (\w+)", row)} == entries.DTYPE_OF
    row = re.search(r"format  byte, the elements: (.*?)\n    shape", TEXT, re.S)[1]
    names = {int(n): re.sub(r"\W", "", name).lower() for n, name in re.findall(r"(\d) (FP\d E\dM\d|integers)", row)}
    assert names == {number: name.removeprefix("mx").replace("_", "").replace("int8", "integers")
                     for name, number in MX_NUMBERS.items()}
    assert set(MX_NUMBERS) == set(formats.MX_ELEMENTS)


def test_types_of_elements_are_numbered_as_the_text_says_and_each_has_a_number():
    row = re.search(r"### Kind 18.*?    type    byte: (.*?)\n    shape", TEXT, re.S)[1]
    assert {int(n): name for n, name in re.findall(r"(\d+) (\w+)", row)} == plain.TYPES
    assert set(plain.TYPES.values()) == set(formats.ELEMENT_TYPES)
    assert all(np.dtype(plain.TYPES[number]) == dtype for number, dtype in entries.DTYPE_OF.items())


def test_the_blocks_of_ggml_are_cut_as_the_text_says_and_each_type_has_its_columns():
    rows = re.findall(r"^\| (\w+) \| (\d+) \| (\d+) \| ([\d ]+) \|$", TEXT, re.M)
    assert {name: (int(number), int(weights)) for name, number, weights, _ in rows} == {
        name: (block.number, block.numbers) for name, block in formats.GGML_TYPES.items()}
    assert {name: tuple(map(int, widths.split())) for name, _, _, widths in rows} == ggml.COLUMNS
    assert all(sum(widths) == formats.GGML_TYPES[name].nbytes for name, widths in ggml.COLUMNS.items())


def test_every_kind_has_a_reader():
    assert set(entries.READERS) == set(Kind) - {Kind.SAME}


def test_every_format_of_an_array_and_the_graph_have_a_kind_and_are_drawn_by_the_tests():
    assert set(entries.WRITERS) == set(VALUES) == ARRAYS | {np.ndarray}


def test_a_format_that_no_kind_holds_is_refused_by_name():
    code = reference.huffman_code(np.uint8([1, 1]))
    with pytest.raises(RefcompressError, match=r"^layers\['w'\].*: must be one of .*, not HuffmanCode$"):
        container.dumps({"w": code})


def test_what_versions_1_and_2_have_no_kind_for_is_refused_there():
    w = quantize_s8(np.ones((2, 3), np.float32), bits=4)
    with pytest.raises(RefcompressError, match=r"layers\['a'\].value: is of kind 14, which version 1"):
        container.write({"a": quantize_pack(w)}, Coding(reference, 1))
    graph = formats.Graph((), ("y",), (formats.Node("relu", ("w",), ("y",)),))
    for version in (1, 2):
        with pytest.raises(RefcompressError, match=rf"layers\['a'\].value: is of kind 20, which version {version}"):
            container.write({"a": graph}, Coding(reference, version))


@each("impl", BOTH)
def test_a_single_bit_a_weight_takes_a_single_bit_in_the_file(impl):
    values = np.where(np.random.default_rng(0).random((300, 784)) < 0.5, -1, 1).astype(np.int8)
    packed = quantize_pack(
        formats.Quantized(values, np.ones((300, 1), np.float32), np.zeros((300, 1), np.int8)), bits=1
    )
    size = len(container.dumps({"w": packed}, implementation=impl))
    assert packed.data.nbytes == 300 * 98 and size < packed.data.nbytes + packed.scale.nbytes + 200
