"""The files a graph names: each of them must belong to the caller before the graph may run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, Literal

from studio.errors import MissingAsset
from studio.graphs.declarations import (
    FILE_INPUTS,
    Declaration,
    ObjectInfo,
    declared_inputs,
    is_file_input,
)
from studio.graphs.graph import Graph, is_link
from studio.graphs.problems import clip
from studio.graphs.values import ASSET_TYPE, is_annotated

Folder = Literal["input", "output", "temp"]
Path = tuple[str | int, ...]

_MAX_ID_LENGTH: Final = 200
_ANNOTATIONS: Final[tuple[tuple[str, Folder], ...]] = (
    (" [output]", "output"),
    (" [input]", "input"),
    (" [temp]", "temp"),
)


@dataclass(frozen=True, slots=True)
class FileReference:
    """One value that stands for a file.

    Exactly one of ``asset_id`` (a ``core/ASSET`` object) and ``name`` (a file name as the engine
    would read it, without its annotation) is set. ``path`` leads from the node's ``inputs`` to
    the value.
    """

    node_id: str
    path: Path
    asset_id: str | None
    name: str | None
    kind: Folder

    @property
    def key(self) -> tuple[str, Path]:
        """What ``replace_references`` finds the value by."""
        return self.node_id, self.path


def file_references(graph: Graph, info: ObjectInfo | None) -> list[FileReference]:
    """Every file that a parsed graph names, in the graph's order.

    These are ``core/ASSET`` objects anywhere in the inputs, inputs that ``/object_info`` marks
    as uploads, ``LoadLatent``'s latent, and choices that end in `` [input]``, `` [output]`` or
    `` [temp]``. Free text and links are left alone. Without ``info``: the objects, and the inputs
    of well-known loaders.

    Raises:
        MissingAsset: a ``core/ASSET`` object has no usable ``info.id``.
    """
    found: list[FileReference] = []
    for node_id, node in graph.items():
        inputs = node["inputs"]
        candidates = [
            (name, value)
            for name, value in inputs.items()
            if isinstance(value, (str, dict)) or (isinstance(value, list) and not is_link(value))
        ]
        if not candidates:
            continue
        texts = _texts(node["class_type"], inputs, info)
        for name, value in candidates:
            _find(found, node_id, (name,), value, texts.get(name))
    return found


def replace_references(graph: Graph, replacements: Mapping[tuple[str, Path], str]) -> Graph:
    """A copy of ``graph`` with the values at ``(node_id, path)`` replaced; the rest is shared."""
    copy = dict(graph)
    for (node_id, path), value in replacements.items():
        node = copy[node_id]
        copy[node_id] = {**node, "inputs": _replaced(node["inputs"], path, value)}
    return copy


def split_annotation(value: str) -> tuple[str, Folder]:
    """A file name and the folder it is in, cut as the engine cuts it."""
    for ending, kind in _ANNOTATIONS:
        # The engine looks for the bracket alone, yet always drops the space before it too.
        if value.endswith(ending[1:]):
            return value[: -len(ending)], kind
    return value, "input"


class _Text(Enum):
    """What the text of an input may be."""

    FILE = "the name of a file"
    CHOICE = "one of a list, or an annotated file name"


def _texts(class_type: str, inputs: dict[str, Any], info: ObjectInfo | None) -> dict[str, _Text]:
    """The inputs whose text may name a file."""
    class_info = info.get(class_type) if info is not None else None
    if class_info is None:
        known = FILE_INPUTS.get(class_type)
        return {known: _Text.FILE} if known else {}
    texts = {}
    for declared in declared_inputs(class_info, inputs):
        if is_file_input(class_type, declared):
            if not _means_no_file(declared, inputs.get(declared.name)):
                texts[declared.name] = _Text.FILE
        elif declared.is_combo:
            texts[declared.name] = _Text.CHOICE
    return texts


def _means_no_file(declared: Declaration, value: object) -> bool:
    if declared.is_combo:
        return value == "none" and value in declared.choices
    return value == ""


def _find(
    found: list[FileReference], node_id: str, path: Path, value: object, text: _Text | None
) -> None:
    # The depth is bounded: parse() refuses graphs that are nested deeper than 100 levels.
    if isinstance(value, str):
        if text is _Text.FILE or (text is _Text.CHOICE and is_annotated(value)):
            name, kind = split_annotation(value)
            found.append(FileReference(node_id, path, None, name, kind))
    elif isinstance(value, dict):
        if value.get("__type") == ASSET_TYPE:
            found.append(
                FileReference(node_id, path, _asset_id(node_id, path, value), None, "input")
            )
            return
        for key, item in value.items():
            # Only the wrapper of list values is opened by the engine before it reads a file name.
            inner = text if key == "__value__" and len(path) == 1 else None
            _find(found, node_id, (*path, key), item, inner)
    elif isinstance(value, list):
        inner = text if path[-1] == "__value__" and len(path) == 2 else None
        for index, item in enumerate(value):
            if isinstance(item, (str, dict, list)):
                _find(found, node_id, (*path, index), item, inner)


def _asset_id(node_id: str, path: Path, value: dict[str, Any]) -> str:
    facts = value.get("info")
    asset_id = facts.get("id") if isinstance(facts, dict) else None
    if isinstance(asset_id, str) and 0 < len(asset_id) <= _MAX_ID_LENGTH:
        return asset_id
    field = ".".join(str(part) for part in path)
    message = "a core/ASSET object needs an info object with the id of an asset."
    raise MissingAsset(
        f"Node {clip(node_id, 40)}: {clip(field)}: {message}",
        details={
            "node_errors": {
                node_id: [{"field": field, "reason": "missing_asset", "message": message}]
            }
        },
    )


def _replaced(container: Any, path: Path, value: str) -> Any:
    step, rest = path[0], path[1:]
    copy: Any = container.copy()
    copy[step] = _replaced(container[step], rest, value) if rest else value
    return copy
