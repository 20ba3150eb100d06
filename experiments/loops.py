"""The two loops of Deep Compression on LeNet-300-100: does going round again gain anything, at equal training?

    python -m experiments.loops                    # writes results/loops/; goes on where it was stopped

Pruning: to the same share of each layer in 1, 2 or 5 rounds, the same epochs in all. Sharing: from the network that was
pruned in 5 rounds, the values are clustered once and trained for 8 epochs, or clustered again after each 4 or 2 of
these. The first 20,000 images are trained on; else settings are those of recipes/lenet_300_100.py. Nothing is chosen on
the images that are counted.
"""

import numpy as np

from refcompress import reference
from refcompress.recipes import Settings, deep_compression, lenet_300_100
from refcompress.recipes.dropout import adapt_dropout
from refcompress.training import Adam, Masked, errors, fit, mean_loss, mnist

from . import runner

SEEDS, IMAGES, DENSE_EPOCHS, PRUNE_EPOCHS, SHARE_EPOCHS = 3, 20_000, 10, 20, 8
PRUNE_ROUNDS, SHARE_ROUNDS, BITS = (1, 2, 5), (1, 2, 4), (4, 2)
KEEP = lenet_300_100.SETTINGS.keep


def pruned(dense, rounds: int, train, seed: int):
    """Return a network that was pruned and retrained in rounds, PRUNE_EPOCHS in all; the last round has what is left
    over."""
    network, rng = dense.copy(), np.random.default_rng(seed)
    for r in range(1, rounds + 1):
        masks = {name: reference.prune_magnitude(network.parameters[name], keep=round(
            share ** (r / rounds) * network.parameters[name].size)) for name, share in KEEP.items()}
        adapt_dropout(network, dense, {name: float(mask.mean()) for name, mask in masks.items()})
        epochs = PRUNE_EPOCHS // rounds if r < rounds else PRUNE_EPOCHS - (rounds - 1) * (PRUNE_EPOCHS // rounds)
        fit(network, *train, optimizer=Adam(2e-3, weight_decay=1e-4), epochs=epochs, rng=rng, batch=256,
            tuning=Masked(network, masks))
    return network


def counted(network, train, parts) -> dict:
    """Return the errors among the 5,000 validation and the 10,000 test images, and the loss on what was trained on."""
    return {"loss": mean_loss(network, *train)} | {key: errors(network, *part) for key, part in parts.items()}


def measure(record: runner.Record) -> None:
    examples, test = mnist.load()
    train, validation = ((part.inputs(), part.labels) for part in mnist.split(examples))
    train = tuple(part[:IMAGES] for part in train)
    parts = {"validation": validation, "test": (test.inputs(), test.labels)}
    for seed in range(SEEDS):
        if sum(row["seed"] == seed for row in record.value) == 1 + len(PRUNE_ROUNDS) + len(BITS) * len(SHARE_ROUNDS):
            continue
        record.value = [row for row in record.value if row["seed"] != seed]
        dense = lenet_300_100.train_reference(*train, seed=seed, epochs=DENSE_EPOCHS)
        rows = [{"loop": "dense", "rounds": 0, "bits": 32} | counted(dense, train, parts)]
        for rounds in PRUNE_ROUNDS:
            sparse = pruned(dense, rounds, train, seed)
            rows.append({"loop": "prune", "rounds": rounds, "bits": 32} | counted(sparse, train, parts))
        shares = {name: np.count_nonzero(sparse.parameters[name]) / sparse.parameters[name].size for name in KEEP}
        for bits in BITS:
            for rounds in SHARE_ROUNDS:
                how = Settings(shares, dict.fromkeys(KEEP, bits), rounds=1, last_epochs=0, share_rounds=rounds,
                               share_epochs=SHARE_EPOCHS // rounds, batch=256)
                result = deep_compression(sparse, train, validation, how, seed=seed)
                rows.append({"loop": "share", "rounds": rounds, "bits": bits, "chosen": result.share_round}
                            | counted(result.network, train, parts))
        record.value += [{"seed": seed} | row for row in rows]
        record.keep()
        print(f"seed {seed}: {len(rows)} networks", flush=True)


def report(rows: list[dict]) -> str:
    """Return both loops as tables: means over the seeds, and the gain over one round, seed by seed."""
    seeds = sorted({row["seed"] for row in rows})
    lines = ["# Going round again: the two loops of Deep Compression on LeNet-300-100", "",
             f"`make loops`; {IMAGES:,} training images, seeds {', '.join(map(str, seeds))}. Each row of a table has "
             "the same epochs of training. Gain: what the test error is less than with one round, in points, paired by "
             "seed, mean ± half the 95 % confidence interval (Student's t). Where the interval holds 0 no gain is "
             "seen.", ""]
    dense = [row for row in rows if row["loop"] == "dense"]
    lines += [f"Dense: test error {_mean(dense, 'test', 10_000):.2f} %.", ""]
    for loop, title in (("prune", f"Prune and retrain, {PRUNE_EPOCHS} epochs in all"),
                        ("share", f"Cluster and retrain, {SHARE_EPOCHS} epochs in all")):
        lines += [f"## {title}", "", "| bits | rounds | training loss | validation error, % | test error, % | gain |",
                  "| --- |" + " --- |" * 5]
        mine = [row for row in rows if row["loop"] == loop]
        for bits, rounds in dict.fromkeys((row["bits"], row["rounds"]) for row in mine):
            these, first = ([row for row in mine if (row["bits"], row["rounds"]) == (bits, r)] for r in (rounds, 1))
            gain, half = runner.mean_and_half([(a["test"] - b["test"]) / 100 for a, b in zip(first, these)])
            lines.append(f"| {bits} | {rounds} | {np.mean([row['loss'] for row in these]):.4f} | "
                         f"{_mean(these, 'validation', 5000):.2f} | {_mean(these, 'test', 10_000):.2f} | "
                         + ("" if rounds == 1 else f"{gain:+.3f} ± {half:.3f}") + " |")
        lines.append("")
    return "\n".join(lines)


def _mean(rows: list[dict], part: str, images: int) -> float:
    return 100 * float(np.mean([row[part] for row in rows])) / images


def main(argv=None) -> None:
    runner.run("loops", __doc__, list, measure, report, argv=argv)


if __name__ == "__main__":
    main()
