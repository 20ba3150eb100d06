"""A tensor of a file, explained: what is stored, how it becomes numbers, and what it costs."""

import math
from collections.abc import Mapping
from dataclasses import replace
from difflib import get_close_matches
from typing import Any

import numpy as np

from ..checkpoints.reading import is_compressed, open_compressed
from ..container.files import Path
from ..errors import RefcompressError
from ..formats import ELEMENT_TYPES, FLOATS, GGML_TYPES, GGMLBlocks, Packed, Plain, Quantized, Shared
from ..formats.arranged import Arranged
from .explain import MOST, Step, bits_step, code_steps, corner, grid, steps_of
from .kinds import WORDS
from .ledgers import inspect
from .ledgers.gguf import SCALES
from .limits import check_dense, limit_of, limit_of_others

__all__ = ["steps_of_tensor"]

PIECE = 2**18  # numbers decoded at a time
FEW = 8  # elements of which the bits are shown
EXPONENTS = {"float16": 5, "float32": 8, "float64": 11, "bfloat16": 8}  # bits of them; the others say it in their name


def steps_of_tensor(path: Path, name: str, *, implementation: Any, limit: int | None = None,
                    sparsity: float = 0.5, bits: int = 2) -> list[Step]:
    """Return the steps from what a file stores of a tensor to its numbers and its bytes.

    Of a tensor that is stored as floats a corner is compressed, too. name : of a file of ours an entry, else a tensor;
    RefcompressError, with names that are like it, for none. sparsity, bits : as ``steps_of`` takes them.
    """
    if is_compressed(path):
        limit = limit_of(path, limit)
        with open_compressed(path, implementation=implementation, limit=limit) as file:
            value = _named(file, name)
    else:
        from .compare import opened

        limit = limit_of_others(limit)
        with opened(path, limit=limit) as source:
            value = _named(source, name).read()
    steps = [*_steps(name, value.layer if isinstance(value, Arranged) else value, limit), _cost(path, name)]
    if isinstance(value, (np.ndarray, Plain)):
        a = corner(np.asarray(value if isinstance(value, np.ndarray) else value.dense()))
        if a.size > 1 and a.dtype.kind == "f" and np.isfinite(a.astype(np.float32)).all():
            steps += _compressed(a, sparsity, bits)
    return steps


def _compressed(a: np.ndarray, sparsity: float, bits: int) -> list[Step]:
    """Return the steps of a corner from its numbers, which were shown, to the bytes of a file."""
    first, *others = steps_of(a.astype(np.float32), sparsity=sparsity, bits=bits)[1:]
    return [replace(first, words="Now the numbers shown above are compressed, as if they were all. " + first.words),
            *others]


def _named(tensors: Mapping[str, Any], name: str) -> Any:
    if name not in tensors:
        like = get_close_matches(name, tensors, 3, 0.4) or list(tensors)[:3]
        raise RefcompressError("name", f"no tensor has the name {name!r}; there are "
                                       + (", ".join(map(repr, like)) or "none")
                                       + (f", and others: {len(tensors)} in all" if len(tensors) > len(like) else ""))
    return tensors[name]


def _steps(name: str, value: Any, limit: int) -> list[Step]:
    """Return the steps of a value by its form."""
    if isinstance(value, Shared):
        return _of_shared(name, value, limit)
    if isinstance(value, (Quantized, Packed)):
        return _of_integers(name, value, limit)
    if isinstance(value, GGMLBlocks):
        return _of_blocks(value)
    if isinstance(value, (Plain, np.ndarray)):
        return _of_elements(value)
    if not hasattr(value, "dense"):
        raise RefcompressError("name", "is the graph of a network, which `refcompress draw` draws")
    return [_decoded(name, value, f"Stored as {value.describe()}. Decoded, a corner of it:", limit)]


def _decoded(name: str, value: Any, words: str, limit: int) -> Step:
    return Step("Numbers", f"{words} {_corner_of(value.shape)}", grid(_dense_corner(name, value, limit)))


