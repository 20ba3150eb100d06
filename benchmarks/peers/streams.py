"""What the adapters of entropy coders share: a peer that encodes and one that decodes, checked by decoding."""

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from refcompress import reference

from . import Peer


def coder(label: str, encode: Callable, decode: Callable) -> dict[str, Peer]:
    """Return the peers of both directions: encode(symbols: uint8 array) -> bytes-like, decode(that) -> bytes-like.

    Their formats differ from ours, so what is checked is that decoding gives the symbols back.
    """
    def encoding(symbols, code):
        return lambda: encode(symbols)

    def back(expected, got, args, kwargs):
        assert np.array_equal(_symbols(decode(got)), args[0]), f"{label} does not give the symbols back"

    def decoding(encoded):
        coded = encode(_decoded(encoded))
        return lambda: decode(coded)

    def same(expected, got, args, kwargs):
        assert np.array_equal(_symbols(got), expected), f"{label} does not give the symbols back"

    return {"huffman_encode": Peer(label, encoding, back, size=_bytes), "huffman_decode": Peer(label, decoding, same)}


# By the reference, so that a wrong kernel of ours is not held against the peers; once for all of them, for it takes
# long.
_decoded = lru_cache(maxsize=1)(reference.huffman_decode)


def _symbols(data) -> np.ndarray:
    return data if isinstance(data, np.ndarray) else np.frombuffer(data, np.uint8)


def _bytes(data) -> int:
    return data.nbytes if isinstance(data, np.ndarray) else len(data)
