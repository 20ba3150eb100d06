"""The SqueezeNet file that the first author of Deep Compression published, and the network that runs it.

The file is little-endian and has no padding. It begins with 26 uint32: the number of stored entries of each layer. Then
each layer has 256 float32 (its codebook, of which entry 0 is 0.0), a float32 bias for each output channel, a uint8 code
for each entry, and the entries' gaps in 4 bits, low nibble first. The position of an entry in the flattened (out, in,
height, width) weight is the sum of gap + 1 up to it, less 1. An entry whose code is 0 is a filler.

**Source** S. Han et al., SqueezeNet-Deep-Compression; the network: Iandola et al. 2016 (arXiv 1602.07360), version 1.0.
"""

import math
from os import PathLike

import numpy as np

from .. import arguments
from ..container import DEFAULT_LIMIT, files
from ..errors import CorruptError
from ..formats import Format, Shared

__all__ = ["SHAPES", "read", "load", "forward"]


def _fire(number: int, inputs: int, squeeze: int, expand: int) -> dict[str, tuple[int, int, int, int]]:
    return {f"fire{number}/conv1x1_1": (squeeze, inputs, 1, 1), f"fire{number}/conv1x1_2": (expand, squeeze, 1, 1),
            f"fire{number}/conv3x3_2": (expand, squeeze, 3, 3)}


SHAPES = {
    "conv1": (96, 3, 7, 7), **_fire(2, 96, 16, 64), **_fire(3, 128, 16, 64), **_fire(4, 128, 32, 128),
    **_fire(5, 256, 32, 128), **_fire(6, 256, 48, 192), **_fire(7, 384, 48, 192), **_fire(8, 384, 64, 256),
    **_fire(9, 512, 64, 256), "conv_final": (1000, 512, 1, 1),
}
CODEBOOK = 256


def load(path: str | bytes | PathLike, *, limit: int = DEFAULT_LIMIT) -> dict[str, Shared | np.ndarray]:
    """Return the layers of the regular file at ``path``, as :func:`read` does.

    limit : the most bytes that the file may have; the arrays take some 5 MB, whatever it holds
    """
    return read(files.read(path, arguments.integer(limit, "limit", 0)))


def read(data: bytes) -> dict[str, Shared | np.ndarray]:
    """Return the layers: "<layer>.weight" -> Shared, with the codebook entries that occur; "<layer>.bias" -> float32.

    Every weight has the bits of the file's codebook.

    Raises
    ------
    CorruptError : bytes are missing or left over, a position lies beyond its layer, a codebook does not begin with 0.0,
        or a value is not finite.
    """
    view, at = memoryview(data), 0

    def take(count: int, dtype: str, what: str) -> np.ndarray:
        nonlocal at
        size = count * np.dtype(dtype).itemsize
        if size > len(view) - at:
            raise CorruptError("data", f"{size} bytes of {what} are announced at byte {at}, {len(view) - at} are left")
        at += size
        return np.frombuffer(view[at - size : at], dtype)

    layers: dict[str, Shared | np.ndarray] = {}
    counts = take(len(SHAPES), "<u4", "counts").tolist()
    for (name, shape), count in zip(SHAPES.items(), counts):
        codebook = take(CODEBOOK, "<f4", f"{name}'s codebook").astype(np.float32)
        if codebook[:1].view(np.uint32)[0] != 0:
            raise CorruptError("data", f"{name}'s codebook must begin with 0.0, not {codebook[0]}")
        bias = take(shape[0], "<f4", f"{name}'s bias").astype(np.float32)
        for what, values in (("codebook", codebook), ("bias", bias)):
            if not np.isfinite(values).all():
                raise CorruptError(
                    "data", f"{name}'s {what} has a value that is not finite at {int(np.argmin(np.isfinite(values)))}"
                )
        entries = take(count, "u1", f"{name}'s codes")
        nibbles = take(-(-count // 2), "u1", f"{name}'s gaps")
        if count > math.prod(shape):  # before arrays are made of what a file of strangers has
            raise CorruptError("data", f"{name} has {count} entries for {math.prod(shape)} weights")
        gaps = np.stack([nibbles & 15, nibbles >> 4], axis=1).reshape(-1)[:count]
        places = np.cumsum(gaps.astype(np.int64) + 1) - 1
        size = math.prod(shape)
        if count and places[-1] >= size:
            raise CorruptError("data", f"{name} has an entry at {places[-1]}, beyond its {size} weights")
        placed = np.zeros(size, np.uint8)
        placed[places] = entries
        used, codes = np.unique(placed, return_inverse=True)
        if used[:1] != 0:  # no zero among the weights: its code stays all the same
            used, codes = np.append(0, used), codes + 1
        layers[f"{name}.weight"] = Shared(codes.astype(np.uint8).reshape(shape), codebook[used])
        layers[f"{name}.bias"] = bias
    if at != len(view):
        raise CorruptError("data", f"{len(view) - at} bytes are left after the last layer")
    return layers


def forward(layers: dict, images: np.ndarray) -> np.ndarray:
    """Return the 1000 class scores, (n, 1000), of images.

    images : (n, 227, 227, 3) float32, in BGR and less the means, as Caffe has them.

    SqueezeNet 1.0: conv1 (stride 2), pool, fire2 to fire4, pool, fire5 to fire8, pool, fire9, conv_final, the mean over
    all places. Pools are 3 x 3 with stride 2. Weights are decoded layer by layer. Products are NumPy's.
    """
    def conv(x, name, stride=1, pad=0):
        weight, bias = layers[f"{name}.weight"], layers[f"{name}.bias"]
        w = weight.dense() if isinstance(weight, Format) else weight
        m, c, h, width = w.shape
        if pad:
            x = np.pad(x, ((0, 0), (pad, pad), (pad, pad), (0, 0)))
        n, rows, columns, _ = x.shape
        places = (rows - h) // stride + 1, (columns - width) // stride + 1
        a, b, d, e = x.strides
        p = np.lib.stride_tricks.as_strided(
            x, (n, *places, h, width, c), (a, b * stride, d * stride, b, d, e), writeable=False
        )
        y = p.reshape(-1, h * width * c) @ w.transpose(0, 2, 3, 1).reshape(m, -1).T
        return np.maximum(y + bias, 0).reshape(n, *places, m)

    def pool(x):
        rows, columns = -(-(x.shape[1] - 3) // 2) + 1, -(-(x.shape[2] - 3) // 2) + 1  # as Caffe: the last may be cut
        x = np.pad(x, ((0, 0), (0, 2), (0, 2), (0, 0)), constant_values=-np.inf)
        return np.max(
            [x[:, r : r + 2 * rows - 1 : 2, s : s + 2 * columns - 1 : 2] for r in range(3) for s in range(3)], axis=0
        )

    x = pool(conv(images, "conv1", stride=2))
    for number in range(2, 10):
        x = conv(x, f"fire{number}/conv1x1_1")
        x = np.concatenate([conv(x, f"fire{number}/conv1x1_2"), conv(x, f"fire{number}/conv3x3_2", pad=1)], axis=-1)
        if number in (4, 8):
            x = pool(x)
    return conv(x, "conv_final").mean(axis=(1, 2))
