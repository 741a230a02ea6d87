"""A Studio for the tests of its doors."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from studio.services.pace import Pace
from tests.api.house import House, open_house
from tests.fakes.echo_engine import EchoEngine
from tests.security.editor_port import EditorPort, open_port


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(tmp_path) as opened:
        yield opened


@pytest.fixture
async def engine() -> AsyncIterator[EchoEngine]:
    """An engine behind the editor's port that tells what reached it."""
    echo = EchoEngine()
    await echo.start()
    yield echo
    await echo.stop()


@pytest.fixture
async def port(tmp_path: Path, engine: EchoEngine) -> AsyncIterator[EditorPort]:
    """The editor's port in front of it."""
    async with open_port(tmp_path, engine.url, pace=Pace(editor_check_s=0.1)) as opened:
        yield opened
