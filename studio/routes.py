"""The HTTP surface of accounts, jobs and assets: one application with every router of theirs.

Apart from ``app.py`` because it only hands things on; what is built there has its routes here.
"""

from __future__ import annotations

from collections.abc import Iterable

from fastapi import APIRouter, FastAPI

from studio.accounts import Accounts
from studio.clock import Clock
from studio.models import Record
from studio.services.assets import AssetService
from studio.services.engines import EngineService
from studio.services.health import HealthService
from studio.services.history import HistoryService
from studio.services.jobs import JobService
from studio.services.live import Live
from studio.services.metrics import Metrics
from studio.services.packages import PackageService
from studio.services.queue import JobQueue
from studio.services.queue_control import QueueControl
from studio.services.thumbnails import Thumbnails
from studio.services.uploads import UploadService
from studio.settings import Settings
from studio.store.secrets import SecretStore
from studio.version import VERSION
from studio.web.api_page import api_page_routes, describe
from studio.web.assets_api import asset_routes, thumbnail_routes
from studio.web.jobs_api import job_routes
from studio.web.keys_api import key_routes
from studio.web.links import Links
from studio.web.origins import PublicAddress
from studio.web.pages import StaticFiles, page_routes
from studio.web.people_api import people_routes
from studio.web.respond import install_error_handlers
from studio.web.session_api import session_routes
from studio.web.system_api import system_routes
from studio.web.uploads_api import upload_routes
from studio.web.v2_jobs_api import V2Jobs, v2_job_routes
from studio.web.ws_api import ws_routes


def build_api(
    *,
    settings: Settings,
    clock: Clock,
    links: Links,
    address: PublicAddress,
    accounts: Accounts,
    secrets: SecretStore,
    jobs: JobService,
    v2_jobs: V2Jobs,
    history: HistoryService,
    queue: JobQueue,
    control: QueueControl,
    assets: AssetService,
    uploads: UploadService,
    thumbnails: Thumbnails,
    packages: PackageService,
    live: Live,
    engines: EngineService,
    health: HealthService,
    metrics: Metrics,
    record: Record,
    more: Iterable[APIRouter],
) -> FastAPI:
    """The application, without a door in front of it.

    Args:
        more: routes of what is built elsewhere.
    """
    app = FastAPI(
        title="Studio",
        version=VERSION,
        docs_url=None,
        openapi_url="/api/openapi.json",
        redoc_url=None,
    )
    install_error_handlers(app)
    app.include_router(
        system_routes(health=health, metrics=metrics, engines=engines, version=VERSION)
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
            packages=packages,
            links=links,
        )
    )
    files = StaticFiles()
    app.include_router(page_routes(links=links, version=VERSION, files=files))
    app.include_router(api_page_routes(files))
    app.include_router(key_routes(auth=accounts.auth, secrets=secrets, clock=clock, record=record))
    app.include_router(people_routes(people=accounts.people, quotas=accounts.quotas, links=links))
    app.include_router(
        session_routes(
            logins=accounts.logins, sessions=accounts.sessions, links=links, address=address
        )
    )
    app.include_router(
        ws_routes(
            live=live, history=history, links=links, settings=settings, session_end=accounts.ends_at
        )
    )
    for router in more:
        app.include_router(router)
    describe(app)
    return app
