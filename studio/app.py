"""The composition root: builds every layer, opens it in order and closes it in reverse.

The only module that sees everything.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

from studio.accounts import build_accounts
from studio.clients.supervisor import Supervisor
from studio.clock import Clock
from studio.editing import build_editing
from studio.gallery import build_gallery
from studio.household import open_household
from studio.opened import Studio
from studio.outreach import Surroundings, open_outreach
from studio.paths import private_folder
from studio.pipeline import build_pipeline, counting
from studio.routes import build_api
from studio.safety import build_safety
from studio.services.assets import AssetService
from studio.services.background import watched
from studio.services.durations import Durations
from studio.services.engines import EngineService
from studio.services.health import HealthService
from studio.services.history import HistoryService
from studio.services.metrics import Metrics
from studio.services.pace import Pace
from studio.services.packages import PackageService
from studio.services.queue import JobQueue
from studio.services.queue_control import QueueControl
from studio.services.retention import RetentionService, sweep
from studio.services.thumbnails import Thumbnails
from studio.services.usage import Usage
from studio.services.warmup import Warmup
from studio.settings import Settings
from studio.stock import open_stock
from studio.store.assets import AssetStore
from studio.store.blobs import BlobStore
from studio.store.carried import CarriedBlobs, settle_often
from studio.store.db import Database
from studio.store.disk_speed import DiskSpeed
from studio.store.job_list import JobListStore
from studio.store.job_stats import JobStatsStore
from studio.store.jobs import JobStore
from studio.store.log_files import logged
from studio.store.prefs import PrefStore
from studio.store.secrets import SecretStore
from studio.store.snapshots import Recovery, open_or_restore, preparation
from studio.transfers import open_transfers
from studio.updating import open_updating
from studio.web.guard import SESSION_COOKIE
from studio.web.links import Links
from studio.web.origins import PublicAddress
from studio.web.v2_jobs_api import V2Jobs
from studio.workshop import open_workshop


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
    await db.open(preparation(settings.backups_dir, clock, recovery=recovery))
    try:
        with logged(root / "logs"):
            async with _services(settings, clock, pace or Pace(), db, recovery, speed) as studio:
                yield studio
    finally:
        await db.close()


@contextlib.asynccontextmanager
async def _services(
    settings: Settings, clock: Clock, pace: Pace, db: Database, recovery: Recovery, speed: DiskSpeed
) -> AsyncIterator[Studio]:
    notices = settings.boot.notices + ([recovery.message] if recovery.message else [])
    house = await open_household(settings, db, clock)
    settings, record = house.settings, house.activity.record

    # store
    blobs = BlobStore(settings.studio_dir / "assets")
    thumbnails = Thumbnails(root=settings.studio_dir / "thumbs", blobs=blobs)
    asset_store = AssetStore(db, blobs, clock, forget=thumbnails.remove)
    carried, job_store = CarriedBlobs(db, blobs), JobStore(db, asset_store)
    stats, prefs, secrets = JobStatsStore(db), PrefStore(db), SecretStore(db)

    # services
    engines = EngineService(
        settings=settings.engines,
        supervisor=Supervisor.found(settings.run_dir),
        record=settings.run_dir / "engines.json",
        clock=clock,
        hang_s=settings.engine_hang_s,
        pace=pace,
        tell=record,
    )
    queue, usage, durations = JobQueue(), Usage(clock), Durations()
    accounts = await build_accounts(
        db=db, clock=clock, settings=settings, queue=queue, durations=durations, record=record
    )
    auth, sessions = accounts.auth, accounts.sessions
    transfers = await open_transfers(house)
    assets = AssetService(
        store=asset_store,
        blobs=blobs,
        clock=clock,
        max_upload_bytes=settings.max_upload_bytes,
        shelve=transfers.shelve,
        quotas=accounts.quotas,
        record=record,
    )
    gallery = build_gallery(
        house=house, assets=asset_store, jobs=job_store, blobs=blobs, queue=queue
    )
    assets.on_upload(gallery.indexer.note_upload)
    uploads = transfers.uploads(assets, blobs, accounts.quotas)
    metrics = Metrics(queue=queue, engines=engines)

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
        on_finish=counting(gallery.indexer, metrics, durations),
        record=record,
        fetching=transfers.fetching,
        quotas=accounts.quotas,
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
    control = QueueControl(queue=queue, prefs=prefs, wake=dispatcher.wake, record=record)
    health = HealthService(db=db, engines=engines, isolated=settings.isolated, notices=notices)
    retention = RetentionService(
        stats, assets=asset_store, uploads=uploads, rules=gallery.rules, usage=usage, clock=clock
    )
    warmup = Warmup(
        jobs=jobs, auth=auth, engines=engines, queue=queue, workflow=settings.warmup_workflow
    )

    controls = house.controls(
        engines=engines, queue=queue, jobs=jobs, health=health, secrets=secrets
    )
    live = house.live(
        controls,
        queue=queue,
        health=health,
        downloads=transfers.downloads,
        expiry=history.expiry,
        is_live=accounts.is_live,
    )
    sessions.on_end(lambda _: live.feed.recheck())
    auth.on_change(live.feed.recheck)

    safety = build_safety(
        house, transfers, accounts, retention, controls, metrics, health, queue, dispatcher.wake
    )

    # open
    await auth.load(settings.api_key)
    await sessions.load()
    await control.load()
    for user_id, seconds, at_ms in await stats.usage():
        usage.load(user_id, seconds, at_ms)
    durations.load(await stats.recent_durations())
    await carried.restore()
    await uploads.tidy()
    notices += await sweep(asset_store)
    links = Links(key=await prefs.signing_key(), public_url=settings.public_url, clock=clock)
    address = PublicAddress(settings.public_url, SESSION_COOKIE)
    engines.prepare(pipeline.follower)
    workshop = await open_workshop(
        house=house,
        jobs=jobs,
        assets=assets,
        pictures=asset_store,
        thumbnails=thumbnails,
        engines=engines,
    )
    editing = build_editing(
        house=house,
        pace=pace,
        accounts=accounts,
        pipeline=pipeline,
        workshop=workshop,
        assets=assets,
    )
    stock = await open_stock(house, workshop, transfers, engines=engines, jobs=jobs, health=health)
    updating = await open_updating(house, engines=engines, health=health)
    outreach = await open_outreach(
        Surroundings(
            house=house,
            controls=controls,
            accounts=accounts,
            pipeline=pipeline,
            queue=queue,
            control=control,
            history=history,
            engines=engines,
            health=health,
            metrics=metrics,
            assets=assets,
            blobs=blobs,
            thumbnails=thumbnails,
            uploads=uploads,
            secrets=secrets,
            gallery=gallery,
            workshop=workshop,
            transfers=transfers,
            stock=stock,
            live=live,
            links=links,
            address=address,
            pace=pace,
        )
    )
    await pipeline.adopt()
    await editing.open()
    await finisher.sweep()
    engines.start()
    dispatcher.wake()

    # web
    v2_jobs = V2Jobs(jobs=jobs, links=links)
    app = build_api(
        settings=settings,
        clock=clock,
        links=links,
        address=address,
        accounts=accounts,
        secrets=secrets,
        jobs=jobs,
        v2_jobs=v2_jobs,
        history=history,
        queue=queue,
        control=control,
        assets=assets,
        uploads=uploads,
        thumbnails=thumbnails,
        packages=PackageService(jobs=job_store, assets=assets),
        live=live,
        engines=engines,
        health=health,
        metrics=metrics,
        record=record,
        more=(
            workshop.routes(links),
            gallery.router(links),
            transfers.router(stock.store, assets, workshop.workflows, workshop.presets.presets),
            stock.routes(),
            editing.router,
            house.routes(controls),
            updating.router(),
            safety.routes(),
            *outreach.routes(),
        ),
    )

    background = [
        watched(work, name)
        for name, work in (
            ("deadlines", dispatcher.watch_deadlines()),
            ("key use", auth.record_use()),
            ("session use", sessions.record_use()),
            ("recovery", health.recover()),
            ("retention", retention.run()),
            ("usage", retention.keep_usage()),
            ("small outputs", settle_often(carried, clock)),
            ("warm-up", warmup.run()),
            ("readers", live.feed.watch()),
            *house.background(controls, health),
            *safety.background(),
            *gallery.background(),
            *stock.background(),
            *transfers.background(),
            *updating.background(),
            *outreach.background(),
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
            reopen=safety.reopen,
        )
    finally:
        live.feed.stop()
        await asyncio.gather(editing.close(), safety.stopping.close())
        dispatcher.stop()
        for task in background:
            task.cancel()
        await asyncio.gather(*background, return_exceptions=True)
        # After its tasks: what they owe is still owed, and asked for at the next start.
        await outreach.close()
        await asyncio.gather(
            controls.packs.close(), stock.close(), transfers.hubs.close(), updating.close()
        )
        await uploads.stop()
        await engines.let_go()
        await pipeline.stop()
        await engines.stop()
        await finisher.stop()
        await safety.finish()
