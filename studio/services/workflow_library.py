"""Workflows as their people keep them: listed, saved as versions, compared, shared, put away."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from studio.clock import Clock, new_id
from studio.errors import Forbidden, NotFound, PayloadTooLarge, Unprocessable
from studio.graphs.manifests.compiler import every_node
from studio.graphs.manifests.content import check_content
from studio.graphs.manifests.differences import differences
from studio.graphs.manifests.document import Document, plain_document, read_document
from studio.graphs.manifests.form import form
from studio.graphs.manifests.manifest import read_manifest, stored_manifest
from studio.graphs.manifests.readiness import Offer, Readiness, no_offer, readiness
from studio.models import Identity
from studio.services.engines import EngineService
from studio.services.workflows import viewer
from studio.store.workflow_rows import Content, Cover, Version, Workflow
from studio.store.workflows import WorkflowStore

MAX_COMMENT: Final = 500
MAX_GRAPH_BYTES: Final = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Preview:
    """What a draft would be: its manifest as data, the form and what is missing to run it."""

    manifest: dict[str, Any]
    form: list[dict[str, Any]]
    readiness: Readiness


@dataclass(frozen=True, slots=True)
class Draft:
    """What somebody wants to save. ``manifest`` is JSON data, or YAML text."""

    manifest: object
    graph: object
    comment: str = ""
    shared: bool = False


@dataclass(frozen=True, slots=True)
class Listed:
    """A page of workflows with their readiness, and how many there are on all pages."""

    items: list[tuple[Workflow, Readiness]]
    total: int
    next_cursor: str | None


class WorkflowLibrary:
    """Workflows of a caller; each save is a new version.

    Args:
        record: told what people did: who, a kind, a subject and facts.
    """

    def __init__(
        self,
        *,
        workflows: WorkflowStore,
        engines: EngineService,
        clock: Clock,
        record: Callable[..., None],
    ) -> None:
        self._workflows = workflows
        self._engines = engines
        self._clock = clock
        self._record = record
        self._offer: Offer = no_offer

    def offer_models(self, offer: Offer) -> None:
        """Ask ``offer`` for more about each model that a workflow misses."""
        self._offer = offer

    # -- look ------------------------------------------------------------------------------------

    async def page(
        self,
        identity: Identity,
        *,
        text: str = "",
        category: str = "",
        trashed: bool = False,
        cursor: str = "",
        limit: int = 100,
    ) -> Listed:
        """Workflows that the caller may see, by name.

        Args:
            cursor: of the page before.
        """
        found = await self._workflows.visible(viewer(identity), trashed=trashed)
        words = text.lower().split()
        wanted = [
            workflow
            for workflow in found
            if (not category or workflow.version.manifest.get("category") == category)
            and all(word in _searched(workflow) for word in words)
        ]
        wanted.sort(key=_place)
        rest = [workflow for workflow in wanted if not cursor or _place(workflow) > _read(cursor)]
        shown = rest[:limit]
        return Listed(
            items=[(workflow, self.readiness(workflow)) for workflow in shown],
            total=len(wanted),
            next_cursor=" ".join(reversed(_place(shown[-1]))) if len(rest) > limit else None,
        )

    async def get(
        self, identity: Identity, workflow_id: str, number: int | None = None
    ) -> Workflow:
        """One workflow with a version and its graph.

        Raises:
            NotFound.
        """
        return await self._workflows.get(viewer(identity), workflow_id, number)

    async def covers(self, identity: Identity, workflow_id: str | None = None) -> dict[str, Cover]:
        """By workflow, or of one alone, the newest picture or video that the caller made."""
        return await self._workflows.covers(identity.user_id, workflow_id)

    def form(self, workflow: Workflow) -> list[dict[str, Any]]:
        """The inputs of a workflow with what the engines offer now."""
        manifest = stored_manifest(workflow.version.manifest)
        graph = every_node(manifest, workflow.version.graph)
        return form(manifest, graph, self._engines.infos())

    def readiness(self, workflow: Workflow) -> Readiness:
        manifest = stored_manifest(workflow.version.manifest)
        return readiness(manifest, workflow.version.needs, self._engines.infos(), self._offer)

    async def versions(self, identity: Identity, workflow_id: str) -> list[Version]:
        """Every version of a workflow, the newest first.

        Raises:
            NotFound.
        """
        await self.get(identity, workflow_id)
        return await self._workflows.versions(workflow_id)

    async def compare(
        self, identity: Identity, workflow_id: str, before: int, after: int
    ) -> dict[str, Any]:
        """What changed from one version to another.

        Raises:
            NotFound.
        """
        old = (await self.get(identity, workflow_id, before)).version
        new = (await self.get(identity, workflow_id, after)).version
        return await asyncio.to_thread(
            differences, (old.manifest, old.graph), (new.manifest, new.graph)
        )

    async def preview(self, manifest: object, graph: object) -> Preview:
        """What a workflow would be, without storing it.

        Raises:
            See ``create``.
        """
        infos = self._engines.infos()

        def look() -> Preview:
            content = checked_content(None, manifest, graph)
            known = stored_manifest(content.manifest)
            fields = form(known, every_node(known, content.graph), infos)
            return Preview(content.manifest, fields, readiness(known, content.needs, infos))

        return await asyncio.to_thread(look)

    # -- change ----------------------------------------------------------------------------------

    async def create(self, identity: Identity, draft: Draft) -> Workflow:
        """Store a new workflow of the caller's.

        Raises:
            InvalidManifest, InvalidWorkflow, TargetMissing, UnresolvedName: nothing is stored.
        """
        workflow_id = new_id()
        content = await _checked(workflow_id, draft)
        await self._workflows.add(
            workflow_id,
            owner=identity.user_id,
            shared=draft.shared,
            content=content,
            comment=draft.comment,
            now_ms=self._clock.now_ms(),
        )
        self._tell(identity, "workflow.created", workflow_id, content)
        return await self.get(identity, workflow_id)

    async def save(
        self, identity: Identity, workflow_id: str, draft: Draft, *, base: int
    ) -> Workflow:
        """Store a new version of a workflow that the caller may change.

        Args:
            base: the version that was changed.

        Raises:
            NotFound, Forbidden, VersionConflict, and see ``create``.
        """
        self._require_editor(identity, await self.get(identity, workflow_id))
        content = await _checked(workflow_id, draft)
        return await self._append(identity, workflow_id, content, draft.comment, base)

    async def restore(
        self, identity: Identity, workflow_id: str, number: int, comment: str
    ) -> Workflow:
        """Make what an earlier version holds the newest version.

        Raises:
            NotFound, Forbidden, VersionConflict.
        """
        workflow = await self.get(identity, workflow_id, number)
        self._require_editor(identity, workflow)
        version = workflow.version
        content = Content(version.manifest, version.graph, version.needs)
        comment = comment or f"Version {number} restored"
        return await self._append(identity, workflow_id, content, comment, workflow.head)

    async def _append(
        self, identity: Identity, workflow_id: str, content: Content, comment: str, base: int
    ) -> Workflow:
        number = await self._workflows.append(
            workflow_id,
            base=base,
            content=content,
            author=identity.user_id,
            comment=comment,
            now_ms=self._clock.now_ms(),
        )
        self._tell(identity, "workflow.saved", workflow_id, content, version=number)
        return await self.get(identity, workflow_id)

    async def copy(self, identity: Identity, workflow_id: str, name: str) -> Workflow:
        """A workflow of the caller's own with what another one holds now.

        Raises:
            NotFound, InvalidManifest: the name is none.
        """
        version = (await self.get(identity, workflow_id)).version
        manifest = {**version.manifest, "name": name or f"{version.manifest['name'][:110]} (copy)"}
        return await self.create(identity, Draft(manifest, version.graph, "Copied"))

    async def share(self, identity: Identity, workflow_id: str, *, shared: bool) -> Workflow:
        """Let everybody see and run a workflow, or no longer.

        Raises:
            NotFound, Forbidden; Unprocessable: it is everybody's already.
        """
        workflow = await self.get(identity, workflow_id)
        self._require_editor(identity, workflow)
        if workflow.shipped:
            raise Unprocessable("A workflow that came as a folder is everybody's.")
        await self._workflows.change(workflow_id, now_ms=self._clock.now_ms(), shared=shared)
        kind = "workflow.shared" if shared else "workflow.unshared"
        self._tell(identity, kind, workflow_id, workflow.version)
        return await self.get(identity, workflow_id)

    async def trash(self, identity: Identity, workflow_id: str) -> None:
        """Put a workflow away; one that came as a folder is only hidden.

        Raises:
            NotFound, Forbidden.
        """
        workflow = await self.get(identity, workflow_id)
        self._require_editor(identity, workflow)
        await self._workflows.change(workflow_id, now_ms=self._clock.now_ms(), trash=True)
        self._tell(identity, "workflow.trashed", workflow_id, workflow.version)

    async def take_back(self, identity: Identity, workflow_id: str) -> Workflow:
        """Take a workflow out of the trash.

        Raises:
            NotFound: none of the caller's.
        """
        owner = await self._workflows.owner_of(workflow_id)
        if not identity.sees_all and owner != identity.user_id:
            # Whether somebody else has such a workflow is not told.
            raise NotFound("There is no such workflow in your trash.")
        await self._workflows.change(workflow_id, now_ms=self._clock.now_ms(), trash=False)
        workflow = await self.get(identity, workflow_id)
        self._tell(identity, "workflow.restored", workflow_id, workflow.version)
        return workflow

    def _require_editor(self, identity: Identity, workflow: Workflow) -> None:
        if not identity.sees_all and workflow.owner != identity.user_id:
            raise Forbidden("This workflow is not yours. Make a copy and change that.")

    def _tell(
        self, identity: Identity, kind: str, workflow_id: str, held: Content | Version, **facts: Any
    ) -> None:
        self._record(identity.user_id, kind, workflow_id, name=held.manifest["name"], **facts)


async def _checked(workflow_id: str, draft: Draft) -> Content:
    """A draft's content under the workflow's own id; beside the event loop, as it may be large."""
    if len(draft.comment) > MAX_COMMENT:
        raise Unprocessable(f"A comment has at most {MAX_COMMENT} characters.")
    return await asyncio.to_thread(checked_content, workflow_id, draft.manifest, draft.graph)


def checked_content(workflow_id: str | None, manifest: object, graph: object) -> Content:
    """The content of a version, checked.

    Args:
        workflow_id: takes the place of the manifest's own; None leaves that.

    Raises:
        InvalidManifest, InvalidWorkflow, TargetMissing, UnresolvedName, PayloadTooLarge.
    """
    document = read_document(manifest) if isinstance(manifest, str) else plain_document(manifest)
    if workflow_id is not None and isinstance(document.data, Mapping):
        document = Document({**document.data, "id": workflow_id}, document.lines)
    checked = read_manifest(document)
    needs = check_content(checked, graph)
    assert isinstance(graph, dict)
    if len(orjson.dumps(graph)) > MAX_GRAPH_BYTES:
        raise PayloadTooLarge(f"A graph has at most {MAX_GRAPH_BYTES // 2**20} MiB.")
    return Content(checked.source, graph, needs)


def _place(workflow: Workflow) -> tuple[str, str]:
    """Where it stands in the list, whatever comes and goes around it."""
    return workflow.version.manifest["name"].lower(), workflow.id


def _read(cursor: str) -> tuple[str, str]:
    """The place of the last workflow that was shown; ids have no spaces, names may."""
    workflow_id, _, name = cursor.partition(" ")
    return name, workflow_id


def _searched(workflow: Workflow) -> str:
    manifest = workflow.version.manifest
    facts = ("name", "description", "category", "group", "base_model", "author")
    return " ".join([*(manifest.get(key, "") for key in facts), *manifest.get("tags", ())]).lower()
