"""Files that a shared preset or workflow names: others may read them for as long as it is shared.

The rows say which files are named; whether somebody may read one is asked anew each time, so taking
a share back takes the file back. A file counts only where its own user named it: nobody opens the
files of others by writing down their ids.
"""

from __future__ import annotations

import sqlite3
from typing import Final

_TABLES: Final = (
    """CREATE TABLE preset_files (
        preset_id TEXT NOT NULL REFERENCES presets(id) ON DELETE CASCADE,
        asset_id TEXT NOT NULL REFERENCES assets(id) ON DELETE CASCADE,
        PRIMARY KEY (preset_id, asset_id)
    ) WITHOUT ROWID""",
    "CREATE INDEX preset_files_by_asset ON preset_files (asset_id)",
    """CREATE TABLE workflow_files (
        workflow_id TEXT NOT NULL, number INTEGER NOT NULL,
        asset_id TEXT NOT NULL REFERENCES assets(id) ON DELETE CASCADE,
        PRIMARY KEY (workflow_id, number, asset_id),
        FOREIGN KEY (workflow_id, number)
        REFERENCES workflow_versions(workflow_id, number) ON DELETE CASCADE
    ) WITHOUT ROWID""",
    "CREATE INDEX workflow_files_by_asset ON workflow_files (asset_id)",
)
_OF_PRESETS: Final = """
    INSERT OR IGNORE INTO preset_files (preset_id, asset_id)
    SELECT presets.id, assets.id FROM presets, json_tree(presets."values") AS named
    JOIN assets ON assets.id = named.atom WHERE named.key = 'asset'
"""
_OF_VERSIONS: Final = """
    INSERT OR IGNORE INTO workflow_files (workflow_id, number, asset_id)
    SELECT version.workflow_id, version.number, assets.id
    FROM workflow_versions AS version, json_tree(version.manifest, '$.inputs') AS named
    JOIN assets ON assets.id = named.atom WHERE named.key = 'asset'
"""
SHARED_WITH: Final = """(assets.trashed_at IS NULL AND (EXISTS (
        SELECT 1 FROM preset_files JOIN presets ON presets.id = preset_files.preset_id
        WHERE preset_files.asset_id = assets.id AND presets.user_id = assets.user_id
        AND presets.shared AND presets.trashed_at IS NULL
    ) OR EXISTS (
        SELECT 1 FROM workflow_files JOIN workflows ON workflows.id = workflow_files.workflow_id
        JOIN workflow_versions AS version ON version.workflow_id = workflow_files.workflow_id
        AND version.number = workflow_files.number
        WHERE workflow_files.asset_id = assets.id AND version.author = assets.user_id
        AND (workflows.shared OR workflows.owner IS NULL OR workflows.owner = ?)
        AND workflows.trashed_at IS NULL AND NOT workflows.gone
    )))"""
"""True in SQL for rows of ``assets`` that a user, its only parameter, may read as a guest."""


def add_shared_files(connection: sqlite3.Connection) -> None:
    """The schema's step. Beside older code files of what it saves are not shared, as before."""
    for statement in (*_TABLES, _OF_PRESETS, _OF_VERSIONS):
        connection.execute(statement)


def note_preset_files(connection: sqlite3.Connection, preset_id: str) -> None:
    """Store which files a preset names, inside the transaction that saves it."""
    connection.execute("DELETE FROM preset_files WHERE preset_id = ?", (preset_id,))
    connection.execute(f"{_OF_PRESETS} AND presets.id = ?", (preset_id,))


def note_version_files(connection: sqlite3.Connection, workflow_id: str, number: int) -> None:
    """Store which files a version names by default, inside the transaction that saves it."""
    connection.execute(
        f"{_OF_VERSIONS} AND version.workflow_id = ? AND version.number = ?", (workflow_id, number)
    )
