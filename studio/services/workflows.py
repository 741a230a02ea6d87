"""Workflows of a caller: found, filled with values, run."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from studio.errors import InvalidValue, NoCheckpoint, NotFound, StudioError, Unavailable
from studio.graphs.filling import seed_range
from studio.graphs.graph import Graph
from studio.graphs.manifests.compiler import compile_graph, every_node
from studio.graphs.manifests.form import live_options
from studio.graphs.manifests.manifest import FILE_TYPES, Input, InputType, Manifest, stored_manifest
from studio.graphs.manifests.values import Values, is_empty, used_values, wrong
from studio.models import Identity, JobWebhook, Recipe
from studio.services.assets import AssetService
from studio.services.engines import EngineService
from studio.services.jobs import JobService, JobView
from studio.services.order_size import OrderSize
from studio.services.submissions import Submission
from studio.store.workflow_rows import Workflow
from studio.store.workflows import WorkflowStore

MAX_COUNT: Final = 100


@dataclass(frozen=True, slots=True)
class Compiled:
    """A graph that runs, and what it was made from: the values really used."""

    graph: Graph
    workflow_id: str
    version: int
    values: Values
    title: str

    def recipe(self) -> Recipe:
        return Recipe(self.workflow_id, self.version, self.values)


@dataclass(frozen=True, slots=True)
class Order:
    """A request to run a workflow ``count`` times."""

    values: Mapping[str, Any]
    version: int | None = None
    title: str = ""
    priority: int = 0
    count: int = 1
    idempotency_key: str | None = None
    webhook: JobWebhook | None = None
    """Is told of each of its jobs."""


@dataclass(frozen=True, slots=True)
class OpenWorkflow:
    """One version of a workflow, read once to be compiled many times; see ``compile`` there."""

    id: str
    version: int
    manifest: Manifest
    for_everybody: bool
    compile: Callable[[Mapping[str, Any]], Awaitable[Compiled]]


class WorkflowService:
    """Makes graphs of workflows; the workflows themselves are changed by ``WorkflowLibrary``."""

    def __init__(
        self,
        *,
        workflows: WorkflowStore,
        jobs: JobService,
        assets: AssetService,
        engines: EngineService,
    ) -> None:
        self._workflows = workflows
        self._jobs = jobs
        self._assets = assets
        self._engines = engines

    async def compile(
        self,
        identity: Identity,
        workflow_id: str,
        values: Mapping[str, Any],
        version: int | None = None,
    ) -> Compiled:
        """The graph of a workflow that the caller may see, with these values.

        Raises:
            NotFound: no such workflow or version.
            InvalidValue: a value does not fit; ``details["input"]`` names it.
            TargetMissing, UnresolvedName: the workflow itself has a fault.
        """
        opened = await self.open(identity, workflow_id, version)
        return await opened.compile(values)

    async def open(
        self, identity: Identity, workflow_id: str, version: int | None = None
    ) -> OpenWorkflow:
        """A workflow that the caller may see, for many runs of it.

        Raises:
            NotFound: no such workflow or version.
        """
        workflow = await self._workflows.get(viewer(identity), workflow_id, version)
        manifest = stored_manifest(workflow.version.manifest)
        return OpenWorkflow(
            workflow.id,
            workflow.version.number,
            manifest,
            workflow.shared or workflow.shipped,
            lambda values: self._compile(identity, workflow, manifest, values),
        )

    async def _compile(
        self,
        identity: Identity,
        workflow: Workflow,
        manifest: Manifest,
        values: Mapping[str, Any],
    ) -> Compiled:
        given = self._with_models(workflow, manifest, values)
        used = used_values(manifest, given, _draw)
        await self._check_files(identity, manifest, used)
        # A large graph takes a while, and others want to be served meanwhile.
        graph = await asyncio.to_thread(compile_graph, manifest, workflow.version.graph, used)
        return Compiled(
            graph=graph,
            workflow_id=workflow.id,
            version=workflow.version.number,
            values=used,
            title=_title(manifest, used),
        )

    async def run(self, identity: Identity, workflow_id: str, order: Order) -> list[JobView]:
        """Submit a workflow's graph, ``count`` times with seeds of their own: all of them or none.

        Raises:
            InvalidValue: ``count`` is out of bounds; and see ``compile``.
            PayloadTooLarge: the jobs are too large together.
            What ``SubmissionService.submit_all`` raises.
        """
        if not 1 <= order.count <= MAX_COUNT:
            raise wrong("count", f"count lies between 1 and {MAX_COUNT}.")
        opened = await self.open(identity, workflow_id, order.version)
        submissions = []
        size = OrderSize()
        for number in range(order.count):
            compiled = await opened.compile(_next_seeds(opened.manifest, order.values, number))
            submission = Submission(
                workflow=compiled.graph,
                title=order.title or compiled.title,
                workflow_id=opened.id,
                priority=order.priority,
                idempotency_key=order.idempotency_key,
                recipe=compiled.recipe(),
                webhook=order.webhook,
            )
            size.add(submission)
            submissions.append(submission)
        if order.count == 1:
            return [await self._jobs.submit(identity, submissions[0])]
        return await self._jobs.submit_all(
            identity, submissions, lambda new: self._workflows.accept(new, order.idempotency_key)
        )

    def _with_models(
        self, workflow: Workflow, manifest: Manifest, values: Mapping[str, Any]
    ) -> dict[str, Any]:
        """The values, with the first installed file where a model was left open."""
        given = dict(values)
        for each in manifest.inputs:
            if each.type not in (InputType.CHECKPOINT, InputType.VAE):
                continue
            if is_empty(given.get(each.id)) and is_empty(each.default):
                graph = every_node(manifest, workflow.version.graph)
                offered = live_options(each, graph, self._engines.infos())
                if not offered and each.required:
                    raise self._no_model(each)
                given[each.id] = offered[0] if offered else None
        return given

    def _no_model(self, each: Input) -> StudioError:
        if not self._engines.infos():
            return Unavailable("No engine has answered yet.", retry_after_s=2)
        if each.type is InputType.CHECKPOINT:
            return NoCheckpoint(f"No engine has a file for “{each.name}”.")
        return wrong(each.id, f"No engine has a file for “{each.name}”.")

    async def _check_files(self, identity: Identity, manifest: Manifest, values: Values) -> None:
        """Refuse files that the caller may not read, or not of the input's kind."""
        for each in manifest.inputs:
            value = values[each.id]
            if each.type not in FILE_TYPES or value is None:
                continue
            for file in value if isinstance(value, list) else [value]:
                await self._check_file(identity, each, file["asset"])

    async def _check_file(self, identity: Identity, each: Input, asset_id: str) -> None:
        try:
            asset = await self._assets.get(identity, asset_id)
        except NotFound as error:
            raise _file_wrong(each, asset_id, "is not among your files") from error
        kind = "image" if each.type is InputType.MASK else each.type.value
        if each.type is not InputType.FILE and not asset.content_type.startswith(f"{kind}/"):
            raise _file_wrong(each, asset_id, f"is {asset.content_type}, not {_article(kind)}")


def viewer(identity: Identity) -> str | None:
    """The user whose workflows a caller sees; ``None`` for everybody's."""
    return None if identity.sees_all else identity.user_id


def _draw(least: int, most: int) -> int:
    return least + secrets.randbelow(most - least + 1)


def _next_seeds(manifest: Manifest, values: Mapping[str, Any], number: int) -> dict[str, Any]:
    """Values of the nth run: a fixed seed counts up, or every run would be the same."""
    given = dict(values)
    for each in manifest.inputs:
        seed = given.get(each.id, each.default)
        if number and each.type is InputType.SEED and type(seed) is int:
            least, most = seed_range(each)
            if least <= seed <= most:
                given[each.id] = least + (seed - least + number) % (most - least + 1)
    return given


def _title(manifest: Manifest, values: Values) -> str:
    """What a person wrote first, else the workflow's name."""
    for each in manifest.inputs:
        if each.type is InputType.TEXT and not is_empty(values[each.id]):
            return str(values[each.id])
    return manifest.name


def _file_wrong(each: Input, asset_id: str, what: str) -> InvalidValue:
    return wrong(each.id, f"The file for “{each.name}” {what}.", asset=asset_id)


def _article(kind: str) -> str:
    return f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"
