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

from refcompress import CorruptError, LimitError, Shared, UnsupportedVersionError, container
from refcompress.container.cursor import integer_bytes

COUNT = int(os.environ.get("REFCOMPRESS_HOSTILE", "12"))
LIMIT = 60_000  # bytes decoded: the reference reads a code by contexts in 10 microseconds
FIXED = 300_000  # bytes: the range coder's slots in Python, tables of symbols, blocks
BLOCKS = 3_000_000  # bytes: blocks that are worked on at a time, of much
native = need_native()
EACH = each("impl", BOTH)
NAMES = {"relative": 2, "dense": 2, "columns": 9, "csr": 1, "int8": 11, "plain": 3, "int16": 12, "groups": 3, "mixed": 6, "mx": 7,
         "nf4": 8, "low rank": 4, "bias": 0, "wide": 2, "tied": 10, "kernel": 13, "blocks": 13}


def cost(data: bytes, impl, limit: int = LIMIT) -> tuple[int, float, int]:
    """Return the most bytes that a load had at once, its seconds, and the bytes of the file and of what was to be decoded."""
    readers, make = [], container.Reader

    def load():
        try:
            container.loads(data, implementation=impl, limit=limit)
        except (CorruptError, LimitError, UnsupportedVersionError):
            pass

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(container, "Reader", lambda *args: (readers.append(make(*args)), readers[-1])[1])
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
    whole = container.loads(sample(3, 2), implementation=native)
    layers = {key: whole[key] for key in (("columns", name) if name == "tied" else (name,))}
    contexts = [key for key in layers if key in ("columns", "tied")]
    data = container.dumps(layers, implementation=native, contexts=contexts)
    spans = fields(data)
    cost(data, impl)  # what is made once
    for number in range(COUNT):
        mutated = written_otherwise(layers, 2, contexts, rng) if number % 4 == 0 else rewritten(data, spans, rng)
        peak, seconds, size = cost(mutated, impl)
        worst = [max(a, b) for a, b in zip(worst, (peak / size, max(0, peak - FIXED) / size, seconds / size))]
        assert peak < FIXED + 12 * size and seconds < 1 + 100e-6 * size, mutated.hex()
    print(f"\n{name} ({impl.__name__}): {COUNT} files, at most {worst[0]:.1f} bytes a byte of the file and of what it decodes, "
          f"{worst[1]:.1f} of them beyond {FIXED:,}, {worst[2] * 1e6:.1f} microseconds")


@EACH
@pytest.mark.parametrize("entry", ["one", "each"])
def test_half_a_megabyte_of_empty_arrays_takes_few_times_its_size(impl, entry):
    """The names alone, as strings in a dict, take 120 bytes each, and an array in NumPy as much; the limit counts 400 an entry."""
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
    print(f"\n{entry} ({impl.__name__}): {len(data)} bytes, {peak / len(data):.0f} times as many in memory, {peak // 60_000} an entry")
    assert peak < (150 if entry == "one" else container.ENTRY_BYTES) * 60_000
    with pytest.raises(LimitError, match="names and objects of the entries take 24000000 bytes"):
        container.loads(data, implementation=impl, limit=10**6)


@EACH
@pytest.mark.parametrize("shape", [(0, 2**40), (2**40, 0), (0,), (2**50, 0, 3)])
def test_contexts_of_no_codes_are_refused_at_once_at_any_limit(impl, shape):
    """33 bytes of version 1 kept the reader busy for ever."""
    entry = b"\x09" + integer_bytes(len(shape)) + b"".join(map(integer_bytes, shape)) + b"\x01\0\0\0\0\0"
    for version in (1, 2):
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
        assert data[12] == 9
        peak, _, size = cost(data, native, container.DEFAULT_LIMIT)
        assert peak < 4 * size + BLOCKS, (shape, peak / size)
