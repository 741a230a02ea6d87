"""Makes the library know every file: behind the jobs' backs, from their rows alone.

Jobs and uploads only leave a note in memory. What is noted is read a moment later, and what a
restart forgot is found by a walk over all assets at the start; so nothing here has to be durable.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Final

import orjson

from studio.clients.video import Extent, VideoReader
from studio.errors import InvalidWorkflow, StudioError
from studio.graphs.graph import Graph, parse
from studio.graphs.parameters import Parameters, model_kinds, parameters
from studio.media import UNREADABLE, probe_image
from studio.store.blobs import BlobStore
from studio.store.job_recipes import RecipeStore
from studio.store.pictures import Indexed, JobGraph, PictureStore, Unindexed

log = logging.getLogger(__name__)


AT_ONCE: Final = 100
_GATHER_S: Final = 0.5
_RETRY_S: Final = 5.0
_MAX_NOTED: Final = 10_000


class Indexer:
    """Writes a row of the library for every output of an ended job and for every upload.

    Args:
        recipes: what jobs were made from.
        gather_s: how long notes are gathered before they are read.
    """

    def __init__(
        self,
        *,
        pictures: PictureStore,
        blobs: BlobStore,
        videos: VideoReader,
        recipes: RecipeStore,
        gather_s: float = _GATHER_S,
    ) -> None:
        self._pictures = pictures
        self._blobs = blobs
        self._videos = videos
        self._recipes = recipes
        self._gather_s = gather_s
        self._jobs: dict[str, None] = {}
        self._uploads: dict[str, None] = {}
        self._is_behind = True
        self._noted = asyncio.Event()
        self._indexing = asyncio.Lock()

    def note_job(self, job_id: str) -> None:
        """A job has ended."""
        self._note(self._jobs, job_id)

    def note_upload(self, asset_id: str) -> None:
        """An upload has come."""
        self._note(self._uploads, asset_id)

    def _note(self, notes: dict[str, None], name: str) -> None:
        if len(notes) < _MAX_NOTED:
            notes[name] = None
        else:
            self._is_behind = True
        self._noted.set()

    async def run(self) -> None:
        """Index for as long as Studio runs; the body of a task."""
        while True:
            try:
                await self.catch_up()
            except StudioError as error:
                log.warning("the library could not be brought up to date: %s", error.message)
                await asyncio.sleep(_RETRY_S)
                continue
            await self._noted.wait()
            await asyncio.sleep(self._gather_s)

    async def catch_up(self) -> None:
        """Index all that is noted, and everything there is when something may be missing."""
        self._noted.clear()
        if self._is_behind:
            # Before the walk: what comes from now on is noted.
            self._is_behind = False
            try:
                await self._walk()
            except BaseException:
                self._is_behind = True
                raise
        await self._take_noted()

    async def settle(self) -> bool:
        """Index what is noted, for somebody who asks for it by name; False when nothing was."""
        if not self._jobs and not self._uploads:
            return False
        await self._take_noted()
        return True

    async def _take_noted(self) -> None:
        async with self._indexing:
            await self._index_noted()

    async def _index_noted(self) -> None:
        while jobs := list(self._jobs)[:AT_ONCE]:
            await self._index(await self._pictures.missing_of(jobs, ()))
            _forget(self._jobs, jobs)
        while uploads := list(self._uploads)[:AT_ONCE]:
            await self._index(await self._pictures.missing_of((), uploads))
            _forget(self._uploads, uploads)

    async def _walk(self) -> None:
        last: str | None = ""
        while last is not None:
            jobs, uploads, last = await self._pictures.missing_after(last)
            for start in range(0, len(jobs), AT_ONCE):
                part = jobs[start : start + AT_ONCE]
                await self._index(await self._pictures.missing_of(part, ()))
            await self._index(await self._pictures.missing_of((), uploads))

    async def _index(self, found: Sequence[Unindexed]) -> None:
        if not found:
            return
        graphs = await self._pictures.graphs_of(
            sorted({asset.job_seq for asset in found if asset.job_seq is not None})
        )
        recipes = await self._recipes.of(sorted({one.job_id for one in found if one.job_id}))
        read, sizes = await asyncio.to_thread(self._read, found, graphs)
        rows = []
        for asset in found:
            extent = sizes.get(asset.id) or await self._extent(asset)
            recipe = recipes.get(asset.job_id or "")
            values = read.get(asset.id)
            rows.append(
                Indexed(
                    asset=asset,
                    kind=kind_of(asset.content_type),
                    name_key=name_key(asset.file_path, asset.title),
                    width=extent.width,
                    height=extent.height,
                    duration_ms=extent.duration_ms,
                    seed=None if values is None else values.seed,
                    preset_id=None if recipe is None else recipe.preset_id,
                    batch_id=None if recipe is None else recipe.batch_id,
                )
            )
        kinds = {
            file: kind
            for graph in graphs.values()
            for file, kind in model_kinds(orjson.loads(graph.models))
        }
        await self._pictures.add(rows, sorted(kinds.items()))

    def _read(
        self, found: Sequence[Unindexed], graphs: Mapping[int, JobGraph]
    ) -> tuple[dict[str, Parameters], dict[str, Extent]]:
        """What graphs and pictures say, by the asset's id: on a thread, one call for all."""
        images = (asset for asset in found if asset.content_type.startswith("image/"))
        return _parameters(found, graphs), {asset.id: self._size(asset) for asset in images}

    def _size(self, asset: Unindexed) -> Extent:
        try:
            size = probe_image(self._blobs.path(asset.hash))
        except StudioError:
            # An output may be larger than what people may upload.
            size = None
        except UNREADABLE as error:
            # Whatever its reader fell over: no other file, and no start, pays for it.
            log.warning("file %s cannot be measured: %s", asset.id, type(error).__name__)
            size = None
        return Extent() if size is None else Extent(*size)

    async def _extent(self, asset: Unindexed) -> Extent:
        if asset.content_type.startswith(("video/", "audio/")):
            return await self._videos.probe(self._blobs.path(asset.hash), asset.content_type)
        return Extent()


def kind_of(content_type: str) -> str:
    """What people call a file of this type."""
    main = content_type.partition("/")[0]
    if main in ("image", "video", "audio"):
        return main
    if main == "model":
        return "model3d"
    return "text" if main == "text" or content_type == "application/json" else "other"


def name_key(file_path: str, title: str) -> str:
    """What a file is found by beside its prompt."""
    return f"{file_path.rpartition('/')[2]} {title}".casefold()


def read_graph(stored: bytes) -> Graph:
    """A job's graph; empty when it is none that this release understands."""
    try:
        return parse(orjson.loads(stored))
    except (InvalidWorkflow, orjson.JSONDecodeError):
        return {}


def _forget(notes: dict[str, None], names: Sequence[str]) -> None:
    for name in names:
        notes.pop(name, None)


def _parameters(
    found: Sequence[Unindexed], graphs: Mapping[int, JobGraph]
) -> dict[str, Parameters]:
    """The parameters of each output, by its asset's id."""
    read: dict[str, Parameters] = {}
    parsed: dict[int, Graph] = {}
    for asset in found:
        if asset.job_seq is None or asset.job_seq not in graphs:
            continue
        if asset.job_seq not in parsed:
            parsed[asset.job_seq] = read_graph(graphs[asset.job_seq].graph)
        read[asset.id] = parameters(parsed[asset.job_seq], asset.node_id)
    return read
