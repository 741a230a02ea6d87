"""What is told of one job beyond what lists of jobs tell."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final

from studio.models import Recipe
from studio.web.openapi import INTEGER, OBJECT, optional, record

STARTS: Final = record(
    {
        "starts_in_ms": {
            **optional(INTEGER),
            "description": "When it may start; null while it runs or when nobody knows.",
        }
    }
)
RECIPE: Final = record(
    {
        "recipe": {
            **optional(OBJECT),
            "description": "The version of a workflow and the values that it was made from: "
            "workflow_id, version, values, answers, preset_id, batch_id, cell.",
        }
    }
)


def recipe_body(recipe: Recipe | None) -> dict[str, Any] | None:
    return None if recipe is None else asdict(recipe)
