"""Workflows and versions as clients see them."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from studio.clock import iso, iso_or_none
from studio.graphs.manifests.readiness import Readiness
from studio.services.workflow_imports import Inspection
from studio.store.workflow_rows import Cover, Version, Workflow


def workflow_body(workflow: Workflow, readiness: Readiness, cover: Cover | None) -> dict[str, Any]:
    """One item of the list."""
    manifest = workflow.version.manifest
    return {
        "id": workflow.id,
        "name": manifest["name"],
        **{
            key: manifest.get(key, "")
            for key in ("description", "category", "group", "base_model", "author")
        },
        "tags": manifest.get("tags", []),
        "dynamic": bool(manifest.get("pipeline")),
        "shipped": workflow.shipped,
        "owner": workflow.owner,
        "shared": workflow.shared or workflow.shipped,
        "version": workflow.version.number,
        "head": workflow.head,
        "update_available": workflow.update_available,
        "readiness": {
            "state": readiness.state,
            "missing_models": len(readiness.missing_models),
            "missing_nodes": len(readiness.missing_nodes),
        },
        "inputs_count": len(manifest.get("inputs", ())),
        "cover": cover and cover.asset_id,
        "cover_kind": cover and cover.kind,
        "created_at": iso(workflow.created_at),
        "updated_at": iso(workflow.updated_at),
        "trashed_at": iso_or_none(workflow.trashed_at),
    }


def version_body(version: Version) -> dict[str, Any]:
    """One version, without what it holds."""
    return {
        "number": version.number,
        "name": version.manifest["name"],
        "author": version.author,
        "author_name": version.author_name,
        "shipped": version.digest is not None,
        "comment": version.comment,
        "created_at": iso(version.created_at),
    }


def inspection_body(found: Inspection) -> dict[str, Any]:
    return {
        "format": found.format,
        "graph": found.graph,
        "ui": found.ui,
        "problems": found.problems,
        "proposal": found.proposal,
        "readiness": asdict(found.readiness),
    }
