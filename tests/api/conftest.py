"""One Studio with the embedded engine for every test of the HTTP surface, one with ComfyUI too."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from tests.api.house import House, open_house
from tests.api.studio_process import RunningStudio, comfyui_variables, run_studio
from tests.fakes.origin import origin as origin
from tests.fakes.talker import Talker, talking


@pytest.fixture(scope="session")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStudio]:
    """A Studio under bootstrap, where the owner may be a hundred live clients.

    It may fetch from servers on loopback, which is where those of the tests are.
    """
    variables = {"MAX_LIVE_CLIENTS": "200", "STUDIO_OUTBOUND_ALLOW": "127.0.0.0/8"}
    with run_studio(tmp_path_factory.mktemp("api"), variables) as running:
        yield running


@pytest.fixture(scope="session")
def comfyui_studio(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningStudio]:
    """A Studio under bootstrap with the ComfyUI of COMFYUI_DIR, on the CPU."""
    cache: pytest.Cache = request.config.cache
    folder = tmp_path_factory.mktemp("api-comfyui")
    variables = {
        **comfyui_variables(folder, cache.mkdir("contract")),
        "STUDIO_OUTBOUND_ALLOW": "127.0.0.0/8",
    }
    with run_studio(folder, variables) as running:
        yield running


@pytest.fixture(scope="session", params=["embedded", "comfyui"])
def any_studio(request: pytest.FixtureRequest) -> RunningStudio:
    """For what has to be true of either engine."""
    name = "studio" if request.param == "embedded" else "comfyui_studio"
    running: RunningStudio = request.getfixturevalue(name)
    return running


@pytest.fixture
def owner(studio: RunningStudio) -> Iterator[httpx.Client]:
    """The owner's client."""
    with studio.client() as client:
        yield client


@pytest.fixture
def paused(owner: httpx.Client) -> Iterator[httpx.Client]:
    """The owner's client while nothing is sent to the engine; what still waits is cleared after."""
    assert owner.post("/api/queue/pause").status_code == 200
    yield owner
    assert owner.post("/api/queue/clear").status_code == 200
    assert owner.post("/api/queue/resume").status_code == 200


@pytest.fixture
async def client(studio: RunningStudio) -> AsyncIterator[httpx.AsyncClient]:
    """The owner's client for a test that serves files itself meanwhile."""
    async with studio.async_client() as made:
        yield made


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """A Studio of the test's own, in this process and without an engine."""
    async with open_house(tmp_path) as opened:
        yield opened


@pytest.fixture(scope="session")
def language_server() -> Iterator[Talker]:
    """A language model's server on loopback."""
    with talking() as running:
        yield running


@pytest.fixture
def talker(language_server: Talker) -> Talker:
    """The same, with nothing left of the test before."""
    language_server.forget()
    return language_server


@pytest.fixture(scope="session")
def talking_studio(
    language_server: Talker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningStudio]:
    """A Studio with that server, and with the embedded engine."""
    folder = tmp_path_factory.mktemp("chats")
    with run_studio(folder, language_server.environ()) as running:
        yield running


@pytest.fixture
def chatting(talking_studio: RunningStudio) -> Iterator[httpx.Client]:
    """The owner's client of it."""
    with talking_studio.client() as made:
        yield made
