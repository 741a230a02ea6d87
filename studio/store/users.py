"""The people who may log in: rows by id and by name."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from studio.errors import Conflict, InvalidToken, NameTaken, NotFound
from studio.models import OWNER_ID, Role
from studio.store.db import Database
from studio.store.invitations import take


@dataclass(frozen=True, slots=True)
class User:
    """One person. ``password`` is a scrypt string, never a password; times are milliseconds."""

    id: str
    name: str
    role: Role
    created_at: int
    password: str | None
    disabled_at: int | None = None
    last_seen_at: int | None = None


class UserStore:
    """Users. Names are unique by ``name_key``, the form in which two spellings are one name."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def all(self) -> list[User]:
        """Everybody, the owner first, then by age."""

        def work(connection: sqlite3.Connection) -> list[User]:
            rows = connection.execute(
                "SELECT * FROM users ORDER BY id <> ?, created_at, id", (OWNER_ID,)
            )
            return [_user(row) for row in rows]

        return await self._db.read(work)

    async def get(self, user_id: str) -> User:
        """One user.

        Raises:
            NotFound: there is none with that id.
        """
        return await self._db.read(lambda connection: _get(connection, user_id))

    async def find(self, name_key: str) -> User | None:
        """The user of that name, if there is one."""

        def work(connection: sqlite3.Connection) -> User | None:
            row = connection.execute(
                "SELECT * FROM users WHERE name_key = ?", (name_key,)
            ).fetchone()
            return None if row is None else _user(row)

        return await self._db.read(work)

    async def join(self, user: User, name_key: str, token_hash: str) -> None:
        """Add a user who was invited; the invitation is used up in the same transaction.

        Raises:
            InvalidToken: the invitation is gone, was used or has ended.
            NameTaken: somebody has that name.
        """

        def work(connection: sqlite3.Connection) -> None:
            invitation = take(connection, token_hash, user.created_at)
            if invitation is None or invitation.kind != "invitation":
                raise InvalidToken("This invitation is used up or has ended. Ask for another one.")
            _require_free(connection, name_key, user.id)
            connection.execute(
                "INSERT INTO users (id, name, name_key, role, created_at, password) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                (user.id, user.name, name_key, invitation.role, user.created_at, user.password),
            )

        await self._db.write(work)

    async def rename(self, user_id: str, name: str, name_key: str) -> None:
        """Give a user another name.

        Raises:
            NotFound: there is no such user.
            NameTaken: somebody else has that name.
        """

        def work(connection: sqlite3.Connection) -> None:
            _require_free(connection, name_key, user_id)
            changed = connection.execute(
                "UPDATE users SET name = ?, name_key = ? WHERE id = ?", (name, name_key, user_id)
            )
            if changed.rowcount == 0:
                raise NotFound("There is no such user.")

        await self._db.write(work)

    async def change_role(self, user_id: str, role: Role) -> None:
        """Give a user another role."""
        await self._db.write(
            lambda connection: connection.execute(
                "UPDATE users SET role = ? WHERE id = ?", (role, user_id)
            )
        )

    async def disable(self, user_id: str, now_ms: int) -> None:
        """Shut a user out: sessions, keys and links end in the same transaction."""

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(
                "UPDATE users SET disabled_at = coalesce(disabled_at, ?) WHERE id = ?",
                (now_ms, user_id),
            )
            connection.execute(
                "UPDATE api_keys SET revoked_at = ? WHERE user_id = ? AND revoked_at IS NULL",
                (now_ms, user_id),
            )
            connection.execute("DELETE FROM sessions WHERE user_id = ?", (user_id,))
            connection.execute("DELETE FROM invitations WHERE user_id = ?", (user_id,))

        await self._db.write(work)

    async def enable(self, user_id: str) -> None:
        """Let a user log in again; what was ended stays ended."""
        await self._db.write(
            lambda connection: connection.execute(
                "UPDATE users SET disabled_at = NULL WHERE id = ?", (user_id,)
            )
        )

    async def set_password(
        self, user_id: str, password: str, *, former: str | None, keep_session: str | None = None
    ) -> None:
        """Replace a password, if it is still ``former``; links and other sessions end with it.

        Raises:
            Conflict: it was changed meanwhile.
        """

        def work(connection: sqlite3.Connection) -> None:
            changed = connection.execute(
                "UPDATE users SET password = ? WHERE id = ? AND password IS ?",
                (password, user_id, former),
            )
            if changed.rowcount == 0:
                raise Conflict("The password was changed meanwhile. Log in again.")
            _end_everything(connection, user_id, keep_session)

        await self._db.write(work)

    async def reset_password(self, token_hash: str, password: str, now_ms: int) -> User:
        """Set the password of the user whom a one-time link names; it is used up by that.

        Raises:
            InvalidToken: the link was used, or has ended.
        """

        def work(connection: sqlite3.Connection) -> User:
            link = take(connection, token_hash, now_ms)
            if link is None or link.user_id is None:
                raise InvalidToken("This link is used up or has ended. Ask for another one.")
            connection.execute(
                "UPDATE users SET password = ? WHERE id = ?", (password, link.user_id)
            )
            _end_everything(connection, link.user_id, None)
            return _get(connection, link.user_id)

        return await self._db.write(work)

    async def touch(self, seen: dict[str, int]) -> None:
        """Store when people were last here, by id in ms."""
        await self._db.write(
            lambda connection: connection.executemany(
                "UPDATE users SET last_seen_at = ? WHERE id = ?",
                [(at, user_id) for user_id, at in seen.items()],
            )
        )


def _get(connection: sqlite3.Connection, user_id: str) -> User:
    row = connection.execute("SELECT * FROM users WHERE id = ?", (user_id,)).fetchone()
    if row is None:
        raise NotFound("There is no such user.")
    return _user(row)


def _require_free(connection: sqlite3.Connection, name_key: str, user_id: str) -> None:
    taken = connection.execute(
        "SELECT 1 FROM users WHERE name_key = ? AND id <> ?", (name_key, user_id)
    ).fetchone()
    if taken is not None:
        raise NameTaken("Somebody has that name already. Choose another one.")


def _end_everything(connection: sqlite3.Connection, user_id: str, keep_session: str | None) -> None:
    connection.execute(
        "DELETE FROM sessions WHERE user_id = ? AND id IS NOT ?", (user_id, keep_session)
    )
    connection.execute("DELETE FROM invitations WHERE user_id = ?", (user_id,))


def _user(row: sqlite3.Row) -> User:
    return User(
        id=row["id"],
        name=row["name"],
        role=Role(row["role"]),
        created_at=row["created_at"],
        password=row["password"],
        disabled_at=row["disabled_at"],
        last_seen_at=row["last_seen_at"],
    )
