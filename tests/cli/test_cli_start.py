"""What a command loads before it works: reading a header needs no NumPy, and a page about one file no training."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from refcompress import container, models

ROOT = Path(__file__).resolve().parents[2]
KERNELS = {"refcompress.native", "_cffi_backend"}
OTHERS = {"refcompress.training", "refcompress.recipes", "refcompress.testing", "rich", "jinja2", "hypothesis", "onnx",
          "safetensors", "gguf", "torch"}
HEADERS = OTHERS | KERNELS | {"numpy", "refcompress.formats", "refcompress.checkpoints", "refcompress.graph"}
PROGRAM = ("import sys; from refcompress.cli import main\n"
           "try: main(sys.argv[1:])\n"
           "except SystemExit: pass\n"
           "print(*sys.modules, file=sys.stderr)")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    tensors = {"w": np.linspace(-1, 1, 4096, dtype=np.float32).reshape(64, 64), "b": np.ones(64, np.float32)}
    for suffix in ("npz", "safetensors", "gguf"):
        models.save(folder / f"m.{suffix}", tensors)
    container.save(folder / "m.rcz", tensors)
    return folder


def loaded(folder, *argv) -> set[str]:
    """Return the names of the modules that are loaded when a command ends."""
    done = subprocess.run([sys.executable, "-c", PROGRAM, *argv], cwd=folder, env={"PYTHONPATH": str(ROOT)},
                          capture_output=True, text=True)
    names = set(done.stderr.split())
    assert "refcompress.cli" in names and done.stdout, done.stderr
    return names


@pytest.mark.parametrize("argv", [
    ("inspect", "m.safetensors"), ("inspect", "m.gguf"), ("inspect", "m.gguf", "--by", "layer", "--json"),
    ("--help",), ("help",), ("help", "inspect"), ("inspect", "--help"), ("--version",)], ids=" ".join)
def test_headers_and_help_need_no_numpy(folder, argv):
    assert not loaded(folder, *argv) & HEADERS


@pytest.mark.parametrize("argv", [
    ("inspect", "m.npz"), ("inspect", "m.rcz"), ("inspect", "m.gguf", "--bounds", "--quiet"),
    ("compare", "m.npz", "m.safetensors"), ("explain", "m.npz", "w"), ("derive", "m.npz", "m.gguf")], ids=" ".join)
def test_values_that_are_stored_as_they_are_need_no_kernel(folder, argv):
    names = loaded(folder, *argv)
    assert "numpy" in names and not names & (OTHERS | KERNELS | {"refcompress.graph"})


def test_a_page_needs_no_training(folder):
    names = loaded(folder, "report", "m.npz", "-o", "r.html", "--no-timing")
    assert "jinja2" in names and not names & (OTHERS - {"jinja2"})
