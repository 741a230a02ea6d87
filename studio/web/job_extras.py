"""What Studio tells of a job beyond v2: of one alone, and of one that waits for its files."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final

from studio.models import Progress, Recipe
from studio.web.openapi import INTEGER, OBJECT, STRING, optional, record

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
AWAITED: Final = record(
    {
        "state": {**STRING, "enum": ["queued", "fetching", "checking", "paused", "again"]},
        "title": STRING,
        "received_bytes": INTEGER,
        "size_bytes": optional(INTEGER),
        "retry_in_s": optional(INTEGER),
        "others": INTEGER,
        "reason": optional(STRING),
    }
)


def own_progress_body(progress: Progress) -> dict[str, Any]:
    """v2's ``Progress`` and what is waited for, which pages say in their own language."""
    return asdict(progress)


def recipe_body(recipe: Recipe | None) -> dict[str, Any] | None:
    return None if recipe is None else asdict(recipe)
