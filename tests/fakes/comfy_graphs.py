"""The node classes of the fake ComfyUI, graphs made of them, and what they make."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from itertools import count
from typing import Any

MODELS = ["red.safetensors", "blue.safetensors"]
Graph = dict[str, dict[str, Any]]
_SERIAL = count(1)


def _node(
    required: dict[str, Any], output: list[str], *, ends: bool = False, paid: bool = False
) -> dict[str, Any]:
    return {
        "input": {"required": required},
        "output": output,
        "output_node": ends,
        "api_node": paid,
        "display_name": "",
    }


_TEXT = ["STRING", {"default": ""}]
CLASSES: dict[str, Any] = {
    "Source": _node({"text": _TEXT}, ["IMAGE"]),
    "Brush": _node({"text": _TEXT, "mask": ["STRING", {"image_upload": True}]}, ["IMAGE"]),
    "Loader": _node({"ckpt_name": [MODELS]}, ["MODEL"]),
    "Paint": _node({"model": ["MODEL"], "text": _TEXT}, ["IMAGE"]),
    "PaidSource": _node({"text": _TEXT}, ["IMAGE"], paid=True),
    "PaidPreview": _node({"text": _TEXT}, [], ends=True, paid=True),
    "SaveImage": _node({"images": ["IMAGE"], "filename_prefix": _TEXT}, [], ends=True),
    "PreviewImage": _node({"images": ["IMAGE"]}, [], ends=True),
    "ShowText": _node({"text": _TEXT}, [], ends=True),
}


@dataclass(frozen=True)
class File:
    """Where a file lies inside the engine."""

    type: str
    subfolder: str
    filename: str


@dataclass(frozen=True)
class Made:
    """The bytes of a file, and a number that no other file ever had."""

    data: bytes
    number: int


def saved(text: str, prefix: str = "picture") -> Graph:
    """One picture of ``text``, saved."""
    return {
        "1": {"class_type": "Source", "inputs": {"text": text}},
        "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": prefix}},
    }


def twice(text: str) -> Graph:
    """One picture saved by two nodes under one prefix."""
    graph = saved(text)
    return {**graph, "3": graph["2"]}


def previewed(text: str, source: str = "Source") -> Graph:
    """One picture, shown and not saved: its node has no prefix."""
    return {
        "1": {"class_type": source, "inputs": {"text": text}},
        "2": {"class_type": "PreviewImage", "inputs": {"images": ["1", 0]}},
    }


def paid(text: str) -> Graph:
    """A picture that costs money."""
    graph = saved(text)
    return {**graph, "1": {"class_type": "PaidSource", "inputs": {"text": text}}}


def painted(text: str, model: str) -> Graph:
    """A picture that needs a model file."""
    return {
        "0": {"class_type": "Loader", "inputs": {"ckpt_name": model}},
        "1": {"class_type": "Paint", "inputs": {"model": ["0", 0], "text": text}},
        "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "p"}},
    }


def text_of(graph: Graph) -> str:
    """The text that tells one job of a test from another."""
    return next((str(n["inputs"]["text"]) for n in graph.values() if "text" in n["inputs"]), "")


def execution_order(graph: Graph, classes: dict[str, Any]) -> list[str]:
    """Every node an output depends on, sources first."""
    order: list[str] = []

    def visit(node: str) -> None:
        if node not in order:
            for source in _sources(graph[node]):
                visit(source)
            order.append(node)

    for node, content in graph.items():
        if classes[content["class_type"]]["output_node"]:
            visit(node)
    return order


def signature(graph: Graph, node: str) -> str:
    """What the cache knows a node by: its class and inputs, unknown ones too, and its sources."""
    content = graph[node]
    inputs = {
        name: signature(graph, value[0]) if isinstance(value, list) else value
        for name, value in content["inputs"].items()
    }
    # ComfyUI's cache tells output nodes apart by their own ids, too.
    own = node if content["class_type"].startswith(("Save", "Preview", "Paid", "Show")) else ""
    return json.dumps([content["class_type"], own, inputs], sort_keys=True)


def make(graph: Graph, node: str, files: dict[File, Made]) -> dict[str, Any]:
    """Execute one node and return what it shows."""
    content = graph[node]
    kind, inputs = content["class_type"], content["inputs"]
    if kind == "ShowText":
        return {"text": [inputs["text"]]}
    if kind not in ("SaveImage", "PreviewImage", "PaidPreview"):
        return {}
    text = inputs.get("text") or graph[inputs["images"][0]]["inputs"]["text"]
    place = "output" if kind == "SaveImage" else "temp"
    prefix = inputs.get("filename_prefix", "shown")
    subfolder, _, name = prefix.rpartition("/")
    # The next number of what is there now: a file that was removed hands its name on.
    taken = [f for f in files if (f.type, f.subfolder) == (place, subfolder)]
    number = 1 + sum(f.filename.startswith(f"{name}_") for f in taken)
    file = File(place, subfolder, f"{name}_{number:05d}_.png")
    files[file] = Made(png(text), next(_SERIAL))
    return {"images": [{"filename": file.filename, "subfolder": subfolder, "type": place}]}


def png(text: str) -> bytes:
    """A small picture whose colour and comment are those of ``text``."""
    color = sha256(text.encode()).digest()[:3]
    rows = b"".join(b"\0" + color * 4 for _ in range(4))
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            _chunk(b"IHDR", struct.pack(">IIBBBBB", 4, 4, 8, 2, 0, 0, 0)),
            _chunk(b"tEXt", b"text\0" + text.encode("latin-1")),
            _chunk(b"IDAT", zlib.compress(rows)),
            _chunk(b"IEND", b""),
        ]
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _sources(content: dict[str, Any]) -> Iterator[str]:
    return (value[0] for value in content["inputs"].values() if isinstance(value, list))
