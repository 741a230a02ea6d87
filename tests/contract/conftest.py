"""The engines that every test of the contract runs against."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.clients import Client
from tests.contract.harness import Engine, make_checkpoint, run_comfyui, run_embedded


@pytest.fixture(scope="session", params=["embedded", "comfyui"])
def running_engine(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Engine]:
    """Run one engine for all its tests."""
    home = tmp_path_factory.mktemp(request.param)
    if request.param == "embedded":
        with run_embedded(home) as engine:
            yield engine
        return
    source = os.environ.get("COMFYUI_DIR")
    if not source:
        pytest.skip("COMFYUI_DIR does not name a ComfyUI to compare with")
    python = os.environ.get("COMFYUI_PYTHON", "python3")
    cache: pytest.Cache = request.config.cache
    checkpoint = make_checkpoint(python, cache.mkdir("contract") / "random-sd15.safetensors")
    with run_comfyui(home, Path(source), python, checkpoint) as engine:
        yield engine


@pytest.fixture
def engine(running_engine: Engine) -> Iterator[Engine]:
    """Lend the engine to one test and stop what it leaves behind."""
    yield running_engine
    client = Client(running_engine)
    client.calm()
    client.http.close()


@pytest.fixture
def client(engine: Engine) -> Iterator[Client]:
    """A client of its own for one test."""
    client = Client(engine)
    yield client
    client.http.close()
