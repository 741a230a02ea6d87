"""Who may sign releases is said in one file, and counts for the image and for its workflow."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from studio import update_settings
from studio.update_settings import UpdateSettings
from tests.fakes.release_repo import (
    ReleaseRepo,
    allow_signer,
    make_key,
    release_repo,
    small_release,
)

ROOT = Path(__file__).resolve().parents[3]
TAG = "v1.0.0"


def step() -> str:
    """The commands of the workflow."""
    workflow = yaml.safe_load((ROOT / ".github/workflows/image.yml").read_text())
    commands = [
        each["run"]
        for job in workflow["jobs"].values()
        for each in job["steps"]
        if "verify-tag" in each.get("run", "")
    ]
    assert len(commands) == 1
    return str(commands[0])


@pytest.fixture
def repo(tmp_path: Path) -> Iterator[ReleaseRepo]:
    with release_repo(tmp_path / "elsewhere") as made:
        yield made


def build(repo: ReleaseRepo, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run that step where the commit was checked out, and its tag was not."""
    checkout, commit = folder / "checkout", repo.git("rev-parse", "HEAD")
    for command in (
        ("init", "--quiet"),
        ("remote", "add", "origin", str(repo.bare)),
        ("fetch", "--quiet", "--depth=1", "--no-tags", "origin", f"+{commit}:refs/tags/{TAG}"),
        ("checkout", "--quiet", "--detach", TAG),
    ):
        checkout.mkdir(exist_ok=True)
        subprocess.run(("git", *command), cwd=checkout, check=True)
    told = {
        "GITHUB_REF_NAME": TAG,
        "GITHUB_SHA": commit,
        "GITHUB_STEP_SUMMARY": str(folder / "summary"),
    }
    environ = {"PATH": os.environ["PATH"], "HOME": str(folder), **told}
    return subprocess.run(
        ("bash", "-c", step()),
        cwd=checkout,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_file_of_this_repository_names_nobody_and_says_so(
    repo: ReleaseRepo, tmp_path: Path
) -> None:
    signers = (ROOT / "image/allowed_signers").read_text()
    repo.commit({**small_release(), "image/allowed_signers": signers})
    repo.tag(TAG)
    done = build(repo, tmp_path)
    assert done.returncode == 0, done.stderr
    assert "is not signed" in (tmp_path / "summary").read_text()


@pytest.mark.parametrize("signer", ["ours", "theirs", None])
def test_a_tag_is_built_only_when_somebody_who_is_named_signed_it(
    repo: ReleaseRepo, tmp_path: Path, signer: str | None
) -> None:
    ours = make_key(tmp_path, "ours")
    signers = allow_signer(tmp_path, ours).read_text()
    repo.commit({**small_release(), "image/allowed_signers": f"# Ours\n{signers}"})
    key = make_key(tmp_path, "theirs") if signer == "theirs" else ours
    repo.tag(TAG, key=key if signer else None)
    done = build(repo, tmp_path)
    assert (done.returncode == 0) is (signer == "ours"), done.stderr


def test_the_image_s_own_signers_count_unless_others_are_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "allowed_signers"
    monkeypatch.setattr(update_settings, "IMAGE_SIGNERS", own)
    in_image = {"STUDIO_RELEASE": ""}
    assert UpdateSettings.from_env(in_image).signers is None
    own.write_text("releases@example.org ssh-ed25519 AAAA\n")
    assert UpdateSettings.from_env(in_image).signers == own
    assert UpdateSettings.from_env({**in_image, "REPO_SIGNERS": "/x"}).signers == Path("/x")
    assert UpdateSettings.from_env({}).signers is None


@pytest.mark.parametrize(
    ("text", "stays"), [("# Nobody\n\n", False), ("# Us\n a@b ssh-x A\n", True)]
)
def test_the_image_keeps_the_file_only_when_it_names_somebody(
    tmp_path: Path, text: str, stays: bool
) -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    command = dockerfile.partition("RUN grep ")[2].partition("\n\n")[0].partition("\nCOPY")[0]
    place = tmp_path / "allowed_signers"
    place.write_text(text)
    command = command.replace("/opt/studio/image/allowed_signers", str(place))
    subprocess.run(("bash", "-euo", "pipefail", "-c", f"grep {command}"), check=True)
    assert place.exists() is stays
