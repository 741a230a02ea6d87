"""Links that strangers may open: rows by id, and by the hash of their token."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import orjson

from studio.errors import NotFound
from studio.models import Role
from studio.settings import DAY_MS
from studio.store.db import Database

Kind = Literal["asset", "board", "preset"]
_KEPT_MS: Final = 30 * DAY_MS
"""For how long a link that has ended is still listed."""

# Whether a link leads anywhere now: its maker is still somebody who may share, and what it is to
# show is still there for them. Asked anew at every opening, so nothing has to be told of deletions.
_LEADS: Final = """(
    users.disabled_at IS NULL AND users.role <> 'guest' AND CASE kind
    WHEN 'asset' THEN EXISTS (
        SELECT 1 FROM assets WHERE assets.id = target AND trashed_at IS NULL
        AND (assets.expires_at IS NULL OR assets.expires_at > :now)
        AND (users.role = 'owner' OR assets.user_id = shares.user_id))
    WHEN 'board' THEN EXISTS (
        SELECT 1 FROM boards WHERE boards.id = target
        AND (users.role = 'owner' OR boards.user_id = shares.user_id))
    ELSE EXISTS (
        SELECT 1 FROM presets WHERE presets.id = target AND trashed_at IS NULL
        AND (users.role = 'owner' OR presets.shared OR presets.user_id = shares.user_id))
    END)"""
_SELECT: Final = f"""
SELECT shares.*, users.name AS user_name, users.role AS user_role, {_LEADS} AS leads
FROM shares JOIN users ON users.id = shares.user_id"""
_CHANGEABLE: Final = frozenset(
    {
        "label", "password", "with_recipe", "with_previews", "fields", "runs_per_hour",
        "runs_total", "expires_at", "revoked_at",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Share:
    """One link without its token. Times are milliseconds since the epoch.

    ``start`` is the token's first characters, to tell links apart. ``password`` is a scrypt string.
    """

    id: str
    user_id: str
    kind: Kind
    target: str
    label: str
    start: str
    created_at: int
    expires_at: int
    runs_per_hour: int
    password: str | None = None
    with_recipe: bool = False
    """Whether files are handed out with what they carry about how they were made."""
    with_previews: bool = True
    """Whether visitors see their pictures while they are made."""
    fields: tuple[str, ...] = ()
    """The inputs of a preset's workflow that visitors fill in."""
    runs_total: int | None = None
    revoked_at: int | None = None
    opened: int = 0
    runs: int = 0
    last_used_at: int | None = None
    user_name: str = ""
    user_role: Role = Role.MEMBER
    leads: bool = True
    """Whether its maker may still share, and what it shows is there."""


@dataclass(frozen=True, slots=True)
class SharedPicture:
    """A picture or video that a link shows."""

    id: str
    hash: str
    content_type: str
    file_path: str
    size_bytes: int
    width: int | None
    height: int | None
    duration_ms: int | None


