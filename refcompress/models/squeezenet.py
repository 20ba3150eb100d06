"""The SqueezeNet file that the first author of Deep Compression published, and its network.

The file is little-endian and has no padding. It begins with 26 uint32: the number of stored entries of each layer. Then
each layer has 256 float32 (its codebook, of which entry 0 is 0.0), a float32 bias for each output channel, a uint8 code
for each entry, and the entries' gaps in 4 bits, low nibble first. The position of an entry in the flattened (out, in,
height, width) weight is the sum of gap + 1 up to it, less 1. An entry whose code is 0 is a filler.

**Source** S. Han et al., SqueezeNet-Deep-Compression; the network: Iandola et al. 2016 (arXiv 1602.07360), version 1.0.
"""

import math
from functools import partial
from os import PathLike

import numpy as np

from .. import arguments
from ..container import DEFAULT_LIMIT, files
from ..container.files import opening
from ..errors import CorruptError, LimitError
from ..formats import Graph, Input, Node, Shared
from .source import Source, Tensor, within

__all__ = ["SHAPES", "graph", "load", "open", "read"]


def _fire(number: int, inputs: int, squeeze: int, expand: int) -> dict[str, tuple[int, int, int, int]]:
    return {f"fire{number}/conv1x1_1": (squeeze, inputs, 1, 1), f"fire{number}/conv1x1_2": (expand, squeeze, 1, 1),
            f"fire{number}/conv3x3_2": (expand, squeeze, 3, 3)}


SHAPES = {
    "conv1": (96, 3, 7, 7), **_fire(2, 96, 16, 64), **_fire(3, 128, 16, 64), **_fire(4, 128, 32, 128),
    **_fire(5, 256, 32, 128), **_fire(6, 256, 48, 192), **_fire(7, 384, 48, 192), **_fire(8, 384, 64, 256),
    **_fire(9, 512, 64, 256), "conv_final": (1000, 512, 1, 1),
}
CODEBOOK = 256
SIZE = 227  # rows and columns of an image


def open(path: str | bytes | PathLike, *, limit: int = DEFAULT_LIMIT) -> Source:
    """Return the tensors of the published file, and its network (:func:`graph`).

    limit : the most bytes that the file may have, and a tensor

    Returns
    -------
    source : Kind "squeezenet". Weights are Shared, of the type "shared"; their bytes are those of float32. The file has
        less than a megabyte, and is read as a whole.
    """
    limit = arguments.integer(limit, "limit", 0)
    with opening(path) as file:
        if file.size > limit:
            raise LimitError("limit", f"{file.path!r} has {file.size} bytes, the limit is {limit}")
        data = bytes(file.read(0, file.size))
        layers = read(data)
        tensors = {}
        for name, value in layers.items():
            kind, nbytes = "shared" if isinstance(value, Shared) else "float32", 4 * math.prod(value.shape)
            tensors[name] = within(Tensor(name, value.shape, kind, nbytes, partial(layers.__getitem__, name)), limit)
        return Source("squeezenet", [file], tensors, graph=graph())


def graph() -> Graph:
    """Return SqueezeNet 1.0: images in, BGR and less the means as Caffe has them; 1000 scores out.

    conv1 (stride 2), pool, fire2 to fire4, pool, fire5 to fire8, pool, fire9, conv_final, the mean over all places. A
    ReLU stands behind each convolution. Pools are 3 x 3 with stride 2; as in Caffe the last may be cut.
    """
    nodes: list[Node] = []

    def add(operation: str, inputs: list[str], name: str, **attributes) -> str:
        nodes.append(Node(operation, tuple(inputs), (name,), tuple(attributes.items()), name))
        return name

    def conv(x: str, name: str, **attributes) -> str:
        return add("relu", [add("conv", [x, f"{name}.weight", f"{name}.bias"], name, **attributes)], f"{name}/relu")

    def pool(x: str, number: int) -> str:
        return add("max_pool", [x], f"pool{number}", kernel=(3, 3), strides=(2, 2), ceil=True)

    x = pool(conv("images", "conv1", strides=(2, 2)), 1)
    for number in range(2, 10):
        x = conv(x, f"fire{number}/conv1x1_1")
        sides = [conv(x, f"fire{number}/conv1x1_2"), conv(x, f"fire{number}/conv3x3_2", pads=(1, 1, 1, 1))]
        x = add("concat", sides, f"fire{number}/concat", axis=1)
        if number in (4, 8):
            x = pool(x, number)
    x = add("global_average_pool", [conv(x, "conv_final")], "pool10")
    scores = add("flatten", [x], "scores")
    return Graph((Input("images", "float32", ("batch", 3, SIZE, SIZE)),), (scores,), tuple(nodes))


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


