"""inspect, derive, explain, compare and report on strangers' files: an answer or a refusal by name, at a bounded cost.

REFCOMPRESS_MUTATIONS says how many mutations of each format are tried (make fuzz-files): 20,000 there. A campaign that
was ended goes on from the mutation that REFCOMPRESS_MUTATIONS_FROM says.
"""

import json
import os
import time
import tracemalloc
from random import Random

import numpy as np
import pytest
from file_mutations import fields, rewritten, sample
from model_files import all_files
from mutations import mutated, sealed, structure_of
from test_derive import blocks, gptq, integers, weights
from test_derive_checkpoints import hqq, torchao

from refcompress import RefcompressError, audit, container, models, native, reference
from refcompress.audit import limits
from refcompress.audit.compare import compared, opened
from refcompress.audit.derive import attestation, derive
from refcompress.audit.explain_stored import steps_of_tensor
from refcompress.audit.findings import findings
from refcompress.audit.picture import picture_of
from refcompress.audit.report import page
from refcompress.audit.report.file_facts import facts
from refcompress.checkpoints import Recipe, Rule, compress
from refcompress.formats import Plain
from refcompress.models import safetensors

MUTATIONS = int(os.environ.get("REFCOMPRESS_MUTATIONS", 8))
FROM = int(os.environ.get("REFCOMPRESS_MUTATIONS_FROM", 0))
FORMATS = ("npz", "deflated", "safetensors", "gguf", "onnx", "pytorch", "sharded", "rcz")
# Bytes for each byte of the file, and whatever it says: what it may decode to, as much again to work on it, objects.
MEMORY, BASE = 2 * limits.FACTOR + 300, 2 * limits.BASE + 2**22
SECONDS = 5  # of the processor, by the kernels: other programs may keep it from us
SLOWER = 10  # times as long the reference, which has a loop of Python for each symbol, or a run with all memory traced
SCHEMES = (("share", {"bits": 3}), ("csr", {"sparsity": 0.8}), ("nm", {"bits": 3}), ("mixed", {}), ("int16", {}),
           ("lowrank", {"rank": 5}))
ARGUMENTS = ("path", "data", "source", "quantized", "limit", "bfloat16", "name")


