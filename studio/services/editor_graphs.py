"""Graphs that the editor is opened with: of a job what it ran, of a workflow what it would run."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from studio.errors import NotFound
from studio.graphs.carried import embedded_graphs
from studio.graphs.manifests.manifest import stored_manifest
from studio.models import Identity
from studio.services.assets import AssetService
from studio.services.jobs import JobService, JobView
from studio.services.workflow_library import WorkflowLibrary
from studio.services.workflows import WorkflowService
from studio.store.file_bytes import FileBytes

_LOOKED_AT: Final = 4
"""Outputs of one job in which the editor's own graph is looked for."""


@dataclass(frozen=True, slots=True)
class GraphSource:
    """What a graph is of: a job or a workflow by id, exactly one of them."""

    job: str | None = None
    workflow: str | None = None


@dataclass(frozen=True, slots=True)
class EditorGraph:
    """A graph for the editor; ``is_ui`` if it is one that the editor itself saved."""

    name: str
    is_ui: bool
    graph: dict[str, Any]


class EditorGraphs:
    """Finds the graph that the editor is asked to open."""

    def __init__(
        self,
        *,
        jobs: JobService,
        assets: AssetService,
        library: WorkflowLibrary,
        workflows: WorkflowService,
    ) -> None:
        self._jobs = jobs
        self._assets = assets
        self._library = library
        self._workflows = workflows

    async def check(self, identity: Identity, source: GraphSource) -> None:
        """Whether there is something to open.

        Raises:
            NotFound: no such job or workflow, or it is another user's.
            InvalidValue, TargetMissing, UnresolvedName: a workflow of blocks makes no graph as it
                stands.
        """
        if source.job is not None:
            await self._jobs.get(identity, source.job)
        elif source.workflow is not None:
            await self._of_workflow(identity, source.workflow)

    async def read(self, identity: Identity, source: GraphSource) -> EditorGraph:
        """The graph itself.

        Raises:
            See ``check``.
        """
        if source.job is not None:
            return await self._of_job(identity, source.job)
        if source.workflow is not None:
            return await self._of_workflow(identity, source.workflow)
        raise NotFound("Neither a job nor a workflow is named.")

    async def _of_job(self, identity: Identity, job_id: str) -> EditorGraph:
        view = await self._jobs.get(identity, job_id)
        name = view.job.title or job_id
        drawn = await self._drawn(identity, view)
        if drawn is not None:
            return EditorGraph(name, True, drawn)
        return EditorGraph(name, False, await self._jobs.graph(identity, job_id))

    async def _drawn(self, identity: Identity, view: JobView) -> dict[str, Any] | None:
        """What the editor itself wrote into the outputs of its own run, as somebody laid it out."""
        if not view.job.from_editor:
            return None
        paths = []
        for output in view.outputs[:_LOOKED_AT]:
            try:
                paths.append((await self._assets.open_content(identity, output.id))[1])
            except NotFound:
                continue
        return await asyncio.to_thread(_carried, paths)

    async def _of_workflow(self, identity: Identity, workflow_id: str) -> EditorGraph:
        version = (await self._library.get(identity, workflow_id)).version
        manifest = stored_manifest(version.manifest)
        graph = version.graph
        if manifest.dynamic:
            graph = (await self._workflows.compile(identity, workflow_id, {})).graph
        return EditorGraph(manifest.name, False, graph)


def _carried(paths: Iterable[Path]) -> dict[str, Any] | None:
    for path in paths:
        try:
            with FileBytes(path) as data:
                found = embedded_graphs(data).workflow
        except FileNotFoundError:
            continue
        if found is not None and _is_json(found):
            return found
    return None


def _is_json(graph: dict[str, Any]) -> bool:
    """Files may hold numbers and texts that JSON here has no form for."""
    try:
        orjson.dumps(graph)
    except orjson.JSONEncodeError:
        return False
    return True
