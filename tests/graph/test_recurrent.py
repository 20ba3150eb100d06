"""LSTM and GRU, step by step."""

import numpy as np
import pytest

import refcompress as rc
from refcompress import native, reference
from refcompress.graph import Builder
from refcompress.graph.use import Use

RNG = np.random.default_rng(4)
STEPS, N, K, M = 5, 3, 4, 6


def real(*shape):
    return (RNG.standard_normal(shape) / 2).astype(np.float32)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def run(operation, x, *inputs, use=None, **attributes):
    builder = Builder()
    outputs = {"lstm": 3, "gru": 2}[operation]
    given = builder.input("x", x.shape)
    model = builder.model(*getattr(builder, operation)(given, *inputs, outputs=outputs, name="cell", **attributes))
    found = model(x, use=use)
    for implementation in [reference, *native.available()] if use is None else ():
        for a, b in zip(model(x, implementation=implementation), found):
            assert near(a, b)
    return found


def near(got, expected) -> bool:
    """A gate sums fewer than 20 products of at most 4: below 2^-24 times 200; h and c keep that through few steps."""
    return got.shape == expected.shape and np.abs(got - expected).max() <= 5 * 200 * 2.0**-24


def lstm_step(x, h, c, w, r, b, p=None):
    gates = x @ w.T.astype(np.float64) + h @ r.T.astype(np.float64) + b
    i, o, f, g = np.split(gates, 4, 1)
    pi, po, pf = np.split(p.astype(np.float64), 3) if p is not None else (0, 0, 0)
    c_new = sigmoid(f + pf * c) * c + sigmoid(i + pi * c) * np.tanh(g)
    return sigmoid(o + po * c_new) * np.tanh(c_new), c_new


def gru_step(x, h, w, r, b, d, after):
    a, back = x @ w.T.astype(np.float64) + b, h @ r.T.astype(np.float64) + d
    z, q = sigmoid(a[:, :M] + back[:, :M]), sigmoid(a[:, M : 2 * M] + back[:, M : 2 * M])
    inner = q * back[:, 2 * M :] if after else (q * h) @ r[2 * M :].T.astype(np.float64) + d[2 * M :]
    return (1 - z) * np.tanh(a[:, 2 * M :] + inner) + z * h


@pytest.mark.parametrize("peepholes", [False, True])
def test_lstm_is_its_steps(peepholes):
    x, w, r, b, h, c = real(STEPS, N, K), real(4 * M, K), real(4 * M, M), real(1, 8 * M), real(1, N, M), real(1, N, M)
    p = real(1, 3 * M) if peepholes else None
    y, last_h, last_c = run("lstm", x, w, r, b, None, h, c, p)
    h, c = h[0].astype(np.float64), c[0].astype(np.float64)
    both = b[0, : 4 * M].astype(np.float64) + b[0, 4 * M :]
    for t in range(STEPS):
        h, c = lstm_step(x[t], h, c, w, r, both, None if p is None else p[0])
        assert near(y[t, 0], h)
    assert near(last_h[0], h) and near(last_c[0], c)


@pytest.mark.parametrize("after", [False, True])
def test_gru_is_its_steps(after):
    x, w, r, b, h = real(STEPS, N, K), real(3 * M, K), real(3 * M, M), real(1, 6 * M), real(1, N, M)
    y, last = run("gru", x, w, r, b, None, h, reset_after=after)
    h = h[0].astype(np.float64)
    for t in range(STEPS):
        h = gru_step(x[t], h, w, r, b[0, : 3 * M].astype(np.float64), b[0, 3 * M :].astype(np.float64), after)
        assert near(y[t, 0], h)
    assert near(last[0], h)


