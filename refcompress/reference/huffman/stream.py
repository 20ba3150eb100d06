"""Huffman streams: symbols to 16-bit words and back, up to 64 lanes side by side over one common stream.

FORMAT.md's section on streams is the norm; this is the idea. Symbol i belongs to lane i mod lanes and to step
i // lanes. A lane is a queue of bits, empty at first. In each step every lane that holds fewer than L bits takes the
next word of the stream, the lowest lane first, and then each lane decodes one symbol from the front of its queue. So a
wide machine can keep many queues in one register, and still there is one stream, with no table of where each lane
begins.

After it may have taken a word a lane holds h bits, L <= h <= L + 15: fewer and it could have taken another word, more
and it would not have taken this one. Words are 16 bits, so h + (bits decoded before) is a multiple of 16, and the two
together leave one h only. That is why an encoder can run backwards: at the lane's end it knows h from the number of
bits, and going to the front it knows at each symbol whether the decoder took a word between this symbol and the next.

Letters: L the longest length of the code.
"""

import numpy as np

from ... import arguments
from ...errors import ArgumentTypeError, CorruptError
from ...formats import MAX_CODE_LENGTH, Encoded, HuffmanCode

__all__ = ["huffman_encode", "huffman_decode"]

MAX_LANES = 64
SYMBOLS_A_LANE = 1024  # at least: a lane ends in padding of about 16 bits, below 0.4 % at 4 bits a symbol


