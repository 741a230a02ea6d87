"""A workflow's form as a JSON schema that agents fill in."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from studio.graphs.manifests.json_schema import MAX_OPTIONS, parameters


def schema_of(*fields: dict[str, Any]) -> dict[str, Any]:
    """The schema of a form, which must be one."""
    made = parameters([{"name": field["id"].title(), **field} for field in fields])
    jsonschema.Draft202012Validator.check_schema(made)
    return made


FORM = (
    {"id": "prompt", "type": "text", "required": True, "help": "Words."},
    {"id": "steps", "type": "int", "default": 20, "min": 1, "max": 50},
    {"id": "seed", "type": "seed", "default": -1},
    {"id": "model", "type": "checkpoint", "required": True, "options": [{"value": "a"}]},
    {"id": "size", "type": "resolution", "default": {"width": 8, "height": 8}, "max": 64},
    {"id": "image", "type": "image"},
    {"id": "more", "type": "image", "multiple": True},
    {"id": "loras", "type": "loras", "options": [{"value": "x.safetensors"}]},
    {"id": "scenes", "type": "scenes"},
    {"id": "loud", "type": "boolean"},
)


def test_what_has_no_default_and_is_needed_is_required() -> None:
    made = schema_of(*FORM)
    assert made["required"] == ["prompt", "model"]
    assert made["properties"]["steps"] == {
        "type": "integer",
        "minimum": 1,
        "maximum": 50,
        "default": 20,
        "description": "Steps",
    }
    assert made["properties"]["prompt"]["description"] == "Prompt Words."
    assert "x.safetensors" in made["properties"]["loras"]["description"]


@pytest.mark.parametrize(
    ("values", "fits"),
    [
        ({"prompt": "x", "model": "a"}, True),
        ({"prompt": "x"}, False),
        ({"prompt": "x", "model": "b"}, False),
        ({"prompt": "x", "model": "a", "steps": 51}, False),
        ({"prompt": "x", "model": "a", "size": {"width": 64, "height": 1}}, True),
        ({"prompt": "x", "model": "a", "size": {"width": 65, "height": 1}}, False),
        ({"prompt": "x", "model": "a", "image": {"asset": "1"}, "more": [{"asset": "2"}]}, True),
        ({"prompt": "x", "model": "a", "image": "fox.png"}, False),
        ({"prompt": "x", "model": "a", "loras": [{"file": "x"}], "loud": True}, True),
        ({"prompt": "x", "model": "a", "scenes": [{"prompt": "y", "duration": 2}]}, True),
        ({"prompt": "x", "model": "a", "else": 1}, False),
    ],
)
def test_a_schema_takes_what_the_workflow_takes(values: dict[str, Any], fits: bool) -> None:
    assert jsonschema.Draft202012Validator(schema_of(*FORM)).is_valid(values) == fits


def test_more_options_than_anybody_reads_are_told_in_short() -> None:
    options = [{"value": f"model-{number}"} for number in range(MAX_OPTIONS + 1)]
    made = schema_of({"id": "model", "type": "select", "options": options})
    assert "enum" not in made["properties"]["model"]
    assert f"One of {MAX_OPTIONS + 1}" in made["properties"]["model"]["description"]
