"""What people may use up, and how programs log in that have no browser, built in order."""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter

from studio.accounts import Accounts
from studio.household import Household
from studio.services.program_logins import ProgramLogins
from studio.services.quotas import QuotaService
from studio.store.program_logins import ProgramLoginStore
from studio.web.device_api import device_routes
from studio.web.links import Links
from studio.web.quotas_api import quota_routes


@dataclass(frozen=True, slots=True)
class Membership:
    """Routes about it; what refuses is in the accounts, where every part finds it."""

    routers: Sequence[APIRouter]
    logins: ProgramLogins
    quotas: QuotaService

    def routes(self) -> Sequence[APIRouter]:
        """Quotas, and codes of programs."""
        return self.routers

    def background(self) -> list[tuple[str, Coroutine[Any, Any, None]]]:
        """What forgets codes that are over, and days long past."""
        return [("program logins", self.logins.run()), ("quotas", self.quotas.run())]

    async def close(self) -> None:
        """Nothing was begun."""


def open_membership(house: Household, accounts: Accounts, links: Links) -> Membership:
    """Over the services that know people."""
    logins = ProgramLogins(
        store=ProgramLoginStore(house.db),
        auth=accounts.auth,
        limits=accounts.limits,
        clock=house.clock,
        record=house.activity.record,
    )
    return Membership(
        [
            quota_routes(quotas=accounts.quotas, people=accounts.people),
            device_routes(logins=logins, links=links),
        ],
        logins,
        accounts.quotas,
    )
