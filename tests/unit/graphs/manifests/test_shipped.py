"""Every workflow that is shipped would run on real ComfyUI 0.33."""

from __future__ import annotations

import random
from typing import Any

import pytest

from studio.graphs.graph import Graph
from studio.graphs.manifests.compiler import compile_graph
from studio.graphs.manifests.manifest import FILE_TYPES, InputType, Manifest, read_manifest
from studio.graphs.manifests.readiness import readiness
from studio.graphs.manifests.values import used_values
from studio.graphs.validation import validate
from studio.services.workflow_folders import read_content
from studio.store.workflow_folders import WorkflowFolder, read_folders
from studio.store.workflow_rows import Content
from studio.workshop import SHIPPED
from tests.unit.graphs.manifests.recorded import comfyui, with_models

FOLDERS = {folder.name: folder for folder in read_folders([SHIPPED])}
LORAS = [{"file": "style.safetensors", "strength": 0.8}]
FILE = {"asset": "some-asset"}
VARIANTS: dict[str, list[dict[str, Any]]] = {
    "batch-resize": [{"mode": "crop"}, {"mode": "factor"}],
    "contact-sheet": [{"background": "black", "columns": 2, "images": [FILE]}],
    "image-edit": [{"image2": None, "image3": None}, {"image3": None}],
    "wan22-scenes": [{"scenes": [{"prompt": "alone", "duration": 5}]}],
}
"""Values with which other stages take part than with all inputs given."""


def some_values(manifest: Manifest, content: Content) -> dict[str, Any]:
    """A value for every input, files and LoRAs too."""
    values: dict[str, Any] = {}
    for each in manifest.inputs:
        if each.type in FILE_TYPES:
            values[each.id] = [FILE] * 5 if each.multiple else FILE
        elif each.type is InputType.LORAS:
            values[each.id] = LORAS
        elif each.type is InputType.SCENES:
            values[each.id] = [{"prompt": str(number), "duration": 3} for number in range(3)]
        elif each.type is InputType.TEXT:
            values[each.id] = "a {{fox}}"
        elif each.type is InputType.CHECKPOINT:
            values[each.id] = content.manifest["models"][0]["file"]
    return values


def runs(content: Content, values: dict[str, Any]) -> Graph:
    manifest = read_manifest(content.manifest)
    lora = {"class": "LoraLoader", "input": "lora_name", "file": LORAS[0]["file"]}
    info = with_models(
        [*content.manifest.get("models", []), lora, {**lora, "class": "LoraLoaderModelOnly"}]
    )
    graph = compile_graph(
        manifest, content.graph, used_values(manifest, values, random.Random(1).randint)
    )
    validate(graph, info)
    return graph


def test_at_least_ten_are_shipped() -> None:
    assert len(FOLDERS) >= 12
    categories = {read_content(folder).manifest["category"] for folder in FOLDERS.values()}
    assert categories >= {
        "text-to-image",
        "image-to-image",
        "inpainting",
        "upscale",
        "image-edit",
        "image-to-video",
        "text-to-video",
        "tools",
    }


@pytest.mark.parametrize("folder", FOLDERS.values(), ids=FOLDERS)
def test_a_shipped_workflow_runs_on_comfyui(folder: WorkflowFolder) -> None:
    content = read_content(folder)
    values = some_values(read_manifest(content.manifest), content)
    for variant in ({}, *VARIANTS.get(folder.name, ())):
        assert runs(content, {**values, **variant})


@pytest.mark.parametrize("folder", FOLDERS.values(), ids=FOLDERS)
def test_a_shipped_workflow_needs_only_the_models_that_it_names(folder: WorkflowFolder) -> None:
    content = read_content(folder)
    manifest = read_manifest(content.manifest)
    models = content.manifest.get("models", [])
    assert readiness(manifest, content.needs, [with_models(models)]).state == "ready"
    for model in models:
        assert model["url"].startswith("https://huggingface.co/")
        assert model["url"].endswith("/" + model["file"])
        assert model["directory"]
    if models:
        missing = readiness(manifest, content.needs, [comfyui()]).missing_models
        assert {each["file"] for each in missing} == {each["file"] for each in models}
        assert {each["fix"]["action"] for each in missing} == {"download"}


@pytest.mark.parametrize("name", ["batch-resize", "contact-sheet"])
def test_two_need_no_model(name: str) -> None:
    content = read_content(FOLDERS[name])
    assert content.manifest.get("models", []) == content.needs["models"] == []
