"""Vectors: what is written is read back, by Python, by C and by JavaScript, and tells wrong results from right ones."""

import hashlib
import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from refcompress import RefcompressError, reference
from refcompress.agreement import Disagreement, NoBound, exactly
from refcompress.cli import guide, main
from refcompress.errors import CorruptError, UnsupportedVersionError
from refcompress.ops import OPS
from refcompress.testing import vectors
from refcompress.testing.vectors.values import npy
from refcompress.testing.vectors.writing import limits

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
# One for each kind of value: arrays, formats in formats, dicts, bytes, tuples, rules that are bounds or optima.
KINDS = ("lowrank_sparse_matmul", "prune_magnitude", "planes_encode", "quantize_gptq", "allocate_front",
         "floats_nvfp4_encode")


@pytest.fixture(scope="module")
def products(tmp_path_factory):
    """The vectors of the two products that the examples judge."""
    folder = tmp_path_factory.mktemp("vectors")
    assert main(["vectors", "gemm_s8s8", "gemm_f32f32", "-o", str(folder), "--cases", "120"]) == 0
    return folder


@pytest.mark.parametrize("op", KINDS)
def test_what_is_written_is_read_back_and_wrong_results_are_told_from_right_ones(op, tmp_path):
    index = vectors.write(op, tmp_path, most=40)
    cases, wrong = list(vectors.read(tmp_path / op)), 0
    assert len(cases) == 40 == len(index["cases"]) and index["refusals"]
    for case in cases:
        with np.errstate(all="ignore"):
            exactly(getattr(reference, op)(*case.args, **case.kwargs), case.expected)
        for bug, got in case.wrong.items():
            wrong += 1
            with pytest.raises(Disagreement):
                OPS[op].rule(case.expected, got, case.args, case.kwargs)
    assert wrong == len(index["negatives"]) > 0


def test_the_same_bytes_come_twice_and_every_file_has_its_digest(tmp_path):
    for name in "ab":
        vectors.write("quantize_s8", tmp_path / name, most=30)
    sums = [(tmp_path / name / "quantize_s8" / "SHA256SUMS").read_bytes() for name in "ab"]
    assert sums[0] == sums[1]
    listed = dict(line.split("  ")[::-1] for line in sums[0].decode().splitlines())
    folder = tmp_path / "a" / "quantize_s8"
    assert {str(path.relative_to(folder)) for path in folder.rglob("*.*")} == set(listed)
    assert all(hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest for name, digest in listed.items())


def test_lower_and_upper_are_what_the_rule_of_products_allows(products):
    cases = list(vectors.read(products / "gemm_f32f32"))
    exact = 0
    for case in cases:
        e = case.expected.astype(np.float64)
        finite = np.isfinite(case.lower)
        exact += bool((case.lower == case.upper)[finite].any())
        inside = np.where(finite, case.upper, case.expected).astype(np.float32)
        inside = np.where(finite & (inside > case.upper), np.nextafter(inside, np.float32(-np.inf)), inside)
        try:
            OPS["gemm_f32f32"].rule(case.expected, inside, case.args, case.kwargs)
        except NoBound:
            pass
        for at in np.argwhere(finite)[:1]:
            outside = case.expected.copy()
            outside[tuple(at)] = np.float32(np.nextafter(np.float32(case.upper[tuple(at)]), np.float32(np.inf)))
            if outside[tuple(at)] > case.upper[tuple(at)]:
                with pytest.raises(Disagreement):
                    OPS["gemm_f32f32"].rule(case.expected, outside, case.args, case.kwargs)
        assert not (np.isnan(e) ^ np.isnan(case.lower))[np.isfinite(case.upper) | np.isnan(case.upper)].any()
    assert exact
    low, high = limits(np.float32([1, np.inf, np.nan, 2]), np.array([0, 0, 0, np.inf]))
    assert low.tolist()[:2] == high.tolist()[:2] == [1, np.inf] and np.isnan(low[2]) and np.isnan(high[2])
    assert low[3] == -np.inf and high[3] == np.inf


@pytest.mark.skipif(not shutil.which("cc"), reason="no C compiler")
@pytest.mark.parametrize("kernel, code", [("my_gemm", 0), ("my_gemm_without_a_tail", 1)])
def test_the_reader_in_c_passes_a_right_kernel_and_refuses_a_wrong_one(products, tmp_path, kernel, code):
    include = guide.include(None).data["include"]
    subprocess.run(["cc", "-std=c11", "-O1", "-Wall", "-Wextra", "-Werror", f"-DKERNEL={kernel}", f"-I{include}",
                    EXAMPLES / "vectors" / "reader.c", EXAMPLES / "kernels" / "mine.c", "-o", tmp_path / "reader"],
                   check=True)
    done = subprocess.run([tmp_path / "reader", products / "gemm_s8s8"], capture_output=True, text=True)
    assert done.returncode == code, done.stdout + done.stderr
    assert (" 0 of " in f" {done.stdout}") == (code == 0)


@pytest.mark.skipif(not shutil.which("node"), reason="no Node")
@pytest.mark.parametrize("wrong", [False, True])
def test_the_reader_in_javascript_passes_right_kernels_and_refuses_wrong_ones(products, wrong):
    folders = [products / "gemm_s8s8", products / "gemm_f32f32"]
    done = subprocess.run(["node", EXAMPLES / "vectors" / "reader.mjs", *folders, *["--wrong"] * wrong],
                          capture_output=True, text=True)
    assert done.returncode == int(wrong) and done.stdout.count("\n") == 2, done.stdout + done.stderr
    assert done.stdout.count(": 0 of ") == (0 if wrong else 2)


def test_a_file_of_an_array_has_the_bytes_that_numpy_writes(tmp_path):
    for a in (np.zeros((2, 0), np.float32), np.arange(5, dtype=">i4"), np.array(7, np.uint8), np.eye(3)[:, ::2]):
        path = tmp_path / "a.npy"
        path.write_bytes(npy(a))
        back = np.load(path)
        assert back.dtype.newbyteorder("=") == a.dtype.newbyteorder("=") and np.array_equal(back, a)
        assert back.shape == a.shape and len(npy(a)) % 64 == back.nbytes % 64


def test_what_was_changed_after_it_was_written_is_refused(tmp_path):
    vectors.write("huffman_lengths", tmp_path, most=3)
    folder = tmp_path / "huffman_lengths"
    index = json.loads((folder / "index.json").read_text())
    file = folder / index["cases"][0]["args"][0]["array"]
    file.write_bytes(file.read_bytes() + b"\0")
    with pytest.raises(CorruptError, match=file.name):
        list(vectors.read(folder))
    (folder / "index.json").write_text(json.dumps(index | {"schema": "another"}))
    with pytest.raises(UnsupportedVersionError):
        list(vectors.read(folder))


def test_bad_requests_are_refused_in_a_line(tmp_path, capsys):
    vectors.write("huffman_lengths", tmp_path, most=1)
    for bad in (["gemm", "-o", "x"], ["huffman_lengths", "-o", str(tmp_path)],
                ["gemm_s8s8", "-o", "x", "--cases", "0"]):
        assert main(["vectors", *bad]) == 2
        assert capsys.readouterr().err.count("\n") == 1
    with pytest.raises(RefcompressError, match="^op: "):
        vectors.write("gemm", tmp_path)
    with pytest.raises(RefcompressError, match="^folder: "):
        vectors.write("huffman_lengths", tmp_path)
