"""What compress makes of arrays by one rule for all: zeros stay, nothing grows, and what is left alone is told."""

import numpy as np
import pytest
from cli_examples import EVERY_METHOD, round_trip, run

from refcompress import container
from refcompress.models import npz

RNG = np.random.default_rng(5)


def normal(*shape, dtype=np.float32):
    return (RNG.standard_normal(shape) * 0.05).astype(dtype)


def with_zeros(*shape):
    """Return weights of which about half are zeros of both signs, in rows and columns that hold zeros alone too."""
    w = np.where(RNG.random(shape) < 0.5, normal(*shape), np.float32(0))
    w[RNG.random(shape) < 0.05] = np.float32(-0.0)
    w[1], w[:, 2] = 0, 0
    return w


@pytest.mark.parametrize("options", EVERY_METHOD, ids=" ".join)
def test_zeros_stay_positive_zeros_by_every_method_at_every_option(tmp_path, capsys, options):
    arrays = {"a": with_zeros(24, 40), "conv": with_zeros(16, 8, 3, 3),
              "shifted": np.where(with_zeros(20, 33) == 0, 0, normal(20, 33) + 1)}
    arrays = {name: a.astype(np.float32) for name, a in arrays.items()}
    _, back = round_trip(capsys, tmp_path, arrays, *options)
    for name, a in arrays.items():
        zeros = back[name][a == 0]
        assert not zeros.any() and (not np.signbit(zeros).any() or np.array_equal(back[name], a)), name


@pytest.mark.parametrize("sparsity", [0, 0.5, 0.75])
def test_csr_stores_the_nonzeros_alone(tmp_path, capsys, sparsity):
    w = normal(64, 64)
    w[np.abs(w) < np.quantile(np.abs(w), 0.8)] = -0.0
    report, back = round_trip(capsys, tmp_path, {"w": w}, "--method", "csr", "--sparsity", sparsity)
    assert report["layers"]["w"] == f"csr, {np.count_nonzero(w):,} entries" and np.array_equal(back["w"], w)


def test_a_pattern_that_matches_no_array_is_refused(tmp_path, capsys):
    npz.save(tmp_path / "a.npz", {"w": normal(4, 4)})
    code, _, err = run(capsys, "compress", tmp_path / "a.npz", tmp_path / "a.rcz", "--exclude", "w", "--exclude", "W")
    assert code == 2 and "'W'" in err and not (tmp_path / "a.rcz").exists()


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_tied_weights_are_compressed_once_and_counted_once(tmp_path, capsys, dtype):
    w = normal(50, 40, dtype=dtype)
    report, back = round_trip(
        capsys, tmp_path, {"wte": w, "other": w + w, "head": w.copy()}, "--sparsity", "0.5", "--bits", "3"
    )
    assert report["tied"] == {"head": "wte"} and np.array_equal(back["head"], back["wte"])
    assert np.count_nonzero(back["wte"] == 0) + np.count_nonzero(back["other"] == 0) == 2000


@pytest.mark.parametrize("axis", [1, -1])
@pytest.mark.parametrize("options", [["quantize", "--bits", "4"], ["quantize", "--bits", "16", "--scheme", "affine"],
                                     ["mixed", "--outliers", "0"]], ids=" ".join)
def test_outputs_on_another_axis_have_scales_of_their_own(tmp_path, capsys, options, axis):
    w = normal(40, 30) * np.exp(4 * RNG.standard_normal((1, 30))).astype(np.float32)
    worst = {}
    for name, more in (("rows", []), ("outputs", ["--axis", axis])):
        _, back = round_trip(capsys, tmp_path, {"w": w}, "--method", *options, *more)
        worst[name] = (np.abs(back["w"] - w).max(axis=0) / np.abs(w).max(axis=0)).max()
    levels = {"quantize": 2 ** (int(options[2]) - 1) - 1, "mixed": 127}[options[0]]
    assert worst["outputs"] < 1.01 / levels < worst["rows"]


