"""Turns what an engine produced into assets, and decides which of it can be believed.

ComfyUI answers a cached run with the old file name, and once that file is gone the name can carry
another node's pixels. So a cached file counts only while its fingerprint is the one that was seen
when it was made; else its node runs again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from studio.clients.comfy import EngineError, EngineFile
from studio.clock import Clock, new_id
from studio.errors import StudioError
from studio.graphs.graph import Graph
from studio.graphs.prefixes import in_job_folder
from studio.models import Job
from studio.services.engine import Engine
from studio.services.queue import LiveJob
from studio.services.run import Ended
from studio.services.staging import INPUT_FOLDER, NodeOutput, Staging, list_outputs
from studio.store.jobs import JobStore

_FETCH_TRIES = 3


class OutputLost(StudioError):
    """An output cannot be had from the engine that made it."""

    code, status = "output_lost", 500


class Collector:
    """Reads outputs into Studio's own blobs, each once."""

    def __init__(self, *, jobs: JobStore, staging: Staging, clock: Clock) -> None:
        self._jobs = jobs
        self._staging = staging
        self._clock = clock

    async def collect(
        self, engine: Engine, live: LiveJob, ended: Ended, rerun: frozenset[str]
    ) -> frozenset[str]:
        """Read every output of a finished prompt into ``live.collected``.

        Args:
            rerun: nodes that were made to run again for this prompt.

        Returns:
            Output nodes whose cached files are not to be believed; they must run again.

        Raises:
            OutputLost, DiskFull: an output cannot be had or kept.
        """
        live.closing = True
        doubtful = set()
        async with live.collecting:
            for output in list_outputs(ended.outputs):
                if self._has(live, output):
                    continue
                cached = output.node_id in ended.cached
                if cached and not await self._believes(engine, output):
                    doubtful.add(output.node_id)
                    continue
                await self._read(engine, live, output, fresh=not cached)
        stuck = doubtful & rerun
        if stuck:
            raise OutputLost("The engine keeps answering from its cache with a file that is gone.")
        return frozenset(doubtful)

    async def collect_early(
        self, engine: Engine, live: LiveJob, outputs: Mapping[str, Mapping[str, Any]]
    ) -> None:
        """Commit outputs of a job that still runs; what fails here is tried again at the end."""
        async with live.collecting:
            if live.closing:
                return
            try:
                for output in list_outputs(outputs):
                    if not self._has(live, output):
                        await self._read(engine, live, output, fresh=True)
                await self._publish(live)
            except StudioError:
                return

    async def _publish(self, live: LiveJob) -> None:
        waiting = dict(live.collected)
        live.publish(await self._jobs.add_outputs(list(waiting.values())))
        for key in waiting:
            live.collected.pop(key, None)

    @staticmethod
    def _has(live: LiveJob, output: NodeOutput) -> bool:
        key = (output.node_id, output.index)
        return key in live.collected or any(
            (asset.node_id, asset.output_index) == key for asset in live.outputs
        )

    async def _read(
        self, engine: Engine, live: LiveJob, output: NodeOutput, *, fresh: bool
    ) -> None:
        if fresh and output.file is not None and not _is_own(output, live.job):
            mark = await self._fingerprint(engine, output)
            if mark is not None:
                engine.saw_made(_key(output.file), mark)
        for remaining in reversed(range(_FETCH_TRIES)):
            try:
                asset, staged = await self._staging.collect(
                    engine, live.job, output, now_ms=self._clock.now_ms(), asset_id=new_id()
                )
            except EngineError as error:
                if not remaining:
                    raise OutputLost("The engine did not hand over an output.") from error
            else:
                live.collected[output.node_id, output.index] = (asset, staged)
                return

    async def _believes(self, engine: Engine, output: NodeOutput) -> bool:
        if output.file is None:
            return True
        made = engine.made(_key(output.file))
        return made is not None and made == await self._fingerprint(engine, output)

    async def _fingerprint(self, engine: Engine, output: NodeOutput) -> str | None:
        assert output.file is not None
        try:
            return await self._staging.fingerprint(engine, output.file)
        except EngineError:
            return None


def is_paid(engine: Engine, classes: Mapping[str, str], nodes: frozenset[str]) -> bool:
    """Whether one of these nodes costs money each time it runs."""
    info = engine.info or {}
    return any(info.get(classes.get(node, ""), {}).get("api_node") for node in nodes)


def is_repeat(engine: Engine, graph: Graph, ended: Ended, rerun: frozenset[str]) -> bool:
    """Whether the engine had kept everything but the files that it writes for each job anew."""
    anew = graph.keys() - ended.cached
    return bool(ended.cached) and anew <= in_job_folder(graph, engine.info) | rerun


def _key(file: EngineFile) -> tuple[str, str, str]:
    return file.type, file.subfolder, file.filename


def _is_own(output: NodeOutput, job: Job) -> bool:
    """Whether the file lies in the job's own folder, where no other run can reach it."""
    assert output.file is not None
    folder = f"{INPUT_FOLDER}/{job.id}"
    subfolder = output.file.subfolder.replace("\\", "/")
    return subfolder == folder or subfolder.startswith(f"{folder}/")
