"""Planes as a file has them: each plane of a run of elements is a stream, in the coder that takes the fewest bytes.

FORMAT.md has the streams ("Streams") and their order ("Kind 18"). Elements of float64 are not here: their exponents
have 11 bits.
"""

import numpy as np
from numpy.typing import NDArray

from ... import arguments
from ...errors import ArgumentTypeError, CorruptError, RefcompressError
from ...formats import MAX_CODE_LENGTH, Encoded
from ...formats.element_types import ELEMENT_TYPES
from ..huffman import huffman_blocks, huffman_code, huffman_counts, huffman_decode, huffman_encode, huffman_lengths
from ..huffman.blocks import UNIT
from .elements import Plan, plan_of, planes_join, planes_split, split_arguments

__all__ = ["planes_encode", "planes_decode"]

RUN = 2**18  # numbers whose planes are coded together: an embedding's rows differ, and a run stays in a near cache
HUFFMAN, BLOCKS = 17, 19  # the coders of Huffman codes and of blocks; coders 0 to 16 are of so many bits a symbol


def planes_encode(patterns: NDArray, type: str, *, head: bytes = b"", blocks: bool = True) -> NDArray[np.uint8]:
    """Write the planes of elements as streams.

        for each run of 2^18 numbers, for each plane of it (planes_split), from the top:
            the shortest of  w | the symbols in w bits each                     (w: the bits of the largest symbol)
                             17 | the code's lengths | the words of the Huffman code
                             19 | how many blocks | where they end | each in one of the forms above   (huffman_blocks)

    Parameters
    ----------
    patterns, type : as of planes_split; not float64
    head : what stands before the streams, such as an element's shape: put there, it need not be joined to them
    blocks : whether a stream may be cut into blocks; files of versions 1 to 4 have none

    Returns
    -------
    data : (n,) uint8; exact
        Of streams that are equally long the first one. No elements give no bytes.

    **Source** Hershcovitch et al., ZipNN (2024, arXiv 2411.05239).

    **Departs** each run has a code of its own, and what is stored as it is follows from sizes, not from a guess.

    Cost O(size).

    >>> import numpy as np
    >>> planes_encode(np.float32([1, -1, 2, -2]).view(np.uint32), "float32").tolist()
    [8, 127, 127, 128, 128, 0, 0, 1, 10]
    """
    patterns, plan, head, blocks = encode_arguments(patterns, type, head, blocks)
    words = patterns.reshape(-1).view(plan.word)
    parts = [_stream(plane, blocks) for begin in range(0, len(words), RUN)
             for plane in planes_split(words[begin : begin + RUN].view(patterns.dtype), type)]
    return np.frombuffer(b"".join([head, *parts]), np.uint8).copy()


def planes_decode(data: NDArray[np.uint8], type: str, count: int, *, strict: bool = True,
                  blocks: bool = True) -> tuple[NDArray, int]:
    """Read elements from the streams of their planes; the inverse of :func:`planes_encode`.

    Parameters
    ----------
    data : (n,) uint8
        It may go on behind the streams.
    type : as of planes_encode
    count : the number of elements
    strict : whether streams that planes_encode would not write are refused
        Without it, a caller that has just written them is spared the choice of the coders once more.
    blocks : as of planes_encode

    Returns
    -------
    patterns : (count,) uint8, uint16, uint32 or uint64 as the type says; exact
    used : how many bytes of data were read

    Raises
    ------
    CorruptError
        The bytes break a rule of FORMAT.md, or end before the last stream.

    **Source** as :func:`planes_encode`. **Departs** as :func:`planes_encode`. Cost O(count).

    >>> import numpy as np
    >>> x = np.uint16([3, 4, 65535])
    >>> planes_decode(planes_encode(x, "uint16"), "uint16", 3)
    (array([    3,     4, 65535], dtype=uint16), 8)
    """
    data, plan, count, strict, blocks = decode_arguments(data, type, count, strict, blocks)
    pattern = ELEMENT_TYPES[type].pattern
    size = count * pattern.itemsize // plan.word.itemsize
    left, parts = _Left(data.tobytes()), [np.empty(0, pattern)]
    for begin in range(0, size, RUN):
        planes = [_decoded(left, min(RUN, size - begin), width, strict, blocks) for width in plan.widths]
        parts.append(planes_join(planes, type))
    return np.concatenate(parts), left.position


class _Left:
    """Bytes, and how many of them were read."""

    def __init__(self, data: bytes):
        self.data, self.position = data, 0

    def take(self, count: int) -> bytes:
        taken = self.data[self.position : self.position + count]
        if len(taken) < count:
            raise corrupt("ends before the last stream")
        self.position += count
        return taken

    def integer(self) -> int:
        """Return an integer in LEB128."""
        value = shift = 0
        while (byte := self.take(1)[0]) > 127:
            value |= (byte & 127) << shift
            shift += 7
            if shift > 56:
                raise corrupt("has an integer of more than 9 bytes")
        if not byte and shift:
            raise corrupt("has an integer that ends in a byte that it does not need")
        return value | byte << shift


def corrupt(rule: str) -> CorruptError:
    return CorruptError("data", rule)


def _integer(value: int) -> bytes:
    """Return an integer in LEB128."""
    return bytes([value]) if value < 128 else bytes([value & 127 | 128]) + _integer(value >> 7)


def _packed(symbols: NDArray, width: int) -> bytes:
    """Return symbols in ``width`` bits each, the lowest first."""
    return np.packbits(symbols[:, None] >> np.arange(width, dtype=np.uint8) & 1, bitorder="little").tobytes()


