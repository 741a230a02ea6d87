"""Sessions of people who are logged in; of a token only its hash is kept."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from studio.errors import Conflict
from studio.models import Role
from studio.store.db import Database


@dataclass(frozen=True, slots=True)
class Session:
    """One session, with its user's name and role. Times are milliseconds since the epoch.

    ``client`` is what the browser called itself, shortened; ``expires_at`` the end that no use
    can move.
    """

    id: str
    token_hash: str
    user_id: str
    user_name: str
    role: Role
    created_at: int
    last_used_at: int
    expires_at: int
    client: str


class SessionStore:
    """Sessions by id and user; one that has ended has no row."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def add(self, session: Session, password: str, keep: int) -> list[str]:
        """Store a session of a user who may log in and whose password is still that one.

        Returns:
            Ids of the user's oldest sessions, which went because more than ``keep`` were open.

        Raises:
            Conflict: the user was disabled, or the password changed, since it was checked.
        """

        def work(connection: sqlite3.Connection) -> list[str]:
            added = connection.execute(
                "INSERT INTO sessions (id, token_hash, user_id, created_at, last_used_at, "
                "expires_at, client) SELECT ?, ?, id, ?, ?, ?, ? FROM users "
                "WHERE id = ? AND password = ? AND disabled_at IS NULL AND role = ?",
                (
                    session.id,
                    session.token_hash,
                    session.created_at,
                    session.last_used_at,
                    session.expires_at,
                    session.client,
                    session.user_id,
                    password,
                    session.role,
                ),
            )
            if added.rowcount == 0:
                raise Conflict("This account was changed a moment ago. Log in again.")
            rows = connection.execute(
                "DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE user_id = ? "
                "AND id <> ? ORDER BY last_used_at DESC, id LIMIT -1 OFFSET ?) RETURNING id",
                (session.user_id, session.id, keep - 1),
            )
            return [str(row["id"]) for row in rows.fetchall()]

        return await self._db.write(work)

    async def all(self, user_id: str | None = None) -> list[Session]:
        """Sessions of one user, or everybody's, the newest first."""

        def work(connection: sqlite3.Connection) -> list[Session]:
            rows = connection.execute(
                "SELECT sessions.*, users.name AS user_name, users.role AS role FROM sessions "
                "JOIN users ON users.id = sessions.user_id "
                "WHERE ?1 IS NULL OR sessions.user_id = ?1 "
                "ORDER BY sessions.created_at DESC, sessions.id",
                (user_id,),
            )
            return [_session(row) for row in rows]

        return await self._db.read(work)

    async def replace_token(self, session_id: str, token_hash: str) -> None:
        """From now on another token opens the session."""
        await self._db.write(
            lambda connection: connection.execute(
                "UPDATE sessions SET token_hash = ? WHERE id = ?", (token_hash, session_id)
            )
        )

    async def remove(self, session_ids: list[str]) -> None:
        """End sessions."""
        await self._db.write(
            lambda connection: connection.executemany(
                "DELETE FROM sessions WHERE id = ?", [(session_id,) for session_id in session_ids]
            )
        )

    async def touch(self, used: dict[str, int]) -> None:
        """Store when sessions were last used, by id in ms."""
        await self._db.write(
            lambda connection: connection.executemany(
                "UPDATE sessions SET last_used_at = ? WHERE id = ?",
                [(at, session_id) for session_id, at in used.items()],
            )
        )


def _session(row: sqlite3.Row) -> Session:
    return Session(
        id=row["id"],
        token_hash=row["token_hash"],
        user_id=row["user_id"],
        user_name=row["user_name"],
        role=Role(row["role"]),
        created_at=row["created_at"],
        last_used_at=row["last_used_at"],
        expires_at=row["expires_at"],
        client=row["client"],
    )
