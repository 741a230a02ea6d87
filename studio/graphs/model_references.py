"""Models that a graph names by where they are to be fetched from, and where such a file belongs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from studio.graphs.declarations import (
    ObjectInfo,
    declared_inputs,
    has_model_input_name,
    is_file_input,
    is_model_input,
    is_remote_model,
)
from studio.graphs.files import Path
from studio.graphs.graph import Graph
from studio.graphs.values import unwrapped

_WRAPPER: Final = "__value__"
_WORDS: Final[Mapping[str, str]] = {
    "ckpt": "checkpoints",
    "clip": "text_encoders",
    "unet": "diffusion_models",
    "t2iadapter": "controlnet",
}
"""What names of classes and inputs say for a folder that is called otherwise."""


@dataclass(frozen=True, slots=True)
class ModelReference:
    """One value of a loader. ``path`` leads from the node's ``inputs`` to it."""

    node_id: str
    path: Path
    class_type: str
    name: str
    reference: str
    choices: tuple[str, ...]


def model_references(graph: Graph, info: ObjectInfo | None) -> list[ModelReference]:
    """Every model that a parsed graph names by a reference, in inputs that choose among models.

    Without ``info`` the names of the inputs have to tell which those are.
    """
    found = []
    for node_id, node in graph.items():
        class_type, inputs = node["class_type"], node["inputs"]
        named = {
            name: value
            for name, value in inputs.items()
            if isinstance(text := unwrapped(value), str) and is_remote_model(text)
        }
        if not named:
            continue
        choices: dict[str, tuple[str, ...]] = {}
        if info is None:
            choices = {name: () for name in named if has_model_input_name(name)}
        else:
            for declared in declared_inputs(info.get(class_type), inputs):
                value = unwrapped(named.get(declared.name))
                if (
                    declared.name in named
                    and is_model_input(declared, value)
                    and not is_file_input(class_type, declared)
                ):
                    texts = (choice for choice in declared.choices if isinstance(choice, str))
                    choices[declared.name] = tuple(texts)
        for name, listed in choices.items():
            path: Path = (name,) if isinstance(named[name], str) else (name, _WRAPPER)
            text = str(unwrapped(named[name]))
            found.append(ModelReference(node_id, path, class_type, name, text, listed))
    return found


def folder_of(wanted: ModelReference, listings: Mapping[str, Sequence[str]]) -> str | None:
    """The folder of models that an input chooses from, ``None`` when nothing tells.

    Args:
        listings: what the engine lists in each of its folders; older names of a folder too.
    """
    choices = set(wanted.choices)
    fitting = {name: files for name, files in listings.items() if files and choices >= set(files)}
    most = max((len(files) for files in fitting.values()), default=0)
    best = [name for name, files in fitting.items() if len(files) == most]
    # Folders with the same files look alike, and so do all the empty ones: then names decide.
    return best[0] if len(best) == 1 else _by_name(wanted, best or list(listings))


def _by_name(wanted: ModelReference, folders: Sequence[str]) -> str | None:
    words = {word: folder for word, folder in _WORDS.items() if folder in folders}
    for folder in folders:
        plain = folder.replace("_", "")
        words |= dict.fromkeys((plain, plain.removesuffix("s"), plain.removesuffix("es")), folder)
    said, of_class = _longest(words, wanted.name), _longest(words, wanted.class_type)
    if said is None or (of_class is not None and of_class.startswith(said)):
        # Of a CLIPVisionLoader's ``clip_name`` the class says more.
        said = of_class
    return None if said is None else words[said]


def _longest(words: Mapping[str, str], text: str) -> str | None:
    plain = text.lower().replace("_", "")
    return max((word for word in words if word in plain), key=len, default=None)
