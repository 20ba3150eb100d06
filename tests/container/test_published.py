"""The audit of Deep Compression's tables finds what contradicts itself there, and nothing where all is well."""

import json

import numpy as np
import pytest

from refcompress.cli import main
from refcompress.recipes.published import DEEP_COMPRESSION, Network, Row, audit, draw


def contradictions(network):
    return {(f.row, f.what) for f in audit(network) if f.verdict != "consistent"}


def test_the_known_contradictions_are_found_and_alexnet_has_none():
    found = {network.name: contradictions(network) for network in DEEP_COMPRESSION}
    assert ("total", "bits after Huffman") in found["LeNet-300-100"]
    assert {
        ("total", "bits after Huffman"),
        ("total", "P+Q+H rate, %"),
        ("total", "times smaller"),
        ("ip2", "bits after Huffman"),
    } <= found["LeNet-5"]
    assert {("total", "P+Q+H rate, %"), ("total", "times smaller")} <= found["VGG-16"]
    assert found["AlexNet"] == set()
    assert {row for row, _ in set.union(*found.values())} == {"total", "ip2"}  # every other row adds up


def test_recomputed_figures_are_those_of_the_rows():
    by = {(f.network, f.row, f.what): f.recomputed for network in DEEP_COMPRESSION for f in audit(network)}
    assert round(by["LeNet-300-100", "total", "bits after Huffman"], 2) == 4.40
    assert round(by["LeNet-5", "total", "bits after Huffman"], 2) == 4.77
    assert round(by["LeNet-5", "total", "times smaller"], 1) == 36.6
    assert round(by["VGG-16", "total", "P+Q+H rate, %"], 2) == 1.90
    assert round(by["AlexNet", "total", "P+Q+H rate, %"], 2) == 2.90


def test_shapes_have_the_weights_that_the_tables_print():
    sizes = {network.name: sum(r.weights for r in network.rows) for network in DEEP_COMPRESSION}
    assert sizes == {"LeNet-300-100": 266_200, "LeNet-5": 430_500, "AlexNet": 60_954_656, "VGG-16": 138_344_128}


def test_a_network_that_adds_up_has_no_contradiction_and_one_wrong_figure_is_found():
    row = Row("fc", (100, 1000), 10, 5, 4.0, 5, 3.5, 10 * 10 / 32 + 0.032, 10 * 7.5 / 32 + 0.032)
    good = Network("made up", 0, (row,), 5, 4.0, row.rate, row.coded_rate, 100 / row.coded_rate)
    assert contradictions(good) == set()
    for change, where in (
        ({"coded_bits": 4.5}, ("total", "bits after Huffman")),
        ({"coded_rate": 2.0}, ("total", "P+Q+H rate, %")),
        ({"ratio": 50}, ("total", "times smaller")),
    ):
        assert contradictions(Network(**vars(good) | change)) == {where}


@pytest.mark.parametrize("row", [DEEP_COMPRESSION[0].rows[0], DEEP_COMPRESSION[1].rows[2], DEEP_COMPRESSION[1].rows[0]])
def test_drawn_weights_have_the_statistics_of_their_row(row):
    codes, codebook = draw(row)
    kept = np.count_nonzero(codes) / codes.size
    sigma = (row.kept / 100 * (1 - row.kept / 100) / codes.size) ** 0.5
    assert codes.shape == row.shape and abs(kept - row.kept / 100) <= 5 * sigma
    counts = np.bincount(codes[codes > 0], minlength=len(codebook))[1:]
    p = counts[counts > 0] / counts.sum()
    # The entropy of n drawn codes is below that of their distribution by some (codes - 1) / 2n nats; a tenth is for
    # chance.
    assert (
        abs(-(p @ np.log2(p)) + len(codebook) / (1.386 * counts.sum()) - row.coded_bits)
        < 0.1 + 10 / counts.sum() ** 0.5
    )
    assert len(codebook) == 2 ** row.bits and codebook[0] == 0 and np.all(codebook[1:] != 0)


def test_the_command_prints_every_row_and_verdict(capsys):
    assert main(["audit", "--paper", "deep-compression", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert [len(n["findings"]) for n in data["networks"]] == [13, 16, 28, 52]
    assert main(["audit", "--network", "LeNet-300-100", "--synthetic"]) == 0
    out = " ".join(capsys.readouterr().out.split())  # lines are broken where the terminal ends
    assert "SYNTHETIC" in out and "CONTRADICTION: above the mean of its rows" in out
