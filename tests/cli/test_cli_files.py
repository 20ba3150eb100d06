"""inspect, verify, decompress: of every kind of entry, each file decoded once."""

import json

import numpy as np
import pytest
from cli_examples import run
from file_mutations import sample
from implementations import need_native

from refcompress import Graph, QuantizedLayer, container, quantize_s8
from refcompress.models import npz

native = need_native()
F32 = np.float32
LAYER = QuantizedLayer(
    quantize_s8(np.arange(-3, 3, dtype=F32).reshape(2, 3), axis=0), np.full(3, 2, F32), 8, None, np.ones(2, F32)
)


@pytest.fixture
def reads(monkeypatch):
    """Count how often a file is decoded, and by which implementation."""
    used, read = [], container.read

    def counted(data, implementation=None, *more, **named):
        used.append(implementation)
        return read(data, implementation, *more, **named)

    monkeypatch.setattr(container, "read", counted)
    return used


@pytest.mark.parametrize("version", [1, 2, 3])
def test_inspect_verify_and_decompress_take_every_kind_of_entry(tmp_path, capsys, version):
    data = sample(4, version)
    layers = container.loads(data, implementation=native)
    (tmp_path / "a.rcz").write_bytes(data)
    quick = json.loads(run(capsys, "inspect", tmp_path / "a.rcz", "--json")[1])
    assert not quick["exact"] and sum(row["bytes"] for row in quick["ledger"]) == len(data)
    assert quick["entries"].keys() == layers.keys()
    code, out, _ = run(capsys, "inspect", tmp_path / "a.rcz", "--exact", "--json")
    report = json.loads(out)
    assert code == 0 and sum(row["bytes"] for row in report["ledger"]) == len(data)
    assert report["entries"] == {name: value.describe() if hasattr(value, "describe") else f"array, {value.dtype.name}"
                                 for name, value in layers.items()}
    code, out, _ = run(capsys, "verify", tmp_path / "a.rcz", "--json")
    assert code == 0 and json.loads(out)["good"]
    code, out, err = run(capsys, "decompress", tmp_path / "a.rcz", tmp_path / "a.npz", "--json")
    back = npz.load(tmp_path / "a.npz")
    assert code == 0 and json.loads(out)["decoded_bytes"] == report["decoded_bytes"]
    for name, value in layers.items():
        if isinstance(value, QuantizedLayer):
            assert np.array_equal(back[f"{name}.weight"], value.dense()) and name not in back
            assert value.bias is None or np.array_equal(back[f"{name}.bias"], value.bias)
        elif isinstance(value, Graph):
            assert name not in back
        else:
            assert np.array_equal(back[name], np.asarray(value), equal_nan=True)
    assert quick["decoded_bytes"] == report["decoded_bytes"]
    assert ("round them to few bits: layer, biased layer" in err) == (version > 1)


def test_inspect_reads_a_file_once_by_the_implementation_asked_for(tmp_path, capsys, reads):
    (tmp_path / "a.rcz").write_bytes(sample(4, 3))
    outs = [run(capsys, "inspect", tmp_path / "a.rcz", *more) for more in ([], ["--implementation", "reference"])]
    assert outs[0] == outs[1] and outs[0][0] == 0
    assert [space.__name__ for space in reads] == ["refcompress.native", "refcompress.reference"]


def test_an_array_that_two_entries_stand_for_is_refused_by_decompress_alone(tmp_path, capsys):
    container.save(tmp_path / "a.rcz", {"fc": LAYER, "fc.bias": np.ones(2)})
    assert run(capsys, "inspect", tmp_path / "a.rcz")[0] == run(capsys, "verify", tmp_path / "a.rcz")[0] == 0
    code, _, err = run(capsys, "decompress", tmp_path / "a.rcz", tmp_path / "a.npz")
    assert code == 2 and "a.rcz: tensor 'fc.bias': comes twice" in err and not (tmp_path / "a.npz").exists()
