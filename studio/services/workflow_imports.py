"""Workflows that come from elsewhere: read, converted, and described by a proposed manifest."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from studio.errors import InvalidWorkflow, NotFound, PayloadTooLarge, Unavailable
from studio.graphs.carried import Source, embedded_graphs
from studio.graphs.declared_models import declared_models
from studio.graphs.graph import Graph, is_ui_format, parse
from studio.graphs.manifests.content import check_content, refuse_cycles
from studio.graphs.manifests.document import read_document
from studio.graphs.manifests.manifest import read_manifest
from studio.graphs.manifests.readiness import Readiness, readiness
from studio.graphs.manifests.wizard import propose
from studio.graphs.ui_format import convert
from studio.models import Identity
from studio.services.assets import AssetService
from studio.services.engines import EngineService
from studio.services.workflow_library import Draft
from studio.store.file_bytes import FileBytes
from studio.store.workflow_folders import (
    BLOCKS,
    GRAPH,
    MANIFEST,
)

EXPORT_KEY: Final = "studio_workflow"
EXPORT_VERSION: Final = 1
MAX_DOCUMENT_BYTES: Final = 32 * 1024 * 1024
"""A graph that is no part of a picture, film or sound is read as a whole."""
_HEAD_BYTES: Final = 1024
_JOB_FOLDER: Final = re.compile(r"^studio/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/")
_MAX_WRAPPINGS: Final = 8
"""How deep inside of others a graph may lie; a file of a thousand has none."""


@dataclass(frozen=True, slots=True)
class Inspection:
    """What a file holds. Nothing of it is stored.

    ``proposal`` is the manifest that the file brought, or one that is proposed for its graph.
    """

    format: str
    graph: dict[str, Any]
    proposal: dict[str, Any]
    readiness: Readiness
    ui: bool = False
    problems: list[dict[str, str | None]] = field(default_factory=list)


class WorkflowImports:
    """Reads files that carry workflows, with what the engines declare."""

    def __init__(self, *, engines: EngineService, assets: AssetService) -> None:
        self._engines = engines
        self._assets = assets

    async def inspect(self, files: Mapping[str, bytes]) -> Inspection:
        """What somebody brought: one file, or the files of a workflow folder by name.

        Raises:
            InvalidWorkflow: it carries no workflow, or one that cannot be used.
            InvalidManifest: its manifest has faults.
            Unavailable: the editor's format, and no engine has answered yet.
        """
        infos = self._engines.infos()
        info = _joined(infos)
        return await asyncio.to_thread(_inspect, files, info, bool(infos))

    async def inspect_asset(self, identity: Identity, asset_id: str) -> Inspection:
        """What a file that was uploaded before holds, however large it is; see ``inspect``.

        Raises:
            NotFound: there is no such asset, or it is another user's.
            PayloadTooLarge: it is a graph by itself, and larger than ``MAX_DOCUMENT_BYTES``.
        """
        asset, path = await self._assets.open_content(identity, asset_id)
        infos = self._engines.infos()
        info = _joined(infos)

        def look() -> Inspection:
            try:
                with FileBytes(path) as data:
                    return _file(asset.file_path, data, info, bool(infos))
            except FileNotFoundError as error:
                raise NotFound("There is no such asset.") from error

        return await asyncio.to_thread(look)

    async def inspect_graph(self, graph: object) -> Inspection:
        """What a graph that is data already holds; see ``inspect``."""
        infos = self._engines.infos()
        return await asyncio.to_thread(_document, "", graph, _joined(infos), bool(infos))

    async def converted(self, graph: object) -> object:
        """A graph as an engine runs it, if it is one of the editor's and an engine is known.

        Raises:
            InvalidWorkflow: the conversion left nothing.
        """
        infos = self._engines.infos()
        if not infos or not is_ui_format(graph):
            return graph
        return (await self.inspect_graph(graph)).graph


def imported(found: Inspection) -> Draft:
    """What a file held, to be stored."""
    return Draft(found.proposal, found.graph, comment="Imported")


def exported(manifest: Mapping[str, Any], graph: Mapping[str, Any]) -> dict[str, Any]:
    """A workflow as one file."""
    return {EXPORT_KEY: EXPORT_VERSION, "manifest": manifest, "graph": graph}


def _joined(infos: list[dict[str, Any]]) -> dict[str, Any]:
    """What the engines declare together; of a class that several have, the first one's."""
    joined: dict[str, Any] = {}
    for info in reversed(infos):
        joined |= info
    return joined


def _inspect(files: Mapping[str, bytes], info: dict[str, Any], known: bool) -> Inspection:
    if MANIFEST in files:
        return _folder(files, info)
    name, data = next(iter(files.items()))
    return _file(name, data, info, known)


