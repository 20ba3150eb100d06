"""What post-training quantization costs real layers: method by bits, error by bytes.

    python -m experiments.quantization              # writes results/quantization/; goes on where it stopped

Two networks: LeNet-300-100, trained here on MNIST (seed 0), and the 36 matrices of all-MiniLM-L6-v2. Every matrix is
quantized from its calibration inputs alone, those of the float32 network, and its output error measured on inputs held
out. MNIST: calibration on the first 2,000 training images, choices on the 5,000 validation images, the test images for
the report alone.
"""

import time

import numpy as np

import refcompress as rc
from refcompress import LayerFit, QuantizedLayer, container, native, training
from refcompress.container import files
from refcompress.recipes import lenet_300_100

from . import minilm, runner
from .quantization_report import plot, tables

BITS = (2, 3, 4, 8)
FRONT_BITS, FRONT_METHOD, FRONT_POINTS = (2, 3, 4, 5, 6, 8), "GPTQ, clipped", 12
GROUP = 64


def clipped(method):
    """Return the method on the grids of quantize_clip."""
    def run(w, x, h, bits):
        q = rc.quantize_clip(w, h, bits=bits).weight
        return method(w, h, bits=bits, scale=q.scale, zero_point=q.zero_point)
    return run


def rounded_inputs(w, x, h, bits):
    fit = rc.quantize_nearest(w, h, bits=bits)
    return LayerFit(fit.weight, fit.output, fit.before, fit.after, input_bits=8)


METHODS = {  # name: (w, x, h, bits) -> LayerFit; symmetric, a scale an output, unless the name says otherwise
    "nearest": lambda w, x, h, bits: rc.quantize_nearest(w, h, bits=bits),
    "nearest, affine": lambda w, x, h, bits: rc.quantize_nearest(w, h, bits=bits, scheme="affine"),
    "nearest, groups": lambda w, x, h, bits: rc.quantize_nearest(w, h, bits=bits, group=GROUP),
    "clipped": lambda w, x, h, bits: rc.quantize_clip(w, h, bits=bits),
    "clipped, bias": lambda w, x, h, bits: rc.quantize_bias(w, x, rc.quantize_clip(w, h, bits=bits)),
    "AWQ": lambda w, x, h, bits: rc.quantize_awq(w, x, bits=bits),
    "AWQ, groups": lambda w, x, h, bits: rc.quantize_awq(w, x, bits=bits, group=GROUP),
    "AdaRound, clipped": clipped(lambda *a, **k: rc.quantize_adaround(*a, iterations=300, **k)),
    "GPTQ": lambda w, x, h, bits: rc.quantize_gptq(w, h, bits=bits),
    "GPTQ, descending": lambda w, x, h, bits: rc.quantize_gptq(w, h, bits=bits, order="descending"),
    "GPTQ, groups": lambda w, x, h, bits: rc.quantize_gptq(w, h, bits=bits, group=GROUP),
    "GPTQ, clipped": clipped(rc.quantize_gptq),
    "GPTQ, clipped, descending": clipped(lambda *a, **k: rc.quantize_gptq(*a, order="descending", **k)),
    "nearest, inputs of 8 bits": rounded_inputs,
    "SmoothQuant, inputs of 8 bits": lambda w, x, h, bits: rc.quantize_smooth(w, x, weight_bits=bits),
}


class LeNet:
    """LeNet-300-100: what its quantized layers do to the validation and the test error."""

    name = "LeNet-300-100"
    measures = {"validation": "validation error, %", "test": "test error, %"}

    def __init__(self):
        examples, self.test = training.mnist.load()
        train, self.validation = training.mnist.split(examples)
        self.network = lenet_300_100.train_reference(train.inputs(), train.labels, progress=told)
        held_out = runner.layer_inputs(self.network, self.validation.inputs())
        self.matrices = {name: (self.network.parameters[f"{name}.weight"].copy(), x, held_out[name])
                         for name, x in runner.layer_inputs(self.network, train.inputs()[:2000]).items()}

    def quality(self, fits):
        def percent(examples):
            x = examples.inputs()
            for name, layer in self.network.layers.items():
                x = fits[name].forward(x) + layer.parameters["bias"] if name in fits else layer.forward(x)
            return 100 * training.misses(x, examples.labels) / len(examples)
        return {"validation": percent(self.validation), "test": percent(self.test)}


