"""Which inputs of a graph choose among models, judged from lists of old and new shapes."""

from __future__ import annotations

from typing import Any

import pytest

from studio.graphs.model_inputs import missing_models


def info_of(name: str, declared: object, class_type: str = "Loader") -> dict[str, Any]:
    return {class_type: {"input": {"required": {name: declared}}}}


def graph_of(value: object, name: str = "ckpt_name") -> dict[str, Any]:
    return {"1": {"class_type": "Loader", "inputs": {name: value}}}


@pytest.mark.parametrize(
    "declared",
    [
        [["a.safetensors", "b.ckpt"], {}],
        ["COMBO", {"options": ["a.safetensors", "b.ckpt"]}],
    ],
    ids=["old", "new"],
)
def test_lists_of_both_shapes_are_read(declared: object) -> None:
    [found] = missing_models(graph_of(""), [info_of("ckpt_name", declared)])
    assert found.installed == ("a.safetensors", "b.ckpt")
    assert missing_models(graph_of("b.ckpt"), [info_of("ckpt_name", declared)]) == []


def test_with_nothing_installed_the_name_of_the_input_tells() -> None:
    for name, expected in (("ckpt_name", 1), ("lora_name", 1), ("scheduler", 0)):
        found = missing_models(graph_of("", name), [info_of(name, [[], {}])])
        assert len(found) == expected, name
        assert [each.installed for each in found] == [()] * expected


def test_what_any_engine_has_is_there() -> None:
    infos = [info_of("ckpt_name", [[name], {}]) for name in ("a.safetensors", "b.safetensors")]
    assert missing_models(graph_of("b.safetensors"), infos) == []
    [found] = missing_models(graph_of("c.safetensors"), infos)
    assert found.installed == ("a.safetensors", "b.safetensors")


@pytest.mark.parametrize("value", [["2", 0], 7, None, {"__value__": []}], ids=str)
def test_links_and_what_is_no_text_are_left_to_the_judge(value: object) -> None:
    info = info_of("ckpt_name", [["a.safetensors"], {}])
    assert missing_models(graph_of(value), [info]) == []


def test_files_that_people_upload_are_not_models() -> None:
    info = info_of("model_file", [["a.safetensors"], {"file_upload": True}])
    assert missing_models(graph_of("", "model_file"), [info]) == []


def test_a_class_that_no_engine_has_is_passed_over() -> None:
    assert missing_models(graph_of(""), [{}]) == []
