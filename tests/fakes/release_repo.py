"""A repository of releases as GitHub would have it: bare, and served by git itself on loopback."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.contract.harness import find_free_port

COMPONENTS = ("app", "frontend", "catalogs", "workflows")


def version_text(version: str, *, min_runtime: int = 1, **components: str) -> str:
    """A ``version.json``; components that are not named have the version of the whole."""
    said: dict[str, Any] = {"version": version, "min_runtime": min_runtime}
    said["components"] = dict.fromkeys(COMPONENTS, version) | components
    return json.dumps(said)


def small_release(version: str = "1.0.0", **more: Any) -> dict[str, str]:
    """The least that has the shape of a release."""
    return {
        "version.json": version_text(version, **more),
        "CHANGELOG.md": f"# Changelog\n\n## [{version}]\n\n- What {version} brings\n",
        "studio/__init__.py": f"# {version}\n",
        "studio/store/rows.py": "ROWS = 1\n",
        "frontend/index.html": "<!doctype html>\n",
        "catalogs/models.json": "[]\n",
        "workflows/one/manifest.yaml": "id: one\n",
    }


class ReleaseRepo:
    """One repository: ``work`` is where commits are made, ``bare`` what is served at ``url``."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.work = folder / "work"
        self.bare = folder / "served" / "studio.git"
        self.host = f"127.0.0.1:{port}"
        self.url = f"git://{self.host}/studio.git"
        self._seconds = 1_700_000_000
        self.work.mkdir(parents=True)
        self.git("init", "--quiet", "--initial-branch=main")
        self.bare.parent.mkdir()
        self.git("init", "--quiet", "--bare", str(self.bare))
        self.git("config", "uploadpack.allowAnySHA1InWant", "true", bare=True)
        (self.bare / "git-daemon-export-ok").touch()

    def git(self, *arguments: str, bare: bool = False, said: bytes | None = None) -> str:
        """Run git as the people who make releases do."""
        done = subprocess.run(
            ("git", *arguments),
            cwd=self.bare if bare else self.work,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(self.folder),
                "GIT_CONFIG_NOSYSTEM": "1",
                **{
                    f"GIT_{who}_{what}": value
                    for who in ("AUTHOR", "COMMITTER")
                    for what, value in (
                        ("NAME", "Releases"),
                        ("EMAIL", "releases@example.org"),
                        ("DATE", f"{self._seconds} +0000"),
                    )
                },
            },
            input=said,
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode().strip()

    def commit(self, files: Mapping[str, str | None] | None = None, *, later_s: int = 60) -> str:
        """Commit the files (None removes one) on top, push, and return the commit."""
        for name, text in (files or {}).items():
            path = self.work / name
            if text is None:
                path.unlink()
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        self._seconds += later_s
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", "A release")
        self.push()
        return self.git("rev-parse", "HEAD")

    def copy(self, source: Path, *names: str) -> None:
        """Take whole folders of another place over, for the next commit."""
        for name in names:
            shutil.copytree(
                source / name,
                self.work / name,
                dirs_exist_ok=True,
                ignore=shutil.ignore_patterns("__pycache__"),
            )

    def tag(self, name: str, *, key: Path | None = None) -> None:
        """Name the newest commit; with a key the tag is signed by it."""
        if key is None:
            self.git("tag", "--force", name)
        else:
            ssh = ("-c", "gpg.format=ssh", "-c", f"user.signingkey={key}")
            self.git(*ssh, "tag", "--force", "--sign", "--message", name, name)
        self.push()

    def push(self) -> None:
        self.git("push", "--quiet", "--force", str(self.bare), "HEAD:refs/heads/main")
        self.git("push", "--quiet", "--force", "--tags", str(self.bare))


def make_key(folder: Path, name: str) -> Path:
    """A key of ssh that signs; its public half lies beside it."""
    path = folder / name
    subprocess.run(
        ("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(path)), check=True
    )
    return path


def allow_signer(folder: Path, key: Path) -> Path:
    """The allowed-signers file that names the owner of one key."""
    path = folder / "signers"
    public = key.with_name(f"{key.name}.pub").read_text()
    path.write_text(f"releases@example.org {public}")
    return path


@contextlib.contextmanager
def release_repo(folder: Path) -> Iterator[ReleaseRepo]:
    """An empty repository and the server in front of it."""
    port = find_free_port()
    made = ReleaseRepo(folder, port)
    base = str(made.bare.parent)
    daemon = subprocess.Popen(
        (
            "git",
            "daemon",
            "--reuseaddr",
            "--listen=127.0.0.1",
            f"--port={port}",
            f"--base-path={base}",
            base,
        ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        _wait_for(port)
        yield made
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(daemon.pid, 15)
        daemon.wait()


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise AssertionError("git daemon did not start")
