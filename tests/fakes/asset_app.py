"""The asset routes on a real server, with callers that the tests choose."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import orjson
import uvicorn
from fastapi import FastAPI, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from studio.clock import FrozenClock
from studio.errors import StudioError
from studio.models import ALL_SCOPES, Identity, Role
from studio.services.assets import AssetService
from studio.services.download_runs import PublishedFile
from studio.services.model_uploads import ModelUploads
from studio.services.queue import JobQueue
from studio.services.quotas import QuotaService
from studio.services.shelves import Shelves
from studio.services.thumbnails import Thumbnails
from studio.services.uploads import UploadService
from studio.store.assets import AssetStore
from studio.store.blobs import BlobStore
from studio.store.db import Database
from studio.store.migrations import migrate
from studio.store.quotas import QuotaStore
from studio.store.upload_files import UploadFiles
from studio.store.uploads import UploadStore
from studio.web.assets_api import asset_routes, thumbnail_routes
from studio.web.bodies import UnreadBodies
from studio.web.uploads_api import upload_routes

OWNER = Identity("owner", Role.OWNER, ALL_SCOPES)
ANN = Identity("ann", Role.MEMBER, frozenset(ALL_SCOPES - {"models:write"}))
BEN = Identity("ben", Role.MEMBER, ALL_SCOPES)
PART_BYTES = 1000
"""How long the parts of uploads are here."""
NOBODY = Identity("nobody", Role.GUEST, frozenset())
IDENTITIES = {one.user_id: one for one in (OWNER, ANN, BEN, NOBODY)}


@dataclass
class Library:
    """Everything about assets that lies in one folder."""

    folder: Path
    db: Database
    blobs: BlobStore
    store: AssetStore
    service: AssetService
    uploads: UploadService
    thumbnails: Thumbnails
    clock: FrozenClock

    async def add_job(
        self, job_id: str, user_id: str = "ann", *, status: str = "queued", done: bool = False
    ) -> None:
        """A job's row, as little of it as the schema allows."""

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(
                "INSERT INTO jobs (id, user_id, status, created_at, completed_at, rank, graph_key,"
                " affinity_key, classes, models, paid, origin, metadata, extra, graph)"
                " VALUES (?, ?, ?, 1, ?, 0, '', '', '[]', '[]', 0, 'api', '{}', '{}', '{}')",
                (job_id, user_id, status, 2 if done else None),
            )

        await self.db.write(work)

    async def add_input(self, job_id: str, asset_id: str) -> None:
        """Let a job read an asset."""
        await self.db.write(
            lambda connection: connection.execute(
                "INSERT INTO job_inputs (job_id, asset_id) VALUES (?, ?)", (job_id, asset_id)
            )
        )

    async def end_job(self, job_id: str) -> None:
        """Finish a job."""
        await self.db.write(
            lambda connection: connection.execute(
                "UPDATE jobs SET status = 'succeeded', completed_at = 3 WHERE id = ?", (job_id,)
            )
        )

    def files(self) -> list[Path]:
        """Every file in the blob folder, staged ones included."""
        return sorted(path for path in (self.folder / "assets").rglob("*") if path.is_file())


@contextlib.asynccontextmanager
async def open_library(
    folder: Path, *, max_upload_bytes: int = 8 * 1024 * 1024
) -> AsyncIterator[Library]:
    """A library in ``folder`` with the users of this module."""
    clock = FrozenClock()
    db = Database(folder / "studio.db")
    await db.open(_prepare)
    threads = ThreadPoolExecutor(1)
    try:
        blobs = BlobStore(folder / "assets")
        thumbnails = Thumbnails(root=folder / "thumbs", blobs=blobs)
        store = AssetStore(db, blobs, clock, thumbnails.remove)
        models = ModelUploads(
            shelves=Shelves(folder / "models", folder / "llm", folder / "cache"),
            owner="tests",
            threads=threads,
            tell=_untold,
        )
        quotas = QuotaService(store=QuotaStore(db), queue=JobQueue(), clock=clock)
        service = AssetService(
            store=store,
            blobs=blobs,
            clock=clock,
            max_upload_bytes=max_upload_bytes,
            shelve=models.shelve,
            quotas=quotas,
        )
        uploads = UploadService(
            uploads=UploadStore(db, blobs),
            files=UploadFiles(folder / "assets" / "uploads"),
            assets=service,
            blobs=blobs,
            clock=clock,
            quotas=quotas,
            max_bytes=10**15,
            part_bytes=PART_BYTES,
        )
        yield Library(folder, db, blobs, store, service, uploads, thumbnails, clock)
        await uploads.stop()
    finally:
        threads.shutdown()
        await db.close()


async def _untold(_: PublishedFile) -> None:
    """Nobody wants to know."""


def _prepare(connection: sqlite3.Connection) -> None:
    migrate(connection)
    connection.executemany(
        "INSERT OR IGNORE INTO users (id, name, role, created_at) VALUES (?, ?, ?, 0)",
        [(one.user_id, one.user_id, one.role) for one in IDENTITIES.values()],
    )


class _FixedLinks:
    def content_url(self, request: Request, asset_id: str) -> tuple[str, int]:
        return f"{request.base_url}api/v2/assets/{asset_id}/content", 1_800_000_600_000


def build_app(library: Library) -> ASGIApp:
    """The routes behind a guard that believes the bearer token is a user's id."""
    app = FastAPI()
    app.include_router(asset_routes(library.service, _FixedLinks()))
    app.include_router(thumbnail_routes(library.service, library.thumbnails))
    app.include_router(upload_routes(library.uploads, _FixedLinks()))

    async def refuse(_request: Request, error: Exception) -> Response:
        assert isinstance(error, StudioError)
        body = {"error": {"code": error.code, "message": error.message, "details": error.details}}
        return Response(orjson.dumps(body), error.status, media_type="application/json")

    app.add_exception_handler(StudioError, refuse)

    async def guard(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = dict(scope["headers"])
            user_id = headers.get(b"authorization", b"Bearer owner").decode().split()[-1]
            scope["studio.identity"] = IDENTITIES.get(user_id)
        await app(scope, receive, send)

    return UnreadBodies(guard)


@contextlib.asynccontextmanager
async def serve(app: ASGIApp) -> AsyncIterator[str]:
    """Run ``app`` on a free loopback port; yields the base URL."""
    config = uvicorn.Config(
        app, host="127.0.0.1", port=0, log_config=None, lifespan="off", ws="none"
    )
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.005)
        if task.done():
            await task
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        await task