def test_the_wide_outputs_of_mixed_may_be_columns(tmp_path, capsys):
    w = normal(40, 30)
    w[:, 7] *= 1000
    w[0, 7] = 0.3
    report, back = round_trip(capsys, tmp_path, {"w": w}, "--method", "mixed", "--axis", "-1", "--outliers", "0.04")
    assert report["layers"]["w"] == "8 bits, 1 of 30 rows 16 bits"
    assert np.abs(back["w"] - w)[:, 7].max() < np.abs(w[:, 7]).max() / 60_000


def test_where_k_means_starts_is_a_choice_and_a_seed_that_changes_nothing_is_refused(tmp_path, capsys):
    arrays, books = {"w": normal(40, 40)}, set()
    for options in (
        ["--init", "linear"],
        ["--init", "density"],
        ["--init", "random"],
        ["--init", "random", "--seed", "1"],
    ):
        books.add(round_trip(capsys, tmp_path, arrays, "--bits", "4", *options)[1]["w"].tobytes())
    assert len(books) == 4
    for options in (["--seed", "1"], ["--init", "density", "--seed", "1"]):
        code, _, err = run(capsys, "compress", tmp_path / "in.npz", tmp_path / "out.rcz", *options)
        assert code == 2 and "--seed: " in err


@pytest.mark.parametrize(
    "options", [["quantize", "--bits", "4", "--group", "64"], ["blocks"], ["blocks", "--format", "nf4"]], ids=" ".join
)
def test_groups_and_blocks_of_a_convolution_run_over_inputs_height_and_width(tmp_path, capsys, options):
    kernels = {"three": normal(16, 32, 3, 3), "one": normal(32, 64, 1, 1)}
    flat = {name: w.reshape(len(w), -1) for name, w in kernels.items()}
    report, back = round_trip(capsys, tmp_path, kernels, "--method", *options)
    flat_report, flat_back = round_trip(capsys, tmp_path, flat, "--method", *options)
    assert report["layers"] == flat_report["layers"] and abs(report["bytes"] - flat_report["bytes"]) < 16
    for name, w in kernels.items():
        assert back[name].shape == w.shape and np.array_equal(back[name].reshape(flat[name].shape), flat_back[name])


@pytest.mark.parametrize("options", [["share"], ["quantize"], ["lowrank", "--energy", "0.3"]], ids=" ".join)
def test_arrays_keep_their_order_from_source_to_report_to_file_and_back(tmp_path, capsys, options):
    names = [f"arr_{i}" for i in range(12)]
    report, back = round_trip(capsys, tmp_path, {name: normal(20, 20) for name in names}, "--method", *options)
    assert list(report["layers"]) == list(report["errors"]) == list(back) == names


def test_tied_weights_take_the_bytes_of_one(tmp_path, capsys):
    w = normal(200, 64)
    one, _ = round_trip(capsys, tmp_path, {"wte": w}, "--method", "quantize")
    two, _ = round_trip(capsys, tmp_path, {"wte": w, "head": w}, "--method", "quantize")
    assert two["bytes"] < one["bytes"] + 40


KINDS = (["share"], ["share", "--sparsity", "0.5"], ["quantize"], ["quantize", "--bits", "16"], ["blocks"],
         ["blocks", "--format", "nf4"], ["mixed"], ["lowrank"], ["csr"])


@pytest.mark.parametrize("options", [*KINDS, ["lowrank", "--energy", "0.99"]], ids=" ".join)
def test_no_entry_is_larger_than_that_of_the_array_as_it_is(tmp_path, capsys, options):
    arrays = {"q": normal(32, 32), "thin": normal(40, 2), "tiny": normal(2, 2), "one": normal(1, 1), "bias": normal(8),
              "wide": normal(2, 50), "half": normal(20, 20, dtype=np.float16)}
    report, back = round_trip(capsys, tmp_path, arrays, "--method", *options)
    for row in report["tensors"]:
        name = row["name"]
        assert row["after"] <= len(container.entry_bytes(arrays[name]))
        exact = report["errors"][name] == 0 and np.array_equal(back[name], arrays[name])
        assert exact == (name in report["why_left"])
    assert report["left_as_they_are"] == list(report["why_left"]) and "bias" in report["why_left"]


