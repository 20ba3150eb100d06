"""Which arrays compress takes, and what it makes of them: zeros stay, nothing grows, and what is left alone is told."""

import json

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


def test_lowrank_which_cannot_keep_zeros_says_so(tmp_path, capsys):
    npz.save(
        tmp_path / "a.npz",
        {"sparse": np.outer(with_zeros(2, 40)[0], normal(40)), "full": np.outer(normal(40), normal(40))},
    )
    _, out, err = run(capsys, "compress", tmp_path / "a.npz", tmp_path / "a.rcz", "--method", "lowrank", "--json")
    assert "does not keep zeros" in err and "sparse" in err and "full" not in err and json.loads(out)["warnings"]


@pytest.mark.parametrize("sparsity", [0, 0.5, 0.75])
def test_csr_stores_the_nonzeros_alone(tmp_path, capsys, sparsity):
    w = normal(64, 64)
    w[np.abs(w) < np.quantile(np.abs(w), 0.8)] = -0.0
    report, back = round_trip(capsys, tmp_path, {"w": w}, "--method", "csr", "--sparsity", sparsity)
    assert report["layers"]["w"] == f"csr, {np.count_nonzero(w):,} entries" and np.array_equal(back["w"], w)


@pytest.mark.parametrize("options", [*EVERY_METHOD, ["--method", "lowrank", "--energy", "0.99"]], ids=" ".join)
def test_no_file_is_larger_than_one_that_stores_the_arrays(tmp_path, capsys, options):
    arrays = {"q": normal(32, 32), "thin": normal(40, 2), "tiny": normal(2, 2), "one": normal(1, 1), "bias": normal(8),
              "wide": normal(2, 50), "half": normal(20, 20, dtype=np.float16)}
    report, back = round_trip(capsys, tmp_path, arrays, *options)
    assert report["bytes"] <= len(container.dumps(arrays))
    for name, why in report["why_left"].items():
        assert np.array_equal(back[name], arrays[name]) and back[name].dtype == arrays[name].dtype
        assert why in ("fewer than two axes", f"{report['method']} would take no fewer bytes")


def test_lowrank_leaves_a_matrix_whose_factors_take_no_fewer_numbers(tmp_path, capsys):
    flat, steep = normal(64, 64), np.outer(normal(64), normal(64))
    report, back = round_trip(
        capsys, tmp_path, {"flat": flat, "steep": steep}, "--method", "lowrank", "--energy", "0.95"
    )
    assert report["why_left"] == {"flat": "lowrank would take no fewer bytes"} and np.array_equal(back["flat"], flat)
    assert report["layers"]["steep"] == "low rank, 1"


@pytest.mark.parametrize(
    "options",
    [
        ["--sparsity", "0.5"],
        ["--method", "csr", "--sparsity", "0.5"],
        ["--method", "quantize"],
        ["--method", "blocks"],
        ["--method", "mixed"],
        ["--method", "lowrank", "--energy", "0.3"],
    ],
    ids=" ".join,
)
def test_excluded_arrays_come_back_as_they_were_and_count_in_no_share(tmp_path, capsys, options):
    mask = np.zeros((60, 60), np.float32)
    mask[:, :20] = -100
    arrays = {"a.weight": normal(40, 50), "b.mask": mask, "b[0].table": normal(30, 30), "c.weight": normal(30, 20)}
    report, back = round_trip(capsys, tmp_path, arrays, *options, "--exclude", "*mask*", "--exclude", "b[0].table")
    assert [n for n, why in report["why_left"].items() if why == "excluded"] == ["b.mask", "b[0].table"]
    assert all(np.array_equal(back[name], arrays[name]) for name in ("b.mask", "b[0].table"))
    if "--sparsity" in options:
        assert sum(np.count_nonzero(back[name] == 0) for name in ("a.weight", "c.weight")) == 1300


