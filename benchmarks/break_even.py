"""Where a compressed weight multiplies faster than the best dense float32 product: ``make break-even``.

A weight of 4096 x 4096 in each format, density by columns: our widest kernels, prepared where there is something to
pack, timed in turns with the dense products of all libraries that are installed. Each result is compared with the
product in float64 of what the format holds before anything is timed. To build/break-even: the figures as JSON, the
picture, and in words where we lose.
"""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from . import surroundings

ROOT = Path(__file__).resolve().parents[1]
N = K = 4096
DENSITIES, COLUMNS = (0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7), (1, 8, 64, 256)
SECONDS, ROUNDS = 0.15, 3
INTEGERS = "bitmask, int8, inputs int8"
QUICK = 512  # rows and inputs with --quick


def sparse_formats(reference) -> dict[str, Callable]:
    """Return {name: maker of a format from float32 weights and which of them are kept}."""
    makers = {"CSR, float32": reference.csr_from_dense}
    if hasattr(reference, "sparse_bitmask_pack"):
        makers["bitmask, float32"] = reference.sparse_bitmask_pack
        makers["bitmask, int8"] = lambda w, kept: reference.sparse_bitmask_pack(reference.quantize_s8(w, axis=0), kept)
        makers[INTEGERS] = makers["bitmask, int8"]
    return makers


def narrow_formats(rng, n: int, k: int) -> dict:
    """Return dense weights of few bits, which no density changes."""
    from refcompress import formats

    from .cases.gemm_narrow import WEIGHTS, scales

    scale = scales(rng, n, 1)
    made = {op.removeprefix("gemm_f32"): WEIGHTS[op].make(rng, n, k) for op, each in WEIGHTS.items() if each.whole}
    return {"s8": formats.Quantized(rng.integers(-127, 128, (n, k), np.int8), scale, np.zeros(scale.shape, np.int8)),
            **made}


def dense_calls(found, w: np.ndarray, x: np.ndarray) -> dict[str, Callable]:
    """Return the dense products of w by the columns x, each checked: of the libraries, and of NumPy both ways round."""
    rows = np.ascontiguousarray(x.T)
    expected = (w.astype(np.float64) @ x).astype(np.float32).T
    calls = {"NumPy, w @ x": lambda: w @ x}
    for peer in found["gemm_f32f32"]:
        call = peer.prepare(rows, w)
        peer.check(expected, call(), (rows, w), {})
        calls[peer.label] = call
    return calls


def call_on_integers(native, weight, x: np.ndarray) -> Callable:
    """Return our product of int8 weights by inputs that were brought to int8 beforehand, a scale each, checked."""
    from .peers.bounds import sums, within

    q = native.quantize_s8(np.ascontiguousarray(x.T), axis=0)
    ready = native.prepare(weight, "sparse_s8s8")
    args = q.values, q.scale[:, 0].copy(), ready if ready.packed_bytes else weight
    within(sums)(None, native.sparse_s8s8(*args), (*args[:2], weight), {})
    return lambda: native.sparse_s8s8(*args)


def our_call(native, weight, x: np.ndarray) -> Callable:
    """Return our product of a weight by columns, checked; prepared where there is something to pack."""
    from .peers.bounds import sums, within

    by_rows = weight.product.startswith("gemm")
    function = getattr(native, weight.product)
    ready = native.prepare(weight)
    weight_or_ready = ready if ready.packed_bytes else weight
    columns = np.ascontiguousarray(x.T) if by_rows else x
    def call():
        return function(columns, weight_or_ready) if by_rows else function(weight_or_ready, columns)

    got = call() if by_rows else call().T
    within(sums)(None, got, (x.T, weight.dense()), {})
    return call


def row(format: str, density, columns: int, best: float, who: str, ours: float) -> dict:
    return {"format": format, "density": density, "columns": columns, "dense": best, "who": who, "ours": ours,
            "ratio": best / ours}


def measured(threads: int, n: int, k: int) -> list[dict]:
    from refcompress import native, reference
    from refcompress.testing.clock import in_turns, timed

    from . import peers

    native.threads.set(threads)
    found, _ = peers.load(threads)
    rng, rows = np.random.default_rng(0), []
    inputs = {columns: rng.standard_normal((k, columns), dtype=np.float32) for columns in COLUMNS}
    kinds = sparse_formats(reference)
    w = rng.standard_normal((n, k), dtype=np.float32)
    dense_of = {columns: dense_calls(found, w, x) for columns, x in inputs.items()}  # no density changes their speed
    for density in (*DENSITIES, None):
        kept = rng.random((n, k), dtype=np.float32) < (density or 1)
        sparse = {name: make(w, kept) for name, make in kinds.items()} if density else {}
        weights = sparse or narrow_formats(rng, n, k)
        for columns, x in inputs.items():
            print(f"[density {density or 'dense'}, {columns} columns]", file=sys.stderr, flush=True)
            dense = dense_of[columns]
            calls = dense | {name: (call_on_integers if name == INTEGERS else our_call)(native, weight, x)
                             for name, weight in weights.items()}
            first = {name: timed(call, 1)[0] for name, call in calls.items()}
            seconds = {name: min(own) for name, own in in_turns(calls, first, SECONDS * len(calls), ROUNDS).items()}
            who = min(dense, key=seconds.__getitem__)
            rows += [row(name, density, columns, seconds[who], who, seconds[name]) for name in weights]
    return rows


def in_words(rows: list[dict]) -> str:
    """Return where we lose, format by format."""
    lines = []
    for name in dict.fromkeys(r["format"] for r in rows):
        for columns in COLUMNS:
            own = [r for r in rows if r["format"] == name and r["columns"] == columns]
            lost = [r for r in own if r["ratio"] < 1]
            if own[0]["density"] is None:
                said = f"{own[0]['ratio']:.2f} x the best dense product ({own[0]['who']})" + " LOSES" * bool(lost)
            elif not lost:
                said = f"ahead at every density up to {own[-1]['density']:g}, {own[-1]['ratio']:.2f} x there"
            elif len(lost) == len(own):
                said = "LOSES at every density"
            else:
                said = "LOSES at density " + ", ".join(f"{r['density']:g}" for r in lost)
            lines.append(f"{name}, {columns} column{'s' * (columns > 1)}: {said}")
    return "\n".join(lines)


def main() -> int:
    options = parser().parse_args()
    n, k = (QUICK, QUICK) if options.quick else (N, K)
    rows = measured(options.threads, n, k)
    words = in_words(rows)
    print(words)
    folder = options.out or ROOT / "build" / "break-even"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "break_even.json").write_text(json.dumps(rows, indent=1) + "\n")
    (folder / "break_even.txt").write_text(words + "\n")
    try:
        from .break_even_map import draw
    except ImportError:
        print("no picture: it needs matplotlib (pip install refcompress[plot])", file=sys.stderr)
        return 0
    draw(rows, folder / "break_even.png", f"{n} x {k}, {options.threads} thread{'s' * (options.threads > 1)}")
    return 0


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.break_even", description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help=f"a weight of {QUICK} x {QUICK}")
    parser.add_argument("--out", type=Path, help="folder of the figures and the picture (default build/break-even)")
    return parser


if __name__ == "__main__":
    surroundings.begin_anew(parser().parse_args().threads, None)
    sys.exit(main())
