"""What goes into an engine and what comes out: input files, the sent graph, output files."""

from __future__ import annotations

import asyncio
import logging
import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from studio.clients.comfy import EngineFile
from studio.errors import StudioError
from studio.graphs.files import FileReference, replace_references
from studio.graphs.graph import Graph
from studio.graphs.prefixes import force_rerun, with_job_folder
from studio.models import Asset, Job, OutputType
from studio.services.assets import AssetService
from studio.services.engine import Engine
from studio.services.fetches import cached_names, fetches_of
from studio.services.output_batch import OutputBatch
from studio.store.blob_writer import SMALL_BYTES, StagedBlob
from studio.store.connection import is_disk_full
from studio.store.disk_speed import DiskSpeed
from studio.store.engine_files import PART, copy_in, named, remove

log = logging.getLogger(__name__)

INPUT_FOLDER: Final = "studio"
BATCHED_BYTES: Final = 8 << 20
ENGINE_FOLDERS: Final = ("input", "output", "temp")
_JOB_FOLDER: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_STAGED_FILE: Final = re.compile(rf"{_JOB_FOLDER.pattern}(\.[^.]{{1,11}})?|{re.escape(PART)}[^.]+")


@dataclass(frozen=True, slots=True)
class NodeOutput:
    """One output of one node: a file of the engine's, or text."""

    node_id: str
    index: int
    kind: str
    file: EngineFile | None
    text: str | None


def list_outputs(outputs: Mapping[str, Mapping[str, Any]]) -> Iterator[NodeOutput]:
    """Every file and text in what ComfyUI calls the nodes' ``ui``, numbered per node."""
    for node_id, ui in outputs.items():
        index = 0
        for kind, values in ui.items():
            for value in values if isinstance(values, list | tuple) else ():
                if isinstance(value, Mapping) and isinstance(value.get("filename"), str):
                    file = EngineFile(
                        value["filename"],
                        str(value.get("subfolder") or ""),
                        str(value.get("type") or "output"),
                    )
                    yield NodeOutput(node_id, index, kind, file, None)
                elif isinstance(value, str):
                    yield NodeOutput(node_id, index, kind, None, value)
                else:
                    continue
                index += 1


class EngineFolderFull(StudioError):
    code, status = "disk_full", 507


class EngineFolderFault(StudioError):
    code, status = "storage_unavailable", 503


class ImpossibleOutput(StudioError):
    """The engine named a file that no file system has: its output cannot be had."""

    code, status = "output_lost", 500


