"""A folder for each test, and one Studio that runs for all tests that only need any."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.program import Place


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """A folder over which nothing runs; nothing may be left running."""
    place = Place(tmp_path)
    yield place
    assert place.processes() == []


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A folder whose Studio runs; tests use file names of their own in it."""
    place = Place(tmp_path_factory.mktemp("cli"))
    with place.serving():
        yield place
