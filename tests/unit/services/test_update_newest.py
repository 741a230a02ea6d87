"""Which of a repository's tags is the newest release, and what does not count as one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from boot.releases import Version
from studio.clients.git import Git
from studio.errors import UpdateRefused
from studio.services.update_source import Installed, UpdateSource
from studio.update_settings import UpdateSettings
from tests.fakes.release_repo import ReleaseRepo, release_repo, small_release

Newest = Callable[..., str | None]


@pytest.fixture
def repo(tmp_path: Path) -> Iterator[ReleaseRepo]:
    with release_repo(tmp_path / "elsewhere") as made:
        yield made


@pytest.fixture
def newest(tmp_path: Path, repo: ReleaseRepo) -> Newest:
    """The tag that is found by a Studio of version ``runs``."""

    def find(runs: str = "1.0.0", ref: str = "v*") -> str | None:
        settings = UpdateSettings(True, None, repo.url, ref, None, 1, None)
        git = Git(tmp_path / "studio" / ".repo", repo.url, allow=(repo.host,))
        installed = Installed(tmp_path, None, Version(runs, 1, {}), None)
        return UpdateSource(git, settings, installed).find().tag

    return find


def tag(repo: ReleaseRepo, *versions: str) -> None:
    for version in versions:
        repo.commit(small_release(version))
        repo.tag(f"v{version}")


def test_pre_releases_are_for_those_who_run_one(repo: ReleaseRepo, newest: Newest) -> None:
    tag(repo, "1.1.0", "1.2.0-rc.10", "1.2.0-rc.9")
    assert newest() == "v1.1.0"
    assert newest("1.2.0-rc.1") == "v1.2.0-rc.10"
    assert newest(ref="v1.2.0-rc.*") == "v1.2.0-rc.10"
    tag(repo, "1.2.0")
    assert newest("1.2.0-rc.1") == "v1.2.0"


def test_a_repository_of_pre_releases_alone_has_no_release(
    repo: ReleaseRepo, newest: Newest
) -> None:
    tag(repo, "1.1.0-rc.1")
    with pytest.raises(UpdateRefused, match="only pre-releases"):
        newest()


def test_a_stray_tag_hides_no_release(repo: ReleaseRepo, newest: Newest) -> None:
    tag(repo, "1.1.0")
    # Of something else, without a version, of another version than it says, and of a file.
    for name in ("vendor-import", "v9.0.0", "v8-final"):
        repo.tag(name)
    repo.commit({"version.json": "{"})
    repo.tag("v7.0.0")
    repo.commit({"version.json": None})
    repo.tag("v6.0.0")
    repo.git("tag", "v5.0.0", repo.git("rev-parse", "HEAD:studio/__init__.py"))
    repo.push()
    assert newest() == "v1.1.0"


def test_where_no_tag_is_a_release_it_is_said_why(repo: ReleaseRepo, newest: Newest) -> None:
    tag(repo, "1.1.0")
    repo.commit({"version.json": "{"})
    repo.tag("v1.1.0")
    with pytest.raises(UpdateRefused, match="The release is none"):
        newest()


@pytest.mark.parametrize("said", ["[" * 60_000, '{"version": ' + "1" * 9000 + "}"])
def test_a_version_file_that_overwhelms_json_is_none(
    repo: ReleaseRepo, newest: Newest, said: str
) -> None:
    repo.commit({**small_release(), "version.json": said})
    with pytest.raises(UpdateRefused, match=r"version\.json is not JSON"):
        newest(ref="main")
