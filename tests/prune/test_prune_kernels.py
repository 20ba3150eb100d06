"""The ways of the kernels that select: the pass that misses, too many open scores, ties, threads, whole turns."""

import numpy as np
import pytest
from implementations import NATIVE, each, need_native
from interrupt import seconds_to_answer

from refcompress import reference
from refcompress.agreement import exactly
from refcompress.errors import RefcompressError

native = need_native()

from refcompress.native.prune import largest, selection  # noqa: E402
from refcompress.native.prune import threshold as thresholds  # noqa: E402

F = np.float32
SIZE = largest.SMALL + 4133  # enough for a pass, and the last block is short
EACH = each("space", NATIVE)


def scores(name: str) -> np.ndarray:
    rng = np.random.default_rng(3)
    normal = rng.standard_normal(SIZE).astype(F)
    every = np.arange(SIZE)
    sampled = every % largest.sample_step(SIZE) < largest.SIDE
    return {
        "normal": normal,
        "equal": np.full(SIZE, -1.5, F),
        "mostly zeros": np.where(rng.random(SIZE) < 0.6, F(-0.0), normal),
        "rising": np.sort(normal),
        "few values": rng.integers(-3, 4, SIZE).astype(F),
        "another sample": np.where(sampled, normal, normal + F(9)),  # the pass misses the threshold
        "infinite": np.where(rng.random(SIZE) < 0.3, F(np.inf), -normal),
        "subnormal": (normal * F(1e-40)).astype(F),
    }[name]


NAMES = ("normal", "equal", "mostly zeros", "rising", "few values", "another sample", "infinite", "subnormal")


