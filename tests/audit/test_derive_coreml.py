"""Packages of Core ML, written here byte by byte: integers in blocks and palettes; what is damaged is refused."""

import numpy as np
import pytest

from refcompress import CorruptError, LimitError, RefcompressError
from refcompress.audit.derive import EXACT, NEAREST, derive
from refcompress.audit.derive.coreml import BLOB, LINEAR, PALETTE, PROGRAM, WEIGHTS, linear
from refcompress.models import safetensors
from refcompress.models.protobuf import block, integer

f32 = np.float32
NUMBERS = {"float32": 11, "float16": 10, "int8": 21, "int4": 25, "uint4": 35}


def nested(*numbers_and_data) -> bytes:
    """Return messages inside of each other: numbers of fields from the outside in, then the innermost bytes."""
    *numbers, data = numbers_and_data
    for number in reversed(numbers):
        data = block(number, data)
    return data


class Writer:
    """The bytes of weight.bin, and operations that point into it."""

    def __init__(self):
        self.weights = bytearray(64)
        self.operations: list[bytes] = []

    def value(self, kind: str, a: np.ndarray) -> bytes:
        data = a.tobytes()
        if kind in ("int4", "uint4"):
            flat = a.reshape(-1).astype(np.uint8) & 15
            data = (flat[::2] | flat[1::2] << 4).tobytes()
        start = len(self.weights)
        self.weights += b"\xef\xbe\xad\xde" + bytes(4)
        self.weights += len(data).to_bytes(8, "little") + (start + 64).to_bytes(8, "little")
        self.weights += bytes(start + 64 - len(self.weights)) + data + bytes(-len(data) % 64)
        sizes = b"".join(block(3, block(1, integer(1, n))) for n in a.shape)
        type = block(2, block(1, integer(1, NUMBERS[kind]) + integer(2, a.ndim) + sizes))
        return type + block(5, block(1, BLOB.encode()) + integer(2, start))

    def add(self, type: str, output: str, **inputs) -> None:
        made = block(1, type.encode())
        for key, (kind, a) in inputs.items():
            made += block(2, block(1, key.encode()) + nested(2, 1, 2, self.value(kind, a)))
        self.operations.append(made + block(3, block(1, output.encode())))

    def save(self, path):
        body = b"".join(block(3, each) for each in self.operations)
        function = block(1, b"main") + block(2, block(3, block(1, b"CoreML8") + block(2, body)))
        for name, data in ((PROGRAM, integer(1, 9) + block(502, block(2, function))), (WEIGHTS, bytes(self.weights))):
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_bytes(data)
        return path


@pytest.fixture
def made(tmp_path):
    w = (np.random.default_rng(0).standard_normal((8, 64)) * 0.05).astype(f32)
    safetensors.save(tmp_path / "s.safetensors", {"w": w, "p": w + 1})
    given = linear(w, bits=4, low=-8, how="symmetric", blocks=(1, 32), scale=np.zeros((8, 2), f32), offset=None)
    table = np.sort(np.linspace(0.8, 1.2, 16, dtype=f32)).reshape(1, 1, 16, 1)
    indices = np.abs((w + 1)[..., None] - table.reshape(-1)).argmin(-1).astype(np.uint8)
    writer = Writer()
    writer.add(LINEAR, "w_quantized", data=("int4", given["codes"]), scale=("float32", given["scale"]))
    writer.add(PALETTE, "p_palettized", indices=("uint4", indices), lut=("float32", table))
    return tmp_path / "s.safetensors", writer.save(tmp_path / "m.mlpackage")


def test_integers_in_blocks_are_exact_and_a_palette_has_the_nearest_indices(made):
    found = derive(*made)
    assert [(v.name, v.verdict, v.source) for v in found.verdicts] == [("w_quantized", EXACT, "w"),
                                                                       ("p_palettized", NEAREST, "p")]


def test_a_moved_code_is_found(made):
    path = made[1] / WEIGHTS
    data = bytearray(path.read_bytes())
    data[128 + 9] ^= 1
    path.write_bytes(data)
    assert derive(*made).verdicts[0].differing == {"codes": 1, "scale": 0}


def test_a_palette_of_one_number_fits_weights_of_that_number_alone(tmp_path):
    safetensors.save(tmp_path / "s.safetensors", {"p": np.full((4, 8), 0.5, f32), "q": np.ones((4, 8), f32)})
    writer = Writer()
    for name in ("p", "q"):
        writer.add(PALETTE, f"{name}_palettized", indices=("uint4", np.zeros((4, 8), np.uint8)),
                   lut=("float32", np.full((1, 1, 1, 1), 0.5, f32)))
    found = derive(tmp_path / "s.safetensors", writer.save(tmp_path / "m.mlpackage"))
    assert [v.verdict for v in found.verdicts] == [NEAREST, NEAREST] and found.verdicts[1].clipped == 32


def test_a_package_that_is_cut_off_is_refused_at_every_byte(made):
    for name, step in ((PROGRAM, 7), (WEIGHTS, 97)):
        path = made[1] / name
        whole = path.read_bytes()
        for end in range(1, len(whole) - 64, step):
            path.write_bytes(whole[:end])
            with pytest.raises(RefcompressError):
                verdicts = derive(*made).verdicts
                if len(verdicts) < 2:  # the program ends between two operations
                    raise CorruptError("quantized", "fewer tensors")
        path.write_bytes(whole)
    with pytest.raises(LimitError):
        derive(*made, limit=64)
