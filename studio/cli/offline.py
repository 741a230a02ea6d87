"""What works while Studio does not run: people, keys, model files and the backup, on its database.

Jobs and engines stay out: this process could not follow what an engine holds, so it must not take
over unfinished jobs either.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx
from fastapi import FastAPI

from studio.accounts import build_accounts
from studio.cli.console import BASE_URL
from studio.clock import Clock
from studio.models import unrecorded
from studio.paths import private_folder
from studio.services.backups import BackupService
from studio.services.queue import JobQueue
from studio.settings import Settings
from studio.stock import OfflineStock, open_offline_stock
from studio.store.db import Database
from studio.store.lease import Held, HeldByOther, Lease, LeaseLost
from studio.store.prefs import PrefStore
from studio.store.restoring import finish_restore
from studio.store.secrets import SecretStore
from studio.store.snapshots import fence, open_or_restore, preparation
from studio.web.guard import Guard
from studio.web.keys_api import key_routes
from studio.web.links import Links
from studio.web.people_api import people_routes
from studio.web.respond import install_error_handlers
from studio.web.system_api import backup_routes

_LOOK_EVERY_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Claim:
    """``lease`` is ours, or ``None`` and ``message`` says whose the volume is.

    ``is_near`` when a process of this machine holds it, which may only be starting.
    """

    lease: Lease | None
    message: str = ""
    is_near: bool = False


@contextlib.contextmanager
def claim(settings: Settings, *, patience_s: float = 0.0) -> Iterator[Claim]:
    """Take the volume for as long as the block lasts, if it is free.

    Args:
        patience_s: how long to look whether a Studio that is not of this machine still lives. One
            that was killed leaves its lease behind.

    Raises:
        InvalidRequest, StorageUnavailable: the folders cannot be used.
    """
    become_owner(settings.studio_dir)
    root = private_folder(settings.studio_dir)
    folder = private_folder(root / "run")
    lease = Lease(folder / "lease.json", Clock())
    answer = _acquire(lease, patience_s)
    if not isinstance(answer, Held):
        yield Claim(None, answer.message, is_near=answer.free_in_s is None)
        return
    try:
        if answer.fence and settings.database_path.exists():
            fence(settings.database_path)
        yield Claim(lease)
    finally:
        lease.release()


def _acquire(lease: Lease, patience_s: float) -> Held | HeldByOther:
    answer = lease.acquire()
    give_up_at = time.monotonic() + patience_s
    if patience_s and isinstance(answer, HeldByOther) and answer.free_in_s is not None:
        print(
            f"studio: {answer.message} Looking for {answer.free_in_s:.0f} s whether it lives.",
            file=sys.stderr,
        )
    while (
        isinstance(answer, HeldByOther)
        and answer.free_in_s is not None
        and time.monotonic() + answer.free_in_s <= give_up_at
    ):
        time.sleep(_LOOK_EVERY_S)
        answer = lease.acquire()
    return answer


def become_owner(studio_dir: Path) -> None:
    """Root acts as the user the state belongs to, who must be able to read it afterwards."""
    if os.geteuid() != 0 or not studio_dir.exists():
        return
    facts = studio_dir.stat()
    if facts.st_uid != 0:
        os.setgroups([facts.st_gid])
        os.setgid(facts.st_gid)
        os.setuid(facts.st_uid)


@contextlib.asynccontextmanager
async def open_offline(settings: Settings, lease: Lease) -> AsyncIterator[httpx.AsyncClient]:
    """Routes over the opened database, for what needs no engine; the caller is the owner.

    Raises:
        StudioError: the database cannot be used.
    """
    clock = Clock()
    root = private_folder(settings.studio_dir)
    finish_restore(root)
    for name in ("db", "db/backups"):
        private_folder(root / name)
    recovery = open_or_restore(settings.database_path, settings.backups_dir, clock)
    if recovery.message:
        print(f"studio: {recovery.message}", file=sys.stderr)
    db = Database(settings.database_path)
    await db.open(preparation(settings.backups_dir, clock, recovery=recovery))
    keeping = asyncio.create_task(_keep(lease, db))
    stock = await open_offline_stock(settings=settings, db=db, clock=clock, record=unrecorded)
    hashing = asyncio.create_task(stock.files.run(asked_only=True))
    try:
        app = await _guarded(settings, db, clock, stock)
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url=BASE_URL
        ) as client:
            yield client
    finally:
        stock.files.close()
        for task in (keeping, hashing):
            task.cancel()
        await asyncio.gather(keeping, hashing, return_exceptions=True)
        await db.close()


async def _keep(lease: Lease, db: Database) -> None:
    try:
        await lease.keep()
    except LeaseLost as lost:
        db.halt(lost.message)


async def _guarded(settings: Settings, db: Database, clock: Clock, stock: OfflineStock) -> Guard:
    accounts = await build_accounts(db=db, clock=clock, settings=settings, queue=JobQueue())
    backups = BackupService(
        db=db, studio_dir=settings.studio_dir, backups_dir=settings.backups_dir, clock=clock
    )
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    install_error_handlers(app)
    app.include_router(key_routes(auth=accounts.auth, secrets=SecretStore(db), clock=clock))
    app.include_router(backup_routes(backups))
    app.include_router(stock.routes())
    links = Links(
        key=await PrefStore(db).signing_key(), public_url=settings.public_url, clock=clock
    )
    app.include_router(people_routes(people=accounts.people, quotas=accounts.quotas, links=links))
    return Guard(
        app,
        auth=accounts.auth,
        links=links,
        max_body_bytes=settings.max_body_bytes,
        console=True,
    )
