"""What a repository may give to Studio, and what is refused of it."""

from __future__ import annotations

import os
import stat
import subprocess
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from boot.releases import Version
from studio.clients.git import Git
from studio.errors import SourceUnreachable, UpdateRefused
from studio.services.update_source import Allowed, Candidate, Installed, UpdateSource
from studio.store.release_tree import Read, TreeEntry, write_release
from studio.update_settings import UpdateSettings
from tests.fakes.release_repo import (
    ReleaseRepo,
    allow_signer,
    make_key,
    release_repo,
    small_release,
)

MakeSource = Callable[..., UpdateSource]


@pytest.fixture
def repo(tmp_path: Path) -> Iterator[ReleaseRepo]:
    with release_repo(tmp_path / "elsewhere") as made:
        made.commit(small_release())
        yield made


@pytest.fixture
def source(tmp_path: Path, repo: ReleaseRepo) -> MakeSource:
    def make(
        ref: str = "main",
        *,
        version: str = "1.0.0",
        commit: str | None = None,
        signers: Path | None = None,
        url: str = repo.url,
        runtime: int = 1,
    ) -> UpdateSource:
        settings = UpdateSettings(True, None, url, ref, signers, runtime, None)
        installed = Installed(tmp_path, None, Version(version, 1, {}), commit)
        git = Git(tmp_path / "studio" / ".repo", url, allow=(repo.host,))
        return UpdateSource(git, settings, installed)

    return make


def refusal(source: UpdateSource, allowed: Allowed = Allowed(unsigned=True)) -> str:  # noqa: B008
    """The reason for which what the repository has is not taken."""
    with pytest.raises(UpdateRefused) as refused:
        source.judge(source.find(), {}, allowed)
    assert refused.value.details is not None
    return str(refused.value.details["reason"])


def stage(source: UpdateSource, folder: Path) -> Candidate:
    found = source.find()
    source.stage(found, folder)
    return found


def test_a_release_is_written_as_it_was_committed(
    repo: ReleaseRepo, source: MakeSource, tmp_path: Path
) -> None:
    (repo.work / "studio/run.sh").write_text("#!/bin/sh\n")
    (repo.work / "studio/run.sh").chmod(0o755)
    (repo.work / "outside.txt").write_text("no part of a release")
    commit = repo.commit({"studio/ünï cødé.txt": "names are kept"})

    found = stage(source(), tmp_path / "staged")

    assert (found.commit, found.release) == (commit, f"1.0.0-{commit[:12]}")
    written = {
        str(path.relative_to(tmp_path / "staged"))
        for path in (tmp_path / "staged").rglob("*")
        if path.is_file()
    }
    assert written == {*small_release(), "studio/run.sh", "studio/ünï cødé.txt"} - {"CHANGELOG.md"}
    assert (tmp_path / "staged/studio/run.sh").stat().st_mode & stat.S_IXUSR
    assert not (tmp_path / "staged/version.json").stat().st_mode & stat.S_IXUSR


def test_attributes_of_the_repository_change_nothing(
    repo: ReleaseRepo, source: MakeSource, tmp_path: Path
) -> None:
    rules = "* text eol=crlf filter=harm ident\nfrontend/** export-ignore\n"
    repo.commit({".gitattributes": rules, "studio/a.py": "A = '$Id$'\n"})
    stage(source(), tmp_path / "staged")
    assert (tmp_path / "staged/studio/a.py").read_bytes() == b"A = '$Id$'\n"
    assert (tmp_path / "staged/frontend/index.html").exists()


def test_no_hook_of_the_copy_here_is_run(
    repo: ReleaseRepo, source: MakeSource, tmp_path: Path
) -> None:
    stage(source(), tmp_path / "staged")
    mark = tmp_path / "a-hook-ran"
    hooks = tmp_path / "studio/.repo/hooks"
    hooks.mkdir(exist_ok=True)
    for name in ("reference-transaction", "post-checkout", "post-merge", "pre-auto-gc"):
        (hooks / name).write_text(f"#!/bin/sh\ntouch {mark}\n")
        (hooks / name).chmod(0o755)
    repo.commit({"studio/new.py": "NEW = 1\n"})
    stage(source(), tmp_path / "staged")
    assert (tmp_path / "staged/studio/new.py").exists()
    assert not mark.exists()


@pytest.mark.parametrize("name", ["studio/link", "frontend/deep/link"])
def test_a_link_in_a_release_is_refused(
    repo: ReleaseRepo, source: MakeSource, tmp_path: Path, name: str
) -> None:
    (repo.work / name).parent.mkdir(exist_ok=True)
    (repo.work / name).symlink_to("/etc")
    repo.commit()
    with pytest.raises(UpdateRefused, match="a link"):
        stage(source(), tmp_path / "staged")


