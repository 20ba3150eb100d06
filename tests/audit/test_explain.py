"""A tensor step by step: every number that is printed is the one that the library computes."""

import json
import re
import tracemalloc
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from cli_examples import run
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of
from model_files import FILES, W, all_files

from refcompress import GGMLBlocks, LimitError, Shared, container, models, quantize_s8, reference, share_kmeans
from refcompress.audit import compare, explain, explain_stored, limits
from refcompress.audit.derive import derive
from refcompress.audit.explain import corner, grid, steps_of
from refcompress.audit.picture import picture_of
from refcompress.formats import GGML_TYPES

F32 = np.float32
FLOATS = st.floats(-100, 100, width=32)


def by_title(steps):
    return {step.title: step for step in steps}


def test_the_steps_of_a_matrix_are_those_of_the_library():
    steps = by_title(steps_of(W, sparsity=0.5, bits=2))
    mask = reference.prune_magnitude(W, sparsity=0.5)
    shared = share_kmeans(np.where(mask, W, F32(0)), clusters=4, pruned=True)
    assert list(steps) == ["Weights", "Prune", "Share", "Code", "Huffman code", "Decoded", "Bytes"]
    assert [[text == "." for text in row] for row in steps["Prune"].cells] == (~mask).tolist()
    assert [[int(text) for text in row] for row in steps["Code"].cells] == shared.codes.tolist()
    assert [float(row[1]) for row in steps["Share"].cells] == [float(f"{v:.4g}") for v in shared.codebook]
    assert [int(row[2]) for row in steps["Share"].cells] == np.bincount(shared.codes.reshape(-1)).tolist()
    data = container.dumps({"w": shared})
    assert steps["Bytes"].cells[-1][:2] == ["total", str(len(data))]
    assert sum(float(row[1]) for row in steps["Bytes"].cells[:-1]) == len(data)


@given(w=arrays_of.arrays(F32, st.tuples(st.integers(1, 6), st.integers(1, 8)), elements=FLOATS),
       sparsity=st.sampled_from([0, 0.3, 0.5, 1]), bits=st.integers(1, 4))
@settings(max_examples=25)
def test_the_words_of_every_matrix_decode_to_its_first_row(w, sparsity, bits):
    steps = by_title(steps_of(w, sparsity=sparsity, bits=bits))
    words = {row[0]: row[3] for row in steps["Huffman code"].cells}
    assert all(not a.startswith(b) for a in words.values() for b in words.values() if a != b)
    written = re.search(r"is written as ([01 ]+)\.", steps["Huffman code"].words)[1].split()
    assert written == [words[code] for code in steps["Code"].cells[0]]
    total = int(re.search(r"words: ([0-9,]+) bits", steps["Huffman code"].words)[1])
    assert total == sum(int(row[1]) * len(row[3]) for row in steps["Huffman code"].cells)
    ElementTree.fromstring(picture_of("<a & b>", list(steps.values())))


def test_a_corner_begins_at_the_first_number_that_is_not_0():
    a = np.zeros((30, 5, 4))
    a[12, 3, 1] = 7
    assert corner(a).shape == (6, 8) and corner(a)[0, 1] == 7  # moved to the left, so that eight columns are there
    assert corner(np.zeros(3)).tolist() == [[0, 0, 0]] and corner(np.zeros((0, 4))).shape == (0, 4)
    assert corner(np.float32(5)).tolist() == [[5]]


def test_numbers_have_one_precision():
    assert grid(F32([[1e-9, 2e9]])) == [["1.00e-09", "2.00e+09"]]
    assert grid(F32([[0.012, 0.5], [np.nan, np.inf]])) == [["0.012", "0.500"], ["nan", "inf"]]
    assert grid(np.complex64([[1j]])) == [["0.00e+00+1.00e+00j"]]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return all_files(tmp_path_factory.mktemp("files"))


@pytest.mark.parametrize("kind", FILES)
def test_each_tensor_of_each_format_is_explained_down_to_its_bytes(files, kind, capsys):
    tensors = json.loads(run(capsys, "inspect", files[kind], "--by", "kind", "--json")[1])["tensors"]
    for tensor in tensors:
        code, out, err = run(capsys, "explain", files[kind], tensor["name"], "--json")
        assert (code, err) == (0, ""), tensor
        report = json.loads(out)
        assert report["schema"] == "refcompress.explain/1" and report["steps"][-1]["title"] in ("In the file", "Bytes")
        took = next(step for step in report["steps"] if step["title"] == "In the file")
        assert sum(float(row[1].replace(",", "")) for row in took["cells"]) > 0 or not tensor["bytes"]
        text = run(capsys, "explain", files[kind], tensor["name"])[1]
        assert max(map(len, text.splitlines()[1:])) <= 80


def test_forms_of_ours_are_explained_by_their_own_numbers(tmp_path, capsys):
    shared, q = share_kmeans(W, bits=2), quantize_s8(W, axis=0)
    blocks = GGMLBlocks(np.arange(36, dtype=np.uint8).reshape(2, 18), "Q4_0", (2, 32))
    container.save(tmp_path / "a.rcz", {"shared": shared, "q": q, "blocks": blocks, "csr": reference.csr_from_dense(W)})
    said = {name: " ".join(run(capsys, "explain", tmp_path / "a.rcz", name)[1].split()) for name in (
        "shared", "q", "blocks", "csr")}
    assert f"0 {shared.codebook[0]:.6g}" in said["shared"] and "is written as" in said["shared"]
    assert f"{q.scale[0, 0]:.6g} x ({q.values[0, 0]} - 0) = {q.dense()[0, 0]:.6g}" in said["q"]
    assert "block of 18 bytes, of which 2 are scales" in said["blocks"] and "00 01 02 03" in said["blocks"]
    assert "csr, 24 entries" in said["csr"]