def _unpacked(data: bytes, count: int, width: int) -> NDArray[np.uint8]:
    bits = np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")
    if bits[count * width :].any():
        raise corrupt("has padding that is not 0")
    places = np.arange(width, dtype=np.uint8)
    return (bits[: count * width].reshape(count, width) << places).sum(axis=1, dtype=np.uint8)


def _stream(symbols: NDArray[np.uint8], blocks: bool) -> bytes:
    """Return the shortest form of a plane."""
    whole, ends = _alone(symbols), huffman_blocks(symbols)
    if not blocks or len(ends) == 1:
        return whole
    sizes = [_integer(size // UNIT) for size in np.diff(ends[:-1], prepend=0).tolist()]
    parts = [_alone(part) for part in np.split(symbols, ends[:-1])]
    return min(whole, b"".join([bytes([BLOCKS]), _integer(len(ends)), *sizes, *parts]), key=len)


def _alone(symbols: NDArray[np.uint8]) -> bytes:
    """Return the shorter form of symbols without blocks."""
    counts = huffman_counts(symbols)
    width = (len(counts) - 1).bit_length()
    packed = bytes([width]) + _packed(symbols, width)
    code = huffman_code(huffman_lengths(counts, limit=MAX_CODE_LENGTH))
    words = huffman_encode(symbols, code).words
    table = _integer(len(counts)) + _packed(code.lengths, 4) + _integer(len(words))
    return min(packed, bytes([HUFFMAN]) + table + words.astype("<u2").tobytes(), key=len)


def _decoded(left: _Left, count: int, width: int, strict: bool, blocks: bool) -> NDArray[np.uint8]:
    """Return the plane that follows, its symbols below 2^width."""
    begin = left.position
    coder = left.take(1)[0]
    if coder == BLOCKS and blocks:
        symbols = np.concatenate([_of_coder(left, left.take(1)[0], size) for size in _sizes(left, count)])
    else:
        symbols = _of_coder(left, coder, count)
    if width < 8 and symbols.max() >= 1 << width:
        raise corrupt(f"has a symbol that is not below 2**{width}")
    if strict and _stream(symbols, blocks) != left.data[begin : left.position]:
        raise corrupt("has a stream that an encoder would write otherwise")
    return symbols


def _of_coder(left: _Left, coder: int, count: int) -> NDArray[np.uint8]:
    if coder <= 8:
        return _unpacked(left.take((count * coder + 7) // 8), count, coder)
    if coder == HUFFMAN:
        return _of_words(left, count)
    raise corrupt(f"has a stream of coder {coder}, which no plane has there")


def _sizes(left: _Left, count: int) -> list[int]:
    """Return how many symbols each block of a stream has."""
    units, blocks = -(-count // UNIT), left.integer()
    if not 2 <= blocks <= units:
        raise corrupt(f"has {blocks} blocks, where 2 to {units} can be")
    sizes: list[int] = []
    for _ in range(blocks - 1):
        sizes.append(left.integer() * UNIT)
        if not 0 < sizes[-1] < units * UNIT - sum(sizes[:-1]):
            raise corrupt("has blocks without symbols")
    return [*sizes, count - sum(sizes)]


def _of_words(left: _Left, count: int) -> NDArray[np.uint8]:
    alphabet = left.integer()
    if not 1 <= alphabet <= 256:
        raise corrupt(f"has a code of {alphabet} lengths; a plane's has 1 to 256")
    lengths = _unpacked(left.take((alphabet + 1) // 2), alphabet, 4)
    words = left.take(2 * left.integer())
    try:
        code = huffman_code(lengths)
        return huffman_decode(Encoded(np.frombuffer(words, "<u2").astype(np.uint16), count, code))
    except RefcompressError as error:
        raise corrupt(f"has a Huffman stream whose {error.argument} {error.rule}") from None


def encode_arguments(patterns, type, head, blocks) -> tuple[NDArray, Plan, bytes, bool]:
    """Return the checked patterns, how they are cut, what stands before them, and whether there may be blocks."""
    patterns, plan = split_arguments(patterns, type)
    if not isinstance(head, bytes):
        raise ArgumentTypeError("head", f"must be bytes, not {head.__class__.__name__}")
    return patterns, _of_bytes(plan, type), head, arguments.boolean(blocks, "blocks")


def most_bytes(numbers: int, plan: Plan) -> int:
    """Return the most bytes that the streams of so many numbers take."""
    return len(plan.widths) * (numbers + -(-numbers // RUN)) + 16  # blocks are written, then measured


def decode_arguments(data, type, count, strict, blocks) -> tuple[NDArray[np.uint8], Plan, int, bool, bool]:
    """Return the checked arguments of planes_decode; CorruptError for more elements than the bytes can hold."""
    type = arguments.choice(type, "type", ELEMENT_TYPES)
    plan = _of_bytes(plan_of(type), type)
    data = arguments.array(data, "data", np.uint8, ndim=1)
    count, strict = arguments.integer(count, "count", 0, 2**59), arguments.boolean(strict, "strict")
    numbers = count * ELEMENT_TYPES[type].pattern.itemsize // plan.word.itemsize
    if len(plan.widths) * -(-numbers // RUN) > len(data):  # a stream takes a byte
        raise corrupt("ends before the last stream")
    return data, plan, count, strict, arguments.boolean(blocks, "blocks")


def _of_bytes(plan: Plan, type: str) -> Plan:
    if plan.widths[0] > 8:
        raise ArgumentTypeError("type", f"must be one whose planes have at most 8 bits, not {type}")
    return plan
