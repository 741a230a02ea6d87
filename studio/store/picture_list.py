"""Pages of the library: filtered and searched in one covering index, then read by their ids."""

from __future__ import annotations

import re
import sqlite3
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

from studio.store.db import Database
from studio.store.picture_outline import Outline, read_outline

Sort = Literal["newest", "oldest", "rating"]
SORTS: Final[tuple[Sort, ...]] = get_args(Sort)
PROMPT_LENGTH: Final = 300
_MAX_TOTALS: Final = 64
_ORDERS: Final[dict[Sort, str]] = {
    # What one job made stays in its order.
    "newest": "created_at DESC, seq",
    "oldest": "created_at, seq",
    "rating": "rating DESC, created_at DESC, seq",
}
_ROWS: Final = f"""
SELECT pictures.*, assets.job_id, assets.node_id, assets.content_type, assets.file_path,
    assets.size_bytes, assets.hash, users.name AS user_name,
    substr(coalesce(jobs.prompt_text, ''), 1, {PROMPT_LENGTH}) AS prompt
FROM pictures JOIN assets ON assets.id = pictures.asset_id
JOIN users ON users.id = pictures.user_id LEFT JOIN jobs ON jobs.seq = pictures.job_seq
"""


@dataclass(frozen=True, slots=True)
class Picture:
    """One file of the library, of whatever kind. Times are milliseconds since the epoch."""

    id: str
    """The asset's."""
    user_id: str
    user_name: str
    job_id: str | None
    node_id: str | None
    kind: str
    content_type: str
    file_path: str
    size_bytes: int
    hash: str
    width: int | None
    height: int | None
    duration_ms: int | None
    created_at: int
    seed: int | None
    title: str
    rating: int
    favourite: bool
    prompt: str
    """The beginning of its job's prompt text."""
    workflow_id: str
    preset_id: str | None
    batch_id: str | None
    trashed_at: int | None
    boards: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StoredFile:
    """The bytes of one file of the library."""

    id: str
    hash: str
    file_path: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class PictureFilter:
    """What a page should hold; ``None`` and empty mean everything.

    ``viewer`` is the user whose pictures may be seen, ``None`` sees all; ``user_id`` narrows that.
    ``rating`` is the least. Times are milliseconds since the epoch.
    """

    viewer: str | None
    user_id: str = ""
    uploads: bool = False
    trashed: bool = False
    text: str = ""
    model: str = ""
    lora: str = ""
    seed: int | None = None
    width: int | None = None
    height: int | None = None
    created_from: int | None = None
    created_to: int | None = None
    workflow_id: str = ""
    preset_id: str = ""
    batch_id: str = ""
    rating: int | None = None
    favourite: bool = False
    board: str = ""
    kind: str = ""
    sort: Sort = "newest"
    start: int = 0
    limit: int = 100


@dataclass(frozen=True, slots=True)
class Facets:
    """What the pictures of one viewer can be narrowed by: (value, how many), the most first."""

    models: Sequence[tuple[str, int]]
    loras: Sequence[tuple[str, int]]
    workflows: Sequence[tuple[str, int]]
    kinds: Sequence[tuple[str, int]]
    users: Sequence[tuple[str, str, int]]
    """(id, name, how many)."""


