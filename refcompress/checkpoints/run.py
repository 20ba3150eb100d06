"""Compress a checkpoint tensor by tensor, wherever its work is done, and assemble the file in the source's order."""

import errno
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from .. import __version__, arguments, container
from ..container import DEFAULT_LIMIT
from ..errors import ArgumentTypeError, RefcompressError
from ..models.source import Source
from . import parts
from .bounds import bytes_of, bytes_of_file
from .budget import chosen_for_budget, chosen_for_error
from .growing import Growing
from .plans import Plan, Step, plan_of
from .recipe import Recipe
from .result import Result, Row, warnings_of
from .source_networks import network_of
from .sources import Opening, Path, source_of
from .thresholds import kept_of_each
from .work import Item, made, name_of_implementation, part_of, parts_of
from .workers import executor_of, fastest

if TYPE_CHECKING:
    from ..graph import Model

__all__ = ["compress", "fastest", "plan"]

MOST_JOBS = 1024
BATCH, BATCHES = 2**20, 256  # the least bytes of a batch of tensors, and the most batches of a large model
FULL = (errno.ENOSPC, errno.EDQUOT)  # a disk without room, or a share of it that is used up
Progress = Callable[[int, int], object]  # (bytes of the source that are done, all of them)


def plan(source: "Path | Source | Model | Mapping[str, Any]", recipe: Recipe | Path = "int8", *,
         limit: int = DEFAULT_LIMIT, bfloat16: bool = False) -> Plan:
    """Return what :func:`compress` would do: what each tensor becomes and why, and in how many bytes.

    Parameters as of :func:`compress`. Nothing is written.
    """
    opened, opening = source_of(source, limit=limit, bfloat16=bfloat16)
    try:
        opened, network = network_of(opened)
        made = plan_of(opened, Recipe.of(recipe), thorough=True, network=network)
        sizes = bytes_of(made)
        low, high = bytes_of_file(made, sizes, metadata_of(opened, "0" * 64, made.recipe))
        if made.recipe.budget is not None:
            if low > made.recipe.budget:
                raise too_small(made.recipe.budget, f"{low:,} bytes or more")
            high = min(high, made.recipe.budget)
        return replace(made, sizes=sizes, total=(low, high))
    finally:
        if opening is not None:
            opened.close()


def compress(source: "Path | Source | Model | Mapping[str, Any]", recipe: Recipe | Path = "int8", *,
             target: Path | None = None,
             implementation: Any = None, jobs: int = 1, executor: Any = None, strict: bool = False,
             limit: int = DEFAULT_LIMIT, bfloat16: bool = False, progress: Progress | None = None) -> Result:
    """Compress a checkpoint by a recipe, one tensor at a time.

    Parameters
    ----------
    source : the path of a model, a graph.Model, or a mapping of names to arrays. The network of an ONNX model is kept
        too, if the package onnx is installed and all of its operations are known: Result.network says so.
    recipe : "lossless", "int8", "int4", "deep", a :class:`Recipe`, or the path of a .toml file
    target : the file to write; it must not be a file of the source. None for a temporary one, which Result.save copies
        to a place of its own.
    implementation : the namespace that computes; None for native where it is built, else the reference. The result says
        which one it was.
    jobs : how many processes of this machine work at a time. More than one need a source on the disk, and a program
        whose main module may be imported (``if __name__ == "__main__":``).
    executor : an object whose ``submit(function, items)`` returns what has ``result()``: any executor of
        concurrent.futures, a client of Dask, mpi4py.futures. It takes the place of ``jobs``. (Dask starts workers with
        MALLOC_TRIM_THRESHOLD_=65536, which makes them twice to four times slower under glibc. In Dask's configuration,
        MALLOC_TRIM_THRESHOLD_=134217728 and MALLOC_MMAP_THRESHOLD_=33554432 in distributed.nanny.pre-spawn-environ
        undo it.)
    strict : whether what would be a warning is refused
    limit, bfloat16 : as for models.open
    progress : called with the bytes of the source that are done, and all of them

    Returns
    -------
    Result : the file, and a row a tensor. The same source and recipe make the same bytes, whatever works on it. A file
    says of what it was made: "npz" or "mapping", and the SHA-256. So the same tensors from a path and from a mapping
    have the same entries, and files that differ in these words, and by their length.

    A run that was killed leaves its finished parts in the folder ``TARGET.parts``; the next run of the same source,
    recipe and version goes on from them. In one process, without candidates to choose from, the parts are the file that
    grows there; else the disk holds the bytes of the file twice, before the folder goes. Memory peaks at about twice
    the largest tensor in float32 and 200 MB, in each process that works.
    """
    recipe = Recipe.of(recipe)
    jobs = arguments.integer(jobs, "jobs", 1, MOST_JOBS)
    strict = arguments.boolean(strict, "strict")
    if executor is not None and not callable(getattr(executor, "submit", None)):
        raise ArgumentTypeError("executor", f"must have a method submit, which a {type(executor).__name__} has not")
    if progress is not None and not callable(progress):
        raise ArgumentTypeError("progress", f"must be a function, not {type(progress).__name__}")
    implementation = fastest() if implementation is None else implementation
    with ExitStack() as stack:
        opened, opening = source_of(source, limit=limit, bfloat16=bfloat16)
        if opening is not None:
            stack.callback(opened.close)
        elsewhere = jobs > 1 or executor is not None
        if elsewhere and opening is None:
            raise RefcompressError("jobs" if executor is None else "executor",
                                   "needs a source on the disk, which other processes can read; refcompress.save "
                                   "writes a mapping to a file")
        owned = ExitStack()  # a folder of our own, which goes with the result, or with an exception
        if target is None:
            folder = tempfile.mkdtemp(prefix="refcompress-")
            stack.callback(owned.close)
            owned.callback(shutil.rmtree, folder, ignore_errors=True)
            target = os.path.join(folder, "compressed.rcz")
        path = os.fsdecode(container.files.name_of(target))
        refuse_source(path, opened)
        unchanged = unchanged_files(opened)
        opened, network = network_of(opened)
        if network.added and opening is not None:
            opening = replace(opening, network=True)
        planned = plan_of(opened, recipe, network=network)
        digest = opened.sha256()
        folder = stack.enter_context(parts.folder_for(path))
        workers = stack.enter_context(executor_of(executor, jobs)) if elsewhere else None
        try:
            run = Run(opened, opening, planned, folder, parts.key_of(digest, recipe.toml(), __version__),
                      implementation, workers, progress)
            rows = run.finished(path, metadata_of(opened, digest, recipe), strict, unchanged)
        except RefcompressError:  # what is refused would be refused again: nothing is left of it
            parts.remove(folder)
            raise
        except OSError as error:
            if error.errno not in FULL:
                raise
            raise no_room(error, run, path, metadata_of(opened, digest, recipe)) from None
        parts.remove(folder)
        return Result(path, opened.kind, planned, rows, run.name, owned.pop_all())


