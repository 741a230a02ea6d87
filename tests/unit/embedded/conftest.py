"""An embedded engine with a small memory."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.contract.clients import Client
from tests.contract.harness import Engine, run_embedded


@pytest.fixture(scope="session")
def embedded_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """Run one engine that may hold 40 MB of pixels and does not dawdle."""
    home = tmp_path_factory.mktemp("embedded")
    with run_embedded(home, "--memory-limit-mb", "40", "--step-delay-ms", "1") as engine:
        yield engine


@pytest.fixture
def client(embedded_engine: Engine) -> Iterator[Client]:
    """A client of its own for one test."""
    client = Client(embedded_engine)
    yield client
    client.calm()
    client.http.close()
