"""A Studio with a language model's server for each file, and the pages of its owner."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.api.studio_process import RunningStudio
from tests.browser.chat_pages import talking_house
from tests.fakes.talker import Talker
from tests.fakes.talker import server as server
from tests.fakes.talker import talker as talker


@pytest.fixture(scope="module")
def opened(
    server: Talker, chromium: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[RunningStudio, dict[str, Any]]]:
    assert chromium
    with talking_house(server, tmp_path_factory.mktemp("chat")) as running:
        yield running


@pytest.fixture(scope="module")
def house(opened: tuple[RunningStudio, dict[str, Any]]) -> RunningStudio:
    """A Studio with that server, and with the embedded engine."""
    return opened[0]


@pytest.fixture(scope="module")
def storage(opened: tuple[RunningStudio, dict[str, Any]]) -> dict[str, Any]:
    """A browser's storage once its owner has come in."""
    return opened[1]


@pytest.fixture
def client(house: RunningStudio) -> Iterator[httpx.Client]:
    """The owner's client."""
    with house.client() as made:
        yield made
