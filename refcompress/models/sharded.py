"""A model in several files: an index in JSON that says which file, a shard, has which tensor.

The index (``model.safetensors.index.json``, ``pytorch_model.bin.index.json``) has a ``weight_map``, tensor -> name of
a file beside it. The order of the model is that of the weight_map.
"""

import os
from os import PathLike
from pathlib import Path

from .. import arguments
from ..container import DEFAULT_LIMIT, files
from ..container.files import opening
from ..errors import CorruptError, LimitError, RefcompressError
from . import pytorch, safetensors
from .content import kind_of
from .json_text import JsonText
from .source import Source, Tensor

MAX_INDEX = 100_000_000  # bytes
READERS = {"safetensors": safetensors, "torch": pytorch}


def open(path: str | bytes | PathLike, *, limit: int = DEFAULT_LIMIT) -> Source:
    """Return the tensors of all shards of an index, each read when it is asked for.

    Parameters
    ----------
    path : the index, or a folder that has one index, or one file of safetensors and none. A shard itself is opened as
        the single file that it is.
    limit : the most bytes that one tensor may have

    Raises
    ------
    CorruptError : an index that does not read, names a file outside of its folder, or a tensor that its shard lacks; a
        shard that is not there, or has a tensor that the index puts elsewhere or does not name.
    """
    limit = arguments.integer(limit, "limit", 0)
    name = os.fsdecode(files.name_of(path))
    if os.path.isdir(name):
        name = str(in_folder(Path(name)))
        if not name.endswith(".json"):
            return safetensors.open(name, limit=limit)
    with opening(name) as file:
        where = weight_map(file)
    opened: list[files.Opened] = [file]
    found: dict[str, Tensor] = {}
    metadata: dict[str, str] = {}
    kind = "safetensors"
    try:
        for shard in dict.fromkeys(where.values()):
            source = open_shard(os.path.join(os.path.dirname(name), shard), shard, limit)
            opened += source._opened
            for tensor in source.values():
                if where.get(tensor.name) != shard:
                    raise CorruptError("path", f"shard {shard!r} has the tensor {tensor.name!r}, which the index " + (
                        f"says is in {where[tensor.name]!r}" if tensor.name in where else "does not name"))
                found[tensor.name] = tensor
            metadata |= source.metadata
            kind = source.kind
        for tensor_name, shard in where.items():
            if tensor_name not in found:
                raise CorruptError("path", f"the index says that tensor {tensor_name!r} is in {shard!r}, which has no "
                                           "such tensor")
    except BaseException:
        for each in opened:
            each.close()
        raise
    return Source(kind, opened, {each: found[each] for each in where}, metadata)


def in_folder(folder: Path) -> Path:
    """Return the file that a folder with one model in it is opened by."""
    for pattern in ("*.index.json", "*.safetensors"):
        there = sorted(folder.glob(pattern))
        if len(there) == 1:
            return there[0]
        if there:
            break
    raise RefcompressError("path", f"the folder {str(folder)!r} has " + (
        f"{len(there)} files {pattern}; give one of them: {', '.join(each.name for each in there[:5])}" if there else
        "neither an index (*.index.json) nor a file of safetensors"))


def weight_map(file: files.Opened) -> dict[str, str]:
    """Return the tensors of an index with the names of their shards."""
    if file.size > MAX_INDEX:
        raise LimitError("path", f"an index has at most {MAX_INDEX} bytes, not {file.size}")
    text = JsonText(bytes(file.read(0, file.size)), "the index")
    where: dict[str, str] | None = None
    for name in text.members():
        if name == "weight_map":
            where = {}
            for tensor in text.members():
                where[tensor] = text.string()
        else:
            text.skip()
    text.end()
    if where is None:
        raise CorruptError("path", "is no index of a sharded model: it has no weight_map")
    shards = {shard: shard for shard in where.values()}
    for tensor, shard in where.items():
        if not shard or shard != os.path.basename(shard) or "\\" in shard or shard in (os.curdir, os.pardir) \
                or "\0" in shard:
            raise CorruptError("path", f"the index says that tensor {tensor!r} is in {shard!r}, which is no file "
                                       "beside the index")
        where[tensor] = shards[shard]  # one string for all
    return where


def open_shard(path: str, shard: str, limit: int) -> Source:
    """Open a shard; what is wrong with it is said with its name, now and when its tensors are read."""
    try:
        with files.Opened(path) as file:
            kind = kind_of(file)
        if kind not in READERS:
            raise RefcompressError("path", "is neither a file of safetensors nor an archive of PyTorch")
        return READERS[kind].open(path, limit=limit)
    except FileNotFoundError:
        raise CorruptError("path", f"the index names the shard {shard!r}, which is not there") from None
    except RefcompressError as error:
        if error.argument != "path":
            raise
        raise type(error)("path", f"shard {shard!r}: {error.rule}") from None