def test_the_bits_of_a_number_are_split_into_sign_exponent_and_fraction(tmp_path, capsys):
    models.save(tmp_path / "a.npz", {"w": F32([-1.5])})
    assert "1 01111111 10000000000000000000000" in run(capsys, "explain", tmp_path / "a.npz", "w")[1]


def test_the_command_draws_and_refuses(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("w.npy", W)
    np.save("nan.npy", F32([[np.nan]]))
    np.save("v.npy", W[0])
    models.save("a.npz", {"layer.weight": W, "b": W})
    code, out, _ = run(capsys, "explain", "--matrix", "w.npy", "--svg", "w.svg", "--sparsity", "0.25", "--bits", "3")
    assert code == 0 and "7. Bytes" in out and "The 6 weights" in out
    drawn = (tmp_path / "w.svg").read_text()
    root = ElementTree.fromstring(drawn)
    assert root.get("role") == "img" and root[0].text == "w.npy" and "Prune" in root[1].text and "http:" not in \
        drawn.replace("http://www.w3.org/2000/svg", "")
    for arguments, words in (
            (["--matrix", "w.npy", "--svg", "w.svg"], "w.svg: is there already"), ([], "takes either FILE NAME"),
            (["a.npz"], "must follow, such as layer.weight, b"), (["a.npz", "b", "--matrix", "w.npy"], "takes either"),
            (["a.npz", "--matrix", "w.npy"], "--matrix: stands alone"), (["a.npz", "layer"], "'layer.weight'"),
            (["--matrix", "w.npy", "--bits", "9"], "--bits: "),
            (["--matrix", "w.npy", "--sparsity", "2"], "--sparsity: "),
            (["--matrix", "nan.npy"], "nan.npy: "), (["--matrix", "v.npy"], "v.npy: must hold a matrix"),
            (["--matrix", "w.npy", "--svg", "w.png"], "w.png: must end in .svg"),
            (["--matrix", "w.npy", "--svg", "no/w.svg"], "no: No such file"), (["none.npz", "b"], "none.npz: No such"),
            (["a.npz", "b", "--limit", "8"], "a.npz: tensor 'layer.weight' has 96 bytes")):
        code, out, err = run(capsys, "explain", *arguments)
        assert (code, out, err.count("\n")) == (2, "", 1) and words in err, err


def test_a_step_is_what_is_printed_and_drawn():
    step = explain.Step("A", "b", [["1"]])
    assert "1. A" in picture_of("t", [step]) and ">1</text>" in picture_of("t", [step])


@pytest.mark.parametrize("made", [reference.csr_from_dense, quantize_s8, lambda w: share_kmeans(w[:4], clusters=2)])
def test_a_few_bytes_that_stand_for_much_cost_in_proportion_to_the_file(tmp_path, made):
    w = np.zeros((1500, 2000), F32)
    w[1200, 7] = 1
    value, path = made(w), tmp_path / "small.rcz"
    if isinstance(value, Shared):  # the same codes for many more rows
        value = Shared(np.zeros((1500, 2000), np.uint8), value.codebook)
    container.save(path, {"w": value})
    tracemalloc.start()
    steps = by_title(explain_stored.steps_of_tensor(path, "w", implementation=reference))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert steps["Numbers"].cells and peak < limits.BASE + limits.FACTOR * path.stat().st_size
    if not isinstance(value, Shared):
        assert float(steps["Numbers"].cells[0][0]) == 1 or "1" in "".join(steps["Numbers"].cells[0])


def test_more_than_a_file_may_decode_to_is_refused_unless_it_is_asked_for(tmp_path):
    path = tmp_path / "small.rcz"
    container.save(path, {"w": reference.csr_from_dense(np.zeros((2200, 2000), F32))})
    np.savez(tmp_path / "s.npz", w=W)
    for run_it in (lambda limit: list(opened_values(path, limit)),
                   lambda limit: derive(tmp_path / "s.npz", path, limit=limit)):
        with pytest.raises(LimitError, match="limit"):
            run_it(None)
    for asked in (2**26, container.DEFAULT_LIMIT):  # the usual limit can be asked for, too
        assert list(opened_values(path, asked)) == ["w"]
        assert [each.name for each in derive(tmp_path / "s.npz", path, limit=asked).verdicts] == ["w"]


def opened_values(path, limit):
    with compare.opened(path, limit=limit) as tensors:
        for name, tensor in tensors.items():
            tensor.read()
            yield name


@pytest.mark.parametrize("kind", GGML_TYPES)
def test_the_codes_of_a_block_times_its_scale_are_its_numbers(kind):
    block = GGML_TYPES[kind]
    data = np.random.default_rng(0).integers(0x20, 0x38, (1, block.nbytes), np.uint8)  # as float16 it is 0.01 to 0.5
    value = GGMLBlocks(data, kind, (block.numbers,))
    steps = {step.title: step for step in explain_stored._steps("w", value, 2**20)}
    scale, _, offset = re.search(r"the scale (\S+?)( and the offset (\S+))?\.$", steps["Codes"].words).groups()
    product, added = float(steps["Codes"].cells[0][0]) * float(scale), float(offset or 0)
    # Six digits of each are printed: off by half of the sixth, which is 5e-6 of the number at most. The number itself
    # is a product and a sum in float32.
    allowed = 5.001e-6 * (2 * abs(product) + abs(added)) + 2**-23 * (abs(product) + abs(added))
    assert abs(product + added - float(block.values(data)[0, 0])) <= allowed
