"""Checkpoints as torch.save writes them, made by hand: no PyTorch is needed to test how they are read."""

import io
import struct
import zipfile
from dataclasses import dataclass


@dataclass(frozen=True)
class Global:
    """A name that the pickle asks for, such as ``torch._utils _rebuild_tensor_v2``."""

    module: str
    name: str


@dataclass(frozen=True)
class Call:
    function: Global
    arguments: tuple
    step: bytes = b"R"


@dataclass(frozen=True)
class Built:
    """A value and the state that is set on it."""

    value: object
    state: object


@dataclass(frozen=True)
class Outside:
    key: tuple


V2 = Global("torch._utils", "_rebuild_tensor_v2")
ORDERED = Call(Global("collections", "OrderedDict"), ())


def dumped(value) -> bytes:
    """Return the pickle of a value, in protocol 2."""
    return b"\x80\2" + steps(value) + b"."


def steps(value) -> bytes:
    match value:
        case None:
            return b"N"
        case bool():
            return b"\x88" if value else b"\x89"
        case int():
            return b"J" + struct.pack("<i", value) if abs(value) < 2**31 else b"\x8a\x09" + value.to_bytes(9, "little")
        case float():
            return b"G" + struct.pack(">d", value)
        case str():
            text = value.encode("utf-8", "surrogatepass")
            return b"X" + struct.pack("<I", len(text)) + text
        case bytes():  # steps as they are
            return value
        case tuple():
            return b"(" + b"".join(map(steps, value)) + b"t"
        case list():
            return b"](" + b"".join(map(steps, value)) + b"e"
        case dict():
            return b"}(" + b"".join(steps(key) + steps(part) for key, part in value.items()) + b"u"
        case Global():
            return b"c" + value.module.encode() + b"\n" + value.name.encode() + b"\n"
        case Call():
            return steps(value.function) + steps(value.arguments) + value.step
        case Built():
            return steps(value.value) + steps(value.state) + b"b"
        case Outside():
            return steps(value.key) + b"Q"
    raise AssertionError(value)


def storage(key: str, count: int, kind: str = "FloatStorage") -> Outside:
    return Outside(("storage", Global("torch", kind), key, "cpu", count))


def tensor(held: Outside, shape, strides=None, offset=0, **given) -> Call:
    """A call of _rebuild_tensor_v2; strides None: contiguous."""
    if strides is None:
        strides, step = [], 1
        for size in reversed(shape):
            strides.insert(0, step)
            step *= size
    return Call(V2, (held, offset, tuple(shape), tuple(strides), False, ORDERED) + tuple(given.values()))


def archive(pickle: bytes, storages: dict[str, bytes], method=zipfile.ZIP_STORED, byteorder: str | None = "little",
            prefix: str = "archive") -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as target:
        target.writestr(f"{prefix}/data.pkl", pickle)
        if byteorder is not None:
            target.writestr(f"{prefix}/byteorder", byteorder)
        for key, data in storages.items():
            target.writestr(f"{prefix}/data/{key}", data)
        target.writestr(f"{prefix}/version", "3\n")
        target.writestr(f"{prefix}/.data/serialization_id", "0" * 40)
    return file.getvalue()
