"""A workflow file as a graph, with the local files it names uploaded."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, Final

from studio.cli.client import Client
from studio.cli.failures import CommandFailed
from studio.cli.screen import Screen
from studio.cli.uploading import upload_file
from studio.graphs.declarations import ObjectInfo
from studio.graphs.edits import set_value
from studio.graphs.files import file_references
from studio.graphs.graph import Graph, execution_copy, parse
from studio.graphs.values import ASSET_TYPE

MAX_FILE_BYTES: Final = 32 * 1024 * 1024
_MEDIA: Final = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".mp4", ".webm", ".safetensors")
_WRAPPERS: Final = ("prompt", "workflow")


def names_a_file(text: str) -> bool:
    """Whether the argument of ``run`` is a file and not a prompt."""
    if text.lower().endswith(".json") or (" " not in text and text.lower().endswith(_MEDIA)):
        return True
    try:
        return Path(text).expanduser().is_file()
    except OSError:
        # Long prompts are no possible file names.
        return False


def read_graph(path: Path) -> Graph:
    """The API-format graph in a file, also as the body of a request that carries it.

    Raises:
        CommandFailed: it cannot be read, or is not JSON.
        WorkflowFormatUi, InvalidWorkflow: it is not an API-format graph.
    """
    if path.suffix.lower() in _MEDIA:
        raise CommandFailed(
            f"{path} is not a graph. run takes words in quotes, or a graph that ComfyUI saved "
            "with “Export (API)”; a graph names its pictures itself, or by --set 1.image=FILE.",
            reason="invalid_workflow",
        )
    return parse(_unwrapped(read_workflow(path)))


def read_workflow(path: Path) -> Any:
    """What a workflow's file says, in either of ComfyUI's formats.

    Raises:
        CommandFailed: it cannot be read, or is not JSON.
    """
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise CommandFailed(f"{path} is too large for a workflow.", reason="invalid_workflow")
        return json.loads(path.read_bytes())
    except OSError as error:
        raise CommandFailed(
            f"{path} cannot be read: {error.strerror}.", reason="not_found"
        ) from error
    except (ValueError, RecursionError) as error:
        raise CommandFailed(f"{path} is not JSON: {error}.", reason="invalid_workflow") from error


def _unwrapped(content: object) -> object:
    """The graph in ``{"prompt": graph}``, ComfyUI's own form, or ``{"workflow": graph}``."""
    if isinstance(content, dict):
        for name in _WRAPPERS:
            inner = content.get(name)
            if isinstance(inner, dict) and "class_type" not in inner:
                return inner
    return content


def missing_files(graph: Graph) -> list[str]:
    """Names of files that a graph with its uploads done still names as they are."""
    return [each.name for each in file_references(graph, None) if each.name]


def set_values(graph: Graph, assignments: Sequence[str]) -> Graph:
    """A copy with every ``NODE.INPUT=VALUE`` applied in turn."""
    for assignment in assignments:
        graph = set_value(graph, assignment)
    return graph


def assigned_texts(graph: Graph, assignments: Sequence[str]) -> frozenset[tuple[str, str]]:
    """(node id, input) of the texts that the assignments give, even if they stay the same."""
    blank = execution_copy(graph)
    for node in blank.values():
        texts = [name for name, value in node["inputs"].items() if isinstance(value, str)]
        node["inputs"].update(dict.fromkeys(texts, ""))
    return frozenset(
        (node_id, name)
        for node_id, node in set_values(blank, assignments).items()
        for name, value in node["inputs"].items()
        if isinstance(value, str) and value
    )


async def upload_files(
    client: Client,
    graph: Graph,
    *,
    assigned: Collection[tuple[str, str]],
    folder: Path,
    screen: Screen,
) -> Graph:
    """A copy in which inputs that name a local file have the uploaded asset instead.

    Args:
        assigned: (node id, input) of the values given on the command line, which reach every
            file. A graph from somebody else must not pick files of this machine: its own values
            reach only ``folder`` and the working folder.
        folder: where the graph file is; relative names are looked for there, then here.

    Raises:
        CommandFailed: the graph names a file elsewhere, or an upload was refused.
    """
    places = _places(folder)
    found = _local_files(graph, places)
    info = await _declarations(client, {graph[node_id]["class_type"] for node_id, _ in found})
    changed = execution_copy(graph)
    uploaded: dict[Path, dict[str, Any]] = {}
    for reference in [*file_references(graph, info), *file_references(graph, None)]:
        name = str(reference.path[0])
        path = found.get((reference.node_id, name))
        if path is None or len(reference.path) > 1 or reference.name is None:
            continue
        is_near = any(path.is_relative_to(place) for place in places)
        if not is_near and (reference.node_id, name) not in assigned:
            raise CommandFailed(
                f"The workflow names {path}, which is in neither its own nor the present folder. "
                f"Say --set '{reference.node_id}.{name}={path}' if you mean to upload it.",
                reason="missing_asset",
            )
        if path not in uploaded:
            uploaded[path] = await upload_file(client, path, screen)
        changed[reference.node_id]["inputs"][name] = _asset_object(uploaded[path])
    return changed


def _places(folder: Path) -> tuple[Path, ...]:
    return folder.resolve(), Path.cwd()


def _local_files(graph: Graph, places: Sequence[Path]) -> dict[tuple[str, str], Path]:
    return {
        (node_id, name): path
        for node_id, node in graph.items()
        for name, value in node["inputs"].items()
        if isinstance(value, str) and (path := _local_file(value, places)) is not None
    }


def _local_file(value: str, places: Sequence[Path]) -> Path | None:
    if not value or len(value) > 4096 or "\n" in value:
        return None
    for place in places:
        try:
            path = (place / Path(value).expanduser()).resolve()
            if path.is_file():
                return path
        except (OSError, ValueError, RuntimeError):
            continue
    return None


async def _declarations(client: Client, class_types: set[str]) -> ObjectInfo:
    info: dict[str, Any] = {}
    for class_type in sorted(class_types):
        info.update(await client.object_info(class_type) or {})
    return info


def _asset_object(asset: dict[str, Any]) -> dict[str, Any]:
    facts = {name: asset[name] for name in ("id", "hash", "file_path") if name in asset}
    return {"__type": ASSET_TYPE, "info": facts}
