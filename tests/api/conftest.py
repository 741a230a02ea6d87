"""One Studio with the embedded engine for every test of the HTTP surface."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.api.studio_process import RunningStudio, run_studio


@pytest.fixture(scope="session")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStudio]:
    """A Studio under bootstrap."""
    with run_studio(tmp_path_factory.mktemp("api")) as running:
        yield running


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