class ShareStore:
    """Rows of links, and of what they show."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def add(self, share: Share, token_hash: str, most: int) -> bool:
        """Store a new link; those that ended long ago go. ``False``: the user has ``most``."""

        def work(connection: sqlite3.Connection) -> bool:
            connection.execute(
                "DELETE FROM shares WHERE coalesce(revoked_at, expires_at) < ?",
                (share.created_at - _KEPT_MS,),
            )
            return bool(
                connection.execute(
                    "INSERT INTO shares (id, token_hash, start, user_id, kind, target, label,"
                    " password, with_recipe, with_previews, fields, runs_per_hour, runs_total,"
                    " created_at, expires_at) SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11,"
                    " ?12, ?13, ?14, ?15"
                    " WHERE (SELECT count(*) FROM shares WHERE user_id = ?4) < ?16",
                    (
                        share.id,
                        token_hash,
                        share.start,
                        share.user_id,
                        share.kind,
                        share.target,
                        share.label,
                        share.password,
                        share.with_recipe,
                        share.with_previews,
                        orjson.dumps(share.fields).decode(),
                        share.runs_per_hour,
                        share.runs_total,
                        share.created_at,
                        share.expires_at,
                        most,
                    ),
                ).rowcount
            )

        return await self._db.write(work)

    async def list(self, viewer: str | None, now_ms: int) -> Sequence[Share]:
        """Links of a user, the newest first; ``None`` sees everybody's."""
        values = {"viewer": viewer, "now": now_ms}

        def work(connection: sqlite3.Connection) -> list[Share]:
            rows = connection.execute(
                f"{_SELECT} WHERE :viewer IS NULL OR shares.user_id = :viewer"
                " ORDER BY shares.created_at DESC, shares.id DESC",
                values,
            )
            return [_share(row) for row in rows]

        return await self._db.read(work)

    async def get(self, share_id: str, viewer: str | None, now_ms: int) -> Share:
        """One link.

        Raises:
            NotFound: the viewer has no such link.
        """
        return await self._db.read(lambda connection: _get(connection, share_id, viewer, now_ms))

    async def find(self, token_hash: str, now_ms: int) -> Share | None:
        """The link behind a token, while it opens anything."""

        def work(connection: sqlite3.Connection) -> Share | None:
            row = connection.execute(
                f"{_SELECT} WHERE token_hash = :token AND revoked_at IS NULL"
                f" AND shares.expires_at > :now AND {_LEADS}",
                {"token": token_hash, "now": now_ms},
            ).fetchone()
            return None if row is None else _share(row)

        return await self._db.read(work)

    async def update(
        self, share_id: str, viewer: str | None, changes: Mapping[str, Any], now_ms: int
    ) -> Share:
        """Change what is given of a link.

        Raises:
            NotFound: the viewer has no such link.
        """
        assert changes.keys() <= _CHANGEABLE
        values = dict(changes)
        if "fields" in values:
            values["fields"] = orjson.dumps(values["fields"]).decode()

        def work(connection: sqlite3.Connection) -> Share:
            _get(connection, share_id, viewer, now_ms)
            if values:
                columns = ", ".join(f"{name} = ?" for name in values)
                connection.execute(
                    f"UPDATE shares SET {columns} WHERE id = ?", (*values.values(), share_id)
                )
            return _get(connection, share_id, viewer, now_ms)

        return await self._db.write(work)

    async def note_opened(self, opened: Mapping[str, tuple[int, int]]) -> None:
        """Count openings: by a link's id, how many more, and when the last one was."""
        await self._db.write(
            lambda connection: connection.executemany(
                "UPDATE shares SET opened = opened + ?,"
                " last_used_at = max(coalesce(last_used_at, 0), ?) WHERE id = ?",
                [(count, at, share_id) for share_id, (count, at) in opened.items()],
            )
        )

    # -- what they show ---------------------------------------------------------------------------

    async def pictures(
        self, share: Share, now_ms: int, *, start: int = 0, limit: int = 1, only: str | None = None
    ) -> tuple[Sequence[SharedPicture], int]:
        """A page of the pictures and videos that a link shows, and how many it shows in all.

        Args:
            only: no other than the one of this id.
        """
        if share.kind == "preset":
            return [], 0
        shown = (
            "assets.id = :target"
            if share.kind == "asset"
            else "EXISTS (SELECT 1 FROM board_pictures"
            " WHERE board_id = :target AND board_pictures.asset_id = assets.id)"
        )
        source = (
            "FROM assets LEFT JOIN pictures ON pictures.asset_id = assets.id"
            " LEFT JOIN board_pictures AS placed"
            " ON placed.board_id = :target AND placed.asset_id = assets.id"
            f" WHERE {shown} AND assets.trashed_at IS NULL"
            " AND (assets.expires_at IS NULL OR assets.expires_at > :now)"
            " AND (:all OR assets.user_id = :user) AND (:only IS NULL OR assets.id = :only)"
            " AND (assets.content_type LIKE 'image/%' OR assets.content_type LIKE 'video/%')"
        )
        values = {
            "target": share.target,
            "now": now_ms,
            "all": share.user_role is Role.OWNER,
            "user": share.user_id,
            "only": only,
            "limit": limit,
            "start": start,
        }

        def work(connection: sqlite3.Connection) -> tuple[list[SharedPicture], int]:
            rows = connection.execute(
                "SELECT assets.id, assets.hash, assets.content_type, assets.file_path,"
                f" assets.size_bytes, width, height, duration_ms {source}"
                " ORDER BY placed.added_at DESC, pictures.seq DESC LIMIT :limit OFFSET :start",
                values,
            ).fetchall()
            total = connection.execute(f"SELECT count(*) {source}", values).fetchone()[0]
            return [SharedPicture(**dict(row)) for row in rows], total

        return await self._db.read(work)


def _get(connection: sqlite3.Connection, share_id: str, viewer: str | None, now_ms: int) -> Share:
    row = connection.execute(
        f"{_SELECT} WHERE shares.id = :id AND (:viewer IS NULL OR shares.user_id = :viewer)",
        {"id": share_id, "viewer": viewer, "now": now_ms},
    ).fetchone()
    if row is None:
        raise NotFound("There is no such link.")
    return _share(row)


def _share(row: sqlite3.Row) -> Share:
    return Share(
        id=row["id"],
        user_id=row["user_id"],
        kind=row["kind"],
        target=row["target"],
        label=row["label"],
        start=row["start"],
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        runs_per_hour=row["runs_per_hour"],
        password=row["password"],
        with_recipe=bool(row["with_recipe"]),
        with_previews=bool(row["with_previews"]),
        fields=tuple(orjson.loads(row["fields"])),
        runs_total=row["runs_total"],
        revoked_at=row["revoked_at"],
        opened=row["opened"],
        runs=row["runs"],
        last_used_at=row["last_used_at"],
        user_name=row["user_name"],
        user_role=Role(row["user_role"]),
        leads=bool(row["leads"]),
    )