def tool_files(folder):
    """Write layers in the layouts of compressed-tensors, torchao and bitsandbytes."""
    w = weights()["first"]
    codes = np.random.default_rng(1).integers(-8, 8, w.shape).astype(np.int8)
    scale = np.full((len(w), 2), 0.01, np.float32)
    words = np.random.default_rng(2).integers(0, 2**31, (len(w), 8)).astype(np.int32)
    layouts = {
        "c": {"l.weight_packed": words, "l.weight_scale": scale, "l.weight_shape": np.array(w.shape, np.int64)},
        "i": {"l.weight": codes, "l.weight_scale": scale[:, :1].copy()},
        "n": {"l.weight_packed": words.view(np.uint8), "l.weight_scale": Plain(np.full((len(w), 4), 56, np.uint8),
                                                                             "fp8_e4m3"),
              "l.weight_global_scale": np.ones(1, np.float32)},
        "t": {"l._weight_qdata": codes, "l._weight_scale": scale,
              "l._weight_zero_point": np.zeros((len(w), 2), np.int8)},
        "b": {"l.weight": words.view(np.uint8).reshape(-1, 1)[: w.size // 2], "l.weight.absmax": scale.reshape(-1)[:6],
              "l.weight.quant_map": np.linspace(-1, 1, 16, dtype=np.float32),
              "l.weight.quant_state.bitsandbytes__nf4": np.frombuffer(json.dumps({
                  "quant_type": "nf4", "blocksize": 64, "dtype": "float32", "shape": list(w.shape)}).encode(),
                  np.uint8)},
    }
    for name, tensors in layouts.items():
        safetensors.save(folder / f"{name}.safetensors", {
            key: np.ascontiguousarray(a) if isinstance(a, np.ndarray) else a for key, a in tensors.items()})
    return [folder / f"{name}.safetensors" for name in layouts]


def files(folder):
    """Write for each format the files that are damaged: some of tensors as they are, and some of quantized ones."""
    w = weights()["first"]
    made = {name: [path] for name, path in all_files(folder).items()}
    blocks(folder / "q.gguf")
    made["gguf"].append(folder / "q.gguf")
    made["safetensors"] += [*tool_files(folder), gptq(folder / "g.safetensors", weights()["second"], 0),
                            hqq(folder / "h.safetensors", weights()["second"], 4, 1)]
    made["pytorch"].append(torchao(folder / "t.pt", w))
    codes = np.random.default_rng(0).integers(-127, 128, w.shape).astype(np.int8)
    integers(folder / "q.onnx", w, codes, np.ones(w.shape[1], np.float32))
    made["onnx"] = [*made.pop("onnx_file"), *made.pop("external"), folder / "q.onnx"]
    (folder / "all.rcz").write_bytes(sample(1, container.VERSION))
    again = {f"{scheme}.weight": weights()["second"] for scheme, _ in SCHEMES}
    compress(again, Recipe(tuple(Rule(f"{scheme}.weight", scheme, options) for scheme, options in SCHEMES)),
             target=folder / "schemes.rcz")
    made["rcz"] += [folder / "all.rcz", folder / "schemes.rcz"]
    safetensors.save(folder / "source.safetensors", weights() | {"l.weight": weights()["second"], "w": w} | again)
    return made


def exchanged(path, random):
    """Write a file of safetensors again, whole, with tensors that contradict each other."""
    tensors = models.load(path)
    for _ in range(random.randint(1, 2)):
        name, other = random.choice(list(tensors)), random.choice(list(tensors))
        a = tensors[name]
        match random.randrange(7):
            case 0:
                tensors[name], tensors[other] = tensors[other], a
            case 1 if len(tensors) > 1:
                del tensors[name]
            case 2 if isinstance(a, np.ndarray):
                tensors[name] = np.ascontiguousarray(a.reshape(-1)[: random.randrange(a.size + 1)])
            case 3 if isinstance(a, np.ndarray) and a.ndim > 1:
                tensors[name] = np.ascontiguousarray(a.T)
            case 4 if isinstance(a, np.ndarray):
                types = ("int8", "uint8", "int32", "float16", "float32", "int64", "bool")
                tensors[name] = a.astype(random.choice(types))
            case 5 if isinstance(a, np.ndarray) and a.size:
                changed = a.copy()
                changed.reshape(-1)[random.randrange(a.size)] = random.choice(
                    (0, 1, -1, np.nan, np.inf, 3e38) if a.dtype.kind == "f" else (0, 1))
                tensors[name] = changed
            case 6 if isinstance(a, np.ndarray):
                tensors[name] = a.reshape(a.shape + (1,) * random.randint(0, 2)) if random.random() < 0.5 else \
                    np.concatenate([a.reshape(-1), a.reshape(-1)])
    safetensors.save(path, tensors)


def damaged_of(kind, path, data, spans, random, rng):
    """Return a mutation of a file: every other one has right sums and lengths."""
    if kind == "rcz":
        return rewritten(data, spans, rng)
    return sealed(kind, path, spans, random) if random.random() < 0.5 else mutated(data, spans, random)


def outcomes(damaged, good, source, space):
    """Yield for each command what it said: the class of a refusal, or "read"; all else is a fault."""
    def itemised():
        with audit.inspect(damaged) as found:
            assert sum(found.by_kind().values()) == found.size
            findings(found)

    def told():
        with audit.inspect(damaged) as found:
            return [tensor.name for tensor in found.tensors][:2]

    def differences():
        with opened(good, implementation=space) as a, opened(damaged, implementation=space) as b:
            return list(compared(a, b))

    def steps():
        for name in told():
            assert picture_of(name, steps_of_tensor(damaged, name, implementation=space))

    def written():
        return page(facts(damaged, source, implementation=space, timing=False))

    for command, run in (("inspect", itemised),
                         ("derive", lambda: attestation(derive(source, damaged, implementation=space))),
                         ("compare", differences), ("explain", steps), ("report", written)):
        try:
            run()
            yield command, "read"
        except RefcompressError as error:
            assert error.argument in ARGUMENTS and error.rule and str(error).isprintable(), (command, error)
            yield command, type(error).__name__


@pytest.mark.parametrize("kind", FORMATS)
def test_each_command_answers_or_refuses_a_damaged_file(tmp_path, kind):
    made, random, rng = files(tmp_path), Random(22), np.random.default_rng(22)
    counts, worst, slowest = {}, 0.0, 0.0
    spans = {path: fields(path.read_bytes()) if kind == "rcz" else structure_of(path) for path in made[kind]}
    for number in range(MUTATIONS):
        path = made[kind][number % len(made[kind])]
        data, damaged = path.read_bytes(), path.with_name("damaged" + path.suffix)
        changed = damaged_of(kind, path, data, spans[path], random, rng)
        damaged.write_bytes(changed)
        if kind == "safetensors" and number % 2:
            damaged.write_bytes(data)
            with np.errstate(all="ignore"):
                exchanged(damaged, random)
        if number < FROM:
            continue
        watched = number % 11 == 0
        if watched:
            tracemalloc.start()
        begun = time.process_time()
        space = reference if number % 50 < 2 else native  # the reference takes 100 times longer
        for command, said in outcomes(damaged, path, tmp_path / "source.safetensors", space):
            counts[command, said] = counts.get((command, said), 0) + 1
        took = (time.process_time() - begun) / (SLOWER if watched or space is reference else 1)
        slowest = max(slowest, took)
        assert slowest < SECONDS, (kind, number)
        if watched:
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            worst = max(worst, peak)
            assert peak <= BASE + MEMORY * damaged.stat().st_size, (kind, number, peak)
        damaged.unlink()
    print(f"{kind}: {MUTATIONS - FROM} mutations, {worst / 2**20:.1f} MiB and {slowest:.1f} s at most; {counts}")
