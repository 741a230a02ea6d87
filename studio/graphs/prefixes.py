"""Where a graph's save nodes write: each job has a folder of its own below the output folder."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

from studio.graphs.declarations import ObjectInfo, declared_inputs
from studio.graphs.graph import Graph, execution_copy, is_link, is_number
from studio.graphs.problems import Problems
from studio.graphs.values import unwrapped

ROOT: Final = "studio"
DEFAULT_PREFIX: Final = "ComfyUI"
RERUN_INPUT: Final = "studio_run"
MAX_PREFIX_LENGTH: Final = 200

_PREFIX_INPUT: Final = "filename_prefix"
_FOLDER_INPUT: Final = "folder_name"
_FOLDER_CLASSES: Final = frozenset({"SaveImageDataSetToFolder", "SaveImageTextDataSetToFolder"})
_OTHER_PREFIX_INPUTS: Final = {"SaveLoRA": "prefix"}
_DRIVE: Final = re.compile(r"[A-Za-z]:")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


def check_prefixes(graph: Graph) -> None:
    """Refuses prefixes that could leave the job's folder or that no file system takes.

    Raises:
        InvalidWorkflow: naming every node and field at fault.
    """
    problems = Problems()
    for node_id, node in graph.items():
        prefixes = dict(_literal_prefixes(node, None))
        inside_folder = node["inputs"].get(_PREFIX_INPUT)
        if node["class_type"] in _FOLDER_CLASSES and not is_link(inside_folder):
            prefixes[_PREFIX_INPUT] = inside_folder
        for name, value in prefixes.items():
            text = _as_text(value)
            fault = "must be text" if text is None else _fault(text)
            if fault:
                problems.add(
                    node_id, node["class_type"], name, "invalid_filename_prefix", f"{name} {fault}."
                )
    problems.raise_if_any()


def with_job_folder(graph: Graph, info: ObjectInfo | None, job_id: str) -> Graph:
    """A copy whose literal prefixes lead to ``studio/<job_id>/``; assumes ``check_prefixes``.

    An empty prefix becomes ``ComfyUI``, placeholders such as ``%width%`` stay. Classes that write
    to ``<folder_name>/<filename_prefix>`` create only the folder, so there the folder moves.
    """
    copy = execution_copy(graph)
    for node in copy.values():
        for name, value in list(_literal_prefixes(node, info)):
            prefix = normalise(_as_text(value) or "")
            node["inputs"][name] = f"{ROOT}/{job_id}/{prefix}"
    return copy


def in_job_folder(graph: Graph, info: ObjectInfo | None) -> frozenset[str]:
    """The nodes that ``with_job_folder`` changes, so that no engine's cache knows them."""
    return frozenset(name for name, node in graph.items() if any(_literal_prefixes(node, info)))


def normalise(prefix: str) -> str:
    """``prefix`` without empty and ``.`` parts; ``ComfyUI`` when nothing is left."""
    parts = [part for part in prefix.split("/") if part.strip() not in ("", ".")]
    return "/".join(parts) or DEFAULT_PREFIX


def force_rerun(graph: Graph, node_ids: Iterable[str], job_id: str) -> Graph:
    """A copy in which ``node_ids`` miss the engine's cache, and no node before them does.

    The engine drops the unknown input but counts it in its cache key.
    """
    copy = execution_copy(graph)
    for node_id in node_ids:
        copy[node_id]["inputs"][RERUN_INPUT] = job_id
    return copy


def _literal_prefixes(
    node: dict[str, Any], info: ObjectInfo | None
) -> Iterator[tuple[str, object]]:
    """The inputs that choose where the node writes, unless linked: (input name, value)."""
    class_type, inputs = node["class_type"], node["inputs"]
    other = _OTHER_PREFIX_INPUTS.get(class_type)
    names = [
        name
        for name in inputs
        if name in (_PREFIX_INPUT, other) or name.endswith("." + _PREFIX_INPUT)
    ]
    if class_type in _FOLDER_CLASSES:
        names = [_FOLDER_INPUT] if _FOLDER_INPUT in inputs else []
    if not names:
        return
    combos = set()
    if info is not None:
        declared = declared_inputs(info.get(class_type), inputs)
        combos = {declaration.name for declaration in declared if declaration.is_combo}
    for name in names:
        if name not in combos and not is_link(inputs[name]):
            yield name, inputs[name]


def _as_text(value: object) -> str | None:
    """The text the engine would make of the value, ``None`` for what cannot be a prefix."""
    value = unwrapped(value)
    if value is None:
        return ""
    if isinstance(value, bool) or is_number(value):
        return str(value)
    return value if isinstance(value, str) else None


def _fault(prefix: str) -> str | None:
    if _CONTROL.search(prefix):
        return "must not contain control characters"
    if "\\" in prefix:
        return "must use / instead of a back-slash"
    if prefix.startswith("/") or _DRIVE.match(prefix):
        return "must be relative to the output folder"
    parts = prefix.split("/")
    # Windows drops spaces and dots at the end of a name, so ".. " and "..." climb there.
    if any(part.startswith("..") and not part.strip(" .") for part in map(str.lstrip, parts)):
        return "must not contain .."
    if len(prefix) > MAX_PREFIX_LENGTH:
        return f"must have at most {MAX_PREFIX_LENGTH} characters"
    if any(len(part.encode("utf-8", "replace")) > MAX_PREFIX_LENGTH for part in parts):
        return f"must have parts of at most {MAX_PREFIX_LENGTH} bytes"
    return None
