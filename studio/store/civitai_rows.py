"""Rows of Civitai's kept pictures: written, completed, read. Statements alone, no transactions."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

_VALUES = (
    "id", "url", "hash", "size_bytes", "content_type", "kind", "width", "height", "nsfw_level",
    "creator", "base_model", "recipe", "resources", "kept_at",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class KeptPicture:
    """One picture. ``id`` is Civitai's, ``kept_at`` milliseconds since the epoch.

    ``recipe`` and ``resources`` are how it was made, in the words of ``civitai_pictures``.
    ``stars`` are those of who asked.
    """

    id: int
    url: str
    hash: str
    size_bytes: int
    content_type: str
    kind: str
    width: int | None
    height: int | None
    nsfw_level: int
    creator: str | None
    base_model: str | None
    recipe: Mapping[str, Any] | None
    resources: Sequence[Mapping[str, Any]]
    kept_at: int
    stars: int = 0


def all_hashes(connection: sqlite3.Connection) -> set[str]:
    """The hashes of everything that is kept."""
    return {row["hash"] for row in connection.execute("SELECT hash FROM civitai_pictures")}


def insert(connection: sqlite3.Connection, picture: KeptPicture) -> int:
    """A new row; its place in the order of arrival."""
    values = [getattr(picture, name) for name in _VALUES]
    for place, name in enumerate(_VALUES):
        if name in ("recipe", "resources"):
            values[place] = _json(values[place])
    marks = ", ".join("?" * len(_VALUES))
    cursor = connection.execute(
        f"INSERT INTO civitai_pictures ({', '.join(_VALUES)}) VALUES ({marks})",
        values,
    )
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def complete(connection: sqlite3.Connection, seq: int, picture: KeptPicture) -> None:
    """What one publication of a picture says counts where another says nothing; the strictest
    level counts."""
    connection.execute(
        "UPDATE civitai_pictures SET nsfw_level = MAX(nsfw_level, ?), "
        "recipe = COALESCE(recipe, ?), creator = COALESCE(creator, ?), "
        "base_model = COALESCE(base_model, ?), "
        "resources = CASE resources WHEN '[]' THEN ? ELSE resources END WHERE seq = ?",
        (
            picture.nsfw_level,
            _json(picture.recipe),
            picture.creator,
            picture.base_model,
            _json(picture.resources),
            seq,
        ),
    )


def name_it(
    connection: sqlite3.Connection, seq: int, picture_id: int, version_ids: Collection[int]
) -> None:
    """Have one of Civitai's ids, and versions that it was made with, lead to a picture."""
    connection.execute(
        "INSERT INTO civitai_picture_ids VALUES (?, ?) "
        "ON CONFLICT (picture_id) DO UPDATE SET seq = excluded.seq",
        (picture_id, seq),
    )
    connection.executemany(
        "INSERT OR IGNORE INTO civitai_picture_versions VALUES (?, ?)",
        [(version_id, seq) for version_id in version_ids],
    )


def _json(value: Any) -> str | None:
    return None if value is None else orjson.dumps(value).decode()


def read(row: sqlite3.Row) -> KeptPicture:
    """A row with somebody's ``stars``."""
    values = {name: row[name] for name in _VALUES}
    values["recipe"] = None if row["recipe"] is None else orjson.loads(row["recipe"])
    values["resources"] = orjson.loads(row["resources"])
    return KeptPicture(**values, stars=row["stars"] or 0)
