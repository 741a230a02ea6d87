"""What a workflow lacks: each model that it names, whether it is there, and where it can be had.

Believed in this order: what the workflow itself says, what lies on disk, the catalogs, the hubs. A
hash decides where one is known; a name alone is only ever a proposal, shown as one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, Protocol

from studio.errors import InvalidWorkflow, StudioError
from studio.graphs.declarations import ObjectInfo
from studio.graphs.declared_models import declared_models
from studio.graphs.graph import is_ui_format, parse
from studio.graphs.manifests.model_files import model_files
from studio.models import Identity
from studio.services.catalog import Catalog
from studio.services.engines import EngineService
from studio.services.needed_models import (
    DAMAGED,
    DIFFERENT,
    ELSEWHERE,
    MISSING,
    PRESENT,
    Need,
    Needs,
    Offer,
    Required,
    from_list,
    from_manifest,
    is_safe,
    known_offers,
    lists_file,
    wish_for,
    with_offers,
)
from studio.services.workflow_imports import WorkflowImports
from studio.services.workflow_library import WorkflowLibrary
from studio.store.model_files import ModelFile, ModelFileStore, base_key

MAX_MODELS: Final = 200
_SEARCHES: Final = 4
_SEARCH_S: Final = 20.0


class Hubs(Protocol):
    """Who can look for a file elsewhere."""

    async def search(self, *, sha256: str | None, name: str, by: Identity) -> Sequence[Offer]:
        """Where a file can be had, the likeliest first; by its hash when that is known.

        Raises:
            StudioError: a hub refuses, or does not answer.
        """


class ModelNeeds:
    """Answers for any workflow.

    Args:
        hubs: asked last; without any, what no catalog knows stays without an offer.
    """

    def __init__(
        self,
        *,
        files: ModelFileStore,
        catalog: Catalog,
        engines: EngineService,
        imports: WorkflowImports,
        library: WorkflowLibrary,
        hubs: Hubs | None = None,
    ) -> None:
        self._files = files
        self._catalog = catalog
        self._engines = engines
        self._imports = imports
        self._library = library
        self._hubs = hubs

    async def of_workflow(
        self, identity: Identity, workflow_id: str, *, search: bool = False
    ) -> Needs:
        """The models of a stored workflow.

        Raises:
            NotFound.
        """
        workflow = await self._library.get(identity, workflow_id)
        listed = [
            *workflow.version.manifest.get("models", ()),
            *workflow.version.needs["models"],
        ]
        return await self._answer(identity, from_manifest(listed), search)

    async def of_list(
        self, identity: Identity, listed: Sequence[Mapping[str, Any]], *, search: bool = False
    ) -> Needs:
        """The models of a list as a manifest has it: of a workflow that is not stored yet."""
        return await self._answer(identity, from_manifest(listed), search)

    async def of_graph(self, identity: Identity, graph: object, *, search: bool = False) -> Needs:
        """The models of a graph in either format, or of a file that carries one.

        Raises:
            InvalidWorkflow: it is none.
        """
        required = await self._required(graph)
        if len(required) > MAX_MODELS:
            raise InvalidWorkflow(f"A workflow names at most {MAX_MODELS} models.")
        return await self._answer(identity, required, search)

    async def _required(self, graph: object) -> list[Required]:
        said: dict[str, dict[str, str]] = {}
        if isinstance(graph, Mapping) and is_ui_format(graph):
            said = declared_models(graph)
            if not self._engines.infos():
                # Nothing can convert it now, but its own list needs no engine.
                return [from_list(name, facts) for name, facts in said.items() if is_safe(name)]
            graph = await self._imports.converted(graph)
        listed = model_files(parse(graph), self._info(), said)
        required = from_manifest(listed)
        named = {each.file.rpartition("/")[2] for each in required}
        # A node that is muted names no input, yet its list counts.
        required += [
            from_list(name, facts)
            for name, facts in said.items()
            if name.rpartition("/")[2] not in named and is_safe(name)
        ]
        return required

    def _info(self) -> ObjectInfo:
        joined: dict[str, Any] = {}
        for info in reversed(self._engines.infos()):
            joined |= info
        return joined

    async def _answer(
        self, identity: Identity, required: Sequence[Required], search: bool
    ) -> Needs:
        files = await self._files.all()
        by_place = {(file.folder, file.name): file for file in files}
        by_hash = {file.sha256: file for file in files if file.sha256}
        by_base: dict[str, ModelFile] = {}
        for file in files:
            by_base.setdefault(base_key(file.name), file)
        needs = [self._need(each, by_place, by_hash, by_base) for each in required]
        failures: list[tuple[str, str]] = []
        if search and self._hubs is not None:
            needs = await self._search(identity, needs, failures)
        return Needs(tuple(needs), tuple(failures))

    def _need(
        self,
        wanted: Required,
        by_place: Mapping[tuple[str, str], ModelFile],
        by_hash: Mapping[str, ModelFile],
        by_base: Mapping[str, ModelFile],
    ) -> Need:
        listed = self._catalog.find(wanted.file, wanted.folder, wanted.sha256)
        entry = listed[0] if listed else None
        folder = wanted.folder or (entry.folder if entry else None)
        sha256 = wanted.sha256 or (entry.sha256 if entry else None)
        disagree = bool(entry and wanted.sha256 and entry.sha256 and entry.sha256 != wanted.sha256)
        known = wanted
        if wanted.size_bytes is None and entry is not None and not disagree:
            known = replace(wanted, size_bytes=entry.size_bytes)
        state, found, match = self._state(known, folder, sha256, by_place, by_hash, by_base)
        offers = known_offers(wanted, folder, listed)
        return Need(
            file=wanted.file,
            folder=folder,
            used_by=tuple(wanted.used_by),
            state=state,
            sha256=sha256,
            found=found,
            match=match,
            offers=tuple(offers),
            install=wish_for(wanted.file, folder, offers, state=state)
            if state in (MISSING, DAMAGED)
            else None,
            disagree=disagree,
        )

    def _state(
        self,
        wanted: Required,
        folder: str | None,
        sha256: str | None,
        by_place: Mapping[tuple[str, str], ModelFile],
        by_hash: Mapping[str, ModelFile],
        by_base: Mapping[str, ModelFile],
    ) -> tuple[str, ModelFile | None, str | None]:
        file = by_place.get((folder, wanted.file)) if folder else None
        if file is not None:
            if file.fault:
                return DAMAGED, file, "name"
            if file.has_bytes(sha256=sha256, size_bytes=wanted.size_bytes):
                return PRESENT, file, "hash" if sha256 and file.sha256 else "name"
            return DIFFERENT, file, "name"
        if self._is_offered(wanted):
            # An engine elsewhere has disks of its own: what it lists is there.
            return PRESENT, None, "engine"
        if sha256 and sha256 in by_hash:
            return ELSEWHERE, by_hash[sha256], "hash"
        other = by_base.get(base_key(wanted.file))
        if other is not None and not other.fault:
            return ELSEWHERE, other, "name"
        return MISSING, None, None

    def _is_offered(self, wanted: Required) -> bool:
        return any(
            lists_file(info, class_type, name, wanted.file)
            for info in self._engines.infos()
            for class_type, name in wanted.used_by
        )

    async def _search(
        self, identity: Identity, needs: Sequence[Need], failures: list[tuple[str, str]]
    ) -> list[Need]:
        gate = asyncio.Semaphore(_SEARCHES)
        hubs = self._hubs
        assert hubs is not None

        async def ask(need: Need) -> Need:
            if need.state not in (MISSING, DAMAGED) or need.offers:
                return need
            try:
                async with gate, asyncio.timeout(_SEARCH_S):
                    found = await hubs.search(
                        sha256=need.sha256, name=need.file.rpartition("/")[2], by=identity
                    )
            except TimeoutError:
                failures.append(("unavailable", "A hub does not answer."))
                return need
            except StudioError as error:
                failures.append((error.code, error.message))
                return need
            offers = tuple(found)
            return with_offers(need, offers)

        return list(await asyncio.gather(*(ask(need) for need in needs)))
