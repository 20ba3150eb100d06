"""Huffman streams: symbols to 16-bit words and back, up to 64 lanes side by side over one common stream.

FORMAT.md's section on streams is the norm; this is the idea. Symbol i belongs to lane i mod lanes. A lane is a queue of
bits, empty at first. The decoder goes from symbol to symbol: a lane that holds fewer than L bits takes the next word of
the stream; then a code leaves the front of the queue. A wide machine keeps many queues in one register. There is one
stream, and no table of where each lane begins.

Why an encoder can write backwards. Before a symbol, after it may have taken a word, a lane holds h bits:

    L <= h         with fewer it would have taken a word, and then it holds 16 or more
    h <= L + 15    it took its last word when it held L - 1 bits or fewer

Words have 16 bits, so h + (bits decoded before) is a multiple of 16. Together these leave one h only. So the encoder
knows h at the lane's end from the number of all bits. On its way to the front it knows at each symbol whether the
decoder takes a word between this symbol and the lane's next one.

Letters: L the longest length of the code.
"""

import numpy as np
from numpy.typing import NDArray

from ... import arguments
from ...errors import ArgumentTypeError, CorruptError
from ...formats import Encoded, HuffmanCode

__all__ = ["huffman_encode", "huffman_decode"]

MAX_LANES = 64
SYMBOLS_A_LANE = 1024  # at least: a lane ends in padding of about 16 bits, below 0.4 % at 4 bits a symbol


def huffman_encode(symbols: NDArray, code: HuffmanCode) -> Encoded:
    """Write the symbols as a Huffman stream.

        symbol i in lane i mod lanes;  from the last to the first:  a word leaves the lane's back where its h + length
        is above L + 15, then the code enters at its front

    Parameters
    ----------
    symbols : (count,) uint8 or uint16, each with a code
    code : HuffmanCode

    Returns
    -------
    Encoded, with (words,) uint16
        No other words of the same count and code decode to these symbols.

    **Source** Huffman, A Method for the Construction of Minimum-Redundancy Codes (Proc. IRE 40(9), 1952); many decoders
    over one stream, encoded backwards: Giesen, Interleaved Entropy Coders (2014, arXiv 1402.3392).

    **Departs** nothing.

    Cost O(count); about half a microsecond a symbol here.

    >>> from refcompress import huffman_code
    >>> code = huffman_code(np.array([1, 2, 2], np.uint8))
    >>> huffman_decode(huffman_encode(np.array([0, 2, 1, 0], np.uint8), code)).tolist()
    [0, 2, 1, 0]
    """
    symbols, code = with_codes(*encode_arguments(symbols, code))
    count, lanes, L = len(symbols), lanes_of(len(symbols)), code.longest
    codes, lengths = reversed_codes(code), code.lengths.tolist()

    in_lane = [int(code.lengths[symbols[lane::lanes]].sum(dtype=np.int64)) for lane in range(lanes)]
    held = [L + (-total - L) % 16 for total in in_lane]  # at the lane's end, as if the decoder went on
    bits = [0] * lanes
    words = []  # the last one first
    for i, symbol in zip(reversed(range(count)), reversed(symbols.tolist())):
        lane, length = i % lanes, lengths[symbol]
        if held[lane] + length > L + 15:  # the decoder takes a word after this symbol, before the lane's next
            held[lane] -= 16
            if i + lanes < count:  # else there is no next, and the word is dropped: all its bits are 0
                words.append(bits[lane] >> held[lane])
            bits[lane] &= (1 << held[lane]) - 1
        bits[lane] = bits[lane] << length | codes[symbol]
        held[lane] += length
    words += reversed(bits[:count])  # each lane with a symbol begins with a word: it now holds 16 bits
    return Encoded(np.array(words[::-1], dtype=np.uint16), count, code)


