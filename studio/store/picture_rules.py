"""What the rules of the library would move to the trash, and what they would delete from it."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from studio.store.db import Database


@dataclass(frozen=True, slots=True)
class Old:
    """One file that a rule is about."""

    id: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Spare:
    """What no rule takes away by itself, whether it goes by age, by count or with its job."""

    favourites: bool
    boards: bool

    @property
    def condition(self) -> str:
        """True in SQL for the rows of ``pictures`` that are spared."""
        kept = ["favourite = 1"] if self.favourites else []
        if self.boards:
            kept.append(
                "EXISTS (SELECT 1 FROM board_pictures"
                " WHERE board_pictures.asset_id = pictures.asset_id)"
            )
        return f"({' OR '.join(kept)})" if kept else "FALSE"


class PictureRuleStore:
    """Reads candidates, the oldest first; uploads are never among them."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def shown(
        self,
        *,
        before_ms: int | None,
        skip_newest: int = 0,
        spare: Spare,
        limit: int,
    ) -> list[Old]:
        """Outputs outside the trash.

        Args:
            before_ms: only those made before.
            skip_newest: not among so many newest ones, spared ones counted.
        """
        outputs = "trashed_at IS NULL AND job_seq IS NOT NULL"
        conditions, values = [outputs.replace("trashed_at", "pictures.trashed_at")], []
        if before_ms is not None:
            conditions.append("pictures.created_at < ?")
            values.append(before_ms)
        if skip_newest:
            conditions.append(
                "(pictures.created_at, seq) <= (SELECT created_at, seq FROM pictures"
                f" WHERE {outputs} ORDER BY created_at DESC, seq DESC LIMIT 1 OFFSET ?)"
            )
            values.append(skip_newest)
        conditions.append(f"NOT {spare.condition}")
        return await self._old(
            f"{' AND '.join(conditions)} ORDER BY pictures.created_at, seq", [*values, limit]
        )

    async def trashed(self, *, before_ms: int, limit: int) -> list[Old]:
        """What was moved to the trash before, uploads too."""
        return await self._old(
            "pictures.trashed_at IS NOT NULL AND pictures.trashed_at < ?"
            " ORDER BY pictures.trashed_at, seq",
            [before_ms, limit],
        )

    async def _old(self, clause: str, values: Sequence[int]) -> list[Old]:
        query = (
            "SELECT assets.id, assets.size_bytes FROM pictures"
            f" JOIN assets ON assets.id = pictures.asset_id WHERE {clause} LIMIT ?"
        )

        def work(connection: sqlite3.Connection) -> list[Old]:
            rows = connection.execute(query, values)
            return [Old(row["id"], row["size_bytes"]) for row in rows]

        return await self._db.read(work)
