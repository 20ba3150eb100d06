"""N of each M in the ways of the kernels: by ranks, by counts of groups side by side, by counts of one long group."""

import numpy as np
import pytest
from implementations import NATIVE, each, need_native

from refcompress import reference
from refcompress.agreement import exactly
from refcompress.errors import RefcompressError

need_native()

from refcompress.native.prune import selection  # noqa: E402

F = np.float32
EACH = each("space", NATIVE)
# Around the longest groups that are ranked (8 or 16), around whole vectors and squares of them, around the longest
# group that is sorted (32) and that is copied.
LENGTHS = (7, 8, 9, 11, 12, 13, 15, 16, 17, 23, 24, 25, 31, 32, 33, 63, 64, 65, 130, selection.COPIED // 2,
           selection.COPIED // 2 + 1, selection.COPIED - 1, selection.COPIED, selection.COPIED + 1)


def scores(name: str, shape) -> np.ndarray:
    rng = np.random.default_rng(7)
    normal = rng.standard_normal(shape).astype(F)
    return {
        "normal": normal,
        "equal": np.full(shape, -1.5, F),
        "zeros of both signs": np.where(rng.random(shape) < 0.7, rng.choice([F(0.0), F(-0.0)], shape), normal),
        "few values": rng.integers(-2, 3, shape).astype(F),
        "infinite": np.where(rng.random(shape) < 0.6, rng.choice([F(np.inf), F(-np.inf)], shape), normal),
        "powers of two": (rng.choice([-1, 1], shape) * 2.0 ** rng.integers(-140, 127, shape)).astype(F),
        "one far off": np.where(rng.random(shape) < 0.02, F(3e38), normal * F(1e-30)),
        "next to each other": (rng.integers(0, 9, shape).astype(np.int32) + 0x3F800000).view(F),
    }[name]


NAMES = ("normal", "equal", "zeros of both signs", "few values", "infinite", "powers of two", "one far off",
         "next to each other")


def agree(space, x, n, m, axis):
    how = {"structure": "nm", "n": n, "m": m, "axis": axis}
    exactly(reference.prune_select(x, **how), space.prune_select(x, **how))


@EACH
@pytest.mark.parametrize("m", LENGTHS)
def test_groups_of_lengths_around_each_way_keep_what_the_reference_keeps(space, m):
    for rest in (0, 1, m // 2):
        rows, columns = scores("normal", (9, 2 * m + rest)), scores("few values", (2 * m + rest, 21))
        for n in (0, 1, m // 2, m - 1, m):
            for x, axis in ((rows, 1), (columns, 0)):
                agree(space, x, n, m, axis)
                agree(space, x.astype(np.float64), n, m, axis)


@EACH
@pytest.mark.parametrize("groups", (1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 33))
def test_any_number_of_groups_side_by_side_is_right(space, groups):
    for m in (4, 8, 9, 16, 17, 40, selection.COPIED + 1):
        for dtype in (F, np.float64):
            x = scores("normal", (groups, m)).astype(dtype)
            agree(space, x, m // 3, m, 1)
            agree(space, np.ascontiguousarray(x.T), m // 3, m, 0)
            agree(space, np.ascontiguousarray(np.stack([x.T, x.T])), m // 3, m, 1)


@EACH
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", (F, np.float64))
def test_ties_infinities_and_uneven_scores_are_ranked_as_the_reference_does(space, name, dtype):
    for m in (12, 16, 17, 32, 50, 128, selection.COPIED + 40):
        x = scores(name, (18, m)).astype(dtype)
        for n in (1, m // 4, m // 2, m - 1):
            agree(space, x, n, m, 1)
            agree(space, np.ascontiguousarray(x.T), n, m, 0)


@EACH
@pytest.mark.parametrize("m", (selection.COPIED // 2 + 1, 600))
@pytest.mark.parametrize("dtype", (F, np.float64))
def test_long_groups_unlike_the_ones_before_keep_what_the_reference_keeps(space, m, dtype):
    """A search begins with what was found in the group before."""
    order = np.random.default_rng(m).permutation(np.tile(np.arange(len(NAMES)), 4))
    x = np.concatenate([scores(NAMES[i], (1, m)).astype(dtype) * dtype((-1) ** (i % 3)) for i in order])
    for part in (x, x * dtype(1e-20), x[::2]):
        for n in (1, m // 10, m // 2, m - 1):
            agree(space, part, n, m, 1)
    x[-1, 5] = np.nan
    with pytest.raises(RefcompressError, match=rf"scores\[{len(x) - 1}, 5\]"):
        space.prune_select(x, structure="nm", n=m // 2, m=m)


@EACH
@pytest.mark.parametrize("m", (9, 16, 24, 32))
def test_sorted_groups_of_two_values_keep_the_first_ones(space, m):
    """A network of comparisons sorts all scores if it sorts all zeros and ones (Knuth, volume 3, section 5.3.4)."""
    bits = np.arange(2**16, dtype=np.uint16).view(np.uint8).reshape(-1, 2)
    x = np.unpackbits(bits, axis=1).astype(F)[:, :m]
    if m > 16:
        x = np.concatenate([x[::7], x[::-7, : m - 16]], axis=1)
    x = x[: len(x) // 16 * 16]
    kept = np.argsort(-x, axis=1, kind="stable")
    for n in (1, m // 3, m // 2, m - 1):
        expected = np.zeros(x.shape, np.uint8)
        np.put_along_axis(expected, kept[:, :n], 1, axis=1)
        exactly(expected.view(np.bool_), space.prune_select(x, structure="nm", n=n, m=m))


@EACH
@pytest.mark.parametrize("m", (9, 16, 17, 32, 33, 64, selection.COPIED + 1))
@pytest.mark.parametrize("dtype", (F, np.float64))
def test_a_nan_in_any_lane_is_named(space, m, dtype):
    for lane in range(19):
        for place in (0, m - 1):
            x = scores("normal", (19, m)).astype(dtype)
            x[lane, place] = np.nan
            for given, index, axis in ((x, (lane, place), 1), (np.ascontiguousarray(x.T), (place, lane), 0)):
                for n in (0, m // 2):
                    with pytest.raises(RefcompressError) as caught:
                        space.prune_select(given, structure="nm", n=n, m=m, axis=axis)
                    assert caught.value.argument == f"scores[{index[0]}, {index[1]}]"
