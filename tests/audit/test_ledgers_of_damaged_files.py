"""Files of strangers: whatever was done to one, its ledger adds up, or it is refused by name, at a bounded cost.

REFCOMPRESS_MUTATIONS says how many mutations of each format are tried (make fuzz-files): 20,000 there.
"""

import os
import time
import tracemalloc
from random import Random

import numpy as np
import onnx
import pytest
import torch_bytes as torch
from model_files import FILES, all_files
from mutations import mutated, sealed, structure_of
from onnx_models import model

from refcompress import RefcompressError, audit, reference
from refcompress.audit.compare import compared, opened
from refcompress.audit.explain_stored import steps_of_tensor
from refcompress.audit.findings import findings

MUTATIONS = int(os.environ.get("REFCOMPRESS_MUTATIONS", 60))
KINDS = ("npz", "deflated", "safetensors", "gguf", "onnx_file", "pytorch", "sharded", "external")
MEMORY = 320  # bytes for each byte of the file: a tensor takes 2,800 here, and in a file of ONNX no fewer than ten
CROWD = 800  # tensors
BASE = 2**20  # bytes that any inspection may take: buffers of the readers


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return all_files(tmp_path_factory.mktemp("files"))


def outcome(path):
    """Return whether a file is read; its ledger adds up, or it is refused by name."""
    try:
        with audit.inspect(path) as found:
            assert found.size == sum(sum(item.bytes for item in ledger.items) for _, ledger in found.ledgers)
            assert sum(count for kinds in found.by_layer().values() for count in kinds.values()) == found.size
            findings(found)
            return True
    except RefcompressError as error:
        assert error.argument in ("path", "limit", "bfloat16") and error.rule and str(error).isprintable()
        return False


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_file_adds_up_or_is_refused(files, kind):
    path, random = files[kind], Random(20)
    data, spans = path.read_bytes(), structure_of(path)
    damaged = path.with_name("damaged" + path.suffix)
    read, worst = 0, 0
    for number in range(MUTATIONS):
        changed = sealed(kind, path, spans, random) if number % 2 else mutated(data, spans, random)
        damaged.write_bytes(changed)
        watched = number % 10 == 0
        if watched:
            tracemalloc.start()
        begun = time.perf_counter()
        read += outcome(damaged)
        assert time.perf_counter() - begun < 5
        if watched:
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            worst = max(worst, peak)
            assert peak <= BASE + MEMORY * len(changed)
    damaged.unlink()
    print(f"{kind}: {MUTATIONS} mutations, {read} read, the others refused; {worst / 1024:.0f} KiB of memory at most")


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_ends_early_is_refused_at_every_mark(files, kind):
    path = files[kind]
    data, damaged = path.read_bytes(), path.with_name("short" + path.suffix)
    for at in sorted({end for span in structure_of(path) for end in span} - {len(data)})[:40]:
        damaged.write_bytes(data[:at])
        assert not outcome(damaged) or kind in ("onnx_file", "external")  # a message may end where a field does
    damaged.unlink()


@pytest.mark.parametrize("kind", ["npz", "safetensors", "gguf", "onnx_file", "pytorch"])
def test_compare_and_explain_take_a_damaged_file_or_refuse_it_by_name(files, kind):
    path, random = files[kind], Random(21)
    spans, damaged = structure_of(path), path.with_name("damaged" + path.suffix)
    with opened(path) as good:
        for number in range(max(MUTATIONS // 3, 12)):
            damaged.write_bytes(sealed(kind, path, spans, random) if number % 2 else mutated(path.read_bytes(), spans,
                                                                                             random))
            try:
                with opened(damaged, limit=2**24) as bad:
                    rows = list(compared(good, bad))
                    names = list(bad)
                assert {row.a for row in rows} - {None} == set(good) and len(rows) >= len(good)
                for name in names[:2]:
                    assert steps_of_tensor(damaged, name, implementation=reference, limit=2**24)
            except RefcompressError as error:
                assert error.argument in ("path", "limit", "bfloat16", "name") and error.rule
    damaged.unlink()


def crowd_of_safetensors(path, count):
    entries = ",".join(f'"{i:x}":{{"dtype":"U8","shape":[],"data_offsets":[{i},{i + 1}]}}' for i in range(count))
    header = ("{" + entries + "}").encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(count))


def crowd_of_gguf(path, count):
    info = b"".join(b"\x08\0\0\0\0\0\0\0%08x" % i + (0).to_bytes(4, "little") + (24).to_bytes(4, "little")
                    + (32 * i).to_bytes(8, "little") for i in range(count))
    head = b"GGUF\3\0\0\0" + count.to_bytes(8, "little") + bytes(8) + info
    path.write_bytes(head + bytes(-len(head) % 32) + bytes(32 * count))


def crowd_of_onnx(path, count):
    path.write_bytes(model([onnx.TensorProto(name=f"{i:x}", data_type=3, raw_data=b"x")
                            for i in range(count)]).SerializeToString())


def crowd_of_pytorch(path, count):
    held = torch.storage("0", count, "CharStorage")
    path.write_bytes(torch.archive(torch.dumped({f"{i:x}": torch.tensor(held, (1,), offset=i) for i in range(count)}),
                                   {"0": bytes(count)}))


def crowd_of_npz(path, count):
    np.savez(path, **{f"{i:x}": np.int8(1) for i in range(count)})


@pytest.mark.parametrize("suffix, crowd", [(".safetensors", crowd_of_safetensors), (".gguf", crowd_of_gguf),
                                           (".onnx", crowd_of_onnx), (".pt", crowd_of_pytorch), (".npz", crowd_of_npz)])
def test_a_crowd_of_tiny_tensors_costs_in_proportion_to_its_file(tmp_path, suffix, crowd):
    path = tmp_path / ("crowd" + suffix)
    crowd(path, CROWD)
    audit.inspect(path).close()
    tracemalloc.start()
    with audit.inspect(path) as found:
        assert len(found.tensors) == CROWD and found.by_layer()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    print(f"{suffix}: {peak / CROWD:.0f} bytes a tensor, {peak / path.stat().st_size:.0f} a byte of the file")
    assert peak <= BASE + MEMORY * path.stat().st_size


def test_each_format_is_damaged():
    assert {*KINDS, "rcz"} == FILES.keys()  # ours: tests/container/test_container_mutations.py
