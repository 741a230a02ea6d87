"""An opened Studio, as servers in front of it see it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from fastapi import FastAPI

from studio.accounts import Accounts
from studio.services.live import Live
from studio.store.db import Database
from studio.web.comfy_proxy import ComfyProxy
from studio.web.links import Links
from studio.web.origins import PublicAddress
from studio.web.v2_jobs_api import V2Jobs


@dataclass(frozen=True, slots=True)
class Studio:
    """The application, and what servers in front of it need."""

    app: FastAPI
    v2_jobs: V2Jobs
    accounts: Accounts
    address: PublicAddress
    links: Links
    live: Live
    db: Database
    comfy: ComfyProxy
    reopen: asyncio.Event