def test_a_submodule_in_a_release_is_refused(
    repo: ReleaseRepo, source: MakeSource, tmp_path: Path
) -> None:
    head = repo.git("rev-parse", "HEAD")
    repo.git("update-index", "--add", "--cacheinfo", f"160000,{head},studio/vendored")
    repo.git("commit", "--quiet", "--message", "A submodule")
    repo.push()
    with pytest.raises(UpdateRefused, match="a submodule"):
        stage(source(), tmp_path / "staged")


@pytest.mark.parametrize("name", ["..", ".git", "a\\b", "C:x"])
def test_a_name_that_leads_elsewhere_is_refused(
    repo: ReleaseRepo, source: MakeSource, tmp_path: Path, name: str
) -> None:
    blob = repo.git("hash-object", "-w", "--stdin", said=b"harm")
    inner = repo.git(
        "hash-object", "-t", "tree", "-w", "--literally", "--stdin",
        said=f"100644 {name}\0".encode() + bytes.fromhex(blob),
    )  # fmt: skip
    lines = [
        line.replace(line.split()[2], inner) if line.endswith("\tstudio") else line
        for line in repo.git("ls-tree", "HEAD").splitlines()
    ]
    tree = repo.git("mktree", "--missing", said="\n".join(lines).encode() + b"\n")
    commit = repo.git("commit-tree", tree, "-m", "harm")
    repo.git("-c", "core.protectNTFS=false", "update-ref", "HEAD", commit)
    repo.push()
    with pytest.raises(UpdateRefused):
        stage(source(), tmp_path / "staged")
    assert not (tmp_path / "harm").exists()
    assert not list((tmp_path).glob("*harm*"))


def test_an_object_that_was_changed_here_is_refused(
    repo: ReleaseRepo, source: MakeSource, tmp_path: Path
) -> None:
    made = source()
    found = made.find()
    changed = repo.git("rev-parse", "HEAD:studio/store/rows.py")
    objects = tmp_path / "studio/.repo/objects"
    for pack in (*objects.glob("pack/*.pack"), *objects.glob("pack/*.rev")):
        pack.chmod(0o644)
    _unpack(objects)
    loose = objects / changed[:2] / changed[2:]
    loose.chmod(0o644)
    loose.write_bytes(zlib.compress(b"blob 9\0ROWS = 2\n"))
    with pytest.raises(UpdateRefused, match="was changed"):
        made.stage(found, tmp_path / "staged")


def _unpack(objects: Path) -> None:
    """Make every object of the packs a file of its own."""
    for pack in objects.glob("pack/*.pack"):
        data = pack.read_bytes()
        for path in pack.parent.glob(f"{pack.stem}.*"):
            path.unlink()
        subprocess.run(
            ("git", "unpack-objects", "-q"),
            env={"GIT_DIR": str(objects.parent), "PATH": os.environ["PATH"]},
            input=data,
            check=True,
        )


