"""Huffman streams of more than 2^32 symbols and of more than 2^32 bits, to the end and back (make huge-streams).

Not a test of make test: it takes 6 GB of memory and some minutes. C writes and reads both; the reference reads the one
of many bits (the one of many symbols would take it half an hour, and eight times the memory).
"""

import argparse
import time

import numpy as np

from refcompress import Encoded, huffman_code, native, reference

PERIOD = 2**20 + 7  # symbols that are repeated: prime to the lanes, and short beside 2^32


def stream(name: str, lengths: list[int], count: int, readers) -> None:
    """Encode ``count`` symbols by C, decode them by each reader, and compare each symbol."""
    code = huffman_code(np.array(lengths, np.uint8))
    part = np.random.default_rng(0).integers(0, len(lengths), PERIOD).astype(np.uint8)
    part[PERIOD // 8 :] = len(lengths) - 1  # mostly the longest
    symbols = np.resize(part, count)
    start = time.perf_counter()
    words = native.huffman_encode(symbols, code).words
    print(
        f"{name}: {count:,} symbols, {16 * len(words):,} bits, written in {time.perf_counter() - start:.1f} s",
        flush=True,
    )
    del symbols
    for reader in readers:
        start = time.perf_counter()
        got = reader.huffman_decode(Encoded(words, count, code))
        seconds = time.perf_counter() - start
        for begin in range(0, count, PERIOD):
            piece = got[begin : begin + PERIOD]
            if not np.array_equal(piece, part[: len(piece)]):
                raise SystemExit(f"{name}: {reader.__name__} reads other symbols, from {begin:,} on")
        print(f"{name}: read by {reader.__name__} in {seconds:.1f} s, the same", flush=True)
        del got


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--without-reference", action="store_true", help="native only")
    options = parser.parse_args()
    stream("many symbols", [1, 1], 2**32 + 4321, [native])
    stream(
        "many bits", [*range(1, 16), 15], 2**32 // 13 + 4321, [native] + [reference] * (not options.without_reference)
    )


if __name__ == "__main__":
    main()
