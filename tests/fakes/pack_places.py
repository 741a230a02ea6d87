"""Where node packs come from in tests: repositories over HTTP on loopback, a folder of wheels."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import http.server
import os
import subprocess
import threading
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

_WHO = {
    "GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@example.org",
    "GIT_COMMITTER_NAME": "A", "GIT_COMMITTER_EMAIL": "a@example.org",
    "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1",
}  # fmt: skip

NODE = """
class {name}:
    @classmethod
    def INPUT_TYPES(cls):
        return {{"required": {{"text": ("STRING", {{"default": "x"}})}}}}
    RETURN_TYPES = ()
    FUNCTION = "run"
    OUTPUT_NODE = True
    CATEGORY = "tests"
    def run(self, text):
        return {{"ui": {{"text": [{value}]}}}}

NODE_CLASS_MAPPINGS = {{"{name}": {name}}}
"""
"""The ``__init__.py`` of a pack with one class that shows a value."""


def git(folder: Path, *arguments: str) -> str:
    """Run git in ``folder``."""
    done = subprocess.run(
        ["git", *arguments], cwd=folder, env={**os.environ, **_WHO}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


class Repository:
    """A bare repository ``<name>.git`` that the server offers, and a work tree to commit from."""

    def __init__(self, root: Path, name: str, url: str) -> None:
        self.bare = root / f"{name}.git"
        self.url = f"{url}/{name}.git"
        self.work = root / f"{name}.work"
        self.work.mkdir()
        git(root, "init", "--quiet", "--bare", "--initial-branch=main", str(self.bare))
        git(self.work, "init", "--quiet", "--initial-branch=main")

    def commit(self, files: Mapping[str, str]) -> str:
        """Commit ``files`` onto main; returns the commit."""
        for name, text in files.items():
            path = self.work / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        git(self.work, "add", "--all", "--force")
        git(self.work, "commit", "--quiet", "--message", "a change")
        git(self.work, "push", "--quiet", str(self.bare), "main")
        return git(self.work, "rev-parse", "HEAD")


class _Handler(http.server.BaseHTTPRequestHandler):
    root: Path

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        length = int(self.headers.get("Content-Length") or 0)
        done = subprocess.run(
            ["git", "http-backend"],
            input=self.rfile.read(length),
            env={
                **os.environ,
                "GIT_PROJECT_ROOT": str(self.root),
                "GIT_HTTP_EXPORT_ALL": "1",
                "PATH_INFO": parts.path,
                "QUERY_STRING": parts.query,
                "REQUEST_METHOD": self.command,
                "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
                "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            },
            capture_output=True,
        )
        head, _, body = done.stdout.partition(b"\r\n\r\n")
        fields = dict(line.split(": ", 1) for line in head.decode().splitlines() if ": " in line)
        self.send_response(int(fields.pop("Status", "200").split()[0]))
        for name, value in fields.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = _serve  # noqa: N815


class PackPlaces:
    """The server and the wheels."""

    def __init__(self, folder: Path, url: str) -> None:
        self.wheels = folder / "wheels"
        self.wheels.mkdir()
        self._repositories = folder / "repositories"
        self.url = url

    @property
    def pip(self) -> dict[str, str]:
        """What makes pip look among the wheels alone."""
        return {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(self.wheels)}

    def repository(self, name: str) -> Repository:
        return Repository(self._repositories, name, self.url)

    def wheel(
        self, name: str, version: str, source: str = "", *, needs: tuple[str, ...] = ()
    ) -> None:
        """A package that is one module of the same name."""
        info = f"{name}-{version}.dist-info"
        needed = "".join(f"Requires-Dist: {need}\n" for need in needs)
        files = {
            f"{name}.py": source or f"VERSION = {version!r}\n",
            f"{info}/METADATA": (
                f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needed}"
            ),
            f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        }
        record = ""
        with zipfile.ZipFile(self.wheels / f"{name}-{version}-py3-none-any.whl", "w") as archive:
            for path, text in files.items():
                digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest())
                record += f"{path},sha256={digest.decode().rstrip('=')},{len(text.encode())}\n"
                archive.writestr(path, text)
            archive.writestr(f"{info}/RECORD", f"{record}{info}/RECORD,,\n")


@contextlib.contextmanager
def pack_places(folder: Path) -> Iterator[PackPlaces]:
    """A server and a folder of wheels in ``folder``."""
    (folder / "repositories").mkdir(parents=True)
    handler = type("Handler", (_Handler,), {"root": folder / "repositories"})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield PackPlaces(folder, f"http://127.0.0.1:{server.server_port}")
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
