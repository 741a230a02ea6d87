"""Rows of language models: how each is to run, and whether the owner vouches for its bytes."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from studio.store.db import Database


@dataclass(frozen=True, slots=True)
class LanguageSettings:
    """How one runs.

    ``context`` and ``threads`` 0 and ``gpu_layers`` -1 leave it to Studio. It stays for
    ``keep_minutes`` after its last use, 0 for as long as nobody needs its place; a ``pinned`` one
    makes place for nobody. ``projector`` is the file with its eyes, empty for none, ``None`` for
    the one that belongs to it. ``confirmed`` says which bytes the owner vouches for.
    """

    context: int = 0
    gpu_layers: int = -1
    threads: int = 0
    keep_minutes: int = 10
    pinned: bool = False
    projector: str | None = None
    chat_format: str = ""
    embeddings: bool = False
    confirmed: str = ""


DEFAULT: Final = LanguageSettings()


class LanguageModelStore:
    """All SQL about them."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def all(self) -> Mapping[str, LanguageSettings]:
        """Those of every model that has some, by the name of its file."""

        def read(connection: sqlite3.Connection) -> Mapping[str, LanguageSettings]:
            rows = connection.execute(
                "SELECT name, context, gpu_layers, threads, keep_minutes, pinned, projector,"
                " chat_format, embeddings, confirmed FROM language_models"
            )
            return {row[0]: _settings(row[1:]) for row in rows}

        return await self._db.read(read)

    async def put(self, name: str, said: LanguageSettings, now_ms: int) -> None:
        """Those of one model from now on."""
        row = (
            *(name, said.context, said.gpu_layers, said.threads, said.keep_minutes),
            *(said.pinned, said.projector, said.chat_format, said.embeddings, said.confirmed),
            now_ms,
        )

        def write(connection: sqlite3.Connection) -> None:
            connection.execute(
                f"INSERT OR REPLACE INTO language_models VALUES ({', '.join('?' * len(row))})", row
            )

        await self._db.write(write)


def _settings(row: Sequence[Any]) -> LanguageSettings:
    context, layers, threads, minutes, pinned, projector, form, embeddings, confirmed = row
    return LanguageSettings(
        context=context,
        gpu_layers=layers,
        threads=threads,
        keep_minutes=minutes,
        pinned=bool(pinned),
        projector=projector,
        chat_format=form,
        embeddings=bool(embeddings),
        confirmed=confirmed,
    )
