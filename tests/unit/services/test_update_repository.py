"""The copy of the repository on the volume does not grow for ever, nor stay damaged."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from studio.clients.git import Git
from studio.errors import StorageUnavailable, StudioError
from tests.fakes.release_repo import ReleaseRepo, release_repo, small_release

MAIN = "refs/heads/main"


@pytest.fixture
def repo(tmp_path: Path) -> Iterator[ReleaseRepo]:
    with release_repo(tmp_path / "elsewhere") as made:
        made.commit(small_release())
        yield made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "studio" / ".repo"


def test_what_a_killed_fetch_left_of_its_packs_is_removed(repo: ReleaseRepo, folder: Path) -> None:
    git = Git(folder, repo.url, allow=(repo.host,))
    git.fetch(MAIN)
    objects = folder / "objects"
    (objects / "ab").mkdir(exist_ok=True)
    left = [objects / "pack/tmp_pack_Xa1b2c", objects / "pack/tmp_idx_d", objects / "ab/tmp_obj_e"]
    for path in left:
        path.write_bytes(bytes(1000))
    commit = repo.commit({"studio/new.py": "NEW = 1\n"})
    assert git.fetch(MAIN) == commit
    assert not [path for path in left if path.exists()]


def test_a_repository_that_grew_too_large_is_made_anew(repo: ReleaseRepo, folder: Path) -> None:
    git = Git(folder, repo.url, allow=(repo.host,), max_bytes=300_000)
    for _ in range(6):
        # Hexadecimal noise is compressed to about the half.
        commit = repo.commit({"frontend/noise.txt": os.urandom(100_000).hex()})
        assert git.fetch(MAIN) == commit == git.expand(commit)
        held = sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file())
        assert held < 450_000


def test_a_repository_that_has_room_keeps_what_it_fetched(repo: ReleaseRepo, folder: Path) -> None:
    git = Git(folder, repo.url, allow=(repo.host,))
    first = git.fetch(MAIN)
    repo.commit({"studio/new.py": "NEW = 1\n"})
    git.fetch(MAIN)
    assert git.expand(first) == first


@pytest.mark.parametrize("damage", ["an empty head", "an empty config", "no head", "empty objects"])
def test_a_copy_that_a_power_cut_damaged_is_made_anew(
    repo: ReleaseRepo, folder: Path, damage: str
) -> None:
    git = Git(folder, repo.url, allow=(repo.host,))
    git.fetch(MAIN)
    if damage == "an empty head":
        (folder / "HEAD").write_bytes(b"")
    if damage == "an empty config":
        (folder / "config").write_text("[core\n")
    if damage == "no head":
        (folder / "HEAD").unlink()
    if damage == "empty objects":
        for path in folder.glob("objects/*/*"):
            path.chmod(0o600)
            path.write_bytes(b"")
    commit = repo.commit({"studio/new.py": "NEW = 1\n"})
    assert git.fetch(MAIN) == commit == git.expand(commit)


def test_a_clone_that_somebody_made_there_is_not_removed(repo: ReleaseRepo, folder: Path) -> None:
    (folder / ".git").mkdir(parents=True)
    (folder / ".git/notes").write_text("theirs")
    git = Git(folder, repo.url, allow=(repo.host,))
    with pytest.raises(StudioError):
        git.fetch(MAIN)
    assert (folder / ".git/notes").read_text() == "theirs"


def test_a_file_in_its_place_is_told(repo: ReleaseRepo, folder: Path) -> None:
    folder.parent.mkdir()
    folder.write_text("not a folder")
    with pytest.raises(StorageUnavailable, match=r"\.repo for what is fetched cannot be used"):
        Git(folder, repo.url, allow=(repo.host,)).fetch(MAIN)