def huffman_encode(symbols, code: HuffmanCode) -> Encoded:
    """Return the symbols as a Huffman stream.

    symbols : (count,) uint8 or uint16, each with a code; code : HuffmanCode.
    Returns an Encoded of (words,) uint16, exact: no other words of the same count and code decode to these symbols.
    Raises RefcompressError for the first symbol that has no code, by its index.

    Source: Huffman, "A method for the construction of minimum-redundancy codes", Proc. IRE 40(9), 1952; many decoders
    over one stream, encoded backwards: Giesen, "Interleaved entropy coders", arXiv:1402.3392, 2014.
    Departs: nothing.
    Cost: O(count); here a few microseconds a step.

    >>> from refcompress import huffman_code
    >>> code = huffman_code(np.array([1, 2, 2], np.uint8))
    >>> huffman_decode(huffman_encode(np.array([0, 2, 1, 0], np.uint8), code)).tolist()
    [0, 2, 1, 0]
    """
    symbols, code = encode_arguments(symbols, code)
    symbols = with_codes(symbols, code)
    count, L = len(symbols), code.longest
    lanes, steps = lanes_of(count), -(-count // lanes_of(count))
    # A row a step, a column a lane. Where the last step has no symbol stands one of no bits, which changes nothing.
    padding = (0, steps * lanes - count)
    lengths = np.pad(code.lengths[symbols].astype(np.int64), padding).reshape(steps, lanes)
    codes = np.pad(reversed_codes(code)[symbols], padding).reshape(steps, lanes)

    held = L + (-lengths.sum(axis=0) - L) % 16  # after the lane's end, as if the decoder went on
    bits = np.zeros(lanes, dtype=np.int64)
    taken = []  # the words of each step but the first, the last step first
    for step in reversed(range(steps)):
        took = held + lengths[step] > L + 15  # the decoder took a word after this symbol, before the next
        held -= 16 * took
        next_exists = (step + 1) * lanes + np.arange(lanes) < count
        taken.append((bits >> held)[took & next_exists])  # else the word is beyond the end, and all its bits are 0
        bits &= (1 << held) - 1
        bits = bits << lengths[step] | codes[step]
        held += lengths[step]
    taken.append(bits)  # each lane begins with a word: held is now 16
    words = np.concatenate(taken[::-1]) if count else bits[:0]
    return Encoded(words.astype(np.uint16), count, code)


def huffman_decode(encoded: Encoded) -> np.ndarray:
    """Return the symbols of a Huffman stream.

    encoded : Encoded.
    Returns (count,) uint8 if the code's alphabet is at most 256, else uint16, exact.
    Raises CorruptError("words", ...) for words that huffman_encode does not produce: too few, too many, a bit of 1
    after a lane's last symbol, a bit of 1 where the code is that of a lone symbol. No memory is taken for a count that
    the words cannot hold.

    Source: as huffman_encode.
    Departs: nothing.
    Cost: O(count + 2**L); here a few microseconds a step.

    >>> from refcompress import huffman_code
    >>> huffman_decode(Encoded(np.array([0b01_1], np.uint16), 2, huffman_code(np.array([1, 2, 2], np.uint8)))).tolist()
    [2, 0]
    """
    words, count, code = decode_arguments(encoded)
    lanes, L = lanes_of(count), code.longest
    symbol_of, length_of = decoding_table(code)
    symbols = np.zeros(count, dtype=decoded_dtype(code))
    bits, held = np.zeros(lanes, dtype=np.int64), np.zeros(lanes, dtype=np.int64)
    words = words.astype(np.int64)
    position = 0
    for first in range(0, count, lanes):
        active = min(lanes, count - first)
        short = np.flatnonzero(held[:active] < L)
        if position + len(short) > len(words):
            raise CorruptError("words", f"end before symbol {count - 1}")
        bits[short] |= words[position : position + len(short)] << held[short]
        held[short] += 16
        position += len(short)

        pattern = bits[:active] & ((1 << L) - 1)
        symbols[first : first + active] = symbol_of[pattern]
        bits[:active] >>= length_of[pattern]
        held[:active] -= length_of[pattern]
    if position < len(words):
        raise CorruptError("words", f"go on after the last symbol: {len(words)} words, and {position} were needed")
    if bits.any():
        raise CorruptError("words", "hold a bit of 1 that belongs to no symbol")
    return symbols


def decoding_table(code: HuffmanCode) -> tuple[np.ndarray, np.ndarray]:
    """Return symbol and length of the code that each pattern of L bits begins with (the first bit is the lowest).

    A lone symbol leaves one pattern without a code, 1. Its length here is 0: the lane then stays where it is, and the
    bit is still there at the end, where all bits must be 0.
    """
    symbol_of = np.zeros(1 << code.longest, dtype=np.uint16)
    length_of = np.zeros(1 << code.longest, dtype=np.int64)
    front = reversed_codes(code)
    for symbol in np.flatnonzero(code.lengths):
        length = int(code.lengths[symbol])
        symbol_of[front[symbol] :: 1 << length] = symbol
        length_of[front[symbol] :: 1 << length] = length
    return symbol_of, length_of


def reversed_codes(code: HuffmanCode) -> np.ndarray:
    """Return the codes with their bits in the order of the stream, whose first bit is the lowest: (alphabet,) int64."""
    codes = code.codes.astype(np.int64)
    result = np.zeros_like(codes)
    for bit in range(MAX_CODE_LENGTH):
        result = result << 1 | codes >> bit & 1
    return result >> (MAX_CODE_LENGTH - code.lengths.astype(np.int64))


def lanes_of(count: int) -> int:
    """Return how many lanes a stream of ``count`` symbols has: a power of two, each lane with enough symbols."""
    enough = max(1, count // SYMBOLS_A_LANE)
    return min(MAX_LANES, 1 << enough.bit_length() - 1)


def decoded_dtype(code: HuffmanCode) -> np.dtype:
    return np.dtype(np.uint8 if len(code.lengths) <= 256 else np.uint16)


def encode_arguments(symbols, code) -> tuple[np.ndarray, HuffmanCode]:
    """Return the checked arguments of huffman_encode."""
    symbols = arguments.array(symbols, "symbols", np.uint8, np.uint16, ndim=1)
    if not isinstance(code, HuffmanCode):
        raise ArgumentTypeError("code", f"must be a HuffmanCode, not {type(code).__name__}")
    return symbols, code


def with_codes(symbols: np.ndarray, code: HuffmanCode) -> np.ndarray:
    """Return the symbols; refuse the first that has no code, by its index."""
    has_code = np.zeros(1 << 8 * symbols.itemsize, dtype=bool)
    used = np.flatnonzero(code.lengths)
    has_code[used[used < len(has_code)]] = True
    return arguments.each(symbols, "symbols", has_code[symbols], "must be a symbol that has a code")


def decode_arguments(encoded) -> tuple[np.ndarray, int, HuffmanCode]:
    """Return the parts of a checked argument of huffman_decode, the number of words compared with the count."""
    if not isinstance(encoded, Encoded):
        raise ArgumentTypeError("encoded", f"must be an Encoded, not {type(encoded).__name__}")
    words, count, code = encoded.words, encoded.count, encoded.code
    used = code.lengths[code.lengths > 0]
    # A lane takes its first word before anything else, and ends with at most L + 14 bits left: L + 15 less one symbol.
    lanes, shortest, longest = lanes_of(count), int(used.min(initial=MAX_CODE_LENGTH)), code.longest
    least = max(count * shortest, 16 * lanes) if count else 0
    most = count * longest + lanes * (longest + 14) if count else 0
    if not least <= 16 * len(words) <= most:
        raise CorruptError("words", f"must hold {least} to {most} bits for {count} symbols, not {16 * len(words)}")
    return words, count, code
