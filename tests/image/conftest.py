"""The image under test: built and named by ``scripts/test-image``."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.image.container import docker

VARIABLE = "STUDIO_TEST_IMAGE"


@pytest.fixture(scope="session")
def image() -> str:
    name = os.environ.get(VARIABLE, "")
    if not name:
        pytest.skip(f"{VARIABLE} names no image to test; scripts/test-image builds one")
    docker("image", "inspect", name)
    return name


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    """An empty volume, like a new one of Docker's: root's."""
    folder = tmp_path / "volume"
    folder.mkdir(mode=0o755)
    return folder
