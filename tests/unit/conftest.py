"""What many tests of one part need: a clock that stands, and a database with a table of notes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from studio.clock import FrozenClock
from studio.store.db import Database
from tests.unit import notes


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    database = Database(tmp_path / "studio.db")
    await database.open(notes.schema)
    yield database
    await database.close()
