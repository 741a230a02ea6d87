"""The composition root: builds every layer, opens it in order and closes it in reverse.

The only module that sees everything.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from fastapi import FastAPI

from studio.accounts import Accounts, build_accounts
from studio.clients.supervisor import Supervisor
from studio.clock import Clock
from studio.editing import build_editing
from studio.errors import StudioError
from studio.models import Job, JobStatus
from studio.paths import private_folder
from studio.pipeline import build_pipeline
from studio.services.adoption import adopt_unfinished
from studio.services.assets import AssetService
from studio.services.backups import BackupService
from studio.services.creation import CreationService
from studio.services.durations import Durations
from studio.services.engines import EngineService
from studio.services.health import HealthService
from studio.services.history import HistoryService
from studio.services.live import Live
from studio.services.metrics import Metrics
from studio.services.pace import Pace
from studio.services.packages import PackageService
from studio.services.queue import JobQueue
from studio.services.queue_control import QueueControl
from studio.services.retention import RetentionService, sweep
from studio.services.thumbnails import Thumbnails
from studio.services.uploads import UploadService
from studio.services.usage import Usage
from studio.services.warmup import Warmup
from studio.settings import Settings
from studio.store.assets import AssetStore
from studio.store.blobs import BlobStore
from studio.store.carried import CarriedBlobs, settle_often
from studio.store.db import Database
from studio.store.disk_speed import DiskSpeed
from studio.store.job_list import JobListStore
from studio.store.job_stats import JobStatsStore
from studio.store.jobs import JobStore
from studio.store.prefs import PrefStore
from studio.store.secrets import SecretStore
from studio.store.snapshots import Recovery, open_or_restore, preparation
from studio.store.upload_files import UploadFiles
from studio.store.uploads import UploadStore
from studio.version import VERSION
from studio.web.assets_api import asset_routes, thumbnail_routes
from studio.web.comfy_proxy import ComfyProxy
from studio.web.create_api import create_routes
from studio.web.editor_api import editor_routes
from studio.web.guard import SESSION_COOKIE
from studio.web.jobs_api import job_routes
from studio.web.keys_api import key_routes
from studio.web.links import Links
from studio.web.origins import PublicAddress
from studio.web.pages import page_routes
from studio.web.people_api import people_routes
from studio.web.respond import install_error_handlers
from studio.web.session_api import session_routes
from studio.web.system_api import system_routes
from studio.web.uploads_api import upload_routes
from studio.web.v2_jobs_api import V2Jobs, v2_job_routes
from studio.web.ws_api import ws_routes

log = logging.getLogger(__name__)

BOOTSTRAP_SOCKET = "bootstrap.sock"


@dataclass(frozen=True, slots=True)
class Studio:
    """An opened Studio: the application, and what servers in front of it need."""

    app: FastAPI
    v2_jobs: V2Jobs
    accounts: Accounts
    address: PublicAddress
    links: Links
    live: Live
    db: Database
    comfy: ComfyProxy


@contextlib.asynccontextmanager
async def open_studio(
    settings: Settings,
    clock: Clock | None = None,
    pace: Pace | None = None,
    *,
    lease_check: Callable[[], None] | None = None,
) -> AsyncIterator[Studio]:
    """Everything up, in order: storage, then what was unfinished, then engines.

    Args:
        lease_check: raises when the volume is no longer ours; asked around every commit.

    Raises:
        StudioError: the folders or the database cannot be used; the message says why.
    """
    clock = clock or Clock()
    root = private_folder(settings.studio_dir)
    for name in ("db", "db/backups", "assets", "thumbs", "logs", "run"):
        private_folder(root / name)
    recovery = await asyncio.to_thread(
        open_or_restore, settings.database_path, settings.backups_dir, clock
    )
    speed = DiskSpeed()
    db = Database(settings.database_path, lease_check, speed)
    await db.open(preparation(settings.backups_dir, clock))
    try:
        async with _services(settings, clock, pace or Pace(), db, recovery, speed) as studio:
            yield studio
    finally:
        await db.close()


@contextlib.asynccontextmanager
async def _services(
    settings: Settings,
    clock: Clock,
    pace: Pace,
    db: Database,
    recovery: Recovery,
    speed: DiskSpeed,
) -> AsyncIterator[Studio]:
    notices = [recovery.message] if recovery.message else []

    # store
    blobs = BlobStore(settings.studio_dir / "assets")
    thumbnails = Thumbnails(root=settings.studio_dir / "thumbs", blobs=blobs)
    asset_store = AssetStore(db, blobs, clock, forget=thumbnails.remove)
    carried = CarriedBlobs(db, blobs)
    job_store = JobStore(db, asset_store)
    stats = JobStatsStore(db)
    prefs = PrefStore(db)
    secrets = SecretStore(db)

    # services
    supervisor_socket = settings.run_dir / BOOTSTRAP_SOCKET
    supervisor = Supervisor(socket_path=supervisor_socket) if supervisor_socket.exists() else None
    engines = EngineService(
        settings=settings.engines,
        supervisor=supervisor,
        record=settings.run_dir / "engines.json",
        clock=clock,
        hang_s=settings.engine_hang_s,
        pace=pace,
    )
    queue = JobQueue()
    usage = Usage(clock)
    accounts = await build_accounts(db=db, clock=clock, environment_key=settings.api_key)
    auth, sessions = accounts.auth, accounts.sessions
    assets = AssetService(
        store=asset_store, blobs=blobs, clock=clock, max_upload_bytes=settings.max_upload_bytes
    )
    uploads = UploadService(
        uploads=UploadStore(db, blobs),
        files=UploadFiles(settings.studio_dir / "assets" / "uploads"),
        assets=assets,
        blobs=blobs,
        clock=clock,
        max_bytes=settings.max_asset_bytes,
    )
    metrics = Metrics(queue=queue, engines=engines)
    durations = Durations()

    def count_finish(job: Job, duration_ms: int | None) -> None:
        metrics.count_finish(job, duration_ms)
        if duration_ms is not None and job.status is JobStatus.SUCCEEDED:
            durations.add(job.graph_key, duration_ms)

    pipeline = build_pipeline(
        settings=settings,
        clock=clock,
        pace=pace,
        queue=queue,
        engines=engines,
        usage=usage,
        jobs=job_store,
        outputs=asset_store,
        secrets=secrets,
        blobs=blobs,
        assets=assets,
        speed=speed,
        on_finish=count_finish,
    )
    jobs, dispatcher, finisher = pipeline.jobs, pipeline.dispatcher, pipeline.finisher
    history = HistoryService(
        queue=queue,
        durations=durations,
        lists=JobListStore(db),
        assets=asset_store,
        engines=engines,
        clock=clock,
        retention_days=settings.job_retention_days,
    )
    control = QueueControl(queue=queue, prefs=prefs, wake=dispatcher.wake)
    backups = BackupService(
        db=db, studio_dir=settings.studio_dir, backups_dir=settings.backups_dir, clock=clock
    )
    health = HealthService(db=db, engines=engines, isolated=settings.isolated, notices=notices)
    retention = RetentionService(
        jobs=stats, assets=asset_store, uploads=uploads, usage=usage, clock=clock
    )
    warmup = Warmup(
        jobs=jobs, auth=auth, engines=engines, queue=queue, workflow=settings.warmup_workflow
    )

    live = Live(queue=queue, health=health, expiry=history.expiry, is_live=accounts.is_live)
    editing = build_editing(
        settings=settings, clock=clock, pace=pace, db=db, accounts=accounts, pipeline=pipeline
    )
    sessions.on_end(lambda _: live.feed.recheck())
    auth.on_change(live.feed.recheck)

    # open
    await auth.load(settings.api_key)
    await sessions.load()
    await control.load()
    for user_id, seconds, at_ms in await stats.usage():
        usage.load(user_id, seconds, at_ms)
    durations.load(await stats.recent_durations())
    await carried.restore()
    await uploads.tidy()
    notices += await sweep(asset_store, prefs, recovered=recovery.message is not None)
    links = Links(key=await prefs.signing_key(), public_url=settings.public_url, clock=clock)
    address = PublicAddress(settings.public_url, SESSION_COOKIE)
    engines.prepare(pipeline.follower)
    await adopt_unfinished(
        queue=queue,
        jobs=job_store,
        assets=asset_store,
        engines=engines,
        runner=pipeline.runner,
        finisher=finisher,
    )
    await editing.open()
    await finisher.sweep()
    engines.start()
    dispatcher.wake()

    # web
    app = FastAPI(
        title="Studio",
        version=VERSION,
        docs_url=None,
        openapi_url="/api/openapi.json",
        redoc_url=None,
    )
    install_error_handlers(app)
    v2_jobs = V2Jobs(jobs=jobs, links=links)
    app.include_router(
        system_routes(
            health=health, metrics=metrics, engines=engines, backups=backups, version=VERSION
        )
    )
    app.include_router(
        v2_job_routes(
            endpoints=v2_jobs,
            jobs=jobs,
            history=history,
            queue=queue,
            links=links,
            clock=clock,
            is_live=accounts.is_live,
        )
    )
    app.include_router(asset_routes(assets, links))
    app.include_router(thumbnail_routes(assets, thumbnails))
    app.include_router(upload_routes(uploads, links))
    app.include_router(
        job_routes(
            jobs=jobs,
            history=history,
            control=control,
            packages=PackageService(jobs=job_store, assets=assets),
            links=links,
        )
    )
    app.include_router(create_routes(CreationService(jobs=jobs, engines=engines), links))
    app.include_router(page_routes(links=links, version=VERSION))
    app.include_router(key_routes(auth=auth, secrets=secrets, clock=clock))
    app.include_router(people_routes(people=accounts.people, links=links))
    app.include_router(
        session_routes(logins=accounts.logins, sessions=sessions, links=links, address=address)
    )
    app.include_router(
        ws_routes(
            live=live, history=history, links=links, settings=settings, session_end=accounts.ends_at
        )
    )
    app.include_router(editor_routes(editing.editor, settings))

    background = [
        asyncio.create_task(work, name=name)
        for name, work in (
            ("deadlines", dispatcher.watch_deadlines()),
            ("key use", auth.record_use()),
            ("session use", sessions.record_use()),
            ("snapshots", backups.run()),
            ("recovery", health.recover()),
            ("retention", retention.run()),
            ("usage", retention.keep_usage()),
            ("small outputs", settle_often(carried, clock)),
            ("warm-up", warmup.run()),
            ("readers", live.feed.watch()),
        )
    ]
    try:
        yield Studio(
            app=app,
            v2_jobs=v2_jobs,
            accounts=accounts,
            address=address,
            links=links,
            live=live,
            db=db,
            comfy=editing.port,
        )
    finally:
        live.feed.stop()
        await editing.close()
        dispatcher.stop()
        for task in background:
            task.cancel()
        await asyncio.gather(*background, return_exceptions=True)
        await uploads.stop()
        await engines.let_go()
        await pipeline.stop()
        await engines.stop()
        await finisher.stop()
        with contextlib.suppress(StudioError):
            await sessions.store_use()
            await retention.store_usage()
        await backups.finish()
