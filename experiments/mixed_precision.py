"""LeNet-300-100 on MNIST in float32 and in mixed precision, over five seeds: is the difference more than noise?

    python -m experiments.mixed_precision          # writes results/mixed_precision/; goes on where it stopped

The same seed gives all arithmetics the same weights, order and dropout, so their errors are compared pair by pair.
"""

import math
import time

import numpy as np

from refcompress.recipes import lenet_300_100
from refcompress.training import Adam, Autocast, LossScaler, Policy, Scaled, errors, fit, mnist

from . import runner

ARITHMETICS = {  # name: (format, scaler)
    "float32": ("float32", lambda: LossScaler(1, dynamic=False)),
    "float16, dynamic scaling": ("float16", LossScaler),
    "float16, no scaling": ("float16", lambda: LossScaler(1, dynamic=False)),
    "bfloat16, no scaling": ("bfloat16", lambda: LossScaler(1, dynamic=False)),
}
SEEDS, EPOCHS, BATCH, TRAINING, TESTED = 5, 6, 256, 60_000, 10_000


def run(arithmetic: str, seed: int, epochs: int, train, test) -> dict:
    """Train once; return the test errors (with the master weights in float32 and as trained) and what the scaler
    did."""
    format, scaler = ARITHMETICS[arithmetic]
    rng = np.random.default_rng(seed)
    network = lenet_300_100.network(rng)
    low = Autocast(network, policy=Policy(format), scaler=scaler(), watch=seed == 0 and format != "float32")
    optimizer = Scaled(Adam(2e-3, weight_decay=lenet_300_100.WEIGHT_DECAY), low.scaler)
    began = time.process_time()
    losses = fit(low, train.inputs(), train.labels, optimizer=optimizer, epochs=epochs, rng=rng, batch=BATCH)
    inputs = test.inputs()
    return {
        "arithmetic": arithmetic,
        "seed": seed,
        "epochs": epochs,
        "errors": errors(network, inputs, test.labels),
        "errors_as_trained": errors(low, inputs, test.labels),
        "loss": losses[-1],
        "scale": low.scaler.scale,
        "skipped": low.scaler.skipped,
        "processor_seconds": round(time.process_time() - began, 1),
        "underflow": {name: {key: int(value) for key, value in vars(u).items()} for name, u in low.underflow.items()},
    }


def report(runs: list[dict]) -> str:
    """Return the runs as two tables: errors, paired with float32's, and what became of the gradients of seed 0."""
    by = {(r["arithmetic"], r["seed"]): r for r in runs}
    steps = EPOCHS * math.ceil(TRAINING / BATCH)
    lines = [
        f"# LeNet-300-100 on MNIST, {EPOCHS} epochs: test error in % by arithmetic",
        "",
        "`make mixed-precision`; seeds 0 to 4, the same weights, order of examples and dropout for each arithmetic.",
        "Difference: paired with float32, mean ± half the 95 % confidence interval (t, 4 degrees of freedom).",
        f"A run has {steps} steps; a dynamic scale grows after 2000 good steps in a row, and shrinks when one is "
        "skipped.",
        "",
        "| arithmetic | "
        + " | ".join(f"seed {s}" for s in range(SEEDS))
        + " | mean | difference | skipped steps | last scale |",
        "| --- |" + " --- |" * (SEEDS + 4),
    ]
    for arithmetic in ARITHMETICS:
        mine = [by[arithmetic, s] for s in range(SEEDS)]
        percent = np.array([100 * r["errors"] / TESTED for r in mine])
        off = percent - [100 * by["float32", s]["errors"] / TESTED for s in range(SEEDS)]
        mean, half = runner.mean_and_half(off)
        said = "" if arithmetic == "float32" else f"{mean:+.3f} ± {half:.3f}"
        lines.append(f"| {arithmetic} | " + " | ".join(f"{p:.2f}" for p in percent) +
                     f" | {percent.mean():.3f} | {said} | {sum(r['skipped'] for r in mine)} | "
                     f"{', '.join(sorted({format(r['scale'], 'g') for r in mine}))} |")
    lines += [
        "",
        "## What rounding did to the gradients (seed 0), in % of the values that were not zero",
        "",
        "*unscaled*: the same values without the loss scale. Tensors of which nothing was lost are not listed.",
        "",
        "| arithmetic | tensor | to zero | to subnormal | to infinity | to zero unscaled | to subnormal unscaled |",
        "| --- |" + " --- |" * 6,
    ]
    for arithmetic in ARITHMETICS:
        for name, u in by[arithmetic, 0]["underflow"].items():
            if sum(u.values()) == u["values"]:
                continue
            share = [f"{100 * u[key] / max(1, u['values']):.3f}" for key in
                     ("zeroed", "subnormal", "overflowed", "zeroed_unscaled", "subnormal_unscaled")]
            lines.append(f"| {arithmetic} | {name} | " + " | ".join(share) + " |")
    return "\n".join(lines) + "\n"


def measure(record: runner.Record) -> None:
    train, test = mnist.load()
    done = {(r["arithmetic"], r["seed"], r["epochs"]) for r in record.value}
    for seed in range(SEEDS):
        for arithmetic in ARITHMETICS:
            if (arithmetic, seed, EPOCHS) not in done:
                record.value.append(run(arithmetic, seed, EPOCHS, train, test))
                record.keep()
                last = record.value[-1]
                print(arithmetic, seed, last["errors"], f"{last['processor_seconds']} s", flush=True)


def main(argv=None) -> None:
    runner.run("mixed_precision", __doc__, list, measure, report, argv=argv)


if __name__ == "__main__":
    main()
