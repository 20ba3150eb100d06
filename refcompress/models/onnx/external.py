"""The files beside a model that hold its elements: only regular files in the model's own folder are read."""

import os

from ...container.files import Opened
from ...errors import CorruptError, RefcompressError
from .tensor import Proto

MAX_DIGITS = 20


class Beside(Opened):
    """A file that is open only while it is read: a model may have one for each of a thousand tensors."""

    def __init__(self, path: str):
        with Opened(path) as opened:
            self.path, self.size = opened.path, opened.size

    def fill(self, start: int, view: memoryview) -> None:
        with Opened(self.path) as opened:
            if opened.size != self.size:
                raise CorruptError("path", f"{self.path!r} changed after it was opened: it has {opened.size} bytes "
                                           f"where it had {self.size}")
            opened.fill(start, view)

    def close(self) -> None:
        pass


class Folder:
    """The folder of a model. files : those that its tensors lie in, by location, in the order of the tensors."""

    def __init__(self, model: str):
        self.model, self.path = model, os.path.realpath(os.path.dirname(os.path.abspath(model)))
        self.files: dict[str, Beside] = {}

    def place(self, p: Proto, nbytes: int) -> tuple[Opened, int]:
        """Return the file and the offset of an external tensor; refuse what lies outside of it, or of the folder."""
        opened = self._opened(p)
        start = self._number(p, "offset", 0)
        length = self._number(p, "length", nbytes)
        if length != nbytes:
            raise self._corrupt(p, f"announces {length} bytes in {opened.path!r}, its shape {p.shape} says {nbytes}")
        if start + length > opened.size:
            raise self._corrupt(p, f"announces bytes {start} to {start + length} of {opened.path!r}, which has "
                                   f"{opened.size}")
        return opened, start

    def _opened(self, p: Proto) -> Beside:
        location = p.external.get("location", "")
        if location in self.files:
            return self.files[location]
        parts = location.split("/")
        if not location or os.path.isabs(location) or ".." in parts or "\0" in location:
            raise self._corrupt(p, f"has the location {location!r}: it must be the path of a file in the model's "
                                   "folder, without '..'")
        path = os.path.join(self.path, location)
        real = os.path.realpath(path)
        if os.path.commonpath([real, self.path]) != self.path:
            raise RefcompressError("path", f"{self.model!r}: tensor {p.name!r} lies in {location!r}, a link to "
                                           f"{real!r}, which is outside of the model's folder; copy the folder with "
                                           "the files that its links point at (cp -rL), and read the copy")
        try:
            self.files[location] = Beside(real)
        except OSError as error:
            raise self._corrupt(p, f"lies in {path!r}, which cannot be opened: {error.strerror}") from None
        return self.files[location]

    def _number(self, p: Proto, key: str, default: int) -> int:
        text = p.external.get(key)
        if text is None:
            return default
        if not (text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS):
            raise self._corrupt(p, f"has the {key} {text[:40]!r}, which is no number of bytes")
        return int(text)

    def _corrupt(self, p: Proto, rule: str) -> CorruptError:
        return CorruptError("path", f"{self.model!r}: tensor {p.name!r} {rule}")
