"""Ledgers: every byte of a file has a name, and the names add up to the file."""

import numpy as np
import pytest
from container_strategies import layer_maps
from hypothesis import given, settings

from refcompress import CSR, CorruptError, Quantized, RefcompressError, Shared, container, reference
from refcompress.container import entries
from refcompress.container.cursor import Coding
from refcompress.ledger import Item, Ledger, ledger


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


def test_a_ledger_that_does_not_add_up_cannot_be_made():
    with pytest.raises(RefcompressError, match="must add up to the file's 16 bits, not 8"):
        Ledger((Item("a", "values", 8),), 2)
    with pytest.raises(RefcompressError):
        Ledger((Item("a", "values", 32), Item("a", "padding", -16)), 2)


def test_bytes_that_are_no_file_have_no_ledger():
    with pytest.raises(CorruptError):
        ledger(container.dumps({})[:-1])
