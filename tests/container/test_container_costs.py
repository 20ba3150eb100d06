"""What a load costs, whatever the bytes say: memory and time in proportion to the file and to what it decodes.

REFCOMPRESS_HOSTILE says how many hostile files of each kind of entry (make fuzz-files: 1,000).
"""

import os
import time
import tracemalloc

import numpy as np
import pytest
from file_mutations import fields, file_of, rewritten, sample, written_otherwise
from implementations import BOTH, each, need_native

from refcompress import (
    CorruptError,
    LimitError,
    Quantized,
    Shared,
    UnsupportedVersionError,
    container,
    quantize_pack,
)
from refcompress.container import cursor, entries, index, older
from refcompress.container.cursor import Coding, integer_bytes
from refcompress.container.kinds import Kind

native = need_native()
COUNT = int(os.environ.get("REFCOMPRESS_HOSTILE", "12"))
LIMIT = 60_000  # bytes decoded: the reference reads a code by contexts in 10 microseconds
FIXED = 300_000  # bytes: the range coder's slots in Python, tables of symbols, blocks
BLOCKS = 3_000_000  # bytes: blocks that are worked on at a time, of much
EACH = each("impl", BOTH)
SAMPLE = container.loads(sample(3, container.VERSION), implementation=native)


def kind_of(name: str) -> Kind:
    """Return the kind of entry that an array of the sample is written as."""
    first = next(key for key, value in SAMPLE.items() if value is SAMPLE[name])
    contexts = name in ("columns", "sixteen rows")
    return Kind.SAME if first != name else Kind(entries.write(SAMPLE[name], Coding(native), contexts)[0])


NAMES = {name: kind_of(name) for name in SAMPLE}


def cost(data: bytes, impl, limit: int = LIMIT) -> tuple[int, float, int]:
    """Return the peak memory of a load, its seconds, and the bytes of the file and of what it should decode to."""
    readers, make = [], cursor.Reader

    def load():
        try:
            container.loads(data, implementation=impl, limit=limit)
        except (CorruptError, LimitError, UnsupportedVersionError):
            pass

    with pytest.MonkeyPatch.context() as patch:
        for module in (index, older):
            patch.setattr(module, "Reader", lambda *args: (readers.append(make(*args)), readers[-1])[1])
        start = time.perf_counter()
        load()
        seconds = time.perf_counter() - start
        tracemalloc.start()
        try:
            load()
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    return peak, seconds, len(data) + min(readers[0].decoded if readers else 0, limit)


@EACH
@pytest.mark.parametrize("name", NAMES)
def test_memory_and_time_of_a_hostile_file_are_in_proportion_to_it_and_to_what_it_decodes(impl, name):
    rng, worst = np.random.default_rng(NAMES[name]), [0.0, 0.0, 0.0]
    layers = {key: SAMPLE[key] for key in (("columns", name) if name == "tied" else (name,))}
    contexts = [key for key in layers if key in ("columns", "tied", "sixteen rows")]
    data = container.dumps(layers, implementation=native, contexts=contexts)
    spans = fields(data)
    cost(data, impl)  # what is made once
    for number in range(COUNT if name != "sixteen rows" or impl is native else COUNT // 12):  # a tenth of a second each
        if number % 4 == 0:
            mutated = written_otherwise(layers, container.VERSION, contexts, rng)
        else:
            mutated = rewritten(data, spans, rng)
        peak, seconds, size = cost(mutated, impl)
        worst = [max(a, b) for a, b in zip(worst, (peak / size, max(0, peak - FIXED) / size, seconds / size))]
        assert peak < FIXED + 12 * size and seconds < 1 + 100e-6 * size, mutated.hex()
    print(
        f"\n{name} ({impl.__name__}): {COUNT} files, at most {worst[0]:.1f} bytes a byte of file and content, "
        f"{worst[1]:.1f} of them beyond {FIXED:,}, {worst[2] * 1e6:.1f} microseconds"
    )


def test_a_hostile_file_is_tried_of_every_kind():
    assert set(NAMES.values()) == set(Kind)


@EACH
@pytest.mark.parametrize("entry", ["one", "each"])
def test_half_a_megabyte_of_empty_arrays_takes_few_times_its_size(impl, entry):
    """A name in a dict takes 120 bytes, an array in NumPy as much; the limit counts 400 an entry."""

    def same(n):
        return b"\x0a\0" if n else b"\0\0\1\0"

    def other(n):
        return b"\0\0\2\0" + integer_bytes(n)

    data = file_of(60_000, same if entry == "one" else other)
    tracemalloc.start()
    try:
        layers = container.loads(data, implementation=impl)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(layers) == 60_000 and all(a.size == 0 for a in layers.values())
    print(
        f"\n{entry} ({impl.__name__}): {len(data)} bytes, {peak / len(data):.0f} times as many in memory, "
        f"{peak // 60_000} an entry"
    )
    assert peak < (200 if entry == "one" else container.ENTRY_BYTES) * 60_000
    with pytest.raises(LimitError, match="names and objects of the entries take 24000000 bytes"):
        container.loads(data, implementation=impl, limit=10**6)


@EACH
@pytest.mark.parametrize("shape", [(0, 2**40), (2**40, 0), (0,), (2**50, 0, 3)])
def test_contexts_of_no_codes_are_refused_at_once_at_any_limit(impl, shape):
    """33 bytes of version 1 kept the reader busy for ever."""
    entry = b"\x09" + integer_bytes(len(shape)) + b"".join(map(integer_bytes, shape)) + b"\x01\0\0\0\0\0"
    for version in (1, 2, 3):
        for limit in (1000, container.DEFAULT_LIMIT):
            peak, seconds, _ = cost(file_of(1, lambda n: entry, version), impl, limit)
            assert peak < 50_000 and seconds < 0.5
            with pytest.raises(CorruptError, match="no codes"):
                container.loads(file_of(1, lambda n: entry, version), implementation=impl, limit=limit)


def test_reading_a_vector_by_contexts_takes_at_most_four_times_what_is_decoded():
    rng = np.random.default_rng(0)
    for shape in ((3_000_000,), (1, 3_000_000), (1000, 3000)):
        codes = np.where(rng.random(shape) < 0.003, 1, 0).astype(np.uint8)
        codes.reshape(-1)[: codes.size // 2] = 0
        data = container.dumps({"a": Shared(codes, np.float32([0, 1]))}, implementation=native, contexts=True)
        assert data[index.START] == (26 if shape[0] == 1000 else 9)
        peak, _, size = cost(data, native, container.DEFAULT_LIMIT)
        assert peak < 4 * size + BLOCKS, (shape, peak / size)


@pytest.mark.parametrize("bits", [1, 4, 7])
def test_reading_packed_integers_takes_at_most_eight_times_what_is_decoded(bits):
    lowest = -(2 ** (bits - 1))
    values = np.random.default_rng(0).integers(lowest, -lowest, (500, 2000)) if bits > 1 else np.ones((500, 2000))
    scale, zero_point = np.ones((500, 1), np.float32), np.zeros((500, 1), np.int8)
    packed = quantize_pack(Quantized(values.astype(np.int8), scale, zero_point), bits=bits)
    peak, _, size = cost(container.dumps({"a": packed}, implementation=native), native, container.DEFAULT_LIMIT)
    assert peak < 8 * size + BLOCKS, peak / size