def _file(name: str, data: Source, info: dict[str, Any], known: bool) -> Inspection:
    if data[:_HEAD_BYTES].lstrip()[:1] in (b"{", b"["):
        if len(data) > MAX_DOCUMENT_BYTES:
            raise PayloadTooLarge(f"A graph has at most {MAX_DOCUMENT_BYTES // 2**20} MiB.")
        return _document(name, _json(name, data[:]), info, known)
    carried = embedded_graphs(data)
    if carried.prompt is not None:
        # What ran needs no conversion, and is right even where the editor's own form is not.
        return _api(name, _own_prefixes(_storable(carried.prompt)), info, "media")
    if carried.workflow is not None:
        return _ui(name, _storable(carried.workflow), info, known)
    raise InvalidWorkflow("This file carries no workflow.")


def _folder(files: Mapping[str, bytes], info: dict[str, Any]) -> Inspection:
    manifest = read_manifest(read_document(files[MANIFEST]))
    graph: dict[str, Any]
    if manifest.dynamic:
        blocks = {
            name.removeprefix(f"{BLOCKS}/"): _json(name, data)
            for name, data in files.items()
            if name not in (MANIFEST, GRAPH)
        }
        graph = {"blocks": blocks}
    elif GRAPH in files:
        graph = _json(GRAPH, files[GRAPH])
    else:
        raise InvalidWorkflow(f"{GRAPH} is missing beside {MANIFEST}.")
    needs = check_content(manifest, graph)
    return Inspection("folder", graph, manifest.source, readiness(manifest, needs, [info]))


def _document(name: str, data: Any, info: dict[str, Any], known: bool) -> Inspection:
    for _ in range(_MAX_WRAPPINGS):
        if not isinstance(data, dict):
            raise InvalidWorkflow("A workflow must be a JSON object.")
        if EXPORT_KEY in data:
            return _export(data, info)
        if is_ui_format(data):
            return _ui(name, data, info, known)
        wrapped = (data.get(key) for key in ("prompt", "workflow"))
        inner = (each for each in wrapped if isinstance(each, dict) and "class_type" not in each)
        found = next(inner, None)
        if found is None:
            return _api(name, data, info, "api")
        data = found
    raise InvalidWorkflow("The workflow lies too deep inside of other data.")


def _export(data: dict[str, Any], info: dict[str, Any]) -> Inspection:
    if data[EXPORT_KEY] != EXPORT_VERSION:
        raise InvalidWorkflow("This file was exported by a newer Studio.")
    manifest = read_manifest(data.get("manifest"))
    graph = data.get("graph")
    needs = check_content(manifest, graph)
    assert isinstance(graph, dict)
    return Inspection("studio", graph, manifest.source, readiness(manifest, needs, [info]))


def _ui(name: str, data: dict[str, Any], info: dict[str, Any], known: bool) -> Inspection:
    if not known:
        raise Unavailable(
            "No engine has answered yet, and the editor's format cannot be read without one.",
            retry_after_s=2,
        )
    conversion = convert(data, info)
    problems = [
        {"node_id": problem.node_id, "message": problem.message} for problem in conversion.problems
    ]
    if not conversion.graph:
        first = problems[0]["message"] if problems else "It has no nodes that run."
        raise InvalidWorkflow(
            f"This workflow cannot be converted: {first}", details={"problems": problems}
        )
    found = _api(name, conversion.graph, info, "ui", declared_models(data))
    return Inspection("ui", found.graph, found.proposal, found.readiness, True, problems)


def _api(
    name: str,
    data: dict[str, Any],
    info: dict[str, Any],
    kind: str,
    sources: Mapping[str, Mapping[str, Any]] | None = None,
) -> Inspection:
    graph: Graph = parse(data)
    refuse_cycles(graph)
    proposal = propose(graph, info, name=_name(name), sources=sources)
    manifest = read_manifest(proposal)
    needs = check_content(manifest, graph)
    return Inspection(kind, graph, proposal, readiness(manifest, needs, [info]))


def _storable(data: dict[str, Any]) -> dict[str, Any]:
    """Data of a file as it would be stored: numbers and texts there may be what JSON here is not.

    Raises:
        InvalidWorkflow.
    """
    try:
        stored: dict[str, Any] = orjson.loads(orjson.dumps(data))
    except (orjson.JSONEncodeError, orjson.JSONDecodeError) as error:
        raise InvalidWorkflow(f"The workflow of this file cannot be read: {error}.") from error
    return stored


def _own_prefixes(graph: dict[str, Any]) -> dict[str, Any]:
    """A graph that Studio had sent, without the folders that its jobs had in the engine."""
    for node in parse(graph).values():
        prefix = node["inputs"].get("filename_prefix")
        if isinstance(prefix, str):
            node["inputs"]["filename_prefix"] = _JOB_FOLDER.sub("", prefix)
    return graph


def _name(file: str) -> str:
    """A name for people from a file's name."""
    stem = file.rpartition("/")[2].rpartition("\\")[2]
    stem = stem.rpartition(".")[0] or stem
    text = "".join(c if c.isprintable() else " " for c in stem.replace("_", " ").replace("-", " "))
    text = " ".join(text.split())[:120]
    return text[:1].upper() + text[1:] or "Imported workflow"


def _json(name: str, data: bytes) -> Any:
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise InvalidWorkflow(f"{name[:100]} is not valid JSON: {error}.") from error