def test_a_pattern_that_matches_no_array_is_refused(tmp_path, capsys):
    npz.save(tmp_path / "a.npz", {"w": normal(4, 4)})
    code, _, err = run(capsys, "compress", tmp_path / "a.npz", tmp_path / "a.rcz", "--exclude", "w", "--exclude", "W")
    assert code == 2 and "'W'" in err and not (tmp_path / "a.rcz").exists()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize(
    "options",
    [
        ["share"],
        ["share", "--sparsity", "0.5"],
        ["share", "--sparsity", "0.5", "--scope", "array"],
        ["quantize"],
        ["quantize", "--bits", "16"],
        ["quantize", "--group", "8"],
        ["blocks"],
        ["blocks", "--format", "nf4"],
        ["mixed"],
        ["lowrank"],
        ["csr"],
        ["csr", "--sparsity", "0.5"],
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_one_bad_number_is_refused_by_array_and_element_and_excluding_it_helps(tmp_path, capsys, options, value, dtype):
    arrays = {f"layer.{i}.weight": normal(8, 16, dtype=dtype) for i in (0, 17)}
    arrays["layer.17.weight"][3, 5] = value
    npz.save(tmp_path / "a.npz", arrays)
    command = ["compress", tmp_path / "a.npz", tmp_path / "a.rcz", "--method", *options]
    code, _, err = run(capsys, *command)
    if options[0] == "csr" and np.isinf(value):
        assert code == 0  # infinities are pruned last, and stored
    else:
        assert code == 2 and "array layer.17.weight, element [3, 5]: is" in err and "--exclude layer.17.weight" in err
        assert not (tmp_path / "a.rcz").exists()
    assert run(capsys, *command, "--exclude", "layer.17.weight", "--force")[0] == 0


@pytest.mark.parametrize("method", ["share", "quantize", "blocks", "mixed", "lowrank", "csr"])
def test_floats_of_other_widths_are_compressed_and_it_is_said_what_they_became(tmp_path, capsys, method):
    options = ["--method", method, *{"lowrank": ["--energy", "0.2"], "csr": ["--sparsity", "0.9"]}.get(method, [])]
    arrays = {"half": normal(64, 64, dtype=np.float16), "double": normal(64, 64, dtype=np.float64),
              "norm": normal(9, dtype=np.float16)}
    npz.save(tmp_path / "in.npz", arrays)
    _, _, err = run(capsys, "compress", tmp_path / "in.npz", tmp_path / "a.rcz", *options)
    report, back = round_trip(capsys, tmp_path, arrays, *options)
    assert report["converted"] == {"half": "float16, widened to float32", "double": "float64, rounded to float32"}
    assert all(word in err for word in ("float16, widened to float32", "half", "float64, rounded to float32", "double"))
    assert (
        report["ratio"] > 1.5
        and back["half"].dtype == back["double"].dtype == np.float32
        and back["norm"].dtype == np.float16
    )


def test_a_float64_beyond_float32_is_refused_by_array_and_element(tmp_path, capsys):
    a = np.ones((3, 4))
    a[1, 2] = 1e39
    npz.save(tmp_path / "a.npz", {"w": a})
    code, _, err = run(capsys, "compress", tmp_path / "a.npz", tmp_path / "a.rcz")
    assert code == 2 and "array w, element [1, 2]: is 1e+39" in err and "beyond float32" in err


def test_bfloat16_is_read_where_asked_for_and_otherwise_explained(tmp_path, capsys):
    w, norm = normal(32, 48), normal(7)
    bits = {name: (a.view(np.uint32) >> 16).astype("<u2") for name, a in (("w", w), ("norm", norm))}
    np.savez(tmp_path / "a.npz", **{name: b.view("V2") for name, b in bits.items()})
    command = ["compress", tmp_path / "a.npz", tmp_path / "a.rcz", "--method", "quantize", "--bits", 16, "--json"]
    code, _, err = run(capsys, *command)
    assert code == 2 and "--bfloat16" in err and "'w'" in err and "|V2" in err
    code, out, _ = run(capsys, *command, "--bfloat16")
    assert code == 0 and set(json.loads(out)["converted"].values()) == {"bfloat16, widened to float32"}
    assert run(capsys, "decompress", tmp_path / "a.rcz", tmp_path / "b.npz")[0] == 0
    back = npz.load(tmp_path / "b.npz")
    exact = {name: (b.astype(np.uint32) << 16).view(np.float32) for name, b in bits.items()}
    assert np.array_equal(back["norm"], exact["norm"])
    assert np.abs(back["w"] - exact["w"]).max() < 1e-4 * np.abs(w).max()


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
                                     ["mixed", "--wide", "0"]], ids=" ".join)
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
    report, back = round_trip(capsys, tmp_path, {"w": w}, "--method", "mixed", "--axis", "-1", "--wide", "0.04")
    assert report["layers"]["w"] == "8 bits, 1 of 30 columns 16 bits"
    assert np.abs(back["w"] - w)[:, 7].max() < np.abs(w[:, 7]).max() / 60_000


def test_an_axis_that_an_array_lacks_is_refused_by_its_name(tmp_path, capsys):
    npz.save(tmp_path / "a.npz", {"conv": normal(8, 4, 3, 3), "dense": normal(8, 4)})
    code, _, err = run(
        capsys, "compress", tmp_path / "a.npz", tmp_path / "a.rcz", "--method", "quantize", "--axis", "3"
    )
    assert code == 2 and "array dense: has 2 axes" in err


@pytest.mark.parametrize("method", ["share", "csr"])
def test_pruning_that_leaves_next_to_nothing_of_an_array_is_said_and_can_be_avoided(tmp_path, capsys, method):
    arrays = {
        "small": normal(32, 32) * np.float32(0.001),
        "large": normal(32, 32),
        "sparse": np.eye(32, dtype=np.float32),
    }
    command = ["--method", method, "--sparsity", "0.7"]
    report, _ = round_trip(capsys, tmp_path, arrays, *command)
    npz.save(tmp_path / "in.npz", arrays)
    _, _, err = run(capsys, "compress", tmp_path / "in.npz", tmp_path / "out.rcz", *command)
    assert report["nearly_empty"] == {"small": 0} and "small keeps 0 of 1,024" in err and "--scope array" in err
    report, back = round_trip(capsys, tmp_path, arrays, *command, "--scope", "array")
    assert report["nearly_empty"] == {}
    assert all(np.count_nonzero(back[name] == 0) == 717 for name in ("small", "large"))


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


def test_nothing_compressed_is_said_with_the_reasons(tmp_path, capsys):
    npz.save(tmp_path / "a.npz", {"bias": normal(8), "steps": np.arange(6).reshape(2, 3)})
    code, _, err = run(capsys, "compress", tmp_path / "a.npz", tmp_path / "a.rcz")
    assert code == 0 and "no array was compressed: fewer than two axes: bias; int64, not floats: steps" in err


def test_what_a_compressed_file_cannot_hold_is_refused_by_array(tmp_path, capsys):
    npz.save(tmp_path / "a.npz", {"w": normal(3, 3), "waves": np.ones((2, 2), np.complex64)})
    code, _, err = run(capsys, "compress", tmp_path / "a.npz", tmp_path / "a.rcz")
    assert code == 2 and "array waves: is of dtype complex64" in err


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
