"""Whether a workflow could run now: which node classes and model files the engines lack."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from studio.graphs.declarations import ObjectInfo, declared_inputs
from studio.graphs.manifests.manifest import CHOICE_TYPES, Manifest
from studio.graphs.suggestions import Suggestions

READY: Final = "ready"
MISSING: Final = "missing"
UNKNOWN: Final = "unknown"


@dataclass(frozen=True, slots=True)
class Readiness:
    """What is missing on the engine that lacks the least. ``state`` is unknown without engines."""

    state: str
    missing_models: list[dict[str, Any]] = field(default_factory=list)
    missing_nodes: list[dict[str, Any]] = field(default_factory=list)


Offer = Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""What somebody knows of a missing model, as parts of its ``fix``."""


def no_offer(model: Mapping[str, Any]) -> Mapping[str, Any]:  # noqa: ARG001
    """Nobody knows anything."""
    return {}


def readiness(
    manifest: Manifest,
    needs: Mapping[str, Any],
    infos: Iterable[ObjectInfo],
    offer: Offer = no_offer,
) -> Readiness:
    """The readiness of a workflow.

    Args:
        needs: what ``check_content`` found in it.
        offer: asked about each model that is missing.
    """
    found = [_on_engine(manifest, needs, info, offer) for info in infos]
    if not found:
        return Readiness(UNKNOWN)
    return min(found, key=lambda each: len(each.missing_models) + len(each.missing_nodes))


def _on_engine(
    manifest: Manifest, needs: Mapping[str, Any], info: ObjectInfo, offer: Offer
) -> Readiness:
    suggestions = Suggestions()
    nodes = [
        {
            "class": name,
            "closest": suggestions.closest(name, info, "class"),
            "fix": {"action": "install_nodes", "class": name},
        }
        for name in needs["classes"]
        if name not in info
    ]
    chosen = _chosen(manifest)
    models = []
    for model in (*manifest.source.get("models", ()), *needs["models"]):
        installed = _installed(info, model["class"], model["input"])
        any_will_do = (model["class"], model["input"]) in chosen
        if not (installed if any_will_do else _has(installed, model["file"])):
            models.append({**model, "fix": {**offer(model), **_fix(model)}})
    return Readiness(MISSING if nodes or models else READY, models, nodes)


def _chosen(manifest: Manifest) -> set[tuple[str, str]]:
    """(class, input) of every model that whoever runs the workflow chooses."""
    return {
        (target.class_type, target.input)
        for each in manifest.inputs
        if each.type in CHOICE_TYPES and not each.options
        for target in each.targets
        if target.class_type and target.input
    }


def _installed(info: ObjectInfo, class_type: str, name: str) -> list[str]:
    for declared in declared_inputs(info.get(class_type), {name: ""}):
        if declared.name == name:
            return [choice for choice in declared.choices if isinstance(choice, str)]
    return []


def _has(installed: Sequence[str], file: str) -> bool:
    return any(name.replace("\\", "/") == file.replace("\\", "/") for name in installed)


def _fix(model: Mapping[str, Any]) -> dict[str, Any]:
    known = {key: model[key] for key in ("url", "directory", "sha256", "size") if key in model}
    return {"action": "download" if "url" in model else "add_file", "file": model["file"], **known}
