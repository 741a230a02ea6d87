"""A process that is killed loses nothing that it acknowledged."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from studio.store.connection import connect
from tests.faults.storage_process import acknowledged, started, stored, wait_for

FEW = pytest.param(15, id="few")
MANY = pytest.param(300, id="many", marks=pytest.mark.soak)


@pytest.mark.parametrize("rounds", [FEW, MANY])
def test_a_kill_at_any_moment_loses_no_acknowledged_write(tmp_path: Path, rounds: int) -> None:
    path = tmp_path / "studio.db"
    known: set[int] = set()
    for _ in range(rounds):
        with started("commit-for-ever", path) as child:
            wait_for(child, "ready")
            time.sleep(random.uniform(0.001, 0.15))
            child.kill()
            out, _ = child.communicate(timeout=20)
        known |= acknowledged(out)
        assert known <= stored(path)
    assert known


@pytest.mark.parametrize("rounds", [pytest.param(10, id="few"), MANY])
def test_a_kill_at_any_moment_of_a_migration_is_completed_by_the_next_start(
    tmp_path: Path, rounds: int
) -> None:
    cut_short = 0
    for number in range(rounds):
        path = tmp_path / f"{number}.db"
        with started("migrate", path, 8) as child:
            wait_for(child, "ready")
            time.sleep(random.uniform(0.001, 0.12))
            child.kill()
            out, _ = child.communicate(timeout=20)
        cut_short += "version" not in out
        version, tables = _schema_of(path)
        assert tables == {f"step_{step}" for step in range(version)}
        with started("migrate", path, 8) as child:
            assert wait_for(child, "version")[-1] == "version 8"
            assert child.wait(timeout=20) == 0
        version, tables = _schema_of(path)
        assert version == len(tables) == 8
    assert cut_short


def _schema_of(path: Path) -> tuple[int, set[str]]:
    connection = connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    rows = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
    tables = {str(row[0]) for row in rows}
    counts = {connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in tables}
    connection.close()
    assert counts <= {4}
    return version, tables
