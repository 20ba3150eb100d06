"""Ledgers: every byte of a file has a name, and the names add up to the file."""

import re
import types

import numpy as np
import pytest
from container_strategies import layer_maps, of_version
from file_mutations import framed
from hypothesis import given, settings

from refcompress import CSR, CorruptError, Quantized, RefcompressError, Shared, container, reference
from refcompress.container import entries
from refcompress.container.cursor import Coding
from refcompress.container.kinds import Kind
from refcompress.container.outlines import of_layer
from refcompress.ledger import Item, Ledger, ledger, outlines_and_ledger


@settings(deadline=None)
@given(layer_maps())
def test_every_ledger_adds_up_to_the_file_and_every_entry_to_its_share(layers):
    data = container.dumps(layers)
    account = ledger(data)
    assert sum(account.by_kind().values()) == sum(account.by_entry().values()) == account.size == len(data)
    assert all(item.bits > 0 for item in account.items)
    frame = len(container.dumps({})) + 32 if layers else 0  # and the digest of a section
    written = [entries.write(value, Coding(reference)) for value in layers.values()]
    for index, (name, value) in enumerate(layers.items()):
        alone = len(container.dumps({name: value})) - frame
        first = written.index(written[index]) == index
        assert account.by_entry()[name] == alone if first else account.by_entry()[name] <= alone


def test_each_kind_of_byte_is_entered_under_its_name():
    codes = np.zeros((2, 20), np.uint8)
    codes.flat[[2, 3, 5, 10, 30]] = 1, 2, 2, 3, 1
    layers = {
        "w": Shared(codes, np.array([0, -0.5, 0.25, 1], np.float32)),
        "b": np.zeros(3, np.float32),
        "c": CSR((1, 9), [0, 1], np.array([4]), np.ones(1, np.float32)),
        "q": Quantized(np.array([[1] * 3, [2] * 3], np.int8), np.ones((2, 1), np.float32), np.full((2, 1), 5, np.int8)),
    }
    account = ledger(container.dumps(layers))
    bits = {(item.entry, item.kind): item.bits for item in account.items}
    assert bits["", "header"] == 8 * (9 + 2 + 8) and bits["", "checksum"] == 2 * 256
    w = {"names": 16, "header": 8 * 6, "shapes": 24, "codebooks": 128,  # size, kind, codebook, layout, coders
         "indices": 8 + 5 * 2, "fillers": 7 * 2, "values": 5 * 2, "padding": 6}
    assert {kind: n for (entry, kind), n in bits.items() if entry == "w"} == w
    assert bits["b", "arrays"] == 96 and bits["c", "values"] == 32 and bits["c", "indices"] > 8
    assert bits["q", "scales"] == 64 and bits["q", "zero points"] == 2 * 4 and bits["q", "values"] == 6 * 3


def test_huffman_words_are_values_and_padding_and_their_lengths_a_code_table():
    symbols = np.minimum(np.random.default_rng(0).geometric(0.6, 3000), 9).astype(np.uint8)
    account = ledger(container.dumps({"w": Shared(symbols, np.arange(1, 11, dtype=np.float32))}))
    bits = {item.kind: item.bits for item in account.items if item.entry == "w"}
    assert bits["code tables"] == 8 + 10 * 4
    assert (bits["values"] + bits["padding"]) % 16 == 0 and 0 < bits["padding"] < 2 * 31
    counts = np.bincount(symbols)[1:]
    entropy = -(counts * np.log2(counts / 3000)).sum()
    assert entropy <= bits["values"] <= entropy + 3000


@settings(deadline=None, max_examples=60)
@given(layer_maps())
def test_an_account_without_decoding_differs_in_the_padding_of_huffman_words_alone(layers):
    for version in (1, 2, 3):
        held = of_version(layers, version)
        data = container.write(held, Coding(reference, version), metadata={"a": "b"})
        found, book = outlines_and_ledger(data)
        account = ledger(data)
        assert book == ledger(data, exact=False) and book.by_entry() == account.by_entry() and book.size == len(data)
        moved = {kind: account.by_kind().get(kind, 0) - book.by_kind().get(kind, 0)
                 for kind in account.by_kind() | book.by_kind()}
        assert moved.pop("padding", 0) == -sum(moved.values())
        assert all(gone <= 0 for gone in moved.values())
        assert {kind for kind, gone in moved.items() if gone} <= {"values", "scales", "zero points"}
        assert list(found) == list(container.loads(data)) and all(
            same_outline(found[name], of_layer(value)) for name, value in held.items())