class PictureListStore:
    """Reads the library."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._totals: dict[tuple[Any, ...], tuple[sqlite3.Connection, int, int]] = {}

    async def page(self, wanted: PictureFilter) -> tuple[list[Picture], int]:
        """One page, and how many there are in all."""
        clause, values = conditions(wanted)
        order = _order(wanted)
        query = f"SELECT seq FROM pictures WHERE {clause} ORDER BY {order} LIMIT ? OFFSET ?"

        def work(connection: sqlite3.Connection) -> tuple[list[Picture], int]:
            found = connection.execute(query, [*values, wanted.limit, wanted.start]).fetchall()
            total = wanted.start + len(found)
            # A page that is not full is the last one: then nobody needs to count.
            if len(found) == wanted.limit or (wanted.start and not found):
                total = self._total(connection, clause, values)
            return _rows(connection, [row["seq"] for row in found], wanted.viewer), total

        return await self._db.read(work)

    def _total(self, connection: sqlite3.Connection, clause: str, values: list[Any]) -> int:
        """How many there are; counted once while nothing is written, however far one scrolls."""
        key, changes = (clause, *values), connection.total_changes
        counted = self._totals.get(key)
        if counted is not None and counted[0] is connection and counted[1] == changes:
            return counted[2]
        query = f"SELECT count(*) FROM pictures WHERE {clause}"
        total: int = connection.execute(query, values).fetchone()[0]
        if len(self._totals) >= _MAX_TOTALS:
            self._totals.clear()
        self._totals[key] = connection, changes, total
        return total

    async def outline(self, wanted: PictureFilter, offset_ms: int) -> Outline:
        """The shape of all pages together; ``offset_ms`` is from UTC to where days begin."""
        clause, values = conditions(wanted)
        by_time = wanted.sort != "rating" and not wanted.trashed
        return await self._db.read(
            lambda connection: read_outline(
                connection, clause, values, _order(wanted), offset_ms=offset_ms, by_time=by_time
            )
        )

    async def get(self, ids: Sequence[str], viewer: str | None) -> list[Picture]:
        """Those of ``ids`` that the viewer may see, in the order of ``ids``."""

        def work(connection: sqlite3.Connection) -> list[Picture]:
            seqs = [
                row["seq"] for one in ids if (row := _visible(connection, one, viewer)) is not None
            ]
            return _rows(connection, seqs, viewer)

        return await self._db.read(work)

    async def files(self, ids: Sequence[str], viewer: str | None) -> list[StoredFile]:
        """Where the bytes are of those of ``ids`` that the viewer may see, in their order."""
        query = (
            "SELECT assets.id, assets.hash, assets.file_path, assets.size_bytes FROM pictures"
            " JOIN assets ON assets.id = pictures.asset_id"
            " WHERE pictures.asset_id = ? AND (? IS NULL OR pictures.user_id = ?)"
        )

        def work(connection: sqlite3.Connection) -> list[StoredFile]:
            rows = (connection.execute(query, (one, viewer, viewer)).fetchone() for one in ids)
            return [StoredFile(*row) for row in rows if row is not None]

        return await self._db.read(work)

    async def facets(self, viewer: str | None) -> Facets:
        """What is worth filtering by, with counts; without uploads and the trash."""
        clause, values = conditions(PictureFilter(viewer))
        shown = f"FROM pictures INDEXED BY pictures_counted WHERE {clause} GROUP BY"
        groups = f"SELECT user_id, workflow_id, kind, count(*) {shown} user_id, workflow_id, kind"
        # All of a job's stand together in that index, so nothing is sorted.
        models = f"""SELECT job_models.model, coalesce(kind, 'model') AS kind, sum(count) AS count
            FROM (SELECT job_seq, count(*) AS count {shown} user_id, workflow_id, kind, job_seq)
            AS made JOIN job_models ON job_models.job_seq = made.job_seq
            LEFT JOIN model_kinds ON model_kinds.model = job_models.model
            GROUP BY job_models.model ORDER BY count DESC, job_models.model"""

        # One read each, so that nobody's commit waits for all of them.
        found = await self._read(models, values)
        users, workflows, kinds = Counter[str](), Counter[str](), Counter[str]()
        for user_id, workflow_id, kind, count in await self._read(groups, values):
            users[user_id] += count
            workflows[workflow_id] += count
            kinds[kind] += count
        names = {
            row["id"]: row["name"] for row in await self._read("SELECT id, name FROM users", ())
        }
        return Facets(
            models=[(row[0], row[2]) for row in found if row["kind"] != "lora"],
            loras=[(row[0], row[2]) for row in found if row["kind"] == "lora"],
            workflows=_most_first(workflows),
            kinds=_most_first(kinds),
            users=[(one, names[one], count) for one, count in _most_first(users)],
        )

    async def _read(self, query: str, values: Sequence[Any]) -> list[sqlite3.Row]:
        return await self._db.read(lambda connection: connection.execute(query, values).fetchall())


def _most_first(counted: Counter[str]) -> list[tuple[str, int]]:
    named = [(value, count) for value, count in counted.items() if value]
    return sorted(named, key=lambda each: (-each[1], each[0]))


def _order(wanted: PictureFilter) -> str:
    return "trashed_at DESC, seq" if wanted.trashed else _ORDERS[wanted.sort]


def conditions(wanted: PictureFilter) -> tuple[str, list[Any]]:
    """The WHERE clause over ``pictures``, and its values."""
    # In words of the partial indexes, so that SQLite sees which of them holds the answer.
    found = ["trashed_at IS NOT NULL" if wanted.trashed else "trashed_at IS NULL"]
    values: list[Any] = []
    if wanted.uploads or not wanted.trashed:
        found.append("job_seq IS NULL" if wanted.uploads else "job_seq IS NOT NULL")

    def where(condition: str, *parameters: Any) -> None:
        found.append(condition)
        values.extend(parameters)

    for column, value in (
        ("user_id", wanted.viewer),
        ("user_id", wanted.user_id or None),
        ("kind", wanted.kind or None),
        ("workflow_id", wanted.workflow_id or None),
        ("preset_id", wanted.preset_id or None),
        ("batch_id", wanted.batch_id or None),
        ("seed", None if wanted.seed is None else str(wanted.seed)),
        ("width", wanted.width),
        ("height", wanted.height),
    ):
        if value is not None:
            where(f"{column} = ?", value)
    if wanted.created_from is not None:
        where("created_at >= ?", wanted.created_from)
    if wanted.created_to is not None:
        where("created_at < ?", wanted.created_to)
    if wanted.rating:
        where("rating >= ?", wanted.rating)
    if wanted.favourite:
        where("favourite = 1")
    for model in filter(None, (wanted.model, wanted.lora)):
        where("job_seq IN (SELECT job_seq FROM job_models WHERE model = ?)", model)
    if wanted.board:
        where("asset_id IN (SELECT asset_id FROM board_pictures WHERE board_id = ?)", wanted.board)
    if wanted.text:
        _search(wanted.text, where)
    return " AND ".join(found), values


def _search(text: str, where: Any) -> None:
    """All words in the prompt, the last by its beginning; or the text in a name or title."""
    words = re.findall(r"\w+", text)[:32]
    key = text.casefold()
    if not words:
        where("instr(name_key, ?)", key)
        return
    terms = " ".join(f'"{word}"' for word in words) + "*"
    # The plus keeps SQLite to the covering index: one index per hit of the search is slower.
    where(
        "(+job_seq IN (SELECT rowid FROM jobs_fts WHERE jobs_fts MATCH ?) OR instr(name_key, ?))",
        terms,
        key,
    )


def _visible(
    connection: sqlite3.Connection, asset_id: str, viewer: str | None
) -> sqlite3.Row | None:
    row: sqlite3.Row | None = connection.execute(
        "SELECT seq FROM pictures WHERE asset_id = ? AND (? IS NULL OR user_id = ?)",
        (asset_id, viewer, viewer),
    ).fetchone()
    return row


def _rows(connection: sqlite3.Connection, seqs: Sequence[int], viewer: str | None) -> list[Picture]:
    """The files of these rows, in their order."""
    marks = ", ".join("?" * len(seqs))
    rows = connection.execute(f"{_ROWS} WHERE pictures.seq IN ({marks})", seqs).fetchall()
    on: dict[str, list[str]] = {row["asset_id"]: [] for row in rows}
    boards = connection.execute(
        "SELECT asset_id, board_id FROM board_pictures JOIN boards ON boards.id = board_id"
        f" WHERE asset_id IN ({', '.join('?' * len(on))}) AND (? IS NULL OR boards.user_id = ?)"
        " ORDER BY board_id",
        [*on, viewer, viewer],
    )
    for row in boards:
        on[row["asset_id"]].append(row["board_id"])
    found = {row["seq"]: _picture(row, tuple(on[row["asset_id"]])) for row in rows}
    return [found[seq] for seq in seqs]


def _picture(row: sqlite3.Row, boards: tuple[str, ...]) -> Picture:
    return Picture(
        id=row["asset_id"],
        user_id=row["user_id"],
        user_name=row["user_name"],
        job_id=row["job_id"],
        node_id=row["node_id"],
        kind=row["kind"],
        content_type=row["content_type"],
        file_path=row["file_path"],
        size_bytes=row["size_bytes"],
        hash=row["hash"],
        width=row["width"],
        height=row["height"],
        duration_ms=row["duration_ms"],
        created_at=row["created_at"],
        seed=None if row["seed"] is None else int(row["seed"]),
        title=row["title"],
        rating=row["rating"],
        favourite=bool(row["favourite"]),
        prompt=row["prompt"],
        workflow_id=row["workflow_id"],
        preset_id=row["preset_id"],
        batch_id=row["batch_id"],
        trashed_at=row["trashed_at"],
        boards=boards,
    )
