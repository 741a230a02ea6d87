"""Node packs of the image are what the lock says, or the build ends; with real repositories."""

from __future__ import annotations

import hashlib
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from image.install_nodes import LockError, Pack, check_requirements, chosen, main, read_lock
from image.lock import render

REQUIREMENTS = b"einops\n"
DIGEST = hashlib.sha256(REQUIREMENTS).hexdigest()


@dataclass(frozen=True)
class Repository:
    folder: Path

    def git(self, *arguments: str) -> str:
        identity = ("-c", "user.name=A", "-c", "user.email=a@example.org")
        done = subprocess.run(
            ("git", "-C", str(self.folder), *identity, *arguments),
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout.strip()

    def commit(self, name: str, content: bytes) -> str:
        (self.folder / name).write_bytes(content)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", name)
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    repository = Repository(tmp_path / "pack")
    repository.folder.mkdir()
    repository.git("init", "--quiet")
    # Hosts of repositories answer to a commit as well as to a name.
    repository.git("config", "uploadpack.allowAnySHA1InWant", "true")
    repository.commit("requirements.txt", REQUIREMENTS)
    return repository


def pack_of(repository: Repository, commit: str, digest: str = DIGEST) -> Pack:
    url = repository.folder.as_uri()
    return Pack("Pack", url, commit, "requirements.txt", digest, ("standard",))


def lock_of(folder: Path, *packs: Pack) -> Path:
    path = folder / "nodes.lock"
    path.write_text(render(packs), encoding="utf-8")
    return path


def test_a_pack_is_installed_at_its_commit_though_its_branch_has_gone_on(
    repository: Repository, tmp_path: Path
) -> None:
    commit = repository.commit("nodes.py", b"FIRST = 1\n")
    repository.commit("nodes.py", b"SECOND = 2\n")
    lock = lock_of(tmp_path, pack_of(repository, commit))
    assert main([str(lock), "standard", str(tmp_path)]) == 0
    assert (tmp_path / "Pack/nodes.py").read_bytes() == b"FIRST = 1\n"
    assert not (tmp_path / "Pack/.git").exists()


def test_a_variant_without_packs_installs_none(repository: Repository, tmp_path: Path) -> None:
    commit = repository.commit("nodes.py", b"")
    lock = lock_of(tmp_path, pack_of(repository, commit))
    assert main([str(lock), "minimal", str(tmp_path)]) == 0
    assert not (tmp_path / "Pack").exists()


def test_requirements_that_are_not_those_of_the_lock_end_the_build(
    repository: Repository, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    commit = repository.commit("requirements.txt", b"einops==6.6.6\n")
    lock = lock_of(tmp_path, pack_of(repository, commit))
    assert main([str(lock), "standard", str(tmp_path)]) == 1
    assert "not the lock's" in capsys.readouterr().err


def test_a_commit_that_is_gone_ends_the_build(
    repository: Repository, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lock = lock_of(tmp_path, pack_of(repository, "0123456789" * 4))
    assert main([str(lock), "standard", str(tmp_path)]) == 1
    assert "git fetch" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("commit", "digest"), [("", DIGEST), ("main", DIGEST), ("a" * 40, "")], ids=str
)
def test_what_is_unresolved_is_refused_by_the_variants_that_need_it(
    repository: Repository, commit: str, digest: str
) -> None:
    packs = (pack_of(repository, commit, digest),)
    assert chosen(packs, "minimal") == ()
    with pytest.raises(LockError, match="unresolved"):
        chosen(packs, "standard")


def test_a_hook_of_the_machine_s_templates_is_not_run(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook = tmp_path / "templates/hooks/post-checkout"
    hook.parent.mkdir(parents=True)
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/hook-ran\n")
    hook.chmod(0o755)
    monkeypatch.setenv("GIT_TEMPLATE_DIR", str(hook.parent.parent))
    lock = lock_of(tmp_path, pack_of(repository, repository.commit("nodes.py", b"")))
    assert main([str(lock), "standard", str(tmp_path)]) == 0
    assert not (tmp_path / "hook-ran").exists()


@pytest.mark.parametrize("name", ["", "..", "../evil", "a/b", ".git", "-rf"])
def test_a_name_that_is_no_folder_is_refused(tmp_path: Path, name: str) -> None:
    pack = Pack(name, "https://example.org/a", "a" * 40, "", "", ("full",))
    with pytest.raises(LockError, match="name of a folder"):
        read_lock(lock_of(tmp_path, pack))


def test_requirements_outside_the_pack_are_refused(tmp_path: Path) -> None:
    pack = Pack("Pack", "https://example.org/a", "a" * 40, "../x", DIGEST, ("full",))
    with pytest.raises(LockError, match="beside the pack"):
        read_lock(lock_of(tmp_path, pack))


def test_a_pack_that_is_named_twice_is_refused(tmp_path: Path) -> None:
    one = Pack("Pack", "https://example.org/a", "a" * 40, "", "", ("full",))
    other = Pack("pack", "https://example.org/b", "b" * 40, "", "", ("full",))
    with pytest.raises(LockError, match="named twice"):
        read_lock(lock_of(tmp_path, one, other))


def test_a_lock_that_cannot_be_read_ends_the_build(tmp_path: Path) -> None:
    broken = tmp_path / "nodes.lock"
    broken.write_text("[[pack]")
    assert main([str(broken), "full", str(tmp_path)]) == 1


def test_requirements_that_are_missing_are_named(tmp_path: Path) -> None:
    pack = Pack("Pack", "https://example.org/a", "a" * 40, "requirements.txt", DIGEST, ("full",))
    with pytest.raises(LockError, match=r"there is no requirements\.txt"):
        check_requirements(pack, tmp_path / "requirements.txt")
