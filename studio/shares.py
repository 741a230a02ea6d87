"""Links that strangers may open, built in order: their rows, what is made of them, their routes."""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter

from studio.accounts import Accounts
from studio.clock import Clock
from studio.gallery import Gallery
from studio.household import Household
from studio.services.assets import AssetService
from studio.services.jobs import JobService
from studio.services.rates import RequestLimits
from studio.services.share_forms import ShareForms
from studio.services.share_runs import ShareRuns
from studio.services.share_visits import ShareVisits
from studio.services.shares import ShareService
from studio.services.thumbnails import Thumbnails
from studio.store.prefs import PrefStore
from studio.store.share_runs import ShareRunStore
from studio.store.shares import ShareStore
from studio.web.links import Links
from studio.web.origins import PublicAddress
from studio.web.share_cookie import ShareCookie
from studio.web.share_door import ShareDoor
from studio.web.share_links_api import share_link_routes
from studio.web.share_runs_api import share_run_routes
from studio.web.shares_api import share_routes
from studio.workshop import Workshop


@dataclass(frozen=True, slots=True)
class Shares:
    """The services that lend things out."""

    shares: ShareService
    forms: ShareForms
    visits: ShareVisits
    runs: ShareRuns
    thumbnails: Thumbnails
    address: PublicAddress
    links: Links
    limits: RequestLimits
    clock: Clock

    def routes(self) -> list[APIRouter]:
        """Everything over HTTP about links, for their makers and for visitors."""
        door = ShareDoor(
            shares=self.shares,
            visits=self.visits,
            thumbnails=self.thumbnails,
            cookie=ShareCookie(self.address),
            limits=self.limits,
        )
        return [
            share_link_routes(
                shares=self.shares, forms=self.forms, links=self.links, clock=self.clock
            ),
            share_routes(door=door, runs=self.runs, links=self.links),
            share_run_routes(door=door, runs=self.runs),
        ]

    def background(self) -> Sequence[tuple[str, Coroutine[Any, Any, None]]]:
        """What runs for as long as Studio does, by name."""
        return [("shared links", self.shares.run())]

    async def close(self) -> None:
        """Nothing is held."""


async def open_shares(
    *,
    house: Household,
    accounts: Accounts,
    workshop: Workshop,
    gallery: Gallery,
    jobs: JobService,
    assets: AssetService,
    thumbnails: Thumbnails,
    address: PublicAddress,
    links: Links,
) -> Shares:
    """The services over an opened database."""
    db, clock, record = house.db, house.clock, house.activity.record
    store, presets = ShareStore(db), workshop.presets
    key = await PrefStore(db).signing_key()
    forms = ShareForms(presets=presets.presets, library=workshop.library)
    visitors = ShareRunStore(db)
    await visitors.forget_unfinished()
    return Shares(
        shares=ShareService(
            shares=store,
            forms=forms,
            presets=presets.presets,
            boards=gallery.boards,
            assets=assets,
            passwords=accounts.passwords,
            clock=clock,
            record=record,
        ),
        forms=forms,
        visits=ShareVisits(
            shares=store,
            assets=assets,
            library=gallery.library,
            passwords=accounts.passwords,
            key=key,
            clock=clock,
        ),
        runs=ShareRuns(
            runs=visitors,
            forms=forms,
            batches=presets.batches,
            jobs=jobs,
            assets=assets,
            key=key,
            clock=clock,
            record=record,
        ),
        thumbnails=thumbnails,
        address=address,
        links=links,
        limits=accounts.limits,
        clock=clock,
    )
