"""Programs that wait for somebody to let them in. Of their codes there are hashes only."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import orjson

from studio.errors import NotFound, TooManyRequests
from studio.models import Role, Scope
from studio.store.db import Database
from studio.store.keys import ApiKey, insert_key


@dataclass(frozen=True, slots=True)
class ProgramLogin:
    """One program that asks. Times are milliseconds since the epoch.

    ``address`` is where it asked from; ``user_id`` is who let it in, ``None`` until somebody has.
    """

    name: str
    scopes: frozenset[Scope]
    address: str
    created_at: int
    expires_at: int
    user_id: str | None = None
    refused: bool = False
    key_expires_at: int | None = None


class ProgramLoginStore:
    """Programs that ask, by the hash of either of their codes."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def add(
        self,
        asking: ProgramLogin,
        device_hash: str,
        user_hash: str,
        most: int,
        network_of: Callable[[str], str],
    ) -> None:
        """Store one; those that are over go.

        Where ``most`` ask already, the oldest goes of the network from which the most ask: whoever
        fills the room fills it with their own.

        Raises:
            TooManyRequests: ``most`` were decided about and wait to be fetched.
        """

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(
                "DELETE FROM program_logins WHERE expires_at <= ?", (asking.created_at,)
            )
            [count] = connection.execute("SELECT count(*) FROM program_logins").fetchone()
            if count >= most and not _drop_busiest(connection, network_of):
                raise TooManyRequests(
                    "Too many programs wait to be let in. Try again later.", retry_after_s=60
                )
            connection.execute(
                "INSERT INTO program_logins (device_hash, user_hash, name, scopes, address, "
                "created_at, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    device_hash,
                    user_hash,
                    asking.name,
                    orjson.dumps(sorted(asking.scopes)).decode(),
                    asking.address,
                    asking.created_at,
                    asking.expires_at,
                ),
            )

        await self._db.write(work)

    async def sweep(self, now_ms: int) -> None:
        """Forget those that are over."""
        await self._db.write(
            lambda connection: connection.execute(
                "DELETE FROM program_logins WHERE expires_at <= ?", (now_ms,)
            )
        )

    async def waiting(self, user_hash: str, now_ms: int) -> ProgramLogin | None:
        """Who asks under that code, as long as nobody has decided."""
        return await self._db.read(lambda connection: _waiting(connection, user_hash, now_ms))

    async def decide(
        self,
        user_hash: str,
        now_ms: int,
        *,
        user_id: str | None,
        scopes: frozenset[Scope],
        key_expires_at: int | None,
    ) -> ProgramLogin:
        """Note what somebody decided, once.

        Args:
            user_id: who lets the program in; ``None`` refuses it.

        Raises:
            NotFound: nobody asks under that code, or somebody has decided.
        """

        def work(connection: sqlite3.Connection) -> ProgramLogin:
            asking = _waiting(connection, user_hash, now_ms)
            if asking is None:
                raise NotFound("No program waits under this code. Look at it again.")
            connection.execute(
                "UPDATE program_logins SET user_id = ?, refused = ?, scopes = ?, "
                "key_expires_at = ? WHERE user_hash = ?",
                (
                    user_id,
                    int(user_id is None),
                    orjson.dumps(sorted(scopes)).decode(),
                    key_expires_at,
                    user_hash,
                ),
            )
            return asking

        return await self._db.write(work)

    async def look(self, device_hash: str, now_ms: int) -> ProgramLogin | None:
        """How a program stands, by its own code; ``None`` when it is over."""

        def work(connection: sqlite3.Connection) -> ProgramLogin | None:
            row = connection.execute(
                "SELECT * FROM program_logins WHERE device_hash = ? AND expires_at > ?",
                (device_hash, now_ms),
            ).fetchone()
            return None if row is None else _asking(row)

        return await self._db.read(work)

    async def end(self, device_hash: str) -> None:
        """Forget one."""
        await self._db.write(
            lambda connection: connection.execute(
                "DELETE FROM program_logins WHERE device_hash = ?", (device_hash,)
            )
        )

    async def redeem(
        self, device_hash: str, now_ms: int, make: Callable[[ProgramLogin, Role], ApiKey]
    ) -> ApiKey | None:
        """Trade a code for a key in one transaction: a second one gets nothing.

        Returns:
            The key; ``None`` when the code is used up or over.

        Raises:
            Conflict: whoever let it in was disabled since.
        """

        def work(connection: sqlite3.Connection) -> ApiKey | None:
            row = connection.execute(
                "SELECT program_logins.*, users.role FROM program_logins "
                "JOIN users ON users.id = program_logins.user_id "
                "WHERE device_hash = ? AND program_logins.expires_at > ?",
                (device_hash, now_ms),
            ).fetchone()
            if row is None:
                return None
            connection.execute("DELETE FROM program_logins WHERE device_hash = ?", (device_hash,))
            key = make(_asking(row), Role(row["role"]))
            insert_key(connection, key)
            return key

        return await self._db.write(work)


def _drop_busiest(connection: sqlite3.Connection, network_of: Callable[[str], str]) -> bool:
    """Make room for one; ``False`` when nobody waits for a decision."""
    rows = connection.execute(
        "SELECT device_hash, address FROM program_logins WHERE user_id IS NULL AND refused = 0"
        " ORDER BY created_at, device_hash"
    ).fetchall()
    if not rows:
        return False
    counts = Counter(network_of(row["address"]) for row in rows)
    busiest = counts.most_common(1)[0][0]
    oldest = next(row for row in rows if network_of(row["address"]) == busiest)
    connection.execute("DELETE FROM program_logins WHERE device_hash = ?", (oldest["device_hash"],))
    return True


def _waiting(connection: sqlite3.Connection, user_hash: str, now_ms: int) -> ProgramLogin | None:
    row = connection.execute(
        "SELECT * FROM program_logins WHERE user_hash = ? AND expires_at > ? "
        "AND user_id IS NULL AND refused = 0",
        (user_hash, now_ms),
    ).fetchone()
    return None if row is None else _asking(row)


def _asking(row: sqlite3.Row) -> ProgramLogin:
    return ProgramLogin(
        name=row["name"],
        scopes=frozenset(Scope(scope) for scope in orjson.loads(row["scopes"])),
        address=row["address"],
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        user_id=row["user_id"],
        refused=bool(row["refused"]),
        key_expires_at=row["key_expires_at"],
    )
