"""How many workflows and versions there may be, and what makes room for more."""

from __future__ import annotations

import sqlite3
from typing import Final

from studio.errors import Conflict

MAX_WORKFLOWS: Final = 500
MAX_VERSIONS: Final = 500
MAX_BYTES: Final = 512 * 1024 * 1024
"""All versions of all workflows of one user."""


def make_room(connection: sqlite3.Connection, owner: str, size: int) -> None:
    """Let a user store one more workflow, of ``size`` bytes.

    Of the user's own trash goes what has been there longest, as far as there is too much.

    Raises:
        Conflict: too much is left.
    """
    _make_room(connection, owner, size, more=1)


def require_room_for_version(
    connection: sqlite3.Connection, workflow_id: str, number: int, size: int
) -> None:
    """Let a workflow have a version ``number`` of ``size`` bytes.

    Raises:
        Conflict: it has as many as there may be, or its owner has too much.
    """
    if number > MAX_VERSIONS:
        raise Conflict(f"This workflow has {MAX_VERSIONS} versions. Make a copy and change that.")
    owner = connection.execute(
        "SELECT owner FROM workflows WHERE id = ?", (workflow_id,)
    ).fetchone()
    if owner is not None and owner[0] is not None:
        _make_room(connection, owner[0], size, more=0)


def _make_room(connection: sqlite3.Connection, owner: str, size: int, *, more: int) -> None:
    while True:
        count, stored = connection.execute(
            "SELECT COUNT(DISTINCT w.id), coalesce(sum(length(v.graph) + length(v.manifest)), 0) "
            "FROM workflows w JOIN workflow_versions v ON v.workflow_id = w.id WHERE w.owner = ?",
            (owner,),
        ).fetchone()
        if count + more <= MAX_WORKFLOWS and stored + size <= MAX_BYTES:
            return
        oldest = connection.execute(
            "SELECT id FROM workflows WHERE owner = ? AND trashed_at IS NOT NULL "
            "ORDER BY trashed_at, id LIMIT 1",
            (owner,),
        ).fetchone()
        if oldest is None:
            raise Conflict(
                f"There may be {MAX_WORKFLOWS} workflows of one person, of "
                f"{MAX_BYTES // 2**20} MiB in all their versions. Delete one first."
            )
        connection.execute("DELETE FROM workflows WHERE id = ?", (oldest["id"],))
