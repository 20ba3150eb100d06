"""Deep Compression on both networks of MNIST, as files, and past the paper.

    python -m experiments.deep_compression         # writes results/deep_compression/; goes on where it was stopped

Each network is trained, then led down a ladder (recipes/ladder.py): every rung is a file. What was trained is kept
stage by stage in build/deep_compression, so that a run that was stopped goes on; every stage has a seed of its own, so
it ends in the same bytes. A stage's file is named by the settings of all stages up to it: one made with other settings
is not taken up. All settings were chosen on the last 5,000 training images; the test images are only reported.
"""

import json
import multiprocessing
import os
import time
import zlib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RESULTS, WORK = ROOT / "results" / "deep_compression", ROOT / "build" / "deep_compression"
NETWORKS = ("lenet_300_100", "lenet_5")


def rungs(name: str):
    """Return the epochs of the dense network and the rungs of its ladder."""
    from refcompress.recipes.ladder import Rung

    if name == "lenet_300_100":
        return 20, [Rung("parity", 6500, 30, clusters=12), Rung("past it", 3000, 40), Rung("smallest", 2200, 60)]
    return 8, [Rung("parity", 6000, 8, clusters=12), Rung("past it", 2000, 24, clusters=7, bias_clusters=5),
               Rung("smallest", 1150, 24, clusters=7, bias_clusters=5)]


def histogram(weights) -> dict:
    """Return how the nonzero weights lie: 120 equal bins from the least to the greatest."""
    import numpy as np

    counts, edges = np.histogram(weights[weights != 0], bins=120)
    return {"from": float(edges[0]), "to": float(edges[-1]), "counts": counts.tolist()}


class Stage:
    """The parameters of a network after a stage, in a file of arrays: made once for these settings."""

    def __init__(self, network, name: str, settings: tuple):
        digest = zlib.crc32(repr(settings).encode())
        self.network, self.path = network, WORK / f"{name}-{len(settings) - 1}-{digest:08x}.npz"

    def done(self) -> bool:
        from refcompress.models import npz

        if not self.path.exists():
            return False
        self.network.assign(npz.load(self.path))
        return True

    def keep(self) -> None:
        from refcompress.models import npz

        npz.save(self.path, dict(self.network.parameters))


def climb(name: str) -> None:
    """Train one network and write its files and rows."""
    os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1")  # two networks side by side, a core each
    import numpy as np

    from refcompress import container, recipes, reference, training
    from refcompress.agreement import exactly
    from refcompress.ledger import ledger
    from refcompress.recipes import ladder

    try:
        from refcompress import native as space
    except ImportError:
        space = reference
    began = time.time()
    examples, test = training.mnist.load()
    train, validation = training.mnist.split(examples)
    x, y = train.inputs(), train.labels
    network = getattr(recipes, name).network(np.random.default_rng(0))
    for layer in network.layers.values():
        if isinstance(layer, training.Dropout):
            layer.rate = 0  # shifted images and the L2 penalty serve better here (validation)

    def told(stage):
        def tell(done, epochs, loss):
            print(
                f"{name}, {stage}: epoch {done} of {epochs}, loss {loss:.4f}, {time.time() - began:.0f} s", flush=True
            )
        return tell

    def rates(network) -> dict:
        wide = network.astype(np.float64)  # as the command evaluate: the same count with every BLAS
        return {key: 100 * training.error_rate(wide, part.inputs().astype(np.float64), part.labels)
                for key, part in (("validation", validation), ("test", test))}

    epochs, steps = rungs(name)
    stage = Stage(network, name, (epochs,))
    if not stage.done():
        training.fit(network, x, y, optimizer=training.Adam(2e-3, weight_decay=1e-4), epochs=epochs,
                     rng=np.random.default_rng(1), batch=128, augment=training.mnist.shifted, progress=told("dense"))
        stage.keep()
    raw = sum(4 * p.size for p in network.parameters.values())
    rows = [
        {
            "step": "dense, float32",
            "bytes": raw,
            "weights": sum(w.size for w in ladder.weights_of(network).values()),
            **rates(network),
        }
    ]
    for i, rung in enumerate(steps, 1):
        stage = Stage(network, name, (epochs, *steps[:i]))
        if not stage.done():
            ladder.prune_to(network, rung, x, y, seed=10 * i, augment=training.mnist.shifted, implementation=space,
                            progress=told(rung.name))
            ladder.drop_dead_units(network)
            stage.keep()
        layers = {key: p.copy() for key, p in network.parameters.items()}

        def row(step, layers, network, contexts=False, rung=rung):
            data = container.dumps(layers, implementation=space, contexts=contexts)
            exactly(dict(layers), container.loads(data, implementation=space))
            kept = sum(int(np.count_nonzero(w)) for w in ladder.weights_of(network).values())
            rows.append({"rung": rung.name, "step": step, "bytes": len(data), "weights": kept, **rates(network)})
            return data

        matrices = {key: reference.csr_from_dense(np.ascontiguousarray(p.reshape(len(p), -1))) if p.ndim > 1 else p
                    for key, p in layers.items()}
        row("pruned: float32 values, coded indices", matrices, network)
        shared = ladder.share_all(network, rung, space)
        tuned_file = stage.path.with_suffix(".rcz")
        small = network.copy()
        if tuned_file.exists():
            shared = container.load(tuned_file, implementation=space)
            small.assign({key: s.dense() for key, s in shared.items()})
        else:
            shared, small = ladder.tuned(network, shared, rung, x, y, seed=10 * i + 1, augment=training.mnist.shifted,
                                         progress=told(f"{rung.name}, shared"))
            container.save(tuned_file, shared, implementation=space)
        row("weights shared, Huffman", {key: shared[key] if p.ndim > 1 else small.parameters[key].copy()
                                        for key, p in layers.items()}, small)
        row("biases shared too", shared, small)
        data = row("range coder with contexts", shared, small, contexts=True)
        path = RESULTS / f"{name}-{rung.name.replace(' ', '-')}.rcz"
        container.files.write(path, data)
        rows[-1] |= {"file": path.name, "ledger": ledger(data, implementation=space).by_kind(),
                     "before sharing": histogram(network.parameters["fc1.weight"]),
                     "layers": {key: int(np.count_nonzero(s.codes)) for key, s in sorted(shared.items())}}
    (WORK / f"{name}.json").write_text(json.dumps({"network": name, "rows": rows}, indent=1))


def main(argv=None) -> None:
    from . import runner
    from .deep_compression_report import pictures, table

    parser = runner.parser("deep_compression", __doc__)
    parser.add_argument("--network", choices=NETWORKS, action="append", help="only this one")
    options = parser.parse_args(argv)
    WORK.mkdir(parents=True, exist_ok=True)
    record = runner.Record(RESULTS / "deep_compression.json", dict)
    if not options.report:
        workers = [
            multiprocessing.get_context("spawn").Process(target=climb, args=(name,))
            for name in options.network or NETWORKS
        ]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        if any(worker.exitcode for worker in workers):
            raise SystemExit("a network was not finished; run this again to go on")
        for name in options.network or NETWORKS:
            record.value[name] = json.loads((WORK / f"{name}.json").read_text())
        record.value = dict(sorted(record.value.items()))
        record.keep()
    (RESULTS / "deep_compression.md").write_text(table(record.value))
    pictures(record.value, RESULTS)


if __name__ == "__main__":
    main()
