"""constriction: asymmetric numeral systems with the symbols' own frequencies."""

import constriction
import numpy as np

from .streams import coder

ANS = constriction.stream.stack.AnsCoder


def _model(counts):
    return constriction.stream.model.Categorical(counts / counts.sum(), perfect=False)


def _encode(symbols):
    counts = np.bincount(symbols, minlength=256).astype(np.float64)
    stream = ANS()
    stream.encode_reverse(symbols.astype(np.int32), _model(counts))
    return np.concatenate(
        [np.array([len(symbols)], np.uint64).view(np.uint32), counts.view(np.uint32), stream.get_compressed()]
    )


def _decode(data):
    counts, stream = data[2:514].view(np.float64), ANS(data[514:].copy())
    return stream.decode(_model(counts), int(data[:2].view(np.uint64)[0])).astype(np.uint8)


PEERS = coder("constriction, ANS", _encode, _decode)
