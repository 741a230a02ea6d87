"""Workflows and their versions. A version is never changed; ``head`` says which one counts."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Final

import orjson

from studio.errors import NotFound, VersionConflict
from studio.models import NewJob
from studio.store.db import Database
from studio.store.jobs import insert_jobs
from studio.store.shared_files import note_version_files
from studio.store.workflow_room import make_room, require_room_for_version
from studio.store.workflow_rows import (
    Content,
    Cover,
    Version,
    Workflow,
    version_from,
    workflow_from,
)

_VERSION: Final = (
    "v.number, v.manifest, v.needs, v.author, u.name AS author_name, v.comment, v.created_at, "
    "v.digest"
)
_WORKFLOW: Final = (
    "w.id, w.owner, w.shared, w.head, w.created_at AS made_at, w.updated_at, w.trashed_at, "
    "(SELECT max(number) FROM workflow_versions WHERE workflow_id = w.id AND digest IS NOT NULL) "
    "AS newest_shipped, "
    "(SELECT max(number) FROM workflow_versions WHERE workflow_id = w.id) AS versions_count"
)
_FROM: Final = (
    "FROM workflows w JOIN workflow_versions v ON v.workflow_id = w.id AND v.number = w.head "
    "LEFT JOIN users u ON u.id = v.author"
)
_VISIBLE: Final = "w.gone = 0 AND (? IS NULL OR w.owner IS NULL OR w.owner = ? OR w.shared = 1)"


class WorkflowStore:
    """Rows of workflows, filtered by user everywhere; ``user_id`` ``None`` sees all."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def visible(self, user_id: str | None, *, trashed: bool) -> list[Workflow]:
        """Every workflow that a user may see, without graphs. Of the trash, only their own."""
        query = f"SELECT {_WORKFLOW}, {_VERSION} {_FROM} WHERE {_VISIBLE} AND w.trashed_at IS " + (
            "NOT NULL AND (? IS NULL OR w.owner = ?)" if trashed else "NULL"
        )
        values = (user_id,) * (4 if trashed else 2)

        def work(connection: sqlite3.Connection) -> list[Workflow]:
            return [workflow_from(row) for row in connection.execute(query, values)]

        return await self._db.read(work)

    async def get(
        self, user_id: str | None, workflow_id: str, number: int | None = None
    ) -> Workflow:
        """One workflow with its head, or another version, and that version's graph.

        Raises:
            NotFound: unknown, in the trash, or not for this user; or there is no such version.
        """
        return await self._db.read(
            lambda connection: _get(connection, user_id, workflow_id, number)
        )

    async def versions(self, workflow_id: str) -> list[Version]:
        """Every version, the newest first, without graphs."""

        def work(connection: sqlite3.Connection) -> list[Version]:
            rows = connection.execute(
                f"SELECT {_VERSION} FROM workflow_versions v LEFT JOIN users u ON u.id = v.author "
                "WHERE v.workflow_id = ? ORDER BY v.number DESC",
                (workflow_id,),
            )
            return [version_from(row) for row in rows]

        return await self._db.read(work)

    async def covers(self, user_id: str, workflow_id: str | None = None) -> dict[str, Cover]:
        """The newest picture or video, uploads and the trash apart, of a user's by workflow.

        Args:
            workflow_id: look for that one alone.

        """
        # Inside, the index of the library's pages has all that is asked for.
        query = (
            "SELECT newest.workflow_id, pictures.asset_id, pictures.kind FROM ("
            "SELECT workflow_id, seq, max(created_at) FROM pictures INDEXED BY pictures_shown "
            "WHERE user_id = ? AND kind IN ('image', 'video') AND (? IS NULL OR workflow_id = ?) "
            "AND workflow_id <> '' AND trashed_at IS NULL AND job_seq IS NOT NULL "
            "GROUP BY workflow_id"
            ") AS newest JOIN pictures ON pictures.seq = newest.seq"
        )

        def work(connection: sqlite3.Connection) -> dict[str, Cover]:
            rows = connection.execute(query, (user_id, workflow_id, workflow_id))
            return {workflow: Cover(asset_id, kind) for workflow, asset_id, kind in rows}

        return await self._db.read(work)

    async def add(
        self,
        workflow_id: str,
        *,
        owner: str,
        shared: bool,
        content: Content,
        comment: str,
        now_ms: int,
    ) -> None:
        """Store a new workflow with its first version.

        Raises:
            Conflict: its owner has as many as there may be; see ``make_room``.
        """

        def work(connection: sqlite3.Connection) -> None:
            make_room(connection, owner, content.size)
            connection.execute(
                "INSERT INTO workflows (id, owner, shared, head, created_at, updated_at) "
                "VALUES (?, ?, ?, 1, ?, ?)",
                (workflow_id, owner, int(shared), now_ms, now_ms),
            )
            _insert(connection, workflow_id, 1, content, owner, comment, now_ms)

        await self._db.write(work)

    async def append(
        self,
        workflow_id: str,
        *,
        base: int,
        content: Content,
        author: str,
        comment: str,
        now_ms: int,
    ) -> int:
        """Store a new version as the head.

        Args:
            base: the head that the change was made on.

        Returns:
            Its number.

        Raises:
            VersionConflict: the head is another one by now.
            Conflict: there is no room for more versions.
        """

        def work(connection: sqlite3.Connection) -> int:
            row = connection.execute(
                "SELECT head FROM workflows WHERE id = ?", (workflow_id,)
            ).fetchone()
            if row is None:
                raise NotFound("There is no such workflow.")
            if row["head"] != base:
                raise VersionConflict(
                    f"Somebody saved version {row['head']} meanwhile.",
                    details={"head": row["head"], "base_version": base},
                )
            number = _next(connection, workflow_id)
            require_room_for_version(connection, workflow_id, number, content.size)
            _insert(connection, workflow_id, number, content, author, comment, now_ms)
            _set_head(connection, workflow_id, number, now_ms)
            return number

        return await self._db.write(work)

    async def change(
        self,
        workflow_id: str,
        *,
        now_ms: int,
        shared: bool | None = None,
        trash: bool | None = None,
    ) -> None:
        """Share or unshare a workflow, or put it into the trash or take it out."""

        def work(connection: sqlite3.Connection) -> None:
            if shared is not None:
                connection.execute(
                    "UPDATE workflows SET shared = ?, updated_at = ? WHERE id = ?",
                    (int(shared), now_ms, workflow_id),
                )
            if trash is not None:
                connection.execute(
                    "UPDATE workflows SET trashed_at = ? WHERE id = ?",
                    (now_ms if trash else None, workflow_id),
                )

        await self._db.write(work)

    async def owner_of(self, workflow_id: str) -> str | None:
        """Who owns a workflow, in the trash or not; ``None`` for those of folders.

        Raises:
            NotFound: unknown.
        """

        def work(connection: sqlite3.Connection) -> str | None:
            row = connection.execute(
                "SELECT owner FROM workflows WHERE id = ? AND gone = 0", (workflow_id,)
            ).fetchone()
            if row is None:
                raise NotFound("There is no such workflow.")
            return None if row["owner"] is None else str(row["owner"])

        return await self._db.read(work)

    async def accept(self, new: Sequence[NewJob], idempotency_key: str | None) -> None:
        """Make the jobs of one run durable in one commit.

        Raises:
            IdempotencyKeyReuse, MissingAsset: nothing is stored.
        """
        await self._db.write(lambda connection: insert_jobs(connection, new, idempotency_key))

    async def keep_folders(
        self, found: Sequence[tuple[str, str, Content]], *, spared: Sequence[str], now_ms: int
    ) -> None:
        """Make the rows say what the folders hold: new content is a new version.

        It becomes the head unless somebody has saved a version of their own since.

        Args:
            found: id, digest and content of every folder that could be read.
            spared: ids of folders that could not: their workflows stay as they are.
        """

        def work(connection: sqlite3.Connection) -> None:
            for workflow_id, digest, content in found:
                _keep_folder(connection, workflow_id, digest, content, now_ms)
            there = orjson.dumps([*(each[0] for each in found), *spared]).decode()
            connection.execute(
                "UPDATE workflows SET gone = id NOT IN (SELECT value FROM json_each(?)) "
                "WHERE owner IS NULL",
                (there,),
            )

        await self._db.write(work)


