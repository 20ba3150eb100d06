"""A file with a right checksum is refused, or written again to the same bytes: there is one file for each content.

REFCOMPRESS_MUTATIONS says how many of each sample (make fuzz-files: 20,000); else of the LeNets fewer, which take 50 ms
each.
"""

import collections
import os
from pathlib import Path

import numpy as np
import pytest
from file_mutations import fields, rewritten, sample, written_otherwise
from implementations import need_native

from refcompress import CorruptError, LimitError, UnsupportedVersionError, container, reference
from refcompress.container.kinds import Kind

native = need_native()
COUNT = int(os.environ.get("REFCOMPRESS_MUTATIONS", "0"))
RESULTS = Path(__file__).parents[2] / "results" / "deep_compression"
SAMPLES = {
    "all kinds, version 5": lambda: sample(1, 5),
    "all kinds, version 4": lambda: sample(1, 4),
    "all kinds, version 3": lambda: sample(1, 3),
    "all kinds, version 2": lambda: sample(1, 2),
    "all kinds, version 1": lambda: sample(2, 1),
    "LeNet-5, version 1": lambda: (RESULTS / "lenet_5-smallest.rcz").read_bytes(),
    "LeNet-5, version 5": lambda: container.dumps(
        container.load(RESULTS / "lenet_5-parity.rcz"), implementation=native, contexts=True
    ),
}


def answer(data: bytes, implementation):
    """Return the file written again, or the class of the refusal."""
    try:
        return container.reencode(data, implementation=implementation, limit=2**24)
    except (CorruptError, LimitError, UnsupportedVersionError) as error:
        return type(error)


@pytest.mark.parametrize("name", SAMPLES)
def test_a_mutated_file_is_refused_or_written_again_to_the_same_bytes(name):
    data, rng = SAMPLES[name](), np.random.default_rng(len(name))
    layers, reader = container.read(data, native)
    assert container.reencode(data, implementation=native) == data
    count = COUNT or (400 if "kinds" in name else 40)
    spans, outcomes = fields(data), collections.Counter()
    for number in range(count):
        if number % 3:
            mutated = rewritten(data, spans, rng)
        else:
            mutated = written_otherwise(layers, data[8], reader.contexts, rng)
        again = answer(mutated, native)
        assert isinstance(again, type) or again == mutated, f"mutation {number}: {mutated.hex()}"
        if number % 20 == 0 and "kinds" in name:
            assert answer(mutated, reference) == again
        outcomes[again.__name__ if isinstance(again, type) else "the same bytes"] += 1
    print(f"\n{name}: {len(data)} bytes, {count} mutations: {dict(outcomes)}")
    assert outcomes["CorruptError"] > count / 4 and outcomes["the same bytes"]


def test_the_samples_have_every_kind_and_coder():
    kinds, coders = set(), set()
    entries_read, stream_read = container.entries.read, container.stream_reading.read_any
    for name in SAMPLES:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(
                container.entries, "read", lambda reader, kind: (kinds.add(kind), entries_read(reader, kind))[1]
            )
            patch.setattr(
                container.stream_reading, "read_any",
                lambda *args: (result := stream_read(*args), coders.add(result[1][0]))[0]
            )
            container.loads(SAMPLES[name](), implementation=native)
    assert kinds == set(Kind) - {Kind.SAME} and coders >= {0, 1, 2, 4, 17, 18}
