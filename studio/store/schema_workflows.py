"""The schema step of workflows, their versions, and what each job was made from."""

from __future__ import annotations

import sqlite3


def add_workflows(connection: sqlite3.Connection) -> None:
    """Workflows, versions and recipes; code that knows none of them may write beside them."""
    # Without an owner it is one of a folder; gone says that the folder is not there any more.
    connection.execute("""
        CREATE TABLE workflows (
            id TEXT PRIMARY KEY, owner TEXT REFERENCES users(id),
            shared INTEGER NOT NULL DEFAULT 0, head INTEGER NOT NULL,
            created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL,
            trashed_at INTEGER, gone INTEGER NOT NULL DEFAULT 0
        ) WITHOUT ROWID
    """)
    connection.execute("CREATE INDEX workflows_by_owner ON workflows (owner)")
    connection.execute("""
        CREATE TABLE workflow_versions (
            workflow_id TEXT NOT NULL REFERENCES workflows(id) ON DELETE CASCADE,
            number INTEGER NOT NULL, manifest TEXT NOT NULL, graph BLOB NOT NULL,
            needs TEXT NOT NULL, author TEXT REFERENCES users(id),
            comment TEXT NOT NULL, created_at INTEGER NOT NULL, digest TEXT,
            PRIMARY KEY (workflow_id, number)
        )
    """)
    connection.execute("""
        CREATE TABLE job_recipes (
            job_id TEXT PRIMARY KEY REFERENCES jobs(id) ON DELETE CASCADE,
            workflow_id TEXT NOT NULL, version INTEGER NOT NULL,
            preset_id TEXT, batch_id TEXT, cell INTEGER,
            "values" TEXT NOT NULL, answers TEXT NOT NULL
        ) WITHOUT ROWID
    """)
    connection.execute("CREATE INDEX job_recipes_by_workflow ON job_recipes (workflow_id)")
    connection.execute(
        "CREATE INDEX job_recipes_by_batch ON job_recipes (batch_id) WHERE batch_id IS NOT NULL"
    )
