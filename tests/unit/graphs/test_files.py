"""Which values of a graph stand for files, and their replacement."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from studio.errors import MissingAsset
from studio.graphs.files import (
    FileReference,
    file_references,
    replace_references,
    split_annotation,
)
from tests.unit.graphs.recorded import INFO, changed, extended, node, text_to_image


def asset(asset_id: object) -> dict[str, Any]:
    return {"__type": "core/ASSET", "info": {"id": asset_id, "file_path": "photo.png"}}


def named(node_id: str, field: str, name: str, kind: Any = "input") -> FileReference:
    return FileReference(node_id, (field,), None, name, kind)


@pytest.mark.parametrize(
    ("class_type", "field"),
    [
        ("LoadImage", "image"),
        ("LoadImageMask", "image"),
        ("LoadImageOutput", "image"),
        ("LoadAudio", "audio"),
        ("LoadVideo", "file"),
        ("LoadLatent", "latent"),
        ("Load3D", "model_file"),
        ("Painter", "mask"),
    ],
)
def test_every_upload_input_of_the_engine_names_a_file(class_type: str, field: str) -> None:
    graph = {"1": node(class_type, **{field: "a/b.bin", "other": "c.png [output]"})}
    assert file_references(graph, INFO) == [named("1", field, "a/b.bin")]


def test_well_known_loaders_are_known_before_the_engine_answers() -> None:
    graph = {
        "1": node("LoadImage", image="a.png"),
        "2": node("LoadLatent", latent="b.latent [output]"),
        "3": node("Load3D", model_file="c.glb"),
    }
    assert file_references(graph, None) == [
        named("1", "image", "a.png"),
        named("2", "latent", "b.latent", "output"),
    ]


def test_a_graph_without_files_has_none() -> None:
    assert file_references(text_to_image(), INFO) == []
    assert file_references(text_to_image(), None) == []


def test_annotated_choices_are_files_and_annotated_texts_are_not() -> None:
    graph = changed("4", ckpt_name="x.png [temp]")
    graph["6"]["inputs"]["text"] = "a fox [output]"
    assert file_references(graph, INFO) == [named("4", "ckpt_name", "x.png", "temp")]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("a.png", ("a.png", "input")),
        ("a.png [input]", ("a.png", "input")),
        ("sub/a.png [output]", ("sub/a.png", "output")),
        ("a.png [temp]", ("a.png", "temp")),
        ("a.pngX[output]", ("a.png", "output")),
        ("a.png [ouput]", ("a.png [ouput]", "input")),
        ("[temp]", ("", "temp")),
    ],
)
def test_annotations_are_cut_as_the_engine_cuts_them(value: str, expected: tuple[str, str]) -> None:
    assert split_annotation(value) == expected


def test_an_empty_painting_and_no_scene_are_no_files_but_an_empty_picture_is() -> None:
    graph = {
        "1": node("Painter", mask=""),
        "2": node("Load3D", model_file="none"),
        "3": node("LoadImage", image=""),
        "4": node("LoadImage", image="none"),
    }
    assert file_references(graph, INFO) == [named("3", "image", ""), named("4", "image", "none")]


def test_linked_files_are_left_alone() -> None:
    graph = {"1": node("LoadImage", image=["2", 0]), "2": node("PrimitiveString", value="a.png")}
    assert file_references(graph, INFO) == []


@pytest.mark.parametrize("info", [INFO, None])
def test_assets_are_found_anywhere_with_the_path_to_them(info: Any) -> None:
    graph = extended(
        n10=node("LoadImage", image=asset("a1")),
        n11=node("NoSuchNode", deep={"list": [1, {"x": asset("a2")}], "__value__": [asset("a3")]}),
    )
    assert file_references(graph, info) == [
        FileReference("10", ("image",), "a1", None, "input"),
        FileReference("11", ("deep", "list", 1, "x"), "a2", None, "input"),
        FileReference("11", ("deep", "__value__", 0), "a3", None, "input"),
    ]


def test_wrapped_names_are_found_because_the_engine_unwraps_them() -> None:
    graph = {
        "1": node("LoadImage", image={"__value__": "a.png [output]"}),
        "2": node("LoadImage", image={"__value__": ["b.png", "c.png"]}),
        "3": node("CheckpointLoaderSimple", ckpt_name={"__value__": "d.png [temp]"}),
    }
    assert file_references(graph, INFO) == [
        FileReference("1", ("image", "__value__"), None, "a.png", "output"),
        FileReference("2", ("image", "__value__", 0), None, "b.png", "input"),
        FileReference("2", ("image", "__value__", 1), None, "c.png", "input"),
        FileReference("3", ("ckpt_name", "__value__"), None, "d.png", "temp"),
    ]


@pytest.mark.parametrize(
    "broken",
    [
        {"__type": "core/ASSET"},
        {"__type": "core/ASSET", "info": "a1"},
        {"__type": "core/ASSET", "info": {}},
        asset(""),
        asset(5),
        asset("x" * 201),
    ],
)
def test_a_malformed_asset_object_is_a_missing_asset_with_its_place(broken: Any) -> None:
    with pytest.raises(MissingAsset) as caught:
        file_references({"7": node("LoadImage", image={"x": [broken]})}, INFO)
    assert caught.value.details is not None
    assert caught.value.details["node_errors"]["7"][0]["field"] == "image.x.0"


def test_found_values_are_replaced_in_a_copy() -> None:
    graph = extended(
        n10=node("LoadImage", image=asset("a1")),
        n11=node("NoSuchNode", deep={"list": [1, {"x": asset("a2")}, asset("a3")]}),
    )
    before = copy.deepcopy(graph)
    references = file_references(graph, INFO)
    staged = {reference.key: f"studio/{reference.asset_id}.png" for reference in references}
    replaced = replace_references(graph, staged)
    assert graph == before
    assert replaced["10"]["inputs"] == {"image": "studio/a1.png"}
    assert replaced["11"]["inputs"]["deep"] == {
        "list": [1, {"x": "studio/a2.png"}, "studio/a3.png"]
    }
    assert replaced["3"] is graph["3"]