def same_outline(said, known) -> bool:
    """Return whether an outline says what is known, or less where only the symbols know."""
    shared = known.text.startswith("shared") and said.text.startswith(known.text.partition(" and zero")[0])
    integers = re.sub(r"at most (8|16) bits", "", said.text) == re.sub(r"\d+ bits", "", known.text, count=1)
    return said[1:] == known[1:] and (said.text == known.text or shared or integers and "at most" in said.text)


def test_streams_are_not_decoded_for_an_account_without_decoding():
    rng = np.random.default_rng(0)
    symbols = np.minimum(rng.geometric(0.6, 3000), 9)
    layers = {"s": Shared(symbols.astype(np.uint8), np.arange(1, 11, dtype=np.float32)),
              "q": Quantized(symbols.astype(np.int8), np.ones(1, np.float32), np.zeros(1, np.int8))}
    data = container.dumps(layers, contexts=True)

    def never(*args, **kwargs):
        raise AssertionError("decoded")

    space = types.SimpleNamespace(huffman_decode=never, rangecoder_decode=never)
    found, _ = outlines_and_ledger(data, implementation=space)
    assert [outline.text for outline in found.values()] == ["shared, 10 values", "5 bits, 1 scale"]
    with pytest.raises(AssertionError, match="decoded"):
        ledger(data, implementation=space)


def test_an_account_without_decoding_still_checks_every_byte_s_digest_and_every_length():
    q = Quantized(np.arange(100, dtype=np.int8), np.ones(1, np.float32), np.zeros(1, np.int8))
    data = container.dumps({"q": q})
    for at in range(9, len(data)):
        with pytest.raises(CorruptError):
            outlines_and_ledger(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
    entry = container.entry_bytes(np.ones(3))
    for bad in (entry[:-1], entry + b"\0"):
        with pytest.raises(CorruptError):
            outlines_and_ledger(framed({"a": bad}))


@pytest.mark.parametrize("read", [ledger, outlines_and_ledger])
def test_a_part_that_cannot_stand_in_an_entry_is_refused_with_and_without_decoding(read):
    row = Quantized(np.int8([1, 2, 3]), np.ones(1, np.float32), np.zeros(1, np.int8))
    matrix = Quantized(np.ones((2, 3), np.int8), np.ones((1, 1), np.float32), np.zeros((1, 1), np.int8))
    row, matrix = (container.entry_bytes(q) for q in (row, matrix))
    mixed = container.entry_bytes(reference.allocate_mixed(np.ones((4, 2), np.float32), np.arange(4) < 1))
    place = mixed.index(bytes([Kind.INT8, 2]))  # of the first part: its kind, and its number of dimensions
    for bad, said in (
            (bytes([Kind.LAYER]) + row + bytes(1), "the weight of a layer has 2 dimensions, not 1"),
            (bytes([Kind.LAYER]) + matrix + bytes([16]), "the parts of a layer are 0 to 15, not 16"),
            (mixed[:place] + bytes([200]) + mixed[place + 1 :], "a part of a mixed matrix is of kind")):
        with pytest.raises(CorruptError, match=said):
            read(framed({"a": bad}))


def test_a_ledger_that_does_not_add_up_cannot_be_made():
    with pytest.raises(RefcompressError, match="must add up to the file's 16 bits, not 8"):
        Ledger((Item("a", "values", 8),), 2)
    with pytest.raises(RefcompressError):
        Ledger((Item("a", "values", 32), Item("a", "padding", -16)), 2)


def test_bytes_that_are_no_file_have_no_ledger():
    with pytest.raises(CorruptError):
        ledger(container.dumps({})[:-1])