def huffman_decode(encoded: Encoded) -> NDArray:
    """Read the symbols of a Huffman stream.

        symbol i from lane i mod lanes;  a lane that holds fewer than L bits takes a word, then a code leaves its front

    Parameters
    ----------
    encoded : Encoded

    Returns
    -------
    symbols : (count,) uint8 if the code's alphabet is at most 256, else uint16

    Raises
    ------
    CorruptError : words that huffman_encode does not produce: too few, too many, a bit of 1 after a lane's last symbol,
        a bit of 1 where the code is that of a lone symbol. No memory is taken for a count that the words cannot hold.

    **Source** as huffman_encode.

    **Departs** nothing.

    Cost O(count + 2**L); about half a microsecond a symbol here.

    >>> from refcompress import huffman_code
    >>> huffman_decode(Encoded(np.array([0b01_1], np.uint16), 2, huffman_code(np.array([1, 2, 2], np.uint8)))).tolist()
    [2, 0]
    """
    words, count, code = decode_arguments(encoded)
    lanes, L = lanes_of(count), code.longest
    # The symbol whose code each pattern of L bits begins with, and its length; the first bit is the lowest. A lone
    # symbol leaves one pattern without a code, 1. Its length is 0 here: the bit stays in the lane, and is found there
    # at the end.
    symbol_of, length_of = [0] * 2**L, [0] * 2**L
    for symbol, (front, length) in enumerate(zip(reversed_codes(code), code.lengths.tolist())):
        for pattern in range(front, 2**L if length else 0, 2**length):
            symbol_of[pattern], length_of[pattern] = symbol, length

    symbols = np.zeros(count, dtype=np.uint8 if len(code.lengths) <= 256 else np.uint16)
    bits, held = [0] * lanes, [0] * lanes
    rest = iter(words.tolist())
    for i in range(count):
        lane = i % lanes
        if held[lane] < L:
            word = next(rest, None)
            if word is None:
                raise CorruptError("words", f"end before symbol {i}")
            bits[lane] |= word << held[lane]
            held[lane] += 16
        pattern = bits[lane] & (2**L - 1)
        symbols[i] = symbol_of[pattern]
        bits[lane] >>= length_of[pattern]
        held[lane] -= length_of[pattern]
    if next(rest, None) is not None:
        raise CorruptError("words", "go on after the last symbol")
    if any(bits):
        raise CorruptError("words", "hold a bit of 1 that belongs to no symbol")
    return symbols


def lanes_of(count: int) -> int:
    """Return how many lanes a stream of ``count`` symbols has: a power of two, each lane with enough symbols."""
    enough = max(1, count // SYMBOLS_A_LANE)
    return min(MAX_LANES, 1 << enough.bit_length() - 1)


def reversed_codes(code: HuffmanCode) -> list[int]:
    """Return the codes with their bits in the order of the stream, whose first bit is the lowest."""
    return [int(f"{c:0{length}b}"[::-1], 2) for c, length in zip(code.codes.tolist(), code.lengths.tolist())]


def encode_arguments(symbols, code) -> tuple[NDArray, HuffmanCode]:
    """Return the arguments of huffman_encode, their types checked."""
    symbols = arguments.array(symbols, "symbols", np.uint8, np.uint16, ndim=1)
    if not isinstance(code, HuffmanCode):
        raise ArgumentTypeError("code", f"must be a HuffmanCode, not {type(code).__name__}")
    return symbols, code


def with_codes(symbols: NDArray, code: HuffmanCode) -> tuple[NDArray, HuffmanCode]:
    """Return the symbols and the code; refuse the first symbol that has no code, by its index."""
    has_code = np.zeros(1 << 8 * symbols.itemsize, dtype=bool)
    used = np.flatnonzero(code.lengths)
    has_code[used[used < len(has_code)]] = True
    return arguments.each(symbols, "symbols", has_code[symbols], "must be a symbol that has a code"), code


def decode_arguments(encoded) -> tuple[NDArray[np.uint16], int, HuffmanCode]:
    """Return the parts of a checked argument of huffman_decode, the number of words compared with the count."""
    if not isinstance(encoded, Encoded):
        raise ArgumentTypeError("encoded", f"must be an Encoded, not {type(encoded).__name__}")
    words, count, code = encoded.words, encoded.count, encoded.code
    # A lane takes its first word before anything else, and ends with at most L + 14 bits left: L + 15 less one symbol.
    lanes, shortest, longest = lanes_of(count), code.shortest, code.longest
    least = max(count * shortest, 16 * lanes) if count else 0
    most = count * longest + lanes * (longest + 14) if count else 0
    if not least <= 16 * len(words) <= most:
        raise CorruptError("words", f"must hold {least} to {most} bits for {count} symbols, not {16 * len(words)}")
    return words, count, code
