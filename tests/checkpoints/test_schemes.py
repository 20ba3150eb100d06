"""Schemes: zeros stay zeros, rows are outputs, whatever the layout, and what is larger than before stays as it is."""

import numpy as np
import pytest
from checkpoint_examples import normal, with_zeros

from refcompress import checkpoints, container, reference
from refcompress.checkpoints import SCHEMES, Recipe, Rule
from refcompress.checkpoints.schemes import SCHEMES as TABLE
from refcompress.checkpoints.weights import weights_of

LOSSY = [name for name, scheme in SCHEMES.items() if not scheme.exact]
OPTIONS = {  # of each scheme, what its options may be beside the default
    **{f"int{bits}": [{"grid": "affine"}, {"group": 16}, {"group": 16, "grid": "affine", "axis": -1}, {"axis": -1}]
       for bits in (2, 4, 8, 16)},
    "share": [{"sparsity": 0.3}, {"bits": 1}, {"bits": 7}, {"init": "density"}, {"init": "random", "seed": 3},
              {"contexts": True}],
    "csr": [{"sparsity": 0.3}, {"axis": 1}], "nm": [{"n": 1, "m": 3}, {"bits": 3}, {"axis": -1}],
    "nf4": [{"block": 8}, {"axis": -1}], "mixed": [{"group": 8}, {"axis": -1}, {"wide": 0.5}],
    "lowrank": [{"rank": 3}, {"axis": -1}],
}
EVERY = [(name, options) for name in LOSSY for options in ({}, *OPTIONS.get(name, ()))]


def operation(name):
    return getattr(reference, name)


def back(made, w):
    dense = made.layer if isinstance(made.layer, np.ndarray) else made.layer.dense()
    return dense if made.arrangement is None else made.arrangement(dense)


@pytest.mark.parametrize("name, options", EVERY, ids=str)
def test_zeros_stay_positive_zeros_and_shapes_stay(name, options):
    for w in (with_zeros(24, 40), with_zeros(16, 8, 3, 3), np.where(with_zeros(20, 33) == 0, 0, normal(20, 33) + 1)):
        w = w.astype(np.float32) + np.float32(0)  # as the run hands them to a scheme
        again = back(TABLE[name].make(w, options, operation), w)
        assert again.shape == w.shape and again.dtype == np.float32
        if TABLE[name].zeros:
            assert not again[w == 0].view(np.uint32).any()


@pytest.mark.parametrize("name", ["int4", "nf4", "mxfp4_e2m1", "nm", "mixed", "csr", "lowrank"])
def test_the_rows_of_a_convolution_are_inputs_by_height_by_width(name):
    w = normal(8, 6, 3, 3)
    options = {"group": 27} if name in ("int4", "mixed") else {"rank": 2} if name == "lowrank" else {}
    flat = TABLE[name].make(w.reshape(8, 54), options, operation)
    whole = TABLE[name].make(w, options, operation)
    if name == "lowrank":
        # Two convolutions in a row round elsewhere. Either form rounds u, s and vt once, multiplies them and adds two
        # terms: four roundings and one of the sum, each of at most 2^-24 of the sum of absolute values.
        bound = 2 * 5.01 * 2.0**-24 * (np.abs(flat.layer.u) * flat.layer.s) @ np.abs(flat.layer.vt)
        assert (np.abs(back(whole, w).reshape(8, 54) - back(flat, w)) <= bound).all()
    else:
        assert np.array_equal(back(whole, w).reshape(8, 54), back(flat, w))


@pytest.mark.parametrize("name", ["int4", "nf4", "mxint8", "nm", "mixed", "csr", "lowrank"])
@pytest.mark.parametrize("axis", [-1, 1, 2])
def test_another_axis_of_outputs_is_that_of_the_turned_weights(name, axis):
    w = normal(3, 3, 6, 8)
    options = {"group": 9} if name in ("int4", "mixed") else {"rank": 2} if name == "lowrank" else {}
    turned = np.ascontiguousarray(np.moveaxis(w, axis, 0))
    rows = turned.reshape(len(turned), -1)
    expected = np.moveaxis(back(TABLE[name].make(rows, options, operation), rows).reshape(turned.shape), 0, axis)
    found = back(TABLE[name].make(w, {**options, "axis": axis}, operation), w)
    assert np.array_equal(found, expected)


def test_a_scale_an_output_lies_on_the_axis_that_is_named():
    w = normal(3, 3, 6, 8) * np.exp(RNG_OF_OUTPUTS).astype(np.float32)
    made = TABLE["int4"].make(w, {"axis": -1}, operation)
    assert made.arrangement is None and made.layer.scale.shape == (1, 1, 1, 8)


RNG_OF_OUTPUTS = np.linspace(-3, 3, 8)


@pytest.mark.parametrize("name, options", [(name, OPTIONS.get(name, [{}])[0]) for name in LOSSY], ids=str)
def test_no_entry_is_larger_than_the_tensor_as_it_is(name, options):
    arrays = {"q": normal(32, 32), "thin": normal(40, 2), "tiny": normal(2, 2), "one": normal(1, 1),
              "wide": normal(2, 50), "half": normal(20, 20, dtype=np.float16), "cube": normal(2, 3, 4)}
    result = checkpoints.compress(arrays, Recipe((Rule("*", name, options),)))
    for row in result.rows:
        alone = len(container.entry_bytes(arrays[row.name]))
        assert row.after <= alone
        if row.after == alone and row.reason.endswith("would take no fewer bytes"):
            assert row.error == 0 and row.stored == f"array, {row.dtype}"
    with result.open() as file:
        for row in result.rows:
            assert file[row.name].shape == row.shape


def test_low_rank_of_a_matrix_of_low_rank_is_small_and_of_another_it_stays(tmp_path):
    arrays = {"flat": normal(64, 64), "steep": np.outer(normal(64), normal(64)).astype(np.float32)}
    result = checkpoints.compress(arrays, Recipe((Rule("*", "lowrank", {"energy": 0.95}),)))
    flat, steep = result.rows
    assert flat.error == 0 and flat.reason == "lowrank would take no fewer bytes" and steep.stored == "low rank, 1"


def test_weights_have_no_negative_zero_and_leave_the_source_alone():
    a = np.float32([[-0.0, 1], [0, -2]])
    w = weights_of(a, "a")
    assert not np.signbit(w[0, 0]) and np.array_equal(w, a) and np.signbit(a[0, 0])
