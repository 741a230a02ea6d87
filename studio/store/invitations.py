"""Links that work once: invitations, password resets and the owner's set-up. Hashes only."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Literal

from studio.errors import NotFound
from studio.models import Role
from studio.store.db import Database

LinkKind = Literal["invitation", "reset", "setup"]


@dataclass(frozen=True, slots=True)
class Invitation:
    """One link. ``user_id`` is whose password it sets, ``None`` for somebody who is yet to come.

    Times are milliseconds since the epoch.
    """

    id: str
    kind: LinkKind
    role: Role
    user_id: str | None
    created_at: int
    expires_at: int


class InvitationStore:
    """One-time links by the hash of their token."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def add(self, link: Invitation, token_hash: str) -> None:
        """Store a link; those that have ended go."""

        def work(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM invitations WHERE expires_at <= ?", (link.created_at,))
            connection.execute(
                "INSERT INTO invitations (id, token_hash, kind, role, user_id, created_at, "
                "expires_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    link.id,
                    token_hash,
                    link.kind,
                    link.role,
                    link.user_id,
                    link.created_at,
                    link.expires_at,
                ),
            )

        await self._db.write(work)

    async def find(self, token_hash: str, now_ms: int) -> Invitation | None:
        """The link behind a token, unless it was used or has ended."""
        return await self._db.read(lambda connection: _find(connection, token_hash, now_ms))

    async def open(self, now_ms: int) -> list[Invitation]:
        """Invitations that can still be used, the newest first."""

        def work(connection: sqlite3.Connection) -> list[Invitation]:
            rows = connection.execute(
                "SELECT * FROM invitations WHERE kind = 'invitation' AND expires_at > ? "
                "ORDER BY created_at DESC, id",
                (now_ms,),
            )
            return [_invitation(row) for row in rows]

        return await self._db.read(work)

    async def withdraw(self, invitation_id: str) -> None:
        """End an invitation.

        Raises:
            NotFound: there is no such invitation, or it was used.
        """

        def work(connection: sqlite3.Connection) -> None:
            gone = connection.execute(
                "DELETE FROM invitations WHERE id = ? AND kind = 'invitation'", (invitation_id,)
            )
            if gone.rowcount == 0:
                raise NotFound("There is no such invitation; it may have been used.")

        await self._db.write(work)


def take(connection: sqlite3.Connection, token_hash: str, now_ms: int) -> Invitation | None:
    """Use a link up, inside the transaction of what it is used for."""
    found = _find(connection, token_hash, now_ms)
    connection.execute("DELETE FROM invitations WHERE token_hash = ?", (token_hash,))
    return found


def _find(connection: sqlite3.Connection, token_hash: str, now_ms: int) -> Invitation | None:
    row = connection.execute(
        "SELECT * FROM invitations WHERE token_hash = ? AND expires_at > ?", (token_hash, now_ms)
    ).fetchone()
    return None if row is None else _invitation(row)


def _invitation(row: sqlite3.Row) -> Invitation:
    return Invitation(
        id=row["id"],
        kind=row["kind"],
        role=Role(row["role"]),
        user_id=row["user_id"],
        created_at=row["created_at"],
        expires_at=row["expires_at"],
    )
