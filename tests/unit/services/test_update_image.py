"""When the image's own copy is offered to a volume whose release runs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from boot.arming import Trial
from boot.first_release import copy_name
from boot.releases import Version, read_version
from studio.clients.git import Git
from studio.services.update_image import ImageOffer
from studio.services.update_source import Installed, UpdateSource
from studio.store.db import Database
from studio.store.prefs import PrefStore
from studio.update_settings import UpdateSettings
from tests.fakes.release_repo import ReleaseRepo, release_repo, small_release, version_text

FIRST, OTHER = f"1.0.0-{'a' * 12}", f"1.0.0-{'b' * 12}"
MakeOffer = Callable[..., Awaitable[ImageOffer]]


@pytest.fixture
def repo(tmp_path: Path) -> Iterator[ReleaseRepo]:
    with release_repo(tmp_path / "elsewhere") as made:
        made.commit(small_release())
        yield made


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """The image's own copy."""
    for name, text in small_release("1.0.0").items():
        path = tmp_path / "app" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "app"


@pytest.fixture
def offer(tmp_path: Path, app: Path, repo: ReleaseRepo, db: Database) -> MakeOffer:
    async def make(
        runs: str | None, commit: str | None = "b" * 40, *, committed_at: int | None = None
    ) -> ImageOffer:
        settings = UpdateSettings(True, runs, repo.url, "main", None, 1, commit, committed_at)
        version = read_version(app)
        release_version = version if runs is None else _version(tmp_path, runs)
        own = None if runs is None else runs.rpartition("-")[2]
        installed = Installed(tmp_path, runs, release_version, own)
        git = Git(tmp_path / "studio" / ".repo", repo.url, allow=(repo.host,))
        made = ImageOffer(
            version,
            settings=settings,
            installed=installed,
            app_dir=app,
            source=UpdateSource(git, settings, installed),
            prefs=PrefStore(db),
        )
        await made.open()
        return made

    return make


def _version(folder: Path, release: str) -> Version:
    place = folder / "release"
    place.mkdir(exist_ok=True)
    (place / "version.json").write_text(version_text(release.rpartition("-")[0]))
    return read_version(place)


async def test_another_image_of_the_same_version_is_offered(offer: MakeOffer) -> None:
    assert (await offer(FIRST)).is_newer
    assert not (await offer(OTHER)).is_newer
    # The image's copy runs, because the volume has no release yet.
    assert not (await offer(None)).is_newer


async def test_an_image_that_names_no_commit_is_told_by_its_files(
    offer: MakeOffer, app: Path
) -> None:
    same = copy_name(app)
    assert not (await offer(same, None)).is_newer
    (app / "studio/new.py").write_text("NEW = 1\n")
    assert (await offer(same, None)).is_newer


async def test_a_lower_version_is_never_offered_and_a_higher_one_always(offer: MakeOffer) -> None:
    assert not (await offer(f"1.0.1-{'a' * 12}")).is_newer
    assert (await offer(f"0.9.0-{'a' * 12}", committed_at=1)).is_newer


async def test_what_was_left_for_another_release_is_not_offered_again(offer: MakeOffer) -> None:
    made = await offer(FIRST)
    # The repository's release was taken, while this image was there.
    await made.note_good(Trial(FIRST, f"1.0.0-{'c' * 12}", 2))
    assert not made.is_newer
    assert not (await offer(FIRST)).is_newer
    assert not (await offer(FIRST, "c" * 40)).is_newer
    assert (await offer(FIRST, "d" * 40)).is_newer


async def test_an_image_that_was_committed_earlier_than_what_runs_is_not_offered(
    offer: MakeOffer, repo: ReleaseRepo, tmp_path: Path
) -> None:
    old = repo.git("rev-parse", "HEAD")
    new = repo.commit({"studio/new.py": "NEW = 1\n"})
    git = Git(tmp_path / "studio" / ".repo", repo.url, allow=(repo.host,))
    git.fetch("refs/heads/main")
    runs, at = f"1.0.0-{new[:12]}", int(repo.git("log", "-1", "--format=%ct"))
    assert not (await offer(runs, old, committed_at=at - 60)).is_newer
    assert (await offer(runs, "d" * 40, committed_at=at + 60)).is_newer
    # When it was committed is known of one that was fetched.
    git.fetch(old)
    assert not (await offer(runs, old)).is_newer