def too_small(budget: int, least: str) -> RefcompressError:
    return RefcompressError("budget", f"of {budget:,} bytes is below the least that the file takes, {least}; give "
                                      "more, or rules that take less")


def refuse_source(target: str, source: Source) -> None:
    """Refuse a target that is a file of the source, through links too."""
    for path in source.files:
        if os.path.exists(target) and os.path.samefile(target, path):
            raise RefcompressError("target", f"{target!r} is the file that is read, {path!r}, which would be lost; "
                                             "give another name")


def no_room(error: OSError, run: "Run", target: str, metadata: dict[str, str]) -> OSError:
    """Return what a full disk is answered with: the parts stay, and how many bytes there must be for the rest."""
    plan, folder, sizes = run.plan, run.folder, bytes_of(run.plan)
    most = bytes_of_file(plan, sizes, metadata)[1]
    if not run.grows(target):
        most += sum(max(1, len(step.choices)) * sizes[step.name][1] for step in plan.own)
    there, free = parts.size_of(folder), shutil.disk_usage(folder).free
    return OSError(error.errno, f"{os.strerror(error.errno or 0)}: {free:,} bytes are free, and the rest of the run "
                                f"takes up to {max(0, most - there):,}; what is done ({there:,} bytes) stays there, "
                                "and the same run goes on from it", folder)


def unchanged_files(source: Source) -> Callable[[], None]:
    """Return a function that refuses a source of which a file is another one, or was written to, since now.

    The SHA-256 in the compressed file would not be that of what was compressed. A file that was removed is none: what
    was read of it was read from the open file.
    """
    def state() -> dict[str, tuple[int, ...]]:
        found: dict[str, tuple[int, ...]] = {}
        for path in source.files:
            with suppress(FileNotFoundError):
                status = os.stat(path)
                found[path] = status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
        return found

    before = state()

    def check() -> None:
        for path, now in state().items():
            if now != before.get(path, now):
                raise RefcompressError("source", f"{os.fsdecode(path)!r} changed while it was read; start again")

    return check


def metadata_of(source: Source, digest: str, recipe: Recipe) -> dict[str, str]:
    """Return what a file says about its making (FORMAT.md, "Metadata")."""
    return {"refcompress.version": __version__, "refcompress.recipe": recipe.toml(),
            "refcompress.source.kind": source.kind, "refcompress.source.sha256": digest}