def _dense_corner(name: str, value: Any, limit: int) -> np.ndarray:
    """Return the corner of what a value stands for; of a large matrix some rows are decoded at a time."""
    shape = value.shape
    width = math.prod(shape[1:])
    if len(shape) != 2 or math.prod(shape) <= PIECE:
        check_dense(name, math.prod(shape), limit)
        return corner(np.asarray(value.dense()))
    from ..graph.rows import some_rows  # which loads what runs networks

    if some_rows(value, slice(0, 1)) is None:
        check_dense(name, math.prod(shape), limit)
        return corner(np.asarray(value.dense()))
    check_dense(name, MOST[0] * width, limit)
    rows = max(PIECE // width, 1)
    for start in range(0, shape[0], rows):
        part = some_rows(value, slice(start, start + rows))
        assert part is not None
        there = np.flatnonzero(np.asarray(part.dense()).any(1))
        if len(there):
            break
    first = min(start + int(there[0]) if len(there) else 0, max(shape[0] - MOST[0], 0))
    part = some_rows(value, slice(first, first + MOST[0]))
    assert part is not None
    return corner(np.asarray(part.dense()))


def _corner_of(shape: tuple[int, ...]) -> str:
    sizes = " x ".join(map(str, shape)) or "one number"
    return f"(The tensor is {sizes}. Shown are at most {MOST[0]} x {MOST[1]} of it, from the first that is not 0 on.)"


def _of_shared(name: str, value: Shared, limit: int) -> list[Step]:
    book = value.codebook if value.codebook.ndim == 1 else value.codebook[0, 0]
    steps = code_steps(value.codes, book) if value.codebook.ndim == 1 else [
        code_steps(value.codes, book)[0], bits_step(value.codes, len(book))]
    rows = [[str(code), f"{number:.6g}"] for code, number in enumerate(book[:16].tolist())]
    if len(book) > len(rows):
        rows.append([f"{len(book) - len(rows)} others", f"{book.min():.6g} to {book.max():.6g}"])
    of = "" if value.codebook.ndim == 1 else " of the first row or group; each has its own"
    book_step = Step("Codebook", f"The value that each code stands for{of}.", rows, ["code", "value"])
    return [steps[0], book_step, *steps[1:], _decoded(name, value, "Each code replaced by its value.", limit)]


def _of_integers(name: str, value: Quantized | Packed, limit: int) -> list[Step]:
    values, scale, zero = value.values, value.scale, value.zero_point
    first = int(values.reshape(-1)[0]) if values.size else 0
    steps = [Step("Codes", f"Stored as {value.describe()}: integers. {_corner_of(values.shape)}", grid(corner(values)))]
    if values.size:
        s, z = float(scale.reshape(-1)[0]), int(zero.reshape(-1)[0])
        steps.append(Step("Scales", f"number = scale x (code - zero point). The first: {s:.6g} x ({first} - {z}) = "
                          f"{s * (first - z):.6g}. There are {scale.size:,} scales.",
                          [[f"{a:.6g}", str(b)] for a, b in zip(scale.reshape(-1)[:FEW].tolist(),
                                                                zero.reshape(-1)[:FEW].tolist())],
                          ["scale", "zero point"]))
    return [*steps, _decoded(name, value, "Each code times its scale.", limit)]


def _of_blocks(value: GGMLBlocks) -> list[Step]:
    block, (scales, least) = GGML_TYPES[value.type], SCALES[value.type]
    words = (f"Stored as {value.type}: {block.numbers} numbers share a block of {block.nbytes} bytes, of which "
             f"{scales} are scales{f' and {least} least values' if least else ''}. The first block, in hexadecimal:")
    if not len(value.data):
        return [Step("Block", words.partition(".")[0] + ". There is none.", [])]
    data = [f"{byte:02x}" for byte in value.data[0].tolist()]
    numbers = block.values(value.data[:1])[0]
    return [Step("Block", words, [data[i : i + 16] for i in range(0, len(data), 16)][: 4 * MOST[0]]),
            Step("Numbers", f"The first {min(block.numbers, MOST[0] * MOST[1])} numbers of this block; "
                 f"{8 * block.nbytes / block.numbers:g} bits each.",
                 grid(numbers[: MOST[0] * MOST[1]].reshape(-1, MOST[1])))]


def _of_elements(value: Plain | np.ndarray) -> list[Step]:
    kind = value.type if isinstance(value, Plain) else value.dtype.name
    a = np.asarray(value.dense() if isinstance(value, Plain) else value)
    steps = [Step("Numbers", f"Stored as {kind}, number by number. {_corner_of(a.shape)}", grid(corner(a)))]
    if kind not in ELEMENT_TYPES or ELEMENT_TYPES[kind].bits > 64 or not a.size:
        return steps
    bits = ELEMENT_TYPES[kind].bits
    plain = value if isinstance(value, Plain) else Plain.of(np.ascontiguousarray(a))
    patterns = plain.patterns.reshape(-1)[:FEW].tolist()
    exponent = EXPONENTS.get(kind) or (int(kind.partition("_e")[2][:1] or 0) if kind in FLOATS else 0)
    rows = []
    for number, pattern in zip(a.reshape(-1)[:FEW].tolist(), patterns):
        text = f"{int(pattern):0{bits}b}"
        rows.append([f"{number:.6g}" if isinstance(number, float) else str(number),
                     " ".join((text[:1], text[1 : 1 + exponent], text[1 + exponent :])) if exponent else text])
    parts = f"a sign, {exponent} bits of exponent, {bits - 1 - exponent} of fraction" if exponent else \
        f"{bits} bits each"
    return [*steps, Step("Bits", f"The first numbers as they are stored: {parts}.", rows, ["number", "bits"])]


def _cost(path: Path, name: str) -> Step:
    """Return the bytes that a tensor takes in its file, by kind."""
    with inspect(path) as found:
        rows: dict[str, float] = {}
        for item in found.items():
            if item.entry == name:
                rows[item.kind] = rows.get(item.kind, 0) + item.bits / 8
        tensor = next((each for each in found.tensors if each.name == name), None)
    total = sum(rows.values())
    numbers = tensor.numbers if tensor is not None else 0
    each = f", {8 * total / numbers:.2f} bits for each of {numbers:,} numbers" if numbers else ""
    return Step("In the file", f"It takes {total:,.6g} bytes{each}.",
                [[kind, f"{count:,.6g}", WORDS[kind]] for kind, count in rows.items()],
                ["kind of bytes", "bytes", "what they are"])
