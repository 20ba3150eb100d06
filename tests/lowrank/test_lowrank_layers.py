"""Low rank of what layers do: whitened by their inputs, behind a ReLU, as convolutions, with sparse outliers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import refcompress as rc
from refcompress import ArgumentTypeError, LowRankConv, RefcompressError, Tucker2

U = 2.0**-24
SEEDS = st.integers(0, 2**32 - 1)
SIZES = st.integers(1, 9)


def normal(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)


def norm(a):
    return float(np.linalg.norm(np.asarray(a, np.float64)))


def lapack(m, k):
    """Return what LAPACK's singular values, and the residuals of its vectors, are off by, of the norm: as in
    agreement."""
    return 64 * m * k * 2.0**-53


# Whitened by the inputs.

@given(SIZES, SIZES, st.integers(0, 20), SEEDS, st.data())
def test_no_matrix_of_the_rank_has_nearer_outputs(m, k, n, seed, data):
    rank = data.draw(st.integers(0, min(m, k)))
    w, x = normal(seed, m, k), normal(seed + 1, n, k) * np.float32(10.0) ** np.arange(k).astype(np.float32)
    f = rc.lowrank_whitened(w, rc.quantize_hessian(x), rank=rank)
    wide, inputs = w.astype(np.float64), x.astype(np.float64)
    # The optimum is the tail of the spectrum of x w.T, for any rank-r matrix gives outputs of that rank (Eckart &
    # Young); 4 roundings of the factors, and a root for x.T @ x: its eigenvalues are off by a part of ||x||**2, and are
    # squares of what is compared.
    tail = norm(np.linalg.svd(inputs @ wide.T, compute_uv=False)[rank:]) if n else 0.0
    allowed = (4 * U + np.sqrt(lapack(max(n, m), k))) * norm(w) * norm(x)
    error = norm(inputs @ (wide - f.dense().astype(np.float64)).T)
    assert f.rank == rank and tail - allowed <= error <= tail + allowed
    assert error <= norm(inputs @ (wide - rc.lowrank_svd(w, rank=rank).dense().astype(np.float64)).T) + allowed


def test_with_inputs_alike_it_is_plain_svd_and_without_any_it_stands_all_the_same():
    w = normal(3, 7, 5)
    f = rc.lowrank_whitened(w, np.eye(5), rank=3)
    assert norm(f.dense() - rc.lowrank_svd(w, rank=3).dense()) <= 16 * U * norm(w)
    assert rc.lowrank_whitened(w, np.zeros((5, 5)), rank=2).shape == (7, 5)


# Behind a ReLU.

@given(SIZES, SIZES, SEEDS)
def test_relu_values_lie_between_their_bounds_each_at_most_the_singular_value_that_follows(m, k, seed):
    w = normal(seed, m, k)
    v = rc.lowrank_relu_values(w)
    sigma = np.append(np.linalg.svd(w.astype(np.float64), compute_uv=False), 0)
    assert np.abs(v.upper - sigma).max() <= lapack(m, k) * sigma[0]
    assert np.all(v.lower <= v.estimate) and np.all(v.estimate <= v.upper) and np.all(v.attained <= v.upper)
    assert all(np.all(np.diff(a) <= 0) for a in (v.lower, v.estimate, v.upper))
    assert v.estimate[-1] == 0


@given(SIZES, SIZES, SEEDS)
@settings(max_examples=40)
def test_samples_never_pass_the_upper_bound_and_no_matrix_of_the_rank_goes_below_the_lower(m, k, seed):
    w, rng = normal(seed, m, k).astype(np.float64), np.random.default_rng(seed)
    v = rc.lowrank_relu_values(w.astype(np.float32))
    x = rng.standard_normal((k, 200))
    x /= np.linalg.norm(x, axis=0)
    for r in range(min(m, k)):
        narrow = rc.lowrank_svd(w.astype(np.float32), rank=r).dense().astype(np.float64)
        gap = np.linalg.norm(np.maximum(w @ x, 0) - np.maximum(narrow @ x, 0), axis=0)
        assert gap.max() <= v.upper[r] + 8 * U * norm(w)  # narrow is rounded to float32
        other = rng.standard_normal((m, r)) @ rng.standard_normal((r, k))  # any matrix of rank r errs at least so much:
        _, s, vt = np.linalg.svd(other)
        kernel = vt[r:].T  # and at a point of its kernel
        _, _, best = np.linalg.svd(w @ kernel)
        y = kernel @ best[0]
        error = max(np.linalg.norm(np.maximum(w @ at, 0) - np.maximum(other @ at, 0)) for at in (y, -y))
        # Of other the kernel is found, and then the best of w in it; of w the value itself was.
        assert error >= v.lower[r] - 2 * lapack(m, k) * (norm(w) + norm(other))


@given(SIZES, SIZES, SEEDS)
@settings(max_examples=30)
def test_the_witness_is_a_unit_input_at_which_the_truncated_matrix_errs_as_much_as_attained(m, k, seed):
    w = normal(seed, m, k)
    v = rc.lowrank_relu_values(w)
    u, s, vt = np.linalg.svd(w.astype(np.float64), full_matrices=False)
    for r in range(min(m, k)):
        x = v.witness[:, r]
        narrow = (u[:, :r] * s[:r]) @ vt[:r]
        gap = norm(np.maximum(w @ x, 0) - np.maximum(narrow @ x, 0))
        assert abs(norm(x) - 1) <= lapack(m, k) and gap >= v.attained[r] - 2 * lapack(m, k) * s[0]


def test_relu_values_scale_with_the_matrix_and_do_not_see_the_order_of_its_rows():
    w = normal(5, 8, 6)
    v = rc.lowrank_relu_values(w)
    assert np.array_equal(rc.lowrank_relu_values(w * 4).estimate, 4 * v.estimate)
    turned = rc.lowrank_relu_values(w[::-1].copy())
    assert np.abs(turned.upper - v.upper).max() <= 2 * lapack(8, 6) * v.upper[0]
    assert v.rank(1) == 0 and v.rank(0) == 6 and v.rank(0.5) <= v.rank(0.4)


def lost(w, x, b, f):
    y, z = (np.maximum(x.astype(np.float64) @ a.astype(np.float64).T + b, 0) for a in (w, f.dense()))
    return float(np.sum((y - z) ** 2))


def pull(x, ridge):
    return ridge * norm(x) ** 2 / x.shape[1]


@given(SIZES, SIZES, st.integers(0, 30), SEEDS, st.sampled_from([0.0, 0.05, 2.0]), st.data())
@settings(max_examples=60)
def test_behind_a_relu_no_truncation_of_equal_rank_has_a_lower_objective_and_more_turns_never_raise_it(
        m, k, n, seed, ridge, data):
    rank = data.draw(st.integers(0, min(m, k)))
    w, x, b = normal(seed, m, k), normal(seed + 1, n, k), normal(seed + 2, m)

    def objective(f):
        return lost(w, x, b, f) + pull(x, ridge) * norm(w - f.dense().astype(np.float64)) ** 2

    others = [rc.lowrank_svd(w, rank=rank), rc.lowrank_whitened(w, rc.quantize_hessian(x), rank=rank)]
    values = [objective(rc.lowrank_relu(w, x, rank=rank, bias=b, ridge=ridge, iterations=i)) for i in (0, 3, 30)]
    # dense() rounds l once more, which moves outputs by U ||x|| ||l|| and the loss by twice its root times that, and
    # its square; the pull, by as much for an x of the root of its size.
    allowed = 4 * U * ((norm(x) * norm(w) + norm(b) * np.sqrt(n)) ** 2 + pull(x, ridge) * norm(w) ** 2)
    assert values[0] <= min(map(objective, others)) + allowed
    assert values[1] <= values[0] + allowed and values[2] <= values[1] + allowed


@given(SIZES, SIZES, st.integers(1, 20), SEEDS, st.sampled_from([0.01, 0.05, 2.0]), st.data())
@settings(max_examples=60)
def test_where_the_relu_cuts_nothing_off_one_turn_finds_the_nearest_of_the_rank_under_the_inputs_and_the_pull(
        m, k, n, seed, ridge, data):
    rank = data.draw(st.integers(0, min(m, k)))
    w, x = normal(seed, m, k), normal(seed + 1, n, k)
    f = rc.lowrank_relu(w, x, rank=rank, bias=np.full(m, 1000, np.float32), ridge=ridge, iterations=1)
    # Of (w - l) s with s s.T = x.T x + pull: Eckart & Young's tail; for s the inputs, and below them the root of the
    # pull.
    both = np.vstack([x.astype(np.float64), np.sqrt(pull(x, ridge)) * np.eye(k)])
    tail = norm(np.linalg.svd(both @ w.T.astype(np.float64), compute_uv=False)[rank:])
    # A float64 sum near 1000 is off by 2**-43, and so is the target; what it moves in l is at most that over the pull's
    # root.
    allowed = 8 * U * norm(both) * norm(w) + 2.0**-40 * np.sqrt(n * m) * (1 + norm(x) / np.sqrt(pull(x, ridge)))
    # A turn that gains less than 2**-20 of the objective is not taken.
    assert tail - allowed <= norm(both @ (w - f.dense().astype(np.float64)).T) <= tail * (1 + 2.0**-20) + allowed


@pytest.mark.parametrize("m, k, n, rank", [(40, 64, 64, 8), (40, 64, 16, 8), (40, 64, 128, 8), (64, 40, 40, 8),
                                           (20, 100, 60, 5)])
def test_behind_a_relu_new_inputs_lose_at_most_a_quarter_more_than_by_whitening_however_few_were_seen(m, k, n, rank):
    for seed in range(4):
        w, x, new, b = normal(seed, m, k), normal(seed + 10, n, k), normal(seed + 20, 2000, k), np.zeros(m, np.float32)
        whitened = rc.lowrank_whitened(w, rc.quantize_hessian(x), rank=rank)
        assert lost(w, new, b, rc.lowrank_relu(w, x, rank=rank)) <= 1.25 * lost(w, new, b, whitened)


def test_without_the_ridge_new_inputs_may_lose_more_than_the_output_has_and_with_much_of_it_truncation_is_left():
    w, x, new, b = normal(0, 40, 64), normal(10, 64, 64), normal(20, 2000, 64), np.zeros(40, np.float32)
    nothing = rc.lowrank_svd(w, rank=0)
    assert lost(w, new, b, rc.lowrank_relu(w, x, rank=8, ridge=0)) > lost(w, new, b, nothing)
    far, plain = rc.lowrank_relu(w, x, rank=8, ridge=1e6), rc.lowrank_svd(w, rank=8)
    assert norm(far.dense() - plain.dense()) <= 1e-3 * norm(w)


def test_behind_a_relu_a_fifth_less_is_lost_than_by_truncation_even_of_white_inputs():
    w, x, b = normal(1, 40, 60), normal(2, 400, 60), normal(3, 40)
    mine, plain = rc.lowrank_relu(w, x, rank=20, bias=b), rc.lowrank_svd(w, rank=20)
    assert lost(w, x, b, mine) < 0.8 * lost(w, x, b, plain)
    assert rc.lowrank_relu(w, x, tolerance=0.5, bias=b).rank == rc.lowrank_relu_values(w).rank(0.5)


# Convolutions.

KERNELS = hnp.array_shapes(min_dims=4, max_dims=4, min_side=1, max_side=5)


def composed(f: LowRankConv):
    """The kernels of the two in a row, by their definition, one output, input and place at a time."""
    total = np.zeros(f.shape)
    for o, r, y, x in np.ndindex(f.second.shape):
        for i, v, u in np.ndindex(f.first.shape[1:]):
            total[o, i, y + v, x + u] += float(f.second[o, r, y, x]) * float(f.first[r, i, v, u])
    return total


@given(KERNELS, SEEDS, st.sampled_from(["channel", "spatial"]), st.data())
@settings(max_examples=50)
def test_two_convolutions_in_a_row_are_the_plain_svd_of_the_matrix_that_they_are(shape, seed, scheme, data):
    w = normal(seed, *shape)
    m, c, h, width = shape
    matrix = w.reshape(m, -1) if scheme == "channel" else w.transpose(1, 2, 0, 3).reshape(c * h, m * width)
    rank = data.draw(st.integers(0, min(matrix.shape)))
    f = rc.lowrank_conv(w, scheme=scheme, rank=rank)
    assert f.shape == shape and f.rank == rank
    assert f.first.shape[2:] == ((h, width) if scheme == "channel" else (h, 1))
    assert f.second.shape[2:] == ((1, 1) if scheme == "channel" else (1, width))
    tail = norm(np.linalg.svd(matrix.astype(np.float64), compute_uv=False)[rank:])
    assert abs(norm(f.dense() - w.astype(np.float64)) - tail) <= 6 * U * norm(w)
    assert np.abs(composed(f) - f.dense()).max() <= 2 * U * np.abs(w).max(initial=0) + U * norm(w)


@given(KERNELS, SEEDS, st.data())
@settings(max_examples=50)
def test_tucker_never_errs_more_with_more_turns_and_not_more_than_its_start(shape, seed, data):
    w = normal(seed, *shape)
    p, q = data.draw(st.integers(0, shape[0])), data.draw(st.integers(0, shape[1]))
    errors = [norm(rc.lowrank_tucker2(w, ranks=(p, q), iterations=i).dense() - w.astype(np.float64))
              for i in (0, 1, 20)]
    allowed = 8 * U * norm(w)
    assert errors[1] <= errors[0] + allowed and errors[2] <= errors[1] + allowed
    tails = [norm(np.linalg.svd(np.moveaxis(w, a, 0).reshape(shape[a], -1).astype(np.float64), compute_uv=False)[r:])
             for a, r in ((0, p), (1, q))]
    # HOSVD: at most the root of the sum of both tails' squares, at least the larger tail.
    assert max(tails) - allowed <= errors[2] <= np.hypot(*tails) + allowed
    full = rc.lowrank_tucker2(w, ranks=shape[:2])
    assert norm(full.dense() - w.astype(np.float64)) <= allowed


def test_tuckers_factors_are_orthonormal_and_signed():
    f = rc.lowrank_tucker2(normal(1, 6, 5, 3, 3), ranks=(4, 3))
    assert f.ranks == (4, 3) and f.shape == (6, 5, 3, 3)
    for basis in (f.outputs, f.inputs):
        assert np.abs(basis.T.astype(np.float64) @ basis - np.eye(basis.shape[1])).max() <= 4 * U
        assert all(column[np.abs(column).argmax()] > 0 for column in basis.T)


# With single weights beside it.

@given(SIZES, SIZES, SEEDS, st.data())
@settings(max_examples=50)
def test_low_rank_and_sparse_keep_what_was_asked_for_and_never_err_more_with_more_turns(m, k, seed, data):
    w = normal(seed, m, k)
    rank, keep = data.draw(st.integers(0, min(m, k))), data.draw(st.integers(0, m * k))
    errors = []
    for iterations in (0, 1, 30):
        a, b = rc.lowrank_sparse(w, rank=rank, keep=keep, iterations=iterations)
        assert a.rank == rank and b.nnz <= keep and b.canonical
        errors.append(norm(w - a.dense().astype(np.float64) - b.dense()))
    allowed = 8 * U * norm(w)
    assert errors[1] <= errors[0] + allowed and errors[2] <= errors[1] + allowed
    assert errors[2] <= norm(w - rc.lowrank_svd(w, rank=rank).dense().astype(np.float64)) + allowed


# Refusals.

W4, W2, H2 = np.ones((3, 2, 2, 2), np.float32), np.ones((3, 2), np.float32), np.eye(2)


@pytest.mark.parametrize("call, error, argument", [
    (lambda: rc.lowrank_whitened(W2, np.float32(H2), rank=1), ArgumentTypeError, "hessian"),
    (lambda: rc.lowrank_whitened(W2, np.eye(3), rank=1), RefcompressError, "hessian"),
    (lambda: rc.lowrank_whitened(W2, np.array([[1, 2], [0, 1.0]]), rank=1), RefcompressError, "hessian"),
    (lambda: rc.lowrank_whitened(W2, -H2, rank=1), RefcompressError, "hessian"),
    (lambda: rc.lowrank_whitened(W2, np.array([[1, 2], [2, 1.0]]), rank=1), RefcompressError, "hessian"),
    (lambda: rc.lowrank_whitened(W2, H2 * np.nan, rank=1), RefcompressError, "hessian"),
    (lambda: rc.lowrank_whitened(W2, H2, rank=3), RefcompressError, "rank"),
    (lambda: rc.lowrank_relu_values(W2 * np.float32(np.inf)), RefcompressError, "w"),
    (lambda: rc.lowrank_relu_values(W2).rank(1.5), RefcompressError, "tolerance"),
    (lambda: rc.lowrank_relu(W2, np.ones((4, 3), np.float32), rank=1), RefcompressError, "x"),
    (lambda: rc.lowrank_relu(W2, np.ones((4, 2), np.float32), rank=1, bias=np.ones(2, np.float32)), RefcompressError,
     "bias"),
    (lambda: rc.lowrank_relu(W2, np.ones((4, 2), np.float32)), RefcompressError, "rank or tolerance"),
    (lambda: rc.lowrank_relu(W2, np.ones((4, 2), np.float32), rank=-1), RefcompressError, "rank"),
    (lambda: rc.lowrank_relu(W2, np.ones((4, 2), np.float32), rank=1, ridge=-0.1), RefcompressError, "ridge"),
    (lambda: rc.lowrank_relu(W2, np.ones((4, 2), np.float32), rank=1, ridge=np.nan), RefcompressError, "ridge"),
    (lambda: rc.lowrank_relu(W2, np.ones((4, 2), np.float32), rank=1, ridge="0.1"), ArgumentTypeError, "ridge"),
    (lambda: rc.lowrank_conv(W4, scheme="both", rank=1), RefcompressError, "scheme"),
    (lambda: rc.lowrank_conv(W2, scheme="channel", rank=1), RefcompressError, "w"),
    (lambda: rc.lowrank_conv(W4, scheme="channel", rank=4), RefcompressError, "rank"),
    (lambda: rc.lowrank_conv(W4, scheme="spatial", nbytes=1), RefcompressError, "nbytes"),
    (lambda: rc.lowrank_conv(W4 * np.float32(np.nan), scheme="channel", rank=1), RefcompressError, "w"),
    (lambda: rc.lowrank_tucker2(W4, ranks=3), ArgumentTypeError, "ranks"),
    (lambda: rc.lowrank_tucker2(W4, ranks=(4, 1)), RefcompressError, "ranks[0]"),
    (lambda: rc.lowrank_tucker2(W4, ranks=(1, 3)), RefcompressError, "ranks[1]"),
    (lambda: rc.lowrank_sparse(W2, rank=1, keep=7), RefcompressError, "keep"),
    (lambda: rc.lowrank_sparse(W2, rank=3, keep=1), RefcompressError, "rank"),
    (lambda: LowRankConv(W4, W4), RefcompressError, "second"),
    (lambda: LowRankConv(W2, W4), RefcompressError, "first"),
    (lambda: Tucker2(W2, W4, W2), RefcompressError, "outputs"),
])
def test_refuses_by_name(call, error, argument):
    with pytest.raises(error) as caught:
        call()
    assert caught.value.argument.removesuffix("[0, 0]").removesuffix("[0, 1]").removesuffix("[0, 0, 0, 0]") == argument
