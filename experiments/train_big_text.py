"""Train big, then compress, on text: transformers at one budget of operations, compressed to the same bytes.

    python -m experiments.train_big_text            # writes results/train_big_text/; goes on where it stopped

Every file of every network has cost the same number of operations: seven tenths to train, three to prune, retrain, and
tune the values that its weights share. Dense products: a pruned weight costs what the others do. The text, in three
parts, and the networks are those of characters.py. A loss is the mean over all places of all windows of a part.
"""

import tempfile
from pathlib import Path

import numpy as np

from refcompress import load_model, training
from refcompress.agreement import exactly
from refcompress.recipes import train_big
from refcompress.recipes.ladder import weights_of
from refcompress.recipes.train_big import Flops, compress_to, flops_an_example, train_for
from refcompress.training import GraphNetwork

from . import characters, runner, train_big_text_report
from .train_big_text_report import BATCH, SHARE

SIZES = ((16, 1), (32, 1), (32, 2), (64, 2), (128, 2))  # width, depth
TARGETS = (8_000, 16_000, 32_000)
SEEDS, BUDGET, BITS, WEIGHT_DECAY = 3, 4e11, 4, 1e-4
RATE = 0.512  # the learning rate is this over the width, and at most 0.008
POINTS, WATCHED = 10, 128  # of a curve; windows of the validation by which it is drawn
AT_ONCE = {"4 bits": (1.0, 4), "3 bits": (1.0, 3), "2 bits": (1.0, 2), "half": (0.5, 8), "a quarter": (0.25, 8)}


def measure(record: runner.Record) -> None:
    text, space = characters.text(), runner.fastest()
    texts = {row["text"] for row in record.value} | {text.name}
    if len(texts) > 1:
        raise SystemExit(f"the record is of other texts: {', '.join(sorted(texts))}")
    done = {(row["width"], row["depth"], row["seed"]) for row in record.value}
    for seed in range(SEEDS):
        for width, depth in SIZES:
            if (width, depth, seed) not in done:
                record.value.append(measured(text, width, depth, seed, space))
                record.keep()
                row = record.value[-1]
                print(f"seed {seed}, {width} x {depth}: validation {row['validation']:.3f} bits a character, files "
                      + ", ".join(f"{f['validation']:.3f}" for f in row["files"]), flush=True)


def measured(text: characters.Text, width: int, depth: int, seed: int, space) -> dict:
    """Return the row of one network: its curve, its losses, what rounding and pruning at once do to it, its files."""
    rng, ledger = np.random.default_rng([seed, width, depth]), Flops(BUDGET)
    network = GraphNetwork(characters.transformer(len(text.characters), width, depth, rng))
    rate = min(0.008, RATE / width)
    curve, marks = [], list(np.linspace(0, SHARE, POINTS + 1)[1:])

    def watch():
        if marks and ledger.spent + BATCH * flops >= marks[0] * BUDGET:  # the last whole step before the mark
            marks.pop(0)
            curve.append([ledger.spent, loss(network, text.validation, WATCHED)])

    flops = flops_an_example(network)
    steps = train_for(network, *text.train, flops=SHARE * BUDGET, ledger=ledger, rng=rng, learning_rate=rate,
                      batch=BATCH, weight_decay=WEIGHT_DECAY, watch=watch)
    row = {"text": text.name, "characters": len(text.characters), "width": width, "depth": depth, "seed": seed,
           "weights": sum(w.size for w in weights_of(network).values()), "flops": flops, "steps": steps,
           "curve": curve, "validation": loss(network, text.validation), "test": loss(network, text.test),
           "at once": {name: loss(at_once(network, *how, space), text.validation) for name, how in AT_ONCE.items()},
           "files": []}
    for target in TARGETS:
        own = Flops(ledger.budget, ledger.spent)
        small = compress_to(network, target, *text.train, bits=BITS, flops=own.left, ledger=own, batch=BATCH,
                            rng=np.random.default_rng([seed, width, depth, target]), weight_decay=WEIGHT_DECAY,
                            learning_rate=rate / 2, dense=True, implementation=space)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "small.rcz")
            path.write_bytes(small.data)
            model = load_model(path, implementation=space)
        exactly({"graph": model.graph, **model.tensors}, {"graph": small.network.graph, **shared(small.layers)})
        row["files"].append({
            "target": target, "bytes": len(small.data), "kept": small.kept, "whole": small.whole, "bits": small.bits,
            "steps": small.steps, "spent": own.spent / own.budget,
            **{part: loss(Running(model, space), getattr(text, part)) for part in ("validation", "test")}})
    return row


class Running:
    """A model that was read back, as mean_loss asks for it."""

    def __init__(self, model, space):
        self.model, self.space = model, space

    def forward(self, x: np.ndarray) -> np.ndarray:
        return self.model(x, implementation=self.space)


def shared(layers: dict) -> dict:
    """Return what a file holds but its graph."""
    return {name: value for name, value in layers.items() if hasattr(value, "dense")}


def loss(network, part: tuple[np.ndarray, np.ndarray], most: int | None = None) -> float:
    """Return bits a character."""
    inputs, labels = (each[:most] for each in part)
    return training.mean_loss(network, inputs, labels, batch=64) / float(np.log(2))


def at_once(network: GraphNetwork, share: float, bits: int, space) -> GraphNetwork:
    """Return the network with this share of its weights, in values of so many bits, and without any training since."""
    pruned = train_big.pruned(network, round(share * sum(w.size for w in weights_of(network).values())), space)
    pruned.assign({name: value.dense() for name, value in train_big.all_shared(pruned, bits, space).items()
                   if value.dense().ndim > 1})
    return pruned


def main(argv=None) -> None:
    report = train_big_text_report
    runner.run("train_big_text", __doc__, list, measure, report.report, report.plot, argv)


if __name__ == "__main__":
    main()
