"""MNIST from its four published files, checked before use.

**Source** LeCun, Cortes, Burges, "The MNIST database of handwritten digits"; the IDX layout is described there too.
"""

import hashlib
import math
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .. import arguments
from ..container import files
from ..errors import CorruptError, LimitError, RefcompressError

DIRECTORY = Path(__file__).resolve().parents[2] / "data" / "mnist"  # of a source tree; a wheel does not carry the data
LARGEST = 16 + 60_000 * 28 * 28  # bytes, of the training images unpacked
MD5 = {  # of the unpacked files
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}


@dataclass(frozen=True, eq=False)
class Examples:
    """Images with labels: images (n, rows, columns) uint8, 0 = white; labels (n,) uint8."""

    images: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    def inputs(self) -> np.ndarray:
        """Return the images as (n, rows * columns) float32 in [0, 1]."""
        return self.images.reshape(len(self), -1) * np.float32(1 / 255)


def load(directory: str | Path | None = None) -> tuple[Examples, Examples]:
    """Return the 60,000 training and the 10,000 test examples from the four .gz files in ``directory``.

    By default the directory is what :func:`folder` says. Raises RefcompressError where a file is not there or not a
    regular file, CorruptError (naming the file) where it does not unpack to the published bytes.
    """
    place = folder() if directory is None else Path(directory)
    arrays = [parse_idx(_unpack(place / f"{name}.gz", md5), name) for name, md5 in MD5.items()]
    return Examples(arrays[0], arrays[1]), Examples(arrays[2], arrays[3])


def folder() -> Path:
    """Return where the files are unless one is told: in data/mnist of the source tree, or of the working directory."""
    return DIRECTORY if DIRECTORY.is_dir() else Path("data", "mnist")


def split(examples: Examples, validation: int = 5000) -> tuple[Examples, Examples]:
    """Return ``examples`` as two: all but the last ``validation``, to train on, and those, to choose settings by."""
    n = len(examples) - arguments.integer(validation, "validation", 0, len(examples))
    return Examples(examples.images[:n], examples.labels[:n]), Examples(examples.images[n:], examples.labels[n:])


def shifted(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a batch of flat images, all moved by one random step of -1, 0 or 1 pixel each way; what leaves comes in
    opposite.

    For ``fit``: digits do not change when they move a little. The outermost pixels of MNIST's images are nearly all
    white.
    """
    down, right = rng.integers(-1, 2, 2).tolist()
    return np.roll(x.reshape(len(x), 28, 28), (down, right), (1, 2)).reshape(len(x), -1)


def parse_idx(data: bytes, name: str) -> np.ndarray:
    """Return the uint8 array of an IDX file: two zero bytes, type 8, dimensions, their big-endian sizes, the values."""
    dimensions = data[3] if len(data) >= 4 else 0
    if data[:3] != b"\0\0\x08" or not 1 <= dimensions <= 3 or len(data) < 4 + 4 * dimensions:
        raise CorruptError(name, "must begin with the header of an IDX file of unsigned bytes, in at most 3 dimensions")
    shape = arguments.shape((int.from_bytes(data[4 + 4 * i : 8 + 4 * i], "big") for i in range(dimensions)), name)
    if len(data) != 4 + 4 * dimensions + math.prod(shape):
        raise CorruptError(name, f"must hold {math.prod(shape)} values, not {len(data) - 4 - 4 * dimensions}")
    return np.frombuffer(data, np.uint8, offset=4 + 4 * dimensions).reshape(shape)


def _unpack(path: Path, md5: str) -> bytes:
    stream = zlib.decompressobj(31)  # gzip
    try:
        data = stream.decompress(files.read(path, LARGEST), LARGEST)
    except FileNotFoundError:
        raise RefcompressError(
            "directory",
            f"must hold {path.name}, but {path} is not there; an installed refcompress comes "
            "without MNIST: its four files are in data/mnist of the source tree, and "
            "--data DIRECTORY of the command line says where they are",
        ) from None
    except (LimitError, OSError, zlib.error) as error:
        raise CorruptError(str(path), f"cannot be unpacked ({error})") from None
    if not stream.eof or stream.unused_data or hashlib.md5(data, usedforsecurity=False).hexdigest() != md5:
        raise CorruptError(str(path), f"must unpack to the published bytes (md5 {md5})")
    return data