@EACH
@pytest.mark.parametrize("name", NAMES)
def test_the_largest_are_those_of_the_reference_whatever_the_sample_tells(space, name, two_threads):
    x = scores(name)
    for keep in (1, SIZE // 2, SIZE - 1):
        given = x.astype(np.float64) if keep == 1 else x
        exactly(reference.prune_select(given, keep=keep), space.prune_select(given, keep=keep))
        exactly(reference.prune_magnitude(x, keep=keep), space.prune_magnitude(x, keep=keep))
    if np.isfinite(x).all():
        exactly(reference.prune_project_l0(x, keep=SIZE // 3), space.prune_project_l0(x, keep=SIZE // 3))


def test_each_way_of_the_selection_is_taken_by_these_scores(monkeypatch):
    taken = set()
    for name in ("_settle", "_apply", "_by_counts"):
        real = getattr(largest, name)
        monkeypatch.setattr(largest, name, lambda *args, name=name, real=real: (taken.add((shape, name)), real(*args)))
    for shape in NAMES:
        native.prune_magnitude(scores(shape), keep=SIZE // 2)
    assert ("normal", "_settle") in taken and ("normal", "_by_counts") not in taken
    assert ("equal", "_apply") in taken and ("equal", "_by_counts") not in taken
    assert ("another sample", "_by_counts") in taken


@EACH
def test_arrays_of_both_types_are_ranked_together_through_the_pass(space):
    x = scores("few values")
    both = {"a": x[:40_000].copy(), "b": x[40_000:].astype(np.float64) + 2.0**-40, "none": np.zeros(0)}
    exactly(reference.prune_select(both, keep=30_000), space.prune_select(both, keep=30_000))


@EACH
@pytest.mark.parametrize("place", (0, 4095, SIZE - 1))
def test_a_nan_is_named_wherever_it_lies(space, place):
    x = scores("normal")
    x[place] = np.nan
    for op, argument in (("prune_magnitude", "w"), ("prune_select", "scores"), ("prune_project_l0", "w")):
        for keep in (0, 100, SIZE):
            with pytest.raises(RefcompressError) as caught:
                getattr(space, op)(x, keep=keep)
            assert caught.value.argument == f"{argument}[{place}]"


@EACH
@pytest.mark.parametrize("m, axis", [(2, 1), (4, 1), (8, 1), (32, 1), (33, 1), (700, 1), (4, 0), (40, 0)])
def test_n_of_m_of_every_length_and_axis_is_that_of_the_reference(space, m, axis, two_threads):
    rng = np.random.default_rng(m)
    for x in (rng.standard_normal((97, 730)).astype(F), rng.integers(-2, 3, (97, 730)).astype(np.float64)):
        for n in (1, m // 2, m):
            how = {"structure": "nm", "n": n, "m": m, "axis": axis}
            exactly(reference.prune_select(x, **how), space.prune_select(x, **how))


@EACH
@pytest.mark.parametrize("structure", ("row", "column", "filter", "channel", "block"))
def test_sums_of_blocks_larger_than_a_strip_have_the_order_of_the_reference(space, structure, two_threads):
    x = np.random.default_rng(5).standard_normal((70, 600)).astype(F)
    how = {"structure": structure, "sparsity": 0.4, **({"block": (9, 13)} if structure == "block" else {})}
    exactly(reference.prune_select(x, **how), space.prune_select(x, **how))


@EACH
@pytest.mark.parametrize("kind", range(6))
def test_the_threshold_is_that_of_sums_one_after_the_other_where_whole_turns_are_added(space, kind):
    """The quality is chosen so that the threshold comes to lie on a weight: another last bit shows."""
    rng = np.random.default_rng(kind)
    normal = rng.standard_normal(5000)
    w = (normal, np.abs(normal), rng.integers(0, 2, 5000) * 2.0**-23 + 1,
         rng.choice([-1, 1], 5000) * 2.0 ** rng.integers(-30, 30, 5000), normal * 1e-38, normal + 50)[kind].astype(F)
    wide = w.astype(np.float64)
    mean = np.cumsum(np.append(0.0, wide))[-1] / 5000
    deviation = np.sqrt(np.cumsum(np.append(0.0, (wide - mean) ** 2))[-1] / 5000)
    for x in wide[:30]:
        exactly(reference.prune_threshold(w, abs(x) / deviation), space.prune_threshold(w, abs(x) / deviation))


@EACH
@pytest.mark.parametrize("m", [2**31, 2**62, 2**63 - 1])
def test_a_group_longer_than_the_array_is_counted_without_overflow(space, m):
    x = scores("few values")[:12].reshape(3, 4)
    for n in (0, 1, m // 4, m // 2, m - 1, m):
        for axis in (0, 1):
            how = {"structure": "nm", "n": n, "m": m, "axis": axis}
            exactly(reference.prune_select(x, **how), space.prune_select(x, **how))


def test_ctrl_c_is_answered_while_columns_are_ranked_in_groups_that_are_counted():
    setup = """
import numpy as np
from refcompress import native
native.threads.set(1)
x = np.random.default_rng(0).standard_normal((4096, 4096), dtype=np.float32)
"""
    call = "native.prune_select(x, structure='nm', n=8, m=33, axis=0)"
    assert seconds_to_answer(setup, call, enough=0.2) < 0.2


@EACH
@pytest.mark.parametrize("bad", [-1, np.nan, np.inf])
def test_norms_are_refused_where_there_is_no_row_that_reads_them(space, bad):
    for impl in (reference, space):
        with pytest.raises(RefcompressError, match=r"norms\[1\]"):
            impl.prune_score_wanda(np.empty((0, 2), F), F([1, bad]))


@EACH
@pytest.mark.parametrize("n", [0, 1, 3, 4, 8])
def test_groups_of_eight_have_the_ranks_of_the_reference(space, n):
    for x in (scores("normal")[: 8 * 53], scores("few values")[: 8 * 53], scores("infinite")[: 8 * 16]):
        exactly(reference.prune_select(x, structure="nm", n=n, m=8), space.prune_select(x, structure="nm", n=n, m=8))
    for place in range(0, 8 * 16, 9):
        x = scores("normal")[: 8 * 17].copy()
        x[place] = np.nan
        with pytest.raises(RefcompressError, match=rf"scores\[{place}\]"):
            space.prune_select(x, structure="nm", n=n, m=8)


@EACH
@pytest.mark.parametrize("name", NAMES)
def test_long_groups_keep_what_the_reference_keeps(space, name):
    x = scores(name)[:1000]
    for given in (x[:999].reshape(3, 333), x.astype(np.float64).reshape(2, 500)):
        for n in (1, 100, 250):
            how = {"structure": "nm", "n": n, "m": 250}
            exactly(reference.prune_select(given, **how), space.prune_select(given, **how))


@EACH
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_very_long_groups_are_arrays_of_their_own(space, axis, monkeypatch):
    monkeypatch.setattr(selection, "LONG", 8)
    monkeypatch.setattr(largest, "SMALL", 64)
    x = scores("few values")[: 7 * 90 * 5].reshape(7, 90, 5).transpose(axis - 1, axis, axis - 2)
    for n, m in ((0, 9), (5, 9), (33, 80), (80, 80)):
        how = {"structure": "nm", "n": n, "m": m, "axis": 1}
        exactly(reference.prune_select(x, **how), space.prune_select(x, **how))
    x = x.copy()
    x[2, 1, 3] = np.nan
    with pytest.raises(RefcompressError, match=r"scores\[2, 1, 3\]"):
        space.prune_select(x, structure="nm", n=1, m=80, axis=1)


def test_ctrl_c_is_answered_while_one_group_holds_all_scores():
    setup = """
import numpy as np
from refcompress import native
native.threads.set(1)
x = np.arange(2**24, dtype=np.float32)
x[::3] = 7
"""
    call = "native.prune_select(x, structure='nm', n=2**22, m=2**24)"
    assert seconds_to_answer(setup, call, enough=0.2) < 0.2


@EACH
@pytest.mark.parametrize("high, across", [(1, 1100), (37, 1), (1, 4), (4, 4), (3, 5), (2, 8), (5, 11), (1, 2), (2, 2),
                                          (1, 3), (2, 3), (3, 3)])
def test_sums_of_blocks_side_by_side_are_those_of_the_reference(space, high, across):
    for columns in (1100, 2 * 64 + 1, 17, 3, 2, 1):  # around eight blocks, 64 of two columns, and one block
        size = 37 * columns
        x, more = (a.reshape(37, columns) for a in (scores("normal")[:size], scores("normal")[-size:]))
        x = np.where(more > 1, x * F(1e20), x)  # each order has other bits
        for keep in (1, -(-37 // high) * -(-columns // across) // 2):
            how = {"structure": "block", "block": (high, across), "keep": keep}
            exactly(reference.prune_select(x, **how), space.prune_select(x, **how))


@pytest.mark.parametrize("name", ["normal", "equal", "few values", "rising", "subnormal"])
def test_the_bounds_of_the_deviation_enclose_the_references(name):
    w = scores(name)
    deviation = np.sqrt(np.cumsum((w - np.cumsum(w.astype(float))[-1] / w.size) ** 2)[-1] / w.size)
    for kernel in (row["prune_chain"] for _, row, supported in thresholds._table.rows() if supported):
        low, high = thresholds._deviation_bounds(kernel, w)
        assert low <= deviation <= high
        assert name == "equal" or high - low < 1e-9 * high


def test_the_exact_sums_are_left_for_what_the_bounds_do_not_tell(monkeypatch):
    exact = []
    real = thresholds._sum
    monkeypatch.setattr(thresholds, "_sum", lambda *args: (exact.append(1), real(*args))[1])
    native.prune_threshold(scores("normal"), 1.0)
    assert not exact
    native.prune_threshold(scores("equal"), 1.0)
    assert exact


@pytest.mark.parametrize("kernels", NATIVE)
@pytest.mark.parametrize("size", [1, 63, 64, 65, 4095, 4096, 4097, 2**18, 2**18 + 1, 2**18 + 4099])
def test_thresholds_agree_at_lengths_around_vectors_blocks_and_stores_past_the_caches(kernels, size):
    w = np.random.default_rng(size).standard_normal(size).astype(np.float32)
    for quality in (0.0, 0.5, 2.0):
        assert np.array_equal(reference.prune_threshold(w, quality), kernels.prune_threshold(w, quality))