def test_a_file_that_the_disk_changed_is_noticed(
    source: MakeSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write_badly(folder: Path, parts: list[TreeEntry], read: Read) -> int:
        files = write_release(folder, parts, read)
        (folder / "studio/store/rows.py").write_text("ROWS = 2\n")
        return files

    monkeypatch.setattr("studio.services.update_source.write_release", write_badly)
    with pytest.raises(UpdateRefused, match="studio is not what was fetched"):
        stage(source(), tmp_path / "staged")


def test_a_signed_tag_is_taken_and_others_are_not(
    repo: ReleaseRepo, source: MakeSource, tmp_path: Path
) -> None:
    ours, theirs = make_key(tmp_path, "ours"), make_key(tmp_path, "theirs")
    signers = allow_signer(tmp_path, ours)
    commit = repo.commit(small_release("1.1.0"))
    repo.tag("v1.1.0", key=ours)
    made = source("v*", signers=signers)
    found = made.find()
    made.judge(found, {}, Allowed())
    assert (found.trust, found.tag, found.commit) == ("signed", "v1.1.0", commit)

    repo.commit(small_release("1.2.0"))
    repo.tag("v1.2.0", key=theirs)
    assert refusal(made) == "unsigned"
    repo.tag("v1.2.0")
    assert refusal(made) == "unsigned"
    assert refusal(source("main", signers=signers)) == "unsigned"


def test_the_signed_tag_of_another_release_is_refused_under_a_new_name(
    repo: ReleaseRepo, source: MakeSource, tmp_path: Path
) -> None:
    key = make_key(tmp_path, "ours")
    repo.tag("v1.0.0", key=key)
    repo.git("update-ref", "refs/tags/v9.0.0", repo.git("rev-parse", "refs/tags/v1.0.0"))
    repo.push()
    with pytest.raises(UpdateRefused, match="belongs to another release"):
        source("v*", signers=allow_signer(tmp_path, key)).find()


def test_a_tampered_tag_is_not_signed_any_more(
    repo: ReleaseRepo, source: MakeSource, tmp_path: Path
) -> None:
    key = make_key(tmp_path, "ours")
    repo.tag("v1.0.0", key=key)
    signed = repo.git("cat-file", "tag", "v1.0.0")
    before = repo.git("rev-parse", "HEAD")
    harm = repo.commit({"studio/__init__.py": "HARM = 1\n"})
    forged = repo.git(
        "hash-object", "-t", "tag", "-w", "--stdin", said=signed.replace(before, harm).encode()
    )
    repo.git("update-ref", "refs/tags/v1.0.0", forged)
    repo.push()
    assert refusal(source("v1.0.0", signers=allow_signer(tmp_path, key))) == "unsigned"


def test_a_pinned_commit_is_that_commit(repo: ReleaseRepo, source: MakeSource) -> None:
    pinned = repo.git("rev-parse", "HEAD")
    repo.commit(small_release("2.0.0"))
    made = source(pinned)
    found = made.find()
    made.judge(found, {}, Allowed())
    assert (found.commit, found.trust, found.version.version) == (pinned, "pinned", "1.0.0")


def test_what_nobody_vouches_for_is_taken_only_on_purpose(source: MakeSource) -> None:
    made = source("main")
    assert refusal(made, Allowed(older=True)) == "unverified"
    made.judge(made.find(), {}, Allowed(unsigned=True))


def test_the_newest_version_is_taken_not_the_last_by_name(
    repo: ReleaseRepo, source: MakeSource
) -> None:
    for version in ("1.9.0", "1.10.0", "1.2.0", "1.10.0-rc.1"):
        repo.commit(small_release(version))
        repo.tag(f"v{version}")
    assert source("v*").find().tag == "v1.10.0"


def test_a_tag_that_moved_is_refused(repo: ReleaseRepo, source: MakeSource) -> None:
    repo.tag("v1.0.0")
    made = source("v1.0.0")
    seen = made.find()
    repo.commit({"studio/new.py": "NEW = 1\n"})
    repo.tag("v1.0.0")
    with pytest.raises(UpdateRefused) as refused:
        made.judge(made.find(), {"v1.0.0": seen.commit}, Allowed(older=True))
    assert refused.value.details == {"reason": "tag_moved"}


def test_an_older_version_needs_the_owners_word(repo: ReleaseRepo, source: MakeSource) -> None:
    made = source(version="1.0.1")
    assert refusal(made) == "downgrade"
    made.judge(made.find(), {}, Allowed(older=True, unsigned=True))


def test_an_older_commit_of_the_same_version_is_a_downgrade_too(
    repo: ReleaseRepo, source: MakeSource
) -> None:
    old = repo.git("rev-parse", "HEAD")
    new = repo.commit({"studio/new.py": "NEW = 1\n"})
    source().find()
    repo.git("reset", "--quiet", "--hard", old)
    repo.push()
    made = source(commit=new[:12])
    assert made.find().is_older
    assert refusal(made) == "downgrade"


def test_a_release_for_a_newer_image_is_refused(repo: ReleaseRepo, source: MakeSource) -> None:
    repo.commit(small_release("2.0.0", min_runtime=3))
    assert refusal(source(runtime=2)) == "runtime"


@pytest.mark.parametrize("part", ["version.json", "catalogs/models.json"])
def test_a_release_without_one_of_its_parts_is_refused(
    repo: ReleaseRepo, source: MakeSource, part: str
) -> None:
    repo.commit({part: None})
    with pytest.raises(UpdateRefused, match="has no"):
        source().find()


@pytest.mark.parametrize("said", ["{", "[]", '{"version": "../x"}', '{"version": "1.0"}'])
def test_a_version_that_is_none_is_refused(
    repo: ReleaseRepo, source: MakeSource, said: str
) -> None:
    repo.commit({"version.json": said})
    with pytest.raises(UpdateRefused, match="The release is none"):
        source().find()


@pytest.mark.parametrize("ref", ["nothing", "v*", "0" * 40])
def test_what_the_repository_does_not_have_is_said(source: MakeSource, ref: str) -> None:
    with pytest.raises(UpdateRefused) as refused:
        source(ref).find()
    assert refused.value.details == {"reason": "not_found"}


def test_a_repository_that_is_not_there_is_said_so(source: MakeSource, repo: ReleaseRepo) -> None:
    with pytest.raises(SourceUnreachable, match="cannot be fetched from"):
        source(url=f"git://{repo.host}/another.git").find()


def test_a_fetch_that_was_killed_does_not_hinder_the_next(
    repo: ReleaseRepo, source: MakeSource, tmp_path: Path
) -> None:
    source().find()
    (tmp_path / "studio/.repo/shallow.lock").touch()
    commit = repo.commit({"studio/new.py": "NEW = 1\n"})
    assert source().find().commit == commit
