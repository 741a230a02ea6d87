"""An update in the container, from a repository, and the way back."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from boot.releases import PARTS
from tests.fakes.release_repo import ReleaseRepo, release_repo, version_text
from tests.image.container import RED, eventually, running
from tests.policy.source import ROOT

VERSION = "99.0.0"
PNG = b"\x89PNG\r\n"


@pytest.fixture
def repo(tmp_path: Path) -> Iterator[ReleaseRepo]:
    """Has this application, as a version that is newer than every image."""
    with release_repo(tmp_path / "elsewhere") as made:
        made.copy(ROOT, *PARTS)
        made.commit(
            {
                "version.json": version_text(VERSION),
                "CHANGELOG.md": f"# Changelog\n\n## [{VERSION}]\n\n- It is new\n",
            }
        )
        yield made


def test_an_update_is_staged_tried_and_kept_and_there_is_a_way_back(
    image: str, volume: Path, repo: ReleaseRepo
) -> None:
    def release() -> str:
        return os.readlink(volume / "studio/current")

    environment = {
        "REPO_URL": repo.url,
        "REPO_REF": "main",
        "STUDIO_OUTBOUND_ALLOW": repo.host,
        "UPDATE_TRIAL_S": "4",
        # The machine may be slow; what is asked is whether it works.
        "UPDATE_DEADLINE_S": "900",
    }
    with running(image, volume, environment=environment) as container:
        container.wait_until_ready()
        eventually(lambda: True if (volume / "studio/current").is_symlink() else None, "a release")
        first = release()
        job = container.submit(RED)
        container.wait_for_status(job, "succeeded")
        start = "/opt/studio/start.sh"

        refused = container.run_inside(start, "update", "apply", check=False)
        assert refused == "" and release() == first

        said = container.run_inside(start, "update", "apply", "--allow-unsigned")
        assert f"Studio {VERSION} runs, from the release {VERSION}-" in said
        assert release().startswith(f"releases/{VERSION}-")
        container.wait_until_ready()
        assert container.job(job)["status"] == "succeeded"
        assert container.make_red_picture().startswith(PNG)

        container.run_inside(start, "update", "back")
        assert release() == first
        container.wait_until_ready()
        assert container.job(job)["status"] == "succeeded"
        assert container.stop() == 0
