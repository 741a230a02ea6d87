"""What people may use up, built in order."""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter

from studio.accounts import Accounts
from studio.web.quotas_api import quota_routes


@dataclass(frozen=True, slots=True)
class Membership:
    """Routes about it; what refuses is in the accounts, where every part finds it."""

    routers: Sequence[APIRouter]

    def routes(self) -> Sequence[APIRouter]:
        """Quotas."""
        return self.routers

    def background(self) -> list[tuple[str, Coroutine[Any, Any, None]]]:
        """Nothing runs by itself."""
        return []

    async def close(self) -> None:
        """Nothing was begun."""


def open_membership(accounts: Accounts) -> Membership:
    """Over the services that know people."""
    return Membership([quota_routes(quotas=accounts.quotas, people=accounts.people)])