@pytest.mark.parametrize("operation, gates", [("lstm", 4), ("gru", 3)])
class TestDirections:
    def weights(self, gates, ways=1):
        return real(ways * gates * M, K), real(ways * gates * M, M), real(ways, 2 * gates * M)

    def test_reverse_is_forward_of_the_reversed_sequence(self, operation, gates):
        x, weights = real(STEPS, N, K), self.weights(gates)
        y, *last = run(operation, x, *weights, direction="reverse")
        turned, *also = run(operation, x[::-1].copy(), *weights)
        assert np.array_equal(y, turned[::-1]) and all(map(np.array_equal, last, also))

    def test_bidirectional_is_both_side_by_side(self, operation, gates):
        x, (w, r, b) = real(STEPS, N, K), self.weights(gates, 2)
        y, *last = run(operation, x, w, r, b, direction="bidirectional")
        for d, way in enumerate(("forward", "reverse")):
            rows = slice(d * gates * M, (d + 1) * gates * M)
            one, *end = run(operation, x, w[rows], r[rows], b[d : d + 1], direction=way)
            assert np.array_equal(y[:, d : d + 1], one)
            assert all(np.array_equal(a[d : d + 1], e) for a, e in zip(last, end))

    def test_sequences_of_their_own_lengths_are_those_that_run_alone(self, operation, gates):
        x, weights, lengths = real(STEPS, N, K), self.weights(gates), np.int32([5, 2, 0])
        for way in "forward", "reverse":
            y, *last = run(operation, x, *weights, lengths, direction=way)
            for i, n in enumerate(lengths):
                assert not y[n:, :, i].any()
                if n:
                    alone, *end = run(operation, x[:n, i : i + 1], *weights, direction=way)
                    assert near(y[:n, :, i : i + 1], alone)
                    assert all(near(a[:, i : i + 1], e) for a, e in zip(last, end))
                else:
                    assert not any(a[:, i].any() for a in last)

    def test_batch_first_is_the_same_with_its_axes_in_another_order(self, operation, gates):
        x, weights, h = real(STEPS, N, K), self.weights(gates), real(1, N, M)
        y, *last = run(operation, x, *weights, None, h)
        first, *end = run(operation, x.swapaxes(0, 1).copy(), *weights, None, h.swapaxes(0, 1).copy(), batch_first=True)
        assert np.array_equal(first, y.transpose(2, 0, 1, 3))
        assert all(np.array_equal(a.swapaxes(0, 1), e) for a, e in zip(last, end))

    def test_weights_with_an_axis_of_directions_are_those_without(self, operation, gates):
        x, (w, r, b) = real(STEPS, N, K), self.weights(gates, 2)
        y, *last = run(operation, x, w, r, b, direction="bidirectional")
        also, *end = run(operation, x, w.reshape(2, -1, K), r.reshape(2, -1, M), b, direction="bidirectional")
        assert np.array_equal(y, also) and all(map(np.array_equal, last, end))

    def test_compressed_weights_are_multiplied_as_they_are_stored(self, operation, gates):
        x, (w, r, b) = real(STEPS, N, K), self.weights(gates, 2)
        stored = {
            "gemm_f32s8": [rc.quantize_s8(a.reshape(2, gates * M, -1), axis=0) for a in (w, r)],
            "quantize_unpack": [rc.quantize_pack(rc.quantize_s8(a, bits=5, axis=0), bits=5) for a in (w, r)],
            "gemm_f32s4": [rc.quantize_pack(rc.quantize_s8(a, bits=4, axis=0)) for a in (w, r)],
            "csr_matmul": [rc.csr_from_dense(a, mask=np.abs(a) > 0.3) for a in (w, r)],
        }
        for product, (a, c) in stored.items():
            use = Use(native)
            y, *_ = run(operation, x, a, c, b, use=use, direction="bidirectional")
            expected, *_ = run(operation, x, a.dense(), c.dense(), b, direction="bidirectional")
            assert near(y, expected) and any(product in line for line in use.said["cell"])
            assert not any("decoded" in line for line in use.said["cell"])

    def test_clip_cuts_what_the_functions_of_the_gates_take(self, operation, gates):
        """Gates cut to 0 are 1/2, and tanh of 0 is 0: an lstm halves its cell, and a gru its state."""
        h, c = real(1, N, M), real(1, N, M)
        states = (h, c) if operation == "lstm" else (h,)
        more = [real(1, 3 * M)] if operation == "lstm" else []  # with peepholes
        _, last_h, *more = run(operation, real(1, N, K), *self.weights(gates), None, *states, *more, clip=1e-30)
        if operation == "lstm":
            assert near(more[0], c / 2) and near(last_h, np.tanh(c / 2) / 2)
        else:
            assert near(last_h, h / 2)


def test_a_coupled_forget_gate_is_what_the_input_gate_leaves():
    x, w, r, c = real(1, N, K), real(4 * M, K), real(4 * M, M), real(1, N, M)
    _, _, last = run("lstm", x, w, r, None, None, None, c, coupled=True)
    i, _, _, g = np.split(x[0] @ w.T.astype(np.float64), 4, 1)
    assert near(last[0], (1 - sigmoid(i)) * c[0] + sigmoid(i) * np.tanh(g))
