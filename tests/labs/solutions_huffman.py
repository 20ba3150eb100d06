"""Solutions of the labs of huffman, as learners write them: one right, and the others with a mistake each."""

import heapq

import numpy as np

from refcompress import HuffmanCode
from refcompress.reference.huffman.stream import lanes_of


def tree(counts, tie=lambda symbol: -symbol, first=0):
    """Return the depths of Huffman's tree; ``tie`` orders leaves of one count, ``first`` is the kind of a leaf."""
    heap = [(int(c), first, tie(symbol), (symbol,)) for symbol, c in enumerate(counts) if c]
    lengths = np.zeros(len(counts), np.uint8)
    if len(heap) == 1:
        lengths[heap[0][3][0]] = 1
    heapq.heapify(heap)
    age = 0
    while len(heap) > 1:
        a, b = heapq.heappop(heap), heapq.heappop(heap)
        for symbol in a[3] + b[3]:
            lengths[symbol] += 1
        heapq.heappush(heap, (a[0] + b[0], 1 - first, age, a[3] + b[3]))
        age += 1
    return lengths


def lengths_right(counts, *, limit=15):
    lengths = tree(counts)
    if lengths.max(initial=0) <= limit:
        return lengths
    leaves = sorted(((int(c), 0, -symbol, (symbol,)) for symbol, c in enumerate(counts) if c))
    row = leaves
    for _ in range(limit - 1):
        pairs = [(a[0] + b[0], 1, i, a[3] + b[3]) for i, (a, b) in enumerate(zip(row[::2], row[1::2]))]
        row = sorted(leaves + pairs)
    lengths = np.zeros(len(counts), np.uint8)
    for item in row[: 2 * len(leaves) - 2]:
        for symbol in item[3]:
            lengths[symbol] += 1
    return lengths


def lengths_lone_symbol_of_no_bits(counts, *, limit=15):
    lengths = lengths_right(counts, limit=limit)
    return lengths if np.count_nonzero(counts) > 1 else np.zeros_like(lengths)


def lengths_lower_symbol_first(counts, *, limit=15):
    return tree(counts, tie=lambda symbol: symbol)


def lengths_cut_at_the_limit(counts, *, limit=15):
    return np.minimum(tree(counts), limit).astype(np.uint8)


def lengths_without_a_limit(counts, *, limit=15):
    return tree(counts)


def lengths_by_logarithm(counts, *, limit=15):
    share = counts / max(counts.sum(), 1)
    with np.errstate(all="ignore"):
        return np.where(counts > 0, np.clip(np.ceil(-np.log2(share)), 1, limit), 0).astype(np.uint8)


def code_right(lengths):
    codes, first = np.zeros(len(lengths), np.uint16), 0
    for length in range(1, 16):
        for symbol, own in enumerate(lengths.tolist()):
            if own == length:
                codes[symbol] = first
                first += 1
        first *= 2
    return HuffmanCode(lengths.copy(), codes)


def code_from_the_last_symbol(lengths):
    codes, first = np.zeros(len(lengths), np.uint16), 0
    for length in range(1, 16):
        for symbol in reversed(np.flatnonzero(lengths == length)):
            codes[symbol], first = first, first + 1
        first *= 2
    return HuffmanCode(lengths.copy(), codes)


def code_of_unused_symbols(lengths):
    codes = code_right(lengths).codes.copy()
    codes[lengths == 0] = 1
    return HuffmanCode(lengths.copy(), codes)


def code_skips_empty_lengths(lengths):
    codes, first, before = np.zeros(len(lengths), np.uint16), 0, 0
    for length in np.unique(lengths[lengths > 0]).tolist():
        first <<= 1 if before else length
        before = length
        for symbol in np.flatnonzero(lengths == length):
            codes[symbol], first = first & 0xFFFF, first + 1
    return HuffmanCode(lengths.copy(), codes)


def decode_right(encoded, lanes=None, most=256):
    code, count = encoded.code, encoded.count
    lanes, longest = lanes or lanes_of(count), code.longest
    table = {}  # by the bits in front of a queue, the first one lowest: symbol and length
    for symbol, length in enumerate(code.lengths.tolist()):
        if length:
            front = int(f"{code.codes[symbol]:0{length}b}"[::-1], 2)
            table.update({front | rest << length: (symbol, length) for rest in range(1 << longest - length)})
    queues, held, out, rest = [0] * lanes, [0] * lanes, [], iter(encoded.words.tolist())
    for i in range(count):
        lane = i % lanes
        if held[lane] < longest:
            queues[lane] |= next(rest, 0) << held[lane]
            held[lane] += 16
        symbol, length = table[queues[lane] & (1 << longest) - 1]
        out.append(symbol)
        queues[lane] >>= length
        held[lane] -= length
    return np.array(out, np.uint8 if len(code.lengths) <= most else np.uint16)


def decode_as_one_lane(encoded):
    return decode_right(encoded, lanes=1)


def decode_always_16_bits(encoded):
    return decode_right(encoded, most=0)


def decode_words_from_the_high_end(encoded):
    code, out = encoded.code, []
    words = {(n, int(c)): s for s, (n, c) in enumerate(zip(code.lengths.tolist(), code.codes)) if n}
    bits, begin = "".join(f"{word:016b}" for word in encoded.words), 0
    kind = np.uint8 if len(code.lengths) <= 256 else np.uint16
    while len(out) < encoded.count:
        found = [n for n in range(1, 16) if (n, int(bits[begin : begin + n] or "0", 2)) in words]
        if not found or begin > len(bits):
            return np.zeros(encoded.count, kind)
        out.append(words[found[0], int(bits[begin : begin + found[0]] or "0", 2)])
        begin += found[0]
    return np.array(out, kind)


RIGHT = [("huffman_lengths", lengths_right), ("huffman_code", code_right), ("huffman_decode", decode_right)]
WRONG = [
    ("huffman_lengths", lengths_lone_symbol_of_no_bits, "lone symbol", "HUFFMAN-2.1", "Only one symbol is used"),
    ("huffman_lengths", lengths_lower_symbol_first, "ties", "HUFFMAN-2.2", "cost as many bits"),
    ("huffman_lengths", lengths_without_a_limit, "limit", "HUFFMAN-2.1", "above the limit"),
    ("huffman_lengths", lengths_cut_at_the_limit, "no code", "HUFFMAN-2.1", "No code has these lengths"),
    ("huffman_lengths", lengths_by_logarithm, "no code", "HUFFMAN-2.1", "No code has these lengths"),
    ("huffman_code", code_from_the_last_symbol, "order", "HUFFMAN-3.1", "not those of the canonical code"),
    ("huffman_code", code_of_unused_symbols, "unused symbol", "HUFFMAN-3.1", "A symbol of length 0"),
    ("huffman_code", code_skips_empty_lengths, "skipped length", "HUFFMAN-3.1", "No symbol has one of the lengths"),
    ("huffman_decode", decode_as_one_lane, "lanes", "HUFFMAN-4.1", "several lanes"),
    ("huffman_decode", decode_always_16_bits, "type", "HUFFMAN-4.2", "the wrong dtype"),
    ("huffman_decode", decode_words_from_the_high_end, "bits", "HUFFMAN-4.1", "The symbols come out wrong")]
