"""A hub on loopback that answers as Hugging Face does, with its bytes on another port."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from aiohttp import web

from tests.fakes.origin import Origin, running_origin

COMMIT = "5b1c1e0c2a3f4d5e6f708192a3b4c5d6e7f80912"


@dataclass
class Repository:
    """One repository: its files in Git LFS, and its small ones in git."""

    lfs: dict[str, bytes] = field(default_factory=dict)
    small: dict[str, bytes] = field(default_factory=dict)
    revisions: set[str] = field(default_factory=lambda: {"main"})
    card: dict[str, object] = field(default_factory=dict)
    gated: str | bool = False
    private: bool = False
    disabled: bool = False
    accepted_by: set[str] = field(default_factory=set)
    """Tokens whose account has accepted the licence."""


@dataclass
class Hub:
    """Repositories by their id; every request is recorded as method, path and authorization."""

    origin: Origin
    base: str = ""
    tokens: set[str] = field(default_factory=set)
    repositories: dict[str, Repository] = field(default_factory=dict)
    asked: list[tuple[str, str, str | None]] = field(default_factory=list)
    answers: dict[str, web.Response] = field(default_factory=dict)
    """What is answered instead, by the beginning of a path."""

    def forced(self, path: str, status: int, **headers: str) -> None:
        self.answers[path] = web.Response(status=status, headers=headers)

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        return app

    async def _answer(self, request: web.Request) -> web.Response:
        held = request.headers.get("Authorization")
        self.asked.append((request.method, request.path, held))
        for path, answer in self.answers.items():
            if request.path.startswith(path):
                # One answer is sent once.
                return web.Response(
                    status=answer.status, headers=answer.headers, body=answer.body or b""
                )
        token = None if held is None else held.removeprefix("Bearer ")
        if token is not None and token not in self.tokens:
            return _refused(401, None, "Invalid credentials in Authorization header")
        parts = request.path.strip("/").split("/")
        if parts == ["api", "models"]:
            return self._listed(request)
        is_api = parts[:2] == ["api", "models"]
        name = "/".join(parts[2:4] if is_api else parts[:2])
        repository = self.repositories.get(name)
        if repository is None or (repository.private and token is None):
            return _refused(404 if token else 401, "RepoNotFound", "Repository not found")
        if repository.disabled:
            return _refused(403, None, "Access to this resource is disabled.")
        if is_api:
            card = {"cardData": repository.card, "gated": repository.gated}
            return web.json_response({"_id": "6", "id": name, **card})
        return self._resolved(name, repository, parts[3], "/".join(parts[4:]), token)

    def _resolved(
        self, name: str, repository: Repository, revision: str, path: str, token: str | None
    ) -> web.Response:
        if revision not in repository.revisions | {COMMIT}:
            return _refused(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        if repository.gated and token is None:
            return _refused(401, "GatedRepo", f"Access to model {name} is restricted.")
        if repository.gated and token not in repository.accepted_by:
            return _refused(403, "GatedRepo", f"Access to model {name} is restricted.")
        if path in repository.small:
            body = repository.small[path]
            etag = hashlib.sha1(b"blob %d\0%b" % (len(body), body)).hexdigest()
            return web.Response(body=body, headers={"X-Repo-Commit": COMMIT, "ETag": f'"{etag}"'})
        if path not in repository.lfs:
            return _refused(404, "EntryNotFound", "Entry not found")
        content = repository.lfs[path]
        sha256 = hashlib.sha256(content).hexdigest()
        if f"xet/{sha256}" not in self.origin.files:
            self.origin.serve(f"xet/{sha256}", content)
        # A name of its own: bytes come from another host than answers do.
        place = f"http://localhost:{self.origin.port}/xet/{sha256}?Expires=1&Signature=s"
        xet = f"<{self.base}/api/models/{name}/xet-read-token/{COMMIT}>; rel=xet-auth"
        return web.Response(
            status=302,
            text="Found. Redirecting",
            headers={
                "Location": place,
                "X-Repo-Commit": COMMIT,
                "X-Linked-Size": str(len(content)),
                "X-Linked-ETag": f'"{sha256}"',
                "X-Xet-Hash": hashlib.blake2s(content).hexdigest(),
                "Link": xet,
                "Accept-Ranges": "bytes",
            },
        )

    def _listed(self, request: web.Request) -> web.Response:
        words = request.query.get("search", "").lower()
        found = [
            {
                "_id": "6",
                "id": name,
                "siblings": [{"rfilename": file} for file in (*one.small, *one.lfs)],
            }
            for name, one in self.repositories.items()
            if words in name.lower() or any(words in file.lower() for file in one.lfs)
        ]
        return web.json_response(found[: int(request.query.get("limit", "10"))])


def _refused(status: int, code: str | None, message: str) -> web.Response:
    headers = {"X-Error-Message": message, **({} if code is None else {"X-Error-Code": code})}
    return web.json_response({"error": message}, status=status, headers=headers)


@contextlib.asynccontextmanager
async def running(app: web.Application) -> AsyncIterator[str]:
    """An application on a free port of loopback; its address."""
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@contextlib.asynccontextmanager
async def running_hub() -> AsyncIterator[Hub]:
    """A hub and the origin of its bytes."""
    async with running_origin() as origin:
        hub = Hub(origin)
        async with running(hub.app()) as hub.base:
            yield hub
