"""Rows of model files, each for one file that was seen under a root."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import orjson

from studio.errors import NotFound
from studio.store.catalog_facts import CatalogFact, ids_of
from studio.store.db import Database

Sort = Literal["name", "size", "newest", "used"]
SORTS: Final[Mapping[Sort, str]] = {
    "name": "name_key, id",
    "size": "size_bytes DESC, name_key, id",
    "newest": "added_at DESC, name_key, id",
    "used": "used_at DESC NULLS LAST, name_key, id",
}
FACETS: Final = ("folder", "family", "kind")
_USED: Final = """(SELECT MAX(jobs.created_at) FROM job_models JOIN jobs
    ON jobs.seq = job_models.job_seq WHERE job_models.model = model_files.name) AS used_at"""


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One file. Times are milliseconds since the epoch.

    ``place`` is its folder on disk, ``folder`` the type that ComfyUI knows it by. ``belongs_in`` is
    another folder when what is in the file says that it lies in the wrong one. ``fault`` says what
    is wrong with its bytes. ``expected_sha256`` is what its source said.
    """

    id: str
    root: str
    place: str
    folder: str
    name: str
    size_bytes: int
    mtime_ns: int
    added_at: int
    sha256: str | None = None
    checked_at: int | None = None
    expected_sha256: str | None = None
    fault: str = ""
    reference: str | None = None
    kind: str | None = None
    family: str | None = None
    belongs_in: str | None = None
    trigger_words: tuple[str, ...] = ()
    facts: dict[str, Any] = field(default_factory=dict)
    notes: str = ""
    favourite: bool = False
    used_at: int | None = None
    """When a job last named it; only where a page or the file itself was asked for."""

    def has_bytes(self, *, sha256: str | None, size_bytes: int | None) -> bool:
        """Whether these are the bytes that somebody describes, as far as anybody can tell: the hash
        decides once it is computed, the size until then."""
        if sha256 and self.sha256:
            return sha256 == self.sha256
        return size_bytes in (None, self.size_bytes)

    @property
    def key(self) -> tuple[str, str, str]:
        return self.root, self.place, self.name


@dataclass(frozen=True, slots=True)
class ModelFilter:
    """What a page should hold; empty means everything."""

    text: str = ""
    folder: str = ""
    family: str = ""
    kind: str = ""
    state: str = ""
    """``misplaced``, ``damaged``, ``unhashed`` or ``favourite``."""
    sort: Sort = "name"
    start: int = 0
    limit: int = 100


_STATES: Final = {
    "misplaced": "belongs_in IS NOT NULL",
    "damaged": "fault <> ''",
    "unhashed": "sha256 IS NULL",
    "favourite": "favourite = 1",
}
STATES: Final = tuple(_STATES)


