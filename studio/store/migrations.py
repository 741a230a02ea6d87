"""The schema as an ordered list of functions; a position in the list is the schema's version.

Each runs in one transaction together with its version bump, so a kill leaves the old schema or the
new one. Migrations only expand: ``meta.min_writer`` names the oldest schema version whose code may
write, so that a rolled-back release still runs against a newer schema.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import Final

from studio.errors import StorageUnavailable
from studio.models import OWNER_ID
from studio.store.schema_chat import add_call_errors, add_chat
from studio.store.schema_civitai import add_civitai
from studio.store.schema_downloads import add_downloads
from studio.store.schema_drawing import add_drawing
from studio.store.schema_editor import add_editor
from studio.store.schema_films import add_films
from studio.store.schema_house import add_house
from studio.store.schema_language import add_language
from studio.store.schema_library import add_library, add_picture_counts
from studio.store.schema_membership import add_membership
from studio.store.schema_model_cache import add_model_cache
from studio.store.schema_models import add_models
from studio.store.schema_people import add_people
from studio.store.schema_presets import add_presets
from studio.store.schema_share_previews import add_share_previews
from studio.store.schema_shares import add_shares
from studio.store.schema_telegram import add_telegram
from studio.store.schema_telegram_chat import add_follows, add_telegram_chat
from studio.store.schema_uploads import add_uploads
from studio.store.schema_webhook_states import add_webhook_states
from studio.store.schema_webhooks import add_webhooks
from studio.store.schema_workflows import add_workflows
from studio.store.shared_files import add_shared_files

Migration = Callable[[sqlite3.Connection], None]


def migrate(connection: sqlite3.Connection, migrations: Sequence[Migration] | None = None) -> int:
    """Bring the schema up to date and return its version.

    Raises:
        StorageUnavailable: the schema is newer than this code may write.
    """
    steps = MIGRATIONS if migrations is None else migrations
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version > len(steps):
        _require_writer(connection, len(steps))
        return version
    for position in range(version, len(steps)):
        connection.execute("BEGIN IMMEDIATE")
        try:
            steps[position](connection)
            connection.execute(f"PRAGMA user_version={position + 1}")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
    return len(steps)


def _require_writer(connection: sqlite3.Connection, writer: int) -> None:
    row = connection.execute("SELECT value FROM meta WHERE key = 'min_writer'").fetchone()
    oldest = int(row[0]) if row else 0
    if writer < oldest:
        raise StorageUnavailable(
            f"This release writes schema {writer}; the database needs a release that writes schema "
            f"{oldest} or newer. Start that release; the data is untouched."
        )


def _first(connection: sqlite3.Connection) -> None:
    statements = """
    CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    INSERT INTO meta VALUES ('min_writer', '1');

    CREATE TABLE users (
        id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, role TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        gpu_seconds REAL NOT NULL DEFAULT 0, gpu_seconds_at INTEGER NOT NULL DEFAULT 0
    ) WITHOUT ROWID;

    CREATE TABLE api_keys (
        id TEXT PRIMARY KEY, user_id TEXT NOT NULL REFERENCES users(id), name TEXT NOT NULL,
        hash TEXT NOT NULL UNIQUE, scopes TEXT NOT NULL, created_at INTEGER NOT NULL,
        expires_at INTEGER, last_used_at INTEGER, revoked_at INTEGER
    ) WITHOUT ROWID;

    CREATE TABLE secrets (
        user_id TEXT NOT NULL REFERENCES users(id), name TEXT NOT NULL, value TEXT NOT NULL,
        updated_at INTEGER NOT NULL, PRIMARY KEY (user_id, name)
    ) WITHOUT ROWID;

    CREATE TABLE blobs (
        hash TEXT PRIMARY KEY, size_bytes INTEGER NOT NULL, created_at INTEGER NOT NULL
    ) WITHOUT ROWID;

    CREATE TABLE jobs (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        user_id TEXT NOT NULL REFERENCES users(id),
        status TEXT NOT NULL,
        created_at INTEGER NOT NULL, started_at INTEGER, completed_at INTEGER, deadline_at INTEGER,
        expires_at INTEGER,
        priority INTEGER NOT NULL DEFAULT 0, rank REAL NOT NULL,
        graph_key TEXT NOT NULL, affinity_key TEXT NOT NULL,
        classes TEXT NOT NULL, models TEXT NOT NULL, paid INTEGER NOT NULL,
        engine TEXT, engine_boot TEXT, prompt_id TEXT,
        attempt INTEGER NOT NULL DEFAULT 0, deaths INTEGER NOT NULL DEFAULT 0,
        executing INTEGER NOT NULL DEFAULT 0,
        cancel_requested_at INTEGER,
        error TEXT, title TEXT NOT NULL DEFAULT '', workflow_id TEXT NOT NULL DEFAULT '',
        origin TEXT NOT NULL,
        metadata TEXT NOT NULL, extra TEXT NOT NULL, retry_of TEXT,
        prompt_text TEXT NOT NULL DEFAULT '',
        duration_ms INTEGER,
        graph BLOB NOT NULL
    );
    CREATE INDEX jobs_by_user ON jobs (user_id, seq);
    CREATE INDEX jobs_live ON jobs (status) WHERE completed_at IS NULL;
    CREATE INDEX jobs_expiring ON jobs (expires_at) WHERE completed_at IS NOT NULL;

    CREATE TABLE job_models (
        model TEXT NOT NULL, job_seq INTEGER NOT NULL REFERENCES jobs(seq) ON DELETE CASCADE,
        PRIMARY KEY (model, job_seq)
    ) WITHOUT ROWID;
    CREATE INDEX job_models_by_job ON job_models (job_seq);

    CREATE VIRTUAL TABLE jobs_fts USING fts5 (
        prompt_text, content='jobs', content_rowid='seq', tokenize='unicode61 remove_diacritics 2'
    );

    CREATE TABLE assets (
        id TEXT PRIMARY KEY, user_id TEXT NOT NULL REFERENCES users(id),
        hash TEXT NOT NULL REFERENCES blobs(hash), size_bytes INTEGER NOT NULL,
        content_type TEXT NOT NULL, file_path TEXT NOT NULL, tags TEXT NOT NULL DEFAULT '[]',
        created_at INTEGER NOT NULL, expires_at INTEGER, trashed_at INTEGER,
        job_id TEXT REFERENCES jobs(id) ON DELETE CASCADE,
        node_id TEXT, output_index INTEGER, output_type TEXT,
        UNIQUE (job_id, node_id, output_index)
    ) WITHOUT ROWID;
    CREATE INDEX assets_by_hash ON assets (hash);
    CREATE INDEX assets_by_user ON assets (user_id, created_at);
    CREATE INDEX assets_by_path ON assets (user_id, file_path, created_at);
    CREATE INDEX assets_expiring ON assets (expires_at) WHERE expires_at IS NOT NULL;

    CREATE TABLE job_inputs (
        job_id TEXT NOT NULL REFERENCES jobs(id) ON DELETE CASCADE,
        asset_id TEXT NOT NULL REFERENCES assets(id),
        PRIMARY KEY (job_id, asset_id)
    ) WITHOUT ROWID;
    CREATE INDEX job_inputs_by_asset ON job_inputs (asset_id);

    CREATE TABLE idempotency_keys (
        user_id TEXT NOT NULL, key TEXT NOT NULL, created_at INTEGER NOT NULL,
        PRIMARY KEY (user_id, key)
    ) WITHOUT ROWID;
    """
    for statement in statements.split(";\n"):
        if statement.strip():
            connection.execute(statement)
    connection.execute(
        "INSERT INTO users (id, name, role, created_at) VALUES (?, 'owner', 'owner', 0)",
        (OWNER_ID,),
    )


def _carry_small_outputs(connection: sqlite3.Connection) -> None:
    # Older code may write beside it: it makes its outputs durable before their commit.
    connection.execute(
        "CREATE TABLE carried_blobs (seq INTEGER PRIMARY KEY, hash TEXT NOT NULL,"
        " created_at INTEGER NOT NULL, data BLOB NOT NULL)"
    )


MIGRATIONS: Final[Sequence[Migration]] = (
    _first,
    _carry_small_outputs,
    add_people,
    add_uploads,
    add_editor,
    add_workflows,
    add_presets,
    add_house,
    add_library,
    add_shared_files,
    add_picture_counts,
    add_downloads,
    add_models,
    add_civitai,
    add_model_cache,
    add_drawing,
    add_membership,
    add_webhooks,
    add_shares,
    add_telegram,
    add_chat,
    add_language,
    add_webhook_states,
    add_telegram_chat,
    add_call_errors,
    add_films,
    add_share_previews,
    add_follows,
)
