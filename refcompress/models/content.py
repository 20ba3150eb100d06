"""What a file is by its first bytes, whatever its name ends in."""

from ..container import MAGIC, files
from ..errors import RefcompressError
from . import archive

__all__ = ["kind_of"]

UNREAD = {  # the first bytes: what no reader takes, and what to do about it
    MAGIC: "a compressed file of refcompress: it is decompressed, not compressed",
    b"version https://git-lfs": "a pointer of Git LFS, not the file itself: `git lfs pull` fetches the file",
    b"<!DOCTYPE": "a web page: what was downloaded is not the file",
    b"<html": "a web page: what was downloaded is not the file",
}
LEGACY = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")  # how a pickle of protocol 2 to 5 begins
HEAD = 64  # bytes


def kind_of(file: files.Opened) -> str | None:
    """Return "npz", "safetensors", "sharded", "gguf", "torch", "legacy" or "keras"; None where the bytes do not say.

    ONNX has no mark of its own. "legacy" is a pickle, as PyTorch wrote checkpoints before it wrote archives. Raises
    RefcompressError for what is surely no model, such as the pointer that Git LFS leaves in place of a file.
    """
    head = bytes(file.read(0, min(HEAD, file.size)))
    for first, said in UNREAD.items():
        if head.startswith(first):
            raise RefcompressError("path", f"is {said}")
    if head.startswith(b"GGUF"):
        return "gguf"
    if head.startswith(b"\x89HDF\r\n\x1a\n"):
        return "keras"
    if head.startswith((b"PK\3\4", b"PK\5\6")):
        return _of_archive(file)
    if head.startswith(LEGACY):
        return "legacy"
    if head[8:].lstrip(b" \t\n\r").startswith(b"{") and int.from_bytes(head[:8], "little") <= file.size - 8:
        return "safetensors"
    return "sharded" if head.lstrip().startswith(b"{") else None


def _of_archive(file: files.Opened) -> str | None:
    """Return what the members of an archive are; the first that tells decides."""
    for member in archive.members(file):
        last = member.name.rpartition("/")[2]
        if last == "data.pkl":
            return "torch"
        if last == "model.weights.h5":
            return "keras"
        if last.endswith(".npy"):
            return "npz"
    return None