class ModelFileStore:
    """All SQL about model files."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._all: Sequence[ModelFile] | None = None
        self._writes = 0

    async def all(self) -> Sequence[ModelFile]:
        """Every file, by name, without what only one that is looked at has: words, notes, facts.

        Kept in memory until something is written: pages of catalogs look all of them up.
        """
        if self._all is not None:
            return self._all

        def work(connection: sqlite3.Connection) -> list[ModelFile]:
            rows = connection.execute(
                f"SELECT {', '.join(_OUTLINE)} FROM model_files ORDER BY name_key, id"
            )
            return [
                ModelFile(**{**dict(zip(_OUTLINE, row, strict=True)), "favourite": bool(row[-1])})
                for row in rows
            ]

        writes = self._writes
        found = await self._db.read(work)
        if writes == self._writes:
            self._all = found
        return found

    def _written(self) -> None:
        self._writes += 1
        self._all = None

    async def page(
        self, wanted: ModelFilter, facts: Collection[CatalogFact] = ()
    ) -> tuple[list[ModelFile], int]:
        """One page and the number of all files that match, by ``facts`` of catalogs, too."""
        where, values = _conditions(wanted, facts)

        def work(connection: sqlite3.Connection) -> tuple[list[ModelFile], int]:
            total = connection.execute(f"SELECT COUNT(*) FROM model_files{where}", values)
            found = connection.execute(
                f"SELECT *, {_USED} FROM model_files{where} ORDER BY {SORTS[wanted.sort]} "
                "LIMIT ? OFFSET ?",
                (*values, wanted.limit, wanted.start),
            )
            return _files(found), int(total.fetchone()[0])

        return await self._db.read(work)

    async def facets(self) -> dict[str, list[tuple[str, int]]]:
        """What the files can be narrowed by: (value, how many), the most first."""

        def work(connection: sqlite3.Connection) -> dict[str, list[tuple[str, int]]]:
            return {
                name: [
                    (row[0], row[1])
                    for row in connection.execute(
                        f"SELECT {name}, COUNT(*) AS n FROM model_files "
                        f"WHERE COALESCE({name}, '') <> '' GROUP BY {name} ORDER BY n DESC, {name}"
                    )
                ]
                for name in FACETS
            }

        return await self._db.read(work)

    async def get(self, file_id: str) -> ModelFile:
        """Raises ``NotFound`` when there is none."""

        def work(connection: sqlite3.Connection) -> ModelFile:
            found = _files(
                connection.execute(f"SELECT *, {_USED} FROM model_files WHERE id = ?", (file_id,))
            )
            if not found:
                raise NotFound("There is no such model.")
            return found[0]

        return await self._db.read(work)

    async def at(self, key: tuple[str, str, str]) -> ModelFile | None:
        """The file of a root, a place and a name."""

        def work(connection: sqlite3.Connection) -> ModelFile | None:
            query = "SELECT * FROM model_files WHERE root = ? AND place = ? AND name = ?"
            return next(iter(_files(connection.execute(query, key))), None)

        return await self._db.read(work)

    async def unhashed(self, away: Collection[str]) -> ModelFile | None:
        """The smallest file that was never hashed and can be read.

        Args:
            away: roots that cannot be reached.
        """
        roots = orjson.dumps(sorted(away)).decode()

        def work(connection: sqlite3.Connection) -> ModelFile | None:
            rows = connection.execute(
                "SELECT * FROM model_files WHERE checked_at IS NULL AND fault <> 'unreadable' "
                "AND root NOT IN (SELECT value FROM json_each(?)) ORDER BY size_bytes LIMIT 1",
                (roots,),
            )
            return next(iter(_files(rows)), None)

        return await self._db.read(work)

    async def put(self, files: Iterable[ModelFile], gone: Sequence[str] = ()) -> None:
        """Store files as they are now, and forget others by their ids, in one commit."""
        rows = [_row(file) for file in files]

        def work(connection: sqlite3.Connection) -> None:
            connection.executemany("DELETE FROM model_files WHERE id = ?", [(one,) for one in gone])
            connection.executemany(_PUT, rows)

        if rows or gone:
            try:
                await self._db.write(work)
            finally:
                self._written()

    async def note_hash(self, file: ModelFile, sha256: str, fault: str, now_ms: int) -> bool:
        """Keep what a file's bytes really are, if it is still the file that was read."""

        def work(connection: sqlite3.Connection) -> bool:
            changed = connection.execute(
                "UPDATE model_files SET sha256 = ?, fault = ?, checked_at = ? "
                "WHERE id = ? AND size_bytes = ? AND mtime_ns = ?",
                (sha256, fault, now_ms, file.id, file.size_bytes, file.mtime_ns),
            )
            return changed.rowcount > 0

        try:
            return await self._db.write(work)
        finally:
            self._written()

    async def change(self, file_id: str, changes: Mapping[str, Any]) -> None:
        """Store what its owner wrote about a file: columns of ``CHANGEABLE``."""
        assert changes.keys() <= CHANGEABLE
        names = ", ".join(f"{name} = ?" for name in changes)

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(
                f"UPDATE model_files SET {names} WHERE id = ?",
                (*map(_plain, changes.values()), file_id),
            )

        if changes:
            try:
                await self._db.write(work)
            finally:
                self._written()

    async def unfinished_models(self) -> set[str]:
        """The names of models that queued and running jobs need."""

        def work(connection: sqlite3.Connection) -> set[str]:
            rows = connection.execute("SELECT models FROM jobs WHERE completed_at IS NULL")
            return {file for row in rows for _, _, file in orjson.loads(row["models"])}

        return await self._db.read(work)

    async def last_uses(self) -> dict[str, int]:
        """When a job last named each model."""

        def work(connection: sqlite3.Connection) -> dict[str, int]:
            rows = connection.execute(
                "SELECT model, MAX(created_at) AS at FROM job_models JOIN jobs "
                "ON jobs.seq = job_seq GROUP BY model"
            )
            return {row["model"]: row["at"] for row in rows}

        return await self._db.read(work)


