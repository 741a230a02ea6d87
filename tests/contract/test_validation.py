"""What is wrong with a graph, in ComfyUI's own shapes."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.clients import Client, Graph, solid, text_to_image


def refuse(client: Client, graph: Graph) -> dict[str, Any]:
    """Send a graph that must be refused and return the answer."""
    answer = client.post_prompt(graph)
    assert answer.status_code == 400
    body: dict[str, Any] = answer.json()
    assert body.keys() == {"error", "node_errors"}
    assert body["error"].keys() == {"type", "message", "details", "extra_info"}
    return body


def refuse_input(client: Client, graph: Graph, node_id: str = "1") -> dict[str, Any]:
    """Send a graph with one wrong input and return what is said about it."""
    body = refuse(client, graph)
    assert body["error"]["type"] == "prompt_outputs_failed_validation"
    assert list(body["node_errors"]) == [node_id]
    entry = body["node_errors"][node_id]
    assert entry["class_type"] == graph[node_id]["class_type"]
    assert entry["dependent_outputs"] == ["2"]
    [problem] = entry["errors"]
    assert isinstance(problem, dict)
    return problem


def with_input(name: str, value: object) -> Graph:
    """Return the usual graph with one input of the first node changed."""
    graph = solid()
    graph["1"]["inputs"][name] = value
    return graph


def test_an_unknown_class_is_named_with_its_node(client: Client) -> None:
    graph = solid()
    graph["9"] = {"class_type": "NoSuchNode", "inputs": {}, "_meta": {"title": "My node"}}
    body = refuse(client, graph)
    assert body == {
        "error": {
            "type": "missing_node_type",
            "message": "Node 'My node' not found. The custom node may not be installed.",
            "details": "Node ID '#9'",
            "extra_info": {
                "node_id": "9",
                "class_type": "NoSuchNode",
                "node_title": "My node",
            },
        },
        "node_errors": {},
    }


def test_a_node_without_a_class_is_refused(client: Client) -> None:
    graph = solid()
    graph["9"] = {"inputs": {}}
    error = refuse(client, graph)["error"]
    assert error["type"] == "missing_node_type"
    assert error["extra_info"] == {"node_id": "9", "class_type": None, "node_title": None}


def test_a_graph_without_an_output_node_is_refused(client: Client) -> None:
    graph = solid()
    del graph["2"]
    body = refuse(client, graph)
    assert body["error"] == {
        "type": "prompt_no_outputs",
        "message": "Prompt has no outputs",
        "details": "",
        "extra_info": {},
    }


def test_an_empty_graph_has_no_outputs(client: Client) -> None:
    assert refuse(client, {})["error"]["type"] == "prompt_no_outputs"


def test_a_missing_input_is_named(client: Client) -> None:
    graph = solid()
    del graph["1"]["inputs"]["width"]
    body = refuse(client, graph)
    assert body["error"]["details"] == ""
    assert body["node_errors"]["1"]["errors"] == [
        {
            "type": "required_input_missing",
            "message": "Required input is missing",
            "details": "width",
            "extra_info": {"input_name": "width"},
        }
    ]


def test_all_wrong_inputs_of_a_node_are_listed(client: Client) -> None:
    graph = solid()
    graph["1"]["inputs"] = {"width": 0}
    problems = refuse(client, graph)["node_errors"]["1"]["errors"]
    assert sorted((each["type"], each["extra_info"]["input_name"]) for each in problems) == [
        ("required_input_missing", "batch_size"),
        ("required_input_missing", "color"),
        ("required_input_missing", "height"),
        ("value_smaller_than_min", "width"),
    ]


def test_a_value_of_a_wrong_type_is_shown(client: Client) -> None:
    problem = refuse_input(client, with_input("width", "wide"))
    assert problem["type"] == "invalid_input_type"
    assert problem["message"] == "Failed to convert an input value to a INT value"
    assert problem["details"].startswith("width, wide, ")
    assert problem["extra_info"]["input_config"][0] == "INT"
    assert problem["extra_info"]["received_value"] == "wide"
    assert problem["extra_info"]["exception_message"]


@pytest.mark.parametrize(
    ("value", "kind", "message"),
    [
        (0, "value_smaller_than_min", "Value 0 smaller than min of 1"),
        (20000, "value_bigger_than_max", "Value 20000 bigger than max of 16384"),
    ],
)
def test_a_value_out_of_range_is_shown(client: Client, value: int, kind: str, message: str) -> None:
    problem = refuse_input(client, with_input("width", value))
    config = ["INT", {"default": 512, "min": 1, "max": 16384, "step": 1}]
    assert problem == {
        "type": kind,
        "message": message,
        "details": "width",
        "extra_info": {"input_name": "width", "input_config": config, "received_value": value},
    }


@pytest.mark.parametrize(
    ("class_type", "inputs", "name", "kind"),
    [
        (
            "ImageScale",
            {"width": 8, "height": 8, "crop": "disabled"},
            "upscale_method",
            ["nearest-exact", "bilinear", "area", "bicubic", "lanczos"],
        ),
        ("ImageRotate", {}, "rotation", "COMBO"),
    ],
)
def test_a_value_that_is_not_in_the_list_is_shown_with_the_list(
    client: Client, class_type: str, inputs: dict[str, Any], name: str, kind: object
) -> None:
    graph = solid()
    graph["3"] = {
        "class_type": class_type,
        "inputs": {"image": ["1", 0], name: "sideways", **inputs},
    }
    graph["2"]["inputs"]["images"] = ["3", 0]
    problem = refuse_input(client, graph, "3")
    assert problem["type"] == "value_not_in_list"
    assert problem["message"] == "Value not in list"
    assert problem["details"].startswith(f"{name}: 'sideways' not in [")
    assert problem["extra_info"]["received_value"] == "sideways"
    assert problem["extra_info"]["input_config"][0] == kind


def test_a_long_list_is_not_sent_back(client: Client) -> None:
    graph = with_sampler(client, sampler_name="no such sampler")
    problem = refuse_input(client, graph, "5")
    assert problem["type"] == "value_not_in_list"
    assert problem["details"].startswith("sampler_name: 'no such sampler' not in (list of length ")
    assert problem["extra_info"]["input_config"] is None


def with_sampler(client: Client, **inputs: object) -> Graph:
    """Return the usual text-to-image graph, saved by node 2, with some sampler inputs changed."""
    graph = text_to_image(client.engine)
    graph["8"] = graph["2"]
    graph["2"] = graph.pop("7")
    graph["5"]["inputs"] |= {"positive": ["8", 0], **inputs}
    return graph


def test_a_link_of_the_wrong_type_is_shown(client: Client) -> None:
    graph = solid()
    graph["3"] = {"class_type": "PrimitiveInt", "inputs": {"value": 3}}
    graph["2"]["inputs"]["images"] = ["3", 0]
    problem = refuse_input(client, graph, "2")
    assert problem["type"] == "return_type_mismatch"
    assert problem["message"] == "Return type mismatch between linked nodes"
    assert problem["details"] == "images, received_type(INT) mismatch input_type(IMAGE)"
    assert problem["extra_info"]["received_type"] == "INT"
    assert problem["extra_info"]["linked_node"] == ["3", 0]


def test_a_link_that_is_not_a_pair_is_refused(client: Client) -> None:
    problem = refuse_input(client, with_input("width", ["3"]))
    assert problem["type"] == "bad_linked_input"
    assert problem["extra_info"]["received_value"] == ["3"]


def test_a_link_of_an_output_to_a_missing_node_breaks_its_validation(client: Client) -> None:
    graph = solid()
    graph["2"]["inputs"]["images"] = ["99", 0]
    problem = refuse_input(client, graph, "2")
    assert problem["type"] == "exception_during_validation"
    assert problem["details"] == "'99'"
    assert problem["extra_info"]["exception_type"] == "KeyError"


def test_a_link_further_up_to_a_missing_node_is_blamed_on_the_node_that_has_it(
    client: Client,
) -> None:
    graph = solid()
    graph["3"] = {"class_type": "ImageInvert", "inputs": {"image": ["99", 0]}}
    graph["2"]["inputs"]["images"] = ["3", 0]
    problem = refuse_input(client, graph, "3")
    assert problem["type"] == "exception_during_inner_validation"
    assert problem["extra_info"]["linked_node"] == ["3", 0]
    assert problem["extra_info"]["input_name"] == "images"


def test_a_slot_that_the_linked_node_lacks_breaks_the_validation(client: Client) -> None:
    graph = solid()
    graph["2"]["inputs"]["images"] = ["1", 5]
    problem = refuse_input(client, graph, "2")
    assert problem["type"] == "exception_during_validation"
    assert problem["extra_info"]["exception_type"] == "IndexError"


def test_a_cycle_is_reported_on_each_of_its_nodes(client: Client) -> None:
    graph = solid()
    graph["3"] = {"class_type": "ImageInvert", "inputs": {"image": ["4", 0]}}
    graph["4"] = {"class_type": "ImageInvert", "inputs": {"image": ["3", 0]}}
    graph["2"]["inputs"]["images"] = ["3", 0]
    errors = refuse(client, graph)["node_errors"]
    assert errors.keys() == {"3", "4"}
    for node_id in ("3", "4"):
        [problem] = errors[node_id]["errors"]
        assert problem["type"] == "dependency_cycle"
        assert problem["details"] == "3 (ImageInvert) -> 4 (ImageInvert) -> 3 (ImageInvert)"
        assert problem["extra_info"] == {"node_id": node_id, "cycle_nodes": ["3", "4"]}


def test_a_missing_picture_fails_the_check_of_the_class(client: Client) -> None:
    graph = solid()
    graph["1"] = {"class_type": "LoadImage", "inputs": {"image": "no such.png"}}
    problem = refuse_input(client, graph)
    assert problem == {
        "type": "custom_validation_failed",
        "message": "Custom validation failed for node",
        "details": "image - Invalid image file: no such.png",
        "extra_info": {"input_name": "image"},
    }


@pytest.mark.parametrize("name", ["../secret.png", "/etc/hostname", "../output/x.png [input]"])
def test_a_picture_outside_the_folders_counts_as_missing(client: Client, name: str) -> None:
    graph = solid()
    graph["1"] = {"class_type": "LoadImage", "inputs": {"image": name}}
    assert refuse_input(client, graph)["type"] == "custom_validation_failed"


def test_good_outputs_run_beside_a_bad_one(client: Client) -> None:
    graph = solid()
    graph["3"] = {"class_type": "EmptyImage", "inputs": {"width": 0, "height": 8}}
    graph["4"] = {"class_type": "PreviewImage", "inputs": {"images": ["3", 0]}}
    answer = client.post_prompt(graph)
    assert answer.status_code == 200
    errors = answer.json()["node_errors"]
    assert list(errors) == ["3"]
    assert errors["3"]["dependent_outputs"] == ["4"]
    entry = client.wait(answer.json()["prompt_id"])
    assert entry["status"]["completed"]
    assert list(entry["outputs"]) == ["2"]
    assert entry["prompt"][4] == ["2"]


def test_nodes_that_no_output_needs_are_not_checked_beyond_their_class(client: Client) -> None:
    graph = solid()
    graph["3"] = {"class_type": "EmptyImage", "inputs": {"width": "nonsense"}}
    answer = client.post_prompt(graph)
    assert answer.status_code == 200
    assert answer.json()["node_errors"] == {}
