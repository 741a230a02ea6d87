"""What is past its time goes in one purge, however much it is."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from tests.fakes.asset_app import Library, open_library
from tests.fakes.housekeeping import retention_over

JOBS = 450


def _age(connection: sqlite3.Connection) -> None:
    connection.execute("UPDATE jobs SET completed_at = 2, expires_at = 3")


def _count(connection: sqlite3.Connection) -> int:
    count: int = connection.execute("SELECT count(*) FROM jobs").fetchone()[0]
    return count


async def test_jobs_without_outputs_do_not_end_a_purge_early(tmp_path: Path) -> None:
    async with open_library(tmp_path) as library:
        await _fill(library)
        retention = retention_over(library.db, library.blobs, library.folder, library.clock)
        await retention.purge()
        assert await library.db.read(_count) == 0


async def _fill(library: Library) -> None:
    for number in range(JOBS):
        await library.add_job(f"job {number}", status="failed", done=True)
    await library.db.write(_age)