class Staging:
    """Moves bytes between Studio's assets and engines.

    Args:
        speed: whether small outputs may be read on the event loop.
        engine_dir: folder that managed engines share with Studio; theirs are its ``input``,
            ``output`` and ``temp``.
        shared: whether there are managed engines; without, nothing there is ever removed.
    """

    def __init__(
        self,
        *,
        assets: AssetService,
        batch: OutputBatch,
        speed: DiskSpeed,
        engine_dir: Path,
        shared: bool,
    ) -> None:
        self._assets = assets
        self._batch = batch
        self._speed = speed
        self._engine_dir = engine_dir
        self.shared = shared
        # Held while input files are put into place, or found unneeded and removed.
        self._placing = asyncio.Lock()
        self._roots: dict[tuple[str, Path | None], Path] = {}

    async def build_prompt(
        self, engine: Engine, job: Job, graph: Graph, rerun: frozenset[str] = frozenset()
    ) -> bytes:
        """The graph as the engine gets it: staged files, the job's own output folder.

        Args:
            rerun: output nodes whose cached result was not to be believed.

        Raises:
            EngineFolderFull, EngineFolderFault: an input cannot be put into place.
            StudioError: an input's bytes are gone.
        """
        names = dict(cached_names(fetches_of(job)))
        for node_id, path, asset_id, name in job.extra.get("inputs", ()):
            await self._place(engine, asset_id, name)
            names[node_id, tuple(path)] = f"{INPUT_FOLDER}/{name}"
        if names:
            graph = replace_references(graph, names)
        graph = with_job_folder(graph, engine.info or {}, job.id)
        if rerun:
            graph = force_rerun(graph, rerun, job.id)
        return orjson.dumps(graph)

    async def _place(self, engine: Engine, asset_id: str, name: str) -> None:
        asset, source = await self._assets.open_for_job(asset_id)
        try:
            if engine.managed:
                target = self._input_folder / name
                async with self._placing:
                    await asyncio.to_thread(copy_in, source, target, asset.size_bytes)
            else:
                await engine.client.upload(source, name=name, subfolder=INPUT_FOLDER)
        except OSError as error:
            log.warning("an input file cannot be handed to %s: %s", engine.name, error)
            if is_disk_full(error):
                raise EngineFolderFull(
                    "The engine's folder has no room for this job's input files."
                ) from error
            raise EngineFolderFault(
                "This job's input files cannot be copied into the engine's folder."
            ) from error

    async def fingerprint(self, engine: Engine, file: EngineFile) -> str | None:
        """What changes whenever the file does: its mtime and size; ``None`` when it is gone."""
        root = self._root(engine, file.type) if engine.managed else None
        if root is None:
            return await engine.client.fingerprint(file)
        try:
            found = os.stat(_path(root, file))  # noqa: PTH116 - on the path of every job
        except (OSError, ValueError):
            return None
        return f"{found.st_mtime_ns:x}-{found.st_size:x}"

    async def collect(
        self, engine: Engine, job: Job, output: NodeOutput, *, now_ms: int, asset_id: str
    ) -> tuple[Asset, StagedBlob]:
        """Read one output into a blob of Studio's own.

        Raises:
            EngineError: the engine did not hand the file over.
            ImpossibleOutput: it named none.
            DiskFull: there is no room for it.
        """
        if output.file is None:
            text = (output.text or "").encode(errors="replace")
            name, hint = f"{output.kind}_{output.index:05d}.txt", "text"
            staged = await self._assets.stage_bytes(text)
        else:
            name, hint = _shown_name(output.file, job.id), output.kind
            _require_possible(output.file)
            staged = await self._fetch(engine, output.file)
        content_type, output_type = self._assets.describe(staged, name=name, hint=hint)
        return (
            Asset(
                id=asset_id,
                user_id=job.user_id,
                hash=staged.hash,
                size_bytes=staged.size_bytes,
                content_type="text/plain; charset=utf-8" if hint == "text" else content_type,
                file_path=name,
                created_at=now_ms,
                job_id=job.id,
                node_id=output.node_id,
                output_index=output.index,
                output_type=OutputType.TEXT if hint == "text" else output_type,
            ),
            staged,
        )

    async def _fetch(self, engine: Engine, file: EngineFile) -> StagedBlob:
        root = self._root(engine, file.type) if engine.managed else None
        if root is not None:
            path = _path(root, file)
            try:
                size_bytes = os.stat(path).st_size  # noqa: PTH116 - on the path of every job
                if size_bytes <= SMALL_BYTES and self._speed.is_quick:
                    with self._speed.measure():
                        small = self._assets.keep_output(path, root, size_bytes)
                    if small is not None:
                        return small
                if size_bytes <= BATCHED_BYTES:
                    return await self._batch.add(Path(path), root)
                return await self._assets.stage_output(Path(path), root)
            except OSError as error:
                log.info("an output of %s's cannot be read; asking it: %s", engine.name, error)
        return await self._assets.stage_output(engine.client.view(file))

    def _root(self, engine: Engine, file_type: str) -> Path | None:
        """The real folder of that type that a managed engine shares with Studio."""
        if file_type not in ENGINE_FOLDERS:
            return None
        own = engine.setting.temp_dir if file_type == "temp" else None
        root = self._roots.get((file_type, own))
        if root is None:
            root = (own or self._engine_dir / file_type).resolve()
            self._roots[file_type, own] = root
        return root

    async def discard(self, staged: Collection[StagedBlob]) -> None:
        """Let go of collected outputs that will not be published."""
        await self._assets.discard(staged)

    async def clean(self, ended: Sequence[Job], unfinished: Callable[[], Iterable[Job]]) -> None:
        """Remove what ended jobs left with managed engines.

        Args:
            unfinished: the jobs whose inputs stay.
        """
        names = _input_names(ended)
        root = self._output_folder
        folders = [root / job.id for job in ended]
        async with self._placing:
            if names:
                names -= _input_names(unfinished())
            files = [self._input_folder / name for name in names]
            await asyncio.to_thread(remove, folders, files)

    async def sweep(self, unfinished: Callable[[], Iterable[Job]]) -> None:
        """Remove what jobs of an earlier Studio left with managed engines: of the files and
        folders that have a name of ours, those that no unfinished job needs."""
        if not self.shared:
            return
        async with self._placing:
            jobs = list(unfinished())
            await asyncio.to_thread(
                remove,
                named(self._output_folder, _JOB_FOLDER, {job.id for job in jobs}, folders=True),
                named(self._input_folder, _STAGED_FILE, _input_names(jobs), folders=False),
            )

    @property
    def _input_folder(self) -> Path:
        return self._engine_dir / "input" / INPUT_FOLDER

    @property
    def _output_folder(self) -> Path:
        return self._engine_dir / "output" / INPUT_FOLDER


def input_records(found: Mapping[FileReference, Asset]) -> list[list[Any]]:
    """What a job's row remembers of its files: node, path in its inputs, asset, staged name."""
    return [
        [reference.node_id, list(reference.path), asset.id, staged_name(asset)]
        for reference, asset in found.items()
    ]


def staged_name(asset: Asset) -> str:
    """The file name under which an engine sees an asset."""
    suffix = Path(asset.file_path).suffix.lower()
    safe = suffix if suffix[1:].isalnum() and len(suffix) <= 12 else ""
    return f"{asset.id}{safe}"


def _path(root: Path, file: EngineFile) -> str:
    """Where an engine says its file is; whoever opens it makes sure that it lies in ``root``."""
    return f"{root}/{file.subfolder}/{file.filename}"


def _require_possible(file: EngineFile) -> None:
    path = f"{file.subfolder}/{file.filename}"
    try:
        is_possible = b"\0" not in path.encode()
    except UnicodeEncodeError:
        is_possible = False
    if not is_possible:
        raise ImpossibleOutput("The engine named an output by what cannot be a file's name.")


def _shown_name(file: EngineFile, job_id: str) -> str:
    """The user's own name of an output: without the job's folder."""
    folder = file.subfolder.replace("\\", "/").strip("/")
    own = f"{INPUT_FOLDER}/{job_id}"
    if folder == own or folder.startswith(f"{own}/"):
        folder = folder[len(own) + 1 :]
    return f"{folder}/{file.filename}" if folder else file.filename


def _input_names(jobs: Iterable[Job]) -> set[str]:
    """The staged names of everything these jobs read."""
    return {name for job in jobs for *_, name in job.extra.get("inputs", ())}
