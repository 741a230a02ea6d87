"""A library and a bot's outbox over it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fakes.asset_app import Library, open_library
from tests.unit.bot.lines import Line, open_line


@pytest.fixture
async def library(tmp_path: Path) -> AsyncIterator[Library]:
    async with open_library(tmp_path, max_upload_bytes=60 * 1024 * 1024) as opened:
        yield opened


@pytest.fixture
async def line(library: Library) -> AsyncIterator[Line]:
    async with open_line(library) as opened:
        yield opened
