"""One Studio with the embedded engine for every test of the HTTP surface, one with ComfyUI too."""

from __future__ import annotations

import os
from collections.abc import Iterator

import httpx
import pytest

from tests.api.graphs import CHECKPOINT
from tests.api.studio_process import RunningStudio, run_studio
from tests.contract.harness import make_checkpoint


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
    source = os.environ.get("COMFYUI_DIR")
    if not source:
        pytest.skip("COMFYUI_DIR names no ComfyUI")
    python = os.environ.get("COMFYUI_PYTHON") or "python3"
    cache: pytest.Cache = request.config.cache
    checkpoint = make_checkpoint(python, cache.mkdir("contract") / "random-sd15.safetensors")
    folder = tmp_path_factory.mktemp("api-comfyui")
    models = folder / "models" / "checkpoints"
    models.mkdir(parents=True)
    # Under the name that the tests' graphs load.
    (models / CHECKPOINT).symlink_to(checkpoint)
    variables = {
        "STUDIO_ENGINE": "comfyui",
        "COMFYUI_DIR": source,
        "COMFYUI_PYTHON": python,
        "COMFYUI_FLAGS": "--cpu --disable-all-custom-nodes --disable-api-nodes",
        "MODEL_DIR": str(models.parent),
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
