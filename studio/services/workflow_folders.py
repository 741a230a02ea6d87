"""Workflows that come as folders: those of this release, and the owner's beside them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson

from studio.clock import Clock
from studio.errors import InvalidManifest, InvalidWorkflow, StudioError
from studio.graphs.manifests.content import check_content
from studio.graphs.manifests.document import read_document
from studio.graphs.manifests.manifest import Manifest, read_manifest
from studio.store.workflow_folders import WorkflowFolder, read_folders
from studio.store.workflow_rows import Content
from studio.store.workflows import WorkflowStore

log = logging.getLogger(__name__)


class WorkflowFolders:
    """Takes the folders into the store; a folder with a fault changes nothing.

    Args:
        roots: folders of workflow folders; a later one hides namesakes of an earlier one.
    """

    def __init__(self, *, workflows: WorkflowStore, roots: Sequence[Path], clock: Clock) -> None:
        self._workflows = workflows
        self._roots = roots
        self._clock = clock
        self.faults: list[dict[str, Any]] = []
        """What is wrong with folders that could not be taken: folder, code, message, details."""

    async def load(self) -> None:
        """Read every folder and store what has changed.

        Raises:
            DiskFull, StorageUnavailable: it cannot be stored.
        """
        found, self.faults = await asyncio.to_thread(self._read)
        spared = [fault["folder"] for fault in self.faults]
        await self._workflows.keep_folders(found, spared=spared, now_ms=self._clock.now_ms())

    def _read(self) -> tuple[list[tuple[str, str, Content]], list[dict[str, Any]]]:
        found, faults = [], []
        for folder in read_folders(self._roots):
            try:
                found.append((folder.name, folder.digest, read_content(folder)))
            except StudioError as error:
                log.warning("workflow folder %s: %s", folder.name, error.message)
                faults.append(
                    {
                        "folder": folder.name,
                        "code": error.code,
                        "message": error.message,
                        "details": error.details,
                    }
                )
        return found, faults


def read_content(folder: WorkflowFolder) -> Content:
    """The checked content of a folder.

    Raises:
        InvalidManifest, InvalidWorkflow: what is wrong, and where.
    """
    if folder.fault:
        raise InvalidManifest(folder.fault)
    manifest = read_manifest(read_document(folder.manifest))
    if manifest.id != folder.name:
        raise InvalidManifest(f"Its id is “{manifest.id}”, but its folder “{folder.name[:100]}”.")
    graph = _graph(folder, manifest)
    return Content(manifest.source, graph, check_content(manifest, graph))


def _graph(folder: WorkflowFolder, manifest: Manifest) -> dict[str, Any]:
    if manifest.dynamic:
        blocks = {name: _json(name, data) for name, data in folder.blocks.items()}
        return {"blocks": blocks}
    if folder.graph is None:
        raise InvalidWorkflow("It has neither workflow.json nor a pipeline.")
    graph: dict[str, Any] = _json("workflow.json", folder.graph)
    return graph


def _json(name: str, data: bytes) -> Any:
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise InvalidWorkflow(f"{name} is not valid JSON: {error}.") from error