class Run:
    """One run: the work on each tensor, and the file that is made of it."""

    def __init__(self, source: Source, opening: Opening | None, plan: Plan, folder: str, key: bytes,
                 implementation: Any, executor: Any, progress: Progress | None):
        self.source, self.opening, self.plan, self.folder, self.key = source, opening, plan, folder, key
        self.implementation, self.executor, self.progress = implementation, executor, progress
        self.name = getattr(implementation, "__name__", type(implementation).__name__)
        self.index = {step.name: index for index, step in enumerate(plan.steps)}
        self.kept = kept_of_each(source, plan)

    def finished(self, target: str, metadata: dict[str, str], strict: bool, unchanged: Callable[[], None]) -> list[Row]:
        """Do all work, write the file, and return a row for each tensor.

        unchanged : refuses a source that changed
        """
        if self.grows(target):
            return self._grown(target, metadata, strict, unchanged)
        self._spread(target)
        items = [item for step in self.plan.own for item in self._items(step)]
        said = dict(zip([(item.step.name, item.choice) for item in items], self._done(items)))
        unchanged()
        chosen = self._chosen(said, metadata)
        about = {step.name: said[step.name, chosen.get(step.name)] for step in self.plan.own}
        if strict and (warned := warnings_of(self._rows(about, chosen, {}))):
            raise RefcompressError("strict", warned[0])
        return self._rows(about, chosen, self._write(target, metadata, about, chosen))

    def grows(self, target: str) -> bool:
        """Return whether each entry goes to the file as soon as it is made: here, one for each tensor, on one disk."""
        return (self.executor is None and not any(step.choices for step in self.plan.own)
                and self.plan.recipe.budget is None and parts.on_disk_of(target, self.folder))

    def _grown(self, target: str, metadata: dict[str, str], strict: bool, unchanged: Callable[[], None]) -> list[Row]:
        """Do what ``finished`` does, one tensor after the other, each entry written where it stays."""
        about: dict[str, dict[str, Any]] = {}
        total, done = sum(step.nbytes for step in self.plan.own), 0
        with Growing(self.folder, target, self.key) as file:
            for step in self._own_steps(file):
                item, = self._items(step)
                about[step.name] = self._add(file, item)
                done += step.nbytes
                if self.progress is not None:
                    self.progress(done, total)
            unchanged()
            if strict and (warned := warnings_of(self._rows(about, {}, {}))):
                raise RefcompressError("strict", warned[0])
            file.finish(self._described(metadata, about))
        return self._rows(about, {}, self._sizes(target))

    def _own_steps(self, file: Growing) -> Iterator[Step]:
        """Yield the steps whose entries are to be added, in the order of the file; write what stands between them."""
        if self.plan.network.graph is not None:
            file.put(self.plan.network.name, self.plan.network.entry())
        for step in self.plan:
            if step.same_as is None:
                yield step
            else:
                file.again(step.name, step.same_as)

    def _add(self, file: Growing, item: Item) -> dict[str, Any]:
        """Add an entry to the file that grows: what is there of it, a part of an earlier run, or one made now."""
        said, entry, *digest = (file.found(item.key) or parts.read(item.path, item.key)
                                or made(item, self.source, self.implementation))
        file.add(item.step.name, item.key, said, entry, *digest)
        return said

    def _spread(self, target: str) -> None:
        """Make parts of what a file that grew in an earlier run has."""
        if not os.path.exists(os.path.join(self.folder, parts.LOG)):
            return
        with Growing(self.folder, target, self.key) as file:
            for step in self._own_steps(file):
                if step.choices or (part := file.found(key := self._key(step, None))) is None:
                    break
                file.put(step.name, part[1], part[2])
                parts.write(parts.part_path(self.folder, self.index[step.name]), key, *part[:2])

    def _items(self, step: Step) -> Iterator[Item]:
        name = name_of_implementation(self.implementation) if self.executor is not None else ""
        for choice in range(len(step.choices)) if step.choices else (None,):
            yield Item(self.opening, step, parts.part_path(self.folder, self.index[step.name], choice),
                       self._key(step, choice), name, choice, self.kept.get(step.name))

    def _key(self, step: Step, choice: int | None) -> bytes:
        return parts.key_of(self.key.hex(), step.name, str(choice))

    def _done(self, items: list[Item]) -> Iterator[dict[str, Any]]:
        """Yield what is said about each item, in their order, as soon as it and those before it are done."""
        total = sum(item.step.nbytes for item in items)
        done = 0
        for batch, said in self._batches(items, total):
            done += sum(item.step.nbytes for item in batch)
            if self.progress is not None:
                self.progress(done, total)
            yield from said

    def _batches(self, items: list[Item], total: int) -> Iterator[tuple[Sequence[Item], list[dict[str, Any]]]]:
        """Yield items and what is said about each: one by one here, several at a time where others work.

        Who works elsewhere opens the source for each batch. So a batch has a megabyte at least, and else a share of the
        source that lets many work.
        """
        if self.executor is None:
            for item in items:
                yield [item], [part_of(item, self.source, self.implementation)]
            return
        batches: list[list[Item]] = [[]]
        held = 0
        for item in items:
            if held >= max(BATCH, total // BATCHES):
                batches.append([])
                held = 0
            batches[-1].append(item)
            held += item.step.nbytes
        futures = [self.executor.submit(parts_of, tuple(batch)) for batch in batches if batch]
        try:
            for batch, future in zip(batches, futures):
                yield batch, future.result()
        finally:
            for future in futures:
                future.cancel()

    def _chosen(self, said: dict, metadata: dict[str, str]) -> dict[str, int]:
        """Return the number of the candidate of each tensor that has several."""
        recipe, several = self.plan.recipe, [step for step in self.plan.own if step.choices]
        names = [step.name for step in several]
        measured = [[(said[step.name, j]["bytes"], said[step.name, j]["error"]) for j in range(len(step.choices))]
                    for step in several]
        if recipe.max_error is not None:
            return dict(zip(names, chosen_for_error(measured, recipe.max_error)))
        if recipe.budget is None:
            return {}
        numbers = [min(range(len(each)), key=lambda j: each[j]) for each in measured]  # the smallest of each
        frame = None  # bytes of all that is not chosen: known once a file was written
        while True:
            chosen = dict(zip(names, numbers))
            about = {step.name: said[step.name, chosen.get(step.name)] for step in self.plan.own}
            trial = os.path.join(self.folder, "trial.tmp")
            self._write(trial, metadata, about, chosen)
            size = os.path.getsize(trial)
            if frame is None and size > recipe.budget:
                raise too_small(recipe.budget, f"{size:,} bytes")
            if frame is not None and size <= recipe.budget or not several:
                return chosen
            frame = size - sum(each[j][0] for each, j in zip(measured, numbers))
            numbers = chosen_for_budget(measured, [step.size for step in several], recipe.budget - frame,
                                        self.implementation)

    def _write(self, target: str, metadata: dict[str, str], about: dict[str, dict[str, Any]], chosen: dict[str, int],
               ) -> dict[str, int]:
        """Write the file of the chosen entries, in the order of the source; return the bytes of each entry."""
        metadata = self._described(metadata, about)
        with container.Writer(target, implementation=self.implementation, metadata=metadata,
                              temporary=parts.whole_path(self.folder, target)) as file:
            network = self.plan.network
            if network.graph is not None:
                file.add_entry(network.name, network.entry())
            for step in self.plan:
                own_step = self.plan.steps[self.index[step.same_as or step.name]]
                choice = chosen.get(own_step.name)
                part = parts.read(parts.part_path(self.folder, self.index[own_step.name], choice),
                                  self._key(own_step, choice))
                if part is None:
                    raise RefcompressError("target", f"{self.folder!r} has no part for tensor {step.name!r} any more; "
                                                     "start again")
                file.add_entry(step.name, part[1], part[2])
        return self._sizes(target)

    def _sizes(self, target: str) -> dict[str, int]:
        """Return the bytes of each entry of the file that was written."""
        with container.open(target, implementation=self.implementation, limit=arguments.MAX_SIZE) as file:
            return {name: file.entry_bytes(name) for name in file}

    def _described(self, metadata: dict[str, str], about: dict[str, dict[str, Any]]) -> dict[str, str]:
        """Return the metadata with what the entries alone do not say."""
        arranged, types = {}, {}
        for step in self.plan:
            own = about[step.same_as or step.name]
            if "arranged" in own:
                arranged[step.name] = own["arranged"]
            if "type" in own:
                types[step.name] = own["type"]
        more = {"refcompress.arranged": arranged, "refcompress.types": types}
        return metadata | {key: json.dumps(value, sort_keys=True) for key, value in more.items() if value}

    def _rows(self, about: dict[str, dict[str, Any]], chosen: dict[str, int], sizes: dict[str, int]) -> list[Row]:
        rows = []
        for step in self.plan:
            own = self.plan.steps[self.index[step.same_as or step.name]]
            if own.name in chosen:
                scheme, options = own.choices[chosen[own.name]]
                step = replace(step, scheme=scheme, options=options)
            rows.append(Row.of(step, about[own.name], sizes.get(step.name, 0)))
        return rows