class MiniLM:
    """all-MiniLM-L6-v2: how far its quantized matrices turn the embeddings of held-out text."""

    name = "all-MiniLM-L6-v2"
    measures = {"embedding": "1 - cosine of embeddings, %"}

    def __init__(self):
        self.model = minilm.load()
        calibration, held_out = minilm.texts(minilm.Tokens())
        self.sequences = held_out[:16]
        _, inputs = minilm.forward(self.model, calibration[:32])
        hidden, others = minilm.forward(self.model, self.sequences)
        self.embeddings = minilm.embeddings(hidden)
        self.matrices = {name: (self.model[f"{name}.weight"], x, others[name]) for name, x in inputs.items()}

    def quality(self, fits):
        def layer(name, x, weight):
            return fits[name].forward(x) if name in fits else x @ weight.T
        turned = minilm.embeddings(minilm.forward(self.model, self.sequences, layer)[0])
        return {"embedding": 100 * (1 - float(np.mean(np.sum(turned * self.embeddings, axis=1))))}


def told(*said):
    print(*said, flush=True)


def file_bytes(fits) -> int:
    """Return the bytes of a file of the quantized layers, written, read back and compared."""
    layers = {name: QuantizedLayer.of(fit) for name, fit in fits.items()}
    data = container.dumps(layers, implementation=native)
    if container.loads(data, implementation=native) != layers:
        raise AssertionError("the file does not hold what was written")
    return len(data)


def output_error(matrices, fits) -> float:
    """Return the mean over the matrices of the output's squared error over its square, on held-out inputs, in %."""
    shares = []
    for name, fit in fits.items():
        w, _, x = matrices[name]
        y = x.astype(np.float64) @ w.T.astype(np.float64)
        shares.append(np.sum((fit.exact(x) - y) ** 2) / np.sum(y**2))
    return 100 * float(np.mean(shares))


def measure(network, fits) -> dict:
    error = output_error(network.matrices, fits)
    return {"bytes": file_bytes(fits), "output_error": error, **network.quality(fits)}


def run(network, methods, record: runner.Record) -> None:
    """Add to the record what is not there yet."""
    rows = record.value
    done = {(r["method"], str(r["bits"])) for r in rows}
    hessians = {name: rc.quantize_hessian(x) for name, (_, x, _) in network.matrices.items()}

    def quantized(method, name, bits):
        w, x, _ = network.matrices[name]
        return METHODS[method](w, x, hessians[name], bits)

    if ("float32", "32") not in done:
        size = len(container.dumps({name: w for name, (w, _, _) in network.matrices.items()}))
        rows.append({"method": "float32", "bits": 32, "bytes": size, "output_error": 0.0, **network.quality({})})
    for method in methods:
        for bits in BITS:
            if (method, str(bits)) in done:
                continue
            began = time.process_time()
            fits = {name: quantized(method, name, bits) for name in network.matrices}
            seconds = time.process_time() - began
            rows.append({"method": method, "bits": bits, "processor_seconds": round(seconds, 1),
                         **measure(network, fits)})
            told(network.name, method, bits, rows[-1])
            record.keep()
    if any(r["method"] == "allocated" for r in rows):
        return
    choices = {name: [quantized(FRONT_METHOD, name, bits) for bits in FRONT_BITS] for name in network.matrices}
    cost = np.array([[fit.after / fit.output for fit in fits] for fits in choices.values()])
    size = np.array([[w.shape[0] * (-(-w.shape[1] * bits // 8) + 4) for bits in FRONT_BITS]
                     for w, _, _ in network.matrices.values()])
    sizes, _, choice = rc.allocate_front(cost, size)
    wanted = np.geomspace(sizes[0], sizes[-1], FRONT_POINTS)
    for at in sorted({int(np.searchsorted(sizes, budget, side="right")) - 1 for budget in np.ceil(wanted)}):
        bits = {name: FRONT_BITS[c] for name, c in zip(choices, choice[at])}
        fits = {name: fits[c] for (name, fits), c in zip(choices.items(), choice[at])}
        rows.append({"method": "allocated", "bits": list(bits.values()), **measure(network, fits)})
        told(network.name, rows[-1])
    record.keep()


def main(argv=None) -> None:
    parser = runner.parser("quantization", __doc__)
    parser.add_argument("--network", choices=("lenet", "minilm"), action="append", help="only this one")
    parser.add_argument("--method", action="append", choices=METHODS, help="only this one (may be repeated)")
    options = parser.parse_args(argv)
    folder, kinds = runner.RESULTS / "quantization", {"lenet": LeNet, "minilm": MiniLM}
    records = {key: runner.Record(folder / f"{key}.json", list) for key in kinds}  # one a network: two may run at once
    for key in [] if options.report else options.network or kinds:
        run(kinds[key](), options.method or METHODS, records[key])
    results = {kind.name: records[key].value for key, kind in kinds.items() if records[key].value}
    files.write(
        folder / "quantization.md", tables(results, {kind.name: kind.measures for kind in kinds.values()}).encode()
    )
    plot(results, folder / "quantization.png")


if __name__ == "__main__":
    main()
