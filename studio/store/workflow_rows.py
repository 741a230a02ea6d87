"""Rows of workflows and versions as records."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field
from typing import Any

import orjson


@dataclass(frozen=True, slots=True)
class Content:
    """What a version holds.

    ``graph`` is API format, or ``{"blocks": {...}}`` of a dynamic workflow. ``needs`` are the
    classes and model files that can be seen in it: ``{"classes": [...], "models": [...]}``.
    """

    manifest: dict[str, Any]
    graph: dict[str, Any]
    needs: dict[str, Any]

    @property
    def size(self) -> int:
        """Bytes of what it stores."""
        return len(orjson.dumps(self.graph)) + len(orjson.dumps(self.manifest))


@dataclass(frozen=True, slots=True)
class Cover:
    """What stands for a workflow: an asset, ``image`` or ``video``."""

    asset_id: str
    kind: str


@dataclass(frozen=True, slots=True)
class Version:
    """One version. ``author`` is ``None`` for those of folders, which have a ``digest``."""

    number: int
    manifest: dict[str, Any]
    needs: dict[str, Any]
    author: str | None
    author_name: str | None
    comment: str
    created_at: int
    digest: str | None
    graph: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Workflow:
    """One workflow and its version ``head``; ``newest_shipped`` is the folder's latest."""

    id: str
    owner: str | None
    shared: bool
    head: int
    created_at: int
    updated_at: int
    trashed_at: int | None
    newest_shipped: int | None
    versions_count: int
    version: Version

    @property
    def shipped(self) -> bool:
        return self.owner is None

    @property
    def update_available(self) -> bool:
        return self.newest_shipped is not None and self.newest_shipped > self.head


def workflow_from(row: sqlite3.Row) -> Workflow:
    return Workflow(
        id=row["id"],
        owner=row["owner"],
        shared=bool(row["shared"]),
        head=row["head"],
        created_at=row["made_at"],
        updated_at=row["updated_at"],
        trashed_at=row["trashed_at"],
        newest_shipped=row["newest_shipped"],
        versions_count=row["versions_count"],
        version=version_from(row),
    )


def version_from(row: sqlite3.Row) -> Version:
    return Version(
        number=row["number"],
        manifest=orjson.loads(row["manifest"]),
        needs=orjson.loads(row["needs"]),
        author=row["author"],
        author_name=row["author_name"],
        comment=row["comment"],
        created_at=row["created_at"],
        digest=row["digest"],
        graph=orjson.loads(row["graph"]) if "graph" in row.keys() else {},  # noqa: SIM118
    )