def _keep_folder(
    connection: sqlite3.Connection, workflow_id: str, digest: str, content: Content, now_ms: int
) -> None:
    row = connection.execute(
        "SELECT w.owner, v.digest AS head_digest, (SELECT digest FROM workflow_versions "
        "WHERE workflow_id = w.id AND digest IS NOT NULL ORDER BY number DESC LIMIT 1) AS latest "
        "FROM workflows w JOIN workflow_versions v ON v.workflow_id = w.id AND v.number = w.head "
        "WHERE w.id = ?",
        (workflow_id,),
    ).fetchone()
    if row is None:
        connection.execute(
            "INSERT INTO workflows (id, owner, head, created_at, updated_at) "
            "VALUES (?, NULL, 1, ?, ?)",
            (workflow_id, now_ms, now_ms),
        )
        _insert(connection, workflow_id, 1, content, None, "", now_ms, digest)
    elif row["owner"] is None and row["latest"] != digest:
        number = _next(connection, workflow_id)
        _insert(connection, workflow_id, number, content, None, "", now_ms, digest)
        if row["head_digest"] is not None:
            _set_head(connection, workflow_id, number, now_ms)


def _next(connection: sqlite3.Connection, workflow_id: str) -> int:
    row = connection.execute(
        "SELECT max(number) FROM workflow_versions WHERE workflow_id = ?", (workflow_id,)
    ).fetchone()
    return int(row[0]) + 1


def _insert(
    connection: sqlite3.Connection,
    workflow_id: str,
    number: int,
    content: Content,
    author: str | None,
    comment: str,
    now_ms: int,
    digest: str | None = None,
) -> None:
    connection.execute(
        "INSERT INTO workflow_versions (workflow_id, number, manifest, graph, needs, author, "
        "comment, created_at, digest) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            workflow_id,
            number,
            orjson.dumps(content.manifest).decode(),
            orjson.dumps(content.graph),
            orjson.dumps(content.needs).decode(),
            author,
            comment,
            now_ms,
            digest,
        ),
    )
    note_version_files(connection, workflow_id, number)


def _set_head(connection: sqlite3.Connection, workflow_id: str, number: int, now_ms: int) -> None:
    connection.execute(
        "UPDATE workflows SET head = ?, updated_at = ? WHERE id = ?", (number, now_ms, workflow_id)
    )


def _get(
    connection: sqlite3.Connection, user_id: str | None, workflow_id: str, number: int | None
) -> Workflow:
    row = connection.execute(
        f"SELECT {_WORKFLOW}, {_VERSION}, v.graph {_FROM.replace('w.head', 'coalesce(?, w.head)')} "
        f"WHERE w.id = ? AND w.trashed_at IS NULL AND {_VISIBLE}",
        (number, workflow_id, user_id, user_id),
    ).fetchone()
    if row is None:
        raise NotFound("There is no such workflow, or no such version of it.")
    return workflow_from(row)
