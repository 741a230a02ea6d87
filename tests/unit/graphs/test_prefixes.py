"""Every job writes into its own folder and cannot leave it."""

from __future__ import annotations

import posixpath
from typing import Any

import pytest

from studio.errors import InvalidWorkflow
from studio.graphs.prefixes import (
    check_prefixes,
    force_rerun,
    normalise,
    with_job_folder,
)
from tests.unit.graphs.recorded import INFO, changed, extended, node, picture, text_to_image


def prefix_after(value: Any) -> object:
    graph = changed("9", filename_prefix=value)
    check_prefixes(graph)
    moved = with_job_folder(graph, INFO, "job1")
    assert graph == changed("9", filename_prefix=value)
    return moved["9"]["inputs"]["filename_prefix"]


@pytest.mark.parametrize(
    ("prefix", "moved"),
    [
        ("ComfyUI", "studio/job1/ComfyUI"),
        ("a//b/./c", "studio/job1/a/b/c"),
        ("./", "studio/job1/ComfyUI"),
        ("", "studio/job1/ComfyUI"),
        ("trailing/", "studio/job1/trailing"),
        ("%year%/%date:yyyy-MM-dd%_fox", "studio/job1/%year%/%date:yyyy-MM-dd%_fox"),
        ("狐/きつね", "studio/job1/狐/きつね"),
        ("v1.5..final", "studio/job1/v1.5..final"),
        ({"__value__": "a/b"}, "studio/job1/a/b"),
        (5, "studio/job1/5"),
        (None, "studio/job1/ComfyUI"),
    ],
)
def test_literal_prefixes_move_into_the_jobs_folder(prefix: Any, moved: str) -> None:
    assert prefix_after(prefix) == moved


def test_a_linked_prefix_stays() -> None:
    graph = changed("9", filename_prefix=["10", 0]) | {"10": node("PrimitiveString", value="../x")}
    check_prefixes(graph)
    assert with_job_folder(graph, INFO, "job1") == graph


@pytest.mark.parametrize(
    "prefix",
    [
        "/etc/x",
        "a\\b",
        "..",
        "../x",
        "a/../b",
        "studio/a/../b/x",
        "a/..",
        "a/.. /b",
        "a/ ../b",
        "a/.../b",
        "C:/x",
        "c:x",
        "a\x00b",
        "a\nb",
        "x" * 201,
        "狐" * 100,
        {"__value__": "../x"},
        {"__value__": ["a", 0]},
        {"a": 1},
        ["a"],
    ],
)
@pytest.mark.parametrize(
    ("class_type", "field"),
    [
        ("SaveImage", "filename_prefix"),
        ("SaveLoRA", "prefix"),
        ("SaveImageDataSetToFolder", "folder_name"),
        ("SaveImageDataSetToFolder", "filename_prefix"),
    ],
)
def test_prefixes_that_could_escape_are_refused_by_node_and_field(
    class_type: str, field: str, prefix: Any
) -> None:
    with pytest.raises(InvalidWorkflow) as caught:
        check_prefixes(extended(n10=node(class_type, **{field: prefix})))
    assert caught.value.details is not None
    [problem] = caught.value.details["node_errors"]["10"]
    assert (problem["field"], problem["reason"]) == (field, "invalid_filename_prefix")


def test_the_prefix_of_saved_loras_is_one_and_other_prefixes_are_not() -> None:
    graph = {"1": node("SaveLoRA", prefix="loras/mine"), "2": node("AddTextPrefix", prefix="../x")}
    check_prefixes(graph)
    moved = with_job_folder(graph, INFO, "job1")
    assert moved["1"]["inputs"]["prefix"] == "studio/job1/loras/mine"
    assert moved["2"] == graph["2"]


def test_data_sets_move_by_their_folder() -> None:
    inputs = {"folder_name": "set", "filename_prefix": "image", "images": ["1", 0]}
    moved = with_job_folder(picture(n2=node("SaveImageDataSetToFolder", **inputs)), INFO, "job1")
    assert moved["2"]["inputs"] == inputs | {"folder_name": "studio/job1/set"}


def test_an_ignored_folder_name_does_not_keep_a_prefix_in_place() -> None:
    graph = changed("9", folder_name="anything")
    moved = with_job_folder(graph, INFO, "job1")["9"]["inputs"]
    assert moved["filename_prefix"] == "studio/job1/ComfyUI"


def test_a_prefix_chosen_from_a_list_is_left_as_it_is() -> None:
    info = INFO | {
        "Fixed": {"input": {"required": {"filename_prefix": [["a"]]}}, "output_node": True}
    }
    graph = {"1": node("Fixed", filename_prefix="a")}
    assert with_job_folder(graph, info, "job1") == graph


def test_a_forced_rerun_touches_only_the_nodes_named() -> None:
    graph = text_to_image()
    forced = force_rerun(graph, {"9"}, "job1")
    assert forced["9"]["inputs"] == graph["9"]["inputs"] | {"studio_run": "job1"}
    assert {**forced, "9": graph["9"]} == graph == text_to_image()


def test_a_normalised_prefix_is_what_the_engine_would_normalise_it_to() -> None:
    for prefix in ("a//b", "./a", "a/./b/", "a"):
        assert normalise(prefix) == posixpath.normpath(prefix)