@pytest.mark.parametrize("options", [*KINDS[:2], ["quantize"], ["lowrank", "--energy", "0.3"]], ids=" ".join)
def test_excluded_tensors_and_those_beside_only_come_back_as_they_were(tmp_path, capsys, options):
    arrays = {"a.weight": normal(40, 50), "b.table": normal(60, 60) - 100, "b[0].table": normal(30, 30)}
    for more in (["--exclude", "b.t*", "--exclude", "b[0].table"], ["--only", "a.*"]):
        report, back = round_trip(capsys, tmp_path, arrays, "--method", *options, *more)
        assert list(report["why_left"]) == ["b.table", "b[0].table"]
        assert all(np.array_equal(back[name], arrays[name]) for name in ("b.table", "b[0].table"))
        if "--sparsity" in options:
            assert np.count_nonzero(back["a.weight"] == 0) == 1000


@pytest.mark.parametrize("value", [np.nan, -np.inf])
@pytest.mark.parametrize("options", [["--set", "layer.1*=int4"], *(["--method", *o] for o in KINDS)], ids=" ".join)
def test_one_bad_number_is_refused_by_file_tensor_and_element_and_the_cure_helps(tmp_path, capsys, options, value):
    arrays = {f"layer.{i}.weight": normal(8, 16) for i in (0, 17)}
    arrays["layer.17.weight"][3, 5] = value
    npz.save(tmp_path / "a.npz", arrays)
    command = ["compress", tmp_path / "a.npz", tmp_path / "a.rcz", *options]
    code, out, err = run(capsys, *command)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert f"a.npz: tensor 'layer.17.weight', element [3, 5]: is {value}" in err
    cure = "layer.17.weight=lossless"
    assert f"--set '{cure}'" in err and sorted(each.name for each in tmp_path.iterdir()) == ["a.npz"]
    for more in (["--set", cure], ["--exclude", "layer.17.weight", "--force"]):
        assert run(capsys, *command, *more)[0] == 0


def test_a_preset_keeps_a_tensor_with_a_bad_number_and_warns_and_strict_refuses(tmp_path, capsys):
    w = normal(32, 32)
    w[3, 5] = np.nan
    npz.save(tmp_path / "a.npz", {"w": w, "v": normal(32, 32)})
    command = ["compress", tmp_path / "a.npz", tmp_path / "a.rcz"]
    code, _, err = run(capsys, *command, "--strict")
    assert code == 2 and err.startswith("refcompress: --strict: tensor 'w'") and not (tmp_path / "a.rcz").exists()
    code, _, err = run(capsys, *command)
    assert code == 0 and "warning: tensor 'w' is stored bit for bit: element [3, 5]" in err


def test_a_layer_that_is_lost_is_warned_of(tmp_path, capsys):
    arrays = {"small": normal(32, 32) * np.float32(0.001), "large": normal(32, 32)}
    npz.save(tmp_path / "a.npz", arrays)
    command = ["compress", tmp_path / "a.npz", tmp_path / "a.rcz", "--sparsity", "0.5"]
    _, _, err = run(capsys, *command, "--scope", "global")
    assert "warning: tensor 'small' is lost" in err and "large" not in err
    assert "lost" not in run(capsys, *command)[2]


def test_nothing_compressed_is_said_with_the_reasons(tmp_path, capsys):
    npz.save(tmp_path / "a.npz", {"bias": normal(8), "steps": np.arange(6).reshape(2, 3)})
    code, _, err = run(capsys, "compress", tmp_path / "a.npz", tmp_path / "a.rcz")
    said = "no tensor was compressed: fewer than two axes longer than 1: bias; int64, not of floats: steps"
    assert code == 0 and said in err


def test_an_axis_that_a_tensor_lacks_is_refused_by_its_name(tmp_path, capsys):
    npz.save(tmp_path / "a.npz", {"conv": normal(8, 4, 3, 3), "dense": normal(8, 4)})
    command = ["compress", tmp_path / "a.npz", tmp_path / "a.rcz", "--method", "quantize", "--axis", "3"]
    code, _, err = run(capsys, *command)
    assert code == 2 and "a.npz: tensor 'dense': has 2 axes" in err
