"""A git repository elsewhere: asked which versions it has, fetched from, read object by object.

Nothing is ever checked out, so no hook, filter, attribute or submodule of anybody's takes part: git
moves objects, and what is read of them is hashed here once more.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from boot.linux import die_with_parent
from studio.clients.git_objects import ObjectReader
from studio.errors import (
    DiskFull,
    SourceUnreachable,
    StorageUnavailable,
    StudioError,
    UpdateRefused,
)

MAX_REPOSITORY_BYTES: Final = 500 << 20
_PASSED: Final = (
    "PATH", "LD_LIBRARY_PATH", "SSL_CERT_FILE", "SSL_CERT_DIR", "HTTPS_PROXY", "HTTP_PROXY",
    "NO_PROXY", "ALL_PROXY", "https_proxy", "http_proxy", "no_proxy", "all_proxy",
)  # fmt: skip
_OPTIONS: Final = (
    "core.hooksPath=/dev/null", "core.fsmonitor=false", "gc.auto=0", "maintenance.auto=false",
    "fetch.fsckObjects=true", "fetch.recurseSubmodules=no", "http.followRedirects=initial",
    "credential.helper=", "gpg.program=/bin/false", "gpg.x509.program=/bin/false",
    "gpg.ssh.program=ssh-keygen",
)  # fmt: skip
_CANDIDATE: Final = "refs/studio/candidate"
_LINE: Final = re.compile(r"([0-9a-f]{40,64})\t(refs/[!-~]+)")
_ERROR_TEXT: Final = 300
_FATAL: Final = 128


class Git:
    """One repository on this machine, filled from one elsewhere. Every method blocks.

    Args:
        folder: where it is kept; made when it is not there.
        url: https without a user name. http and git only for ``host:port`` or a host in ``allow``.
        max_bytes: a repository that takes more is made anew before the next fetch.
    """

    def __init__(
        self,
        folder: Path,
        url: str,
        *,
        allow: Sequence[str] = (),
        max_bytes: int = MAX_REPOSITORY_BYTES,
    ) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._url = url
        self._allow = frozenset(allow)
        self._running: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()
        self._closed = False

    def refs(self, patterns: Sequence[str], *, timeout_s: float = 30.0) -> Mapping[str, str]:
        """Ids by the names of what matches; a signed tag also has its commit, under ``name^{}``.

        Raises:
            SourceUnreachable, UpdateRefused.
        """
        said = self._run("ls-remote", "--quiet", self._place(), *patterns, timeout_s=timeout_s)
        found = (_LINE.fullmatch(line) for line in said.decode("utf-8", "replace").splitlines())
        return {match[2]: match[1] for match in found if match}

    def fetch(self, wanted: str, *, timeout_s: float = 300.0) -> str:
        """Bring one branch, tag or commit without its past; the id of what came.

        Raises:
            DiskFull, StorageUnavailable, SourceUnreachable, UpdateRefused: it is not there, or
                damaged.
        """
        place = self._place()
        had_one = self._prepare()
        try:
            return self._bring(place, wanted, timeout_s)
        except UpdateRefused as refused:
            is_damaged = refused.details == {"reason": "damaged"}
            if not (had_one and is_damaged and self._git_dir == self._folder):
                raise
        # It may be the copy here that is damaged, and stays so; nothing in it is dear.
        self._prepare(anew=True)
        return self._bring(place, wanted, timeout_s)

    def _bring(self, place: str, wanted: str, timeout_s: float) -> str:
        self._run(
            "fetch", "--quiet", "--depth=1", "--no-tags", "--no-recurse-submodules", "--force",
            "--no-write-fetch-head", place, f"+{wanted}:{_CANDIDATE}",
            timeout_s=timeout_s,
        )  # fmt: skip
        return self._run("rev-parse", "--verify", _CANDIDATE).decode().strip()

    def is_signed(self, tag: str, signers: Path) -> bool:
        """Whether one of ``signers`` (an allowed-signers file of ssh) signed that tag object."""
        try:
            self._run("-c", f"gpg.ssh.allowedSignersFile={signers}", "verify-tag", tag)
        except UpdateRefused:
            return False
        return True

    def expand(self, commit: str) -> str | None:
        """The whole id of a commit that is here; ``None`` when it is not."""
        try:
            said = self._run("rev-parse", "--verify", "--quiet", f"{commit}^{{commit}}")
        except StudioError:
            return None
        return said.decode().strip()

    @contextlib.contextmanager
    def objects(self) -> Iterator[ObjectReader]:
        """Read objects that are here, one after the other."""
        process = self._start("cat-file", "--batch")
        try:
            assert process.stdin is not None and process.stdout is not None
            yield ObjectReader(process.stdin, process.stdout)
        finally:
            self._end(process)

    def close(self) -> None:
        """End what runs; whoever waits for it is refused."""
        self._closed = True
        with self._lock:
            for process in self._running:
                _kill(process)

    def _place(self) -> str:
        """The address, judged.

        Raises:
            UpdateRefused: nothing is fetched from such a place.
        """
        try:
            parts = urlsplit(self._url)
            near = {parts.hostname or "", f"{parts.hostname}:{parts.port}"}
            is_usable = bool(parts.hostname) and "@" not in parts.netloc
        except ValueError:
            is_usable, near = False, set()
        if is_usable and (
            parts.scheme == "https" or (parts.scheme in ("http", "git") and near & self._allow)
        ):
            return self._url
        raise UpdateRefused(
            "repository", "REPO_URL must be an https:// address without a user name or a password."
        )

    def _prepare(self, *, anew: bool = False) -> bool:
        """Have a repository that can be fetched into; whether there was one before.

        Raises:
            DiskFull, StorageUnavailable.
        """
        try:
            return self._prepare_folder(anew=anew)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise DiskFull("The disk is full: nothing can be fetched.") from error
            raise StorageUnavailable(
                f"The folder {self._folder.name} for what is fetched cannot be used: "
                f"{error.strerror}. Remove it if that stays so."
            ) from error

    def _prepare_folder(self, *, anew: bool) -> bool:
        # What a killed git left of packs is in nobody's way, but stays for ever.
        for partial in self._git_dir.glob("objects/*/tmp_*"):
            partial.unlink(missing_ok=True)
        # Nothing here is collected; a clone that somebody made there is theirs.
        is_ours = self._git_dir == self._folder and self._folder.exists()
        if is_ours and (anew or _size(self._folder) > self._max_bytes or not self._is_whole()):
            shutil.rmtree(self._folder)
        is_there = (self._folder / "HEAD").exists() or (self._folder / ".git").exists()
        if not is_there:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._run("init", "--quiet", "--bare", str(self._folder), is_repository=False)
        # What a killed git left would refuse every later fetch.
        for lock in ("shallow.lock", "HEAD.lock", f"{_CANDIDATE}.lock"):
            (self._git_dir / lock).unlink(missing_ok=True)
        return is_there

    def _is_whole(self) -> bool:
        """Git takes it for a repository: after a power cut a file of it may be empty."""
        process = self._start("rev-parse", "--git-dir")
        try:
            process.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            return True
        finally:
            self._end(process)
        return process.returncode != _FATAL

    @property
    def _git_dir(self) -> Path:
        inside = self._folder / ".git"
        return inside if inside.is_dir() else self._folder

    def _environment(self, *, is_repository: bool) -> dict[str, str]:
        environ = {name: os.environ[name] for name in _PASSED if name in os.environ}
        return environ | {
            "HOME": str(self._folder.parent),
            "LC_ALL": "C",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_ATTR_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_NO_REPLACE_OBJECTS": "1",
            "GIT_ALLOW_PROTOCOL": "https:http:git" if self._allow else "https",
            **({"GIT_DIR": str(self._git_dir)} if is_repository else {}),
        }

    def _start(self, *arguments: str, is_repository: bool = True) -> subprocess.Popen[bytes]:
        options = [word for option in _OPTIONS for word in ("-c", option)]
        inside = is_repository and self._git_dir.is_dir()
        with self._lock:
            if self._closed:
                raise SourceUnreachable("Studio is shutting down.")
            try:
                process = subprocess.Popen(
                    (shutil.which("git") or "git", *options, *arguments),
                    cwd="/",
                    env=self._environment(is_repository=inside),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    start_new_session=True,
                    preexec_fn=die_with_parent(os.getpid()),
                )
            except OSError as error:
                raise SourceUnreachable(
                    f"git cannot be run here: {error.strerror}. Updates need it."
                ) from error
            self._running.add(process)
        return process

    def _run(self, *arguments: str, timeout_s: float = 60.0, is_repository: bool = True) -> bytes:
        process = self._start(*arguments, is_repository=is_repository)
        try:
            said, errors = process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            raise SourceUnreachable(
                f"The repository did not answer within {timeout_s:.0f} seconds."
            ) from None
        finally:
            self._end(process)
        if process.returncode != 0:
            raise _refusal(errors.decode("utf-8", "replace"))
        return said

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        if process.poll() is None:
            _kill(process)
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        with self._lock:
            self._running.discard(process)


def _size(folder: Path) -> int:
    """Bytes of the files in it."""
    found = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                found += (Path(place) / name).lstat().st_size
    return found


def _kill(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _refusal(errors: str) -> StudioError:
    """What git's words mean for the owner."""
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    last = next((line for line in lines if line.startswith(("fatal:", "error:"))), "")
    text = (last.partition(": ")[2] or "git failed without a word")[:_ERROR_TEXT]
    lower = errors.lower()
    if "no space left" in lower or "quota exceeded" in lower or "file too large" in lower:
        return DiskFull("The disk is full: the release could not be fetched.")
    if "fsck" in lower or "corrupt" in lower or "bad object" in lower or "missing blob" in lower:
        return UpdateRefused("damaged", f"What the repository sent is damaged: {text}")
    if "couldn't find remote ref" in lower or "not our ref" in lower:
        return UpdateRefused("not_found", "The repository has no such branch, tag or commit.")
    if "verify" in lower or "signature" in lower:
        return UpdateRefused("unsigned", "The signature cannot be verified.")
    return SourceUnreachable(f"The repository cannot be fetched from: {text}")
