"""Types of elements in HDF5: which of them are numbers of one length, and of which type.

**Source** The HDF Group, HDF5 File Format Specification, version 3.0, section IV.A.2.d (the datatype message).
"""

import struct

from ..errors import CorruptError

INTEGER, FLOAT, STRING, OPAQUE, COMPOUND, REFERENCE, ENUM, VARIABLE = 0, 1, 3, 5, 6, 7, 8, 9  # classes
SAID = {2: "a time", 4: "bits", COMPOUND: "a compound", REFERENCE: "a reference", 10: "an array"}
FLOATS = {  # bits, place and size of the exponent, of the fraction, bias: as IEEE 754 has them, and bfloat16
    (16, 10, 5, 0, 10, 15): "float16", (32, 23, 8, 0, 23, 127): "float32", (64, 52, 11, 0, 52, 1023): "float64",
    (16, 7, 8, 0, 7, 127): "bfloat16",
}


def type_of(message: bytes, name: str) -> tuple[str | None, str, int]:
    """Return the element type (None: texts), "little" or "big", and the bytes of an element."""
    if len(message) < 8:
        raise corrupt(f"dataset {name!r} has a type that is cut off")
    kind, flags, (size,) = message[0] & 15, message[1], struct.unpack_from("<L", message, 4)
    order = "big" if flags & 1 else "little"
    if kind == INTEGER and size in (1, 2, 4, 8) and struct.unpack_from("<2H", message.ljust(12), 8) == (0, 8 * size):
        return f"{'' if flags & 8 else 'u'}int{8 * size}", order, size
    if kind == FLOAT and len(message) >= 20 and not flags & 64:
        offset, bits, *rest, bias = struct.unpack_from("<2H4BL", message, 8)
        found = FLOATS.get((bits, *rest, bias))
        if found is not None and not offset and 8 * size == bits and message[2] == bits - 1:
            return found, order, size
    if kind == STRING or kind == VARIABLE and flags & 15 == 1:
        return None, order, size
    if kind == OPAQUE and size == 2:  # what h5py makes of the bfloat16 that Keras hands over
        return "bfloat16", "little", size
    if kind == ENUM and size == 1 and message[16:20] == b"\0\0\x08\0" and message[20:].replace(b"\0", b"") \
            == b"FALSETRUE\1":  # what h5py makes of bool
        return "bool", order, size
    said = "rows of different lengths" if kind == VARIABLE else SAID.get(kind, "a type that is none of NumPy's")
    raise corrupt(f"dataset {name!r} is not of numbers of one length: each element is {said} (class {kind}, {size} "
                  "bytes)")


def corrupt(rule: str) -> CorruptError:
    named = rule.startswith(("dataset", "group", "'"))
    return CorruptError("path", rule if named else f"does not read as HDF5: {rule}")
