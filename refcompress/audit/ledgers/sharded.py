"""The ledgers of a model in several files: the index, and each shard by its own format."""

import os
from pathlib import Path

from ...container.files import opening
from ...errors import CorruptError
from ...ledger import FRAME
from ...models import sharded
from ..book import Book
from ..roles import with_roles
from ..stored import Inspection
from . import pytorch, safetensors

__all__ = ["inspect"]

ANY = 2**62  # bytes: no tensor is read


def inspect(path: str) -> Inspection:
    """Return the ledgers of an index and of its shards, or that of the one file of a folder."""
    if os.path.isdir(path):
        path = str(sharded.in_folder(Path(path)))
        if not path.endswith(".json"):
            return safetensors.inspect(path)
    with opening(path) as file:
        where = sharded.weight_map(file)
        index = Book(file.path, file.size)
        index.add(0, file.size, FRAME, "index")
        found = Inspection(file.path, "sharded", [], [], opened=[file])
        books = [index]
        try:
            for shard in dict.fromkeys(where.values()):
                _add(found, books, os.path.join(os.path.dirname(path), shard), shard)
            _check(where, {tensor.name for tensor in found.tensors})
            found.tensors = with_roles(found.tensors)  # the scales of a weight may lie in another shard
            for book in books:
                book.elements(found.tensors)
            found.ledgers[:0] = [(book.path, book.ledger()) for book in books]
        except BaseException:
            found.close()
            raise
        return found


def _add(found: Inspection, books: list[Book], path: str, shard: str) -> None:
    """Add a shard: of safetensors its book, of PyTorch its ledger."""
    source = sharded.open_shard(path, shard, ANY)  # which refuses what is no shard, by its name
    if source.kind == "safetensors":
        found.opened += source._opened
        book, tensors = safetensors.of_file(source._opened[0])
        books.append(book)
    else:
        source.close()
        part = pytorch.inspect(path)
        found.opened += part.opened
        found.ledgers += part.ledgers
        tensors = part.tensors
    found.tensors += tensors


def _check(where: dict[str, str], there: set[str]) -> None:
    if where.keys() != there:
        name = min(where.keys() ^ there)
        raise CorruptError("path", f"the index and the shards do not agree about the tensor {name!r}: only the "
                                   f"{'index' if name in where else 'shards'} have it")