CHANGEABLE: Final = frozenset({"notes", "favourite", "family", "trigger_words"})
_COLUMNS: Final = (
    "id", "root", "place", "folder", "name", "name_key", "base_key", "size_bytes", "mtime_ns",
    "sha256", "checked_at", "expected_sha256", "fault", "reference", "kind", "family",
    "belongs_in", "trigger_words", "facts", "notes", "favourite", "added_at",
)  # fmt: skip
_OUTLINE: Final = (
    "id", "root", "place", "folder", "name", "size_bytes", "mtime_ns", "added_at", "sha256",
    "checked_at", "expected_sha256", "fault", "reference", "kind", "family", "belongs_in",
    "favourite",
)  # fmt: skip
_PUT: Final = (
    f"INSERT OR REPLACE INTO model_files ({', '.join(_COLUMNS)}) "
    f"VALUES ({', '.join('?' * len(_COLUMNS))})"
)


def base_key(name: str) -> str:
    """What two spellings of one file's own name have in common."""
    return name.rpartition("/")[2].casefold()


def _plain(value: Any) -> Any:
    if isinstance(value, bool):
        return int(value)
    return orjson.dumps(value).decode() if isinstance(value, list | tuple | dict) else value


def _row(file: ModelFile) -> tuple[Any, ...]:
    keys = {"name_key": file.name.casefold(), "base_key": base_key(file.name)}
    return tuple(keys[name] if name in keys else _plain(getattr(file, name)) for name in _COLUMNS)


def _files(rows: Iterable[sqlite3.Row]) -> list[ModelFile]:
    found = []
    for row in rows:
        values = {name: row[name] for name in row.keys() if name not in ("name_key", "base_key")}  # noqa: SIM118 - a row iterates over values
        values["trigger_words"] = tuple(orjson.loads(values["trigger_words"]))
        values["facts"] = orjson.loads(values["facts"])
        values["favourite"] = bool(values["favourite"])
        found.append(ModelFile(**values))
    return found


_LISTED: Final = "id IN (SELECT value FROM json_each(?))"


def _conditions(wanted: ModelFilter, facts: Collection[CatalogFact]) -> tuple[str, list[Any]]:
    conditions, values = [], []
    for name in ("folder", "kind"):
        if value := getattr(wanted, name):
            conditions.append(f"{name} = ?")
            values.append(value)
    if wanted.family:
        # A catalog's word counts where the file itself, and its owner, have none.
        conditions.append(f"(family = ? OR COALESCE(family, '') = '' AND {_LISTED})")
        values += [wanted.family, ids_of(fact for fact in facts if fact.family == wanted.family)]
    if wanted.state:
        conditions.append(_STATES[wanted.state])
    for word in wanted.text.casefold().split():
        escaped = "".join(f"\\{char}" if char in "\\%_" else char for char in word)
        conditions.append(
            f"(name_key LIKE ? ESCAPE '\\' OR trigger_words LIKE ? ESCAPE '\\' OR {_LISTED})"
        )
        values += [f"%{escaped}%"] * 2
        values.append(ids_of(fact for fact in facts if word in fact.name.casefold()))
    return (f" WHERE {' AND '.join(conditions)}" if conditions else ""), values
