"""Files of the library as JSON."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date, timedelta
from typing import Any

from studio.clock import iso, iso_or_none
from studio.services.library import Detail
from studio.store.picture_list import Facets, Picture
from studio.store.picture_outline import Outline
from studio.web.links import content_path, thumbnail_paths


def picture_body(picture: Picture) -> dict[str, Any]:
    """One item of a page."""
    small, large = thumbnail_paths(picture.id, picture.hash, picture.content_type)
    return {
        "id": picture.id,
        "job_id": picture.job_id,
        "node_id": picture.node_id,
        "user": {"id": picture.user_id, "name": picture.user_name},
        "kind": picture.kind,
        "content_type": picture.content_type,
        "name": picture.file_path.rpartition("/")[2],
        "title": picture.title,
        "size_bytes": picture.size_bytes,
        "width": picture.width,
        "height": picture.height,
        "duration_ms": picture.duration_ms,
        "created_at": iso(picture.created_at),
        "trashed_at": iso_or_none(picture.trashed_at),
        "seed": picture.seed,
        "rating": picture.rating,
        "favourite": picture.favourite,
        "boards": picture.boards,
        "prompt": picture.prompt,
        "workflow_id": picture.workflow_id,
        "preset_id": picture.preset_id,
        "batch_id": picture.batch_id,
        "thumbnail": small,
        "preview": large,
        "content": content_path(picture.id),
    }


def detail_body(detail: Detail, *, with_graph: bool) -> dict[str, Any]:
    """One file with every parameter."""
    body = picture_body(detail.picture)
    job, found = detail.job, detail.parameters
    body["job"] = None
    body["prompts"] = dict(zip(("positive", "negative"), detail.prompts, strict=True))
    body["parameters"] = {} if found is None else found.settings
    body["models"] = detail.models
    body["loras"] = [] if found is None else found.loras
    body["recipe"] = None if detail.recipe is None else asdict(detail.recipe)
    if job is not None:
        body["job"] = {
            "id": job.id,
            "title": job.title,
            "status": job.status,
            "origin": job.origin,
            "engine": job.engine,
            "created_at": iso(job.created_at),
            "started_at": iso_or_none(job.started_at),
            "completed_at": iso_or_none(job.completed_at),
        }
        if with_graph:
            body["graph"] = detail.graph
    return body


def facets_body(facets: Facets) -> dict[str, Any]:
    """What a library can be narrowed by."""
    counted = {
        "models": facets.models,
        "loras": facets.loras,
        "workflows": facets.workflows,
        "kinds": facets.kinds,
    }
    return {
        **{
            name: [{"value": value, "count": count} for value, count in values]
            for name, values in counted.items()
        },
        "users": [{"id": one, "name": name, "count": count} for one, name, count in facets.users],
    }


def outline_body(outline: Outline) -> dict[str, Any]:
    """How everything that a filter finds will look, and where each day begins."""
    epoch = date(1970, 1, 1)
    return {
        "total": len(outline.ratios),
        "ratios": outline.ratios,
        "days": [
            {"day": (epoch + timedelta(days=number)).isoformat(), "count": count}
            for number, count in outline.days
        ],
    }
