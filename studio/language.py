"""Language models, built in order: who answers, here and elsewhere, and what programs ask."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter

from boot.language import WORK_FOLDER
from studio.accounts import Accounts
from studio.clients.gpu_watch import GpuWatch
from studio.clients.language_server import LanguageServer
from studio.clients.supervisor import Supervisor
from studio.household import LOGS, Household
from studio.models import Identity
from studio.services.engines import EngineService
from studio.services.gpu_room import GpuRoom
from studio.services.joined_language import JoinedLanguage
from studio.services.language import Language, time_for
from studio.services.language_charges import LanguageCharges
from studio.services.language_files import LanguageFiles
from studio.services.language_process import Places
from studio.services.language_usage import LanguageUsage
from studio.services.local_language import LocalLanguage
from studio.services.metrics import Metrics
from studio.services.pace import Pace
from studio.services.remote_language import RemoteLanguage
from studio.settings import Settings
from studio.stock import Stock
from studio.store.engine_logs import LogFolder
from studio.store.language_models import LanguageModelStore
from studio.store.language_specs import LanguageSpecs
from studio.store.model_files import ModelFile
from studio.transfers import Transfers
from studio.web.language_api import language_routes
from studio.web.openai_text_api import openai_text_routes


@dataclass(frozen=True, slots=True)
class LanguageModels:
    """Who answers, for the parts that ask."""

    language: JoinedLanguage
    local: LocalLanguage
    files: LanguageFiles
    room: GpuRoom
    logs: LogFolder
    servers: Sequence[LanguageServer]
    accounts: Accounts
    charges: LanguageCharges
    also: Callable[[Identity], Awaitable[Sequence[str]]]

    def routes(self) -> list[APIRouter]:
        """What programs ask."""
        return [
            openai_text_routes(
                self.language,
                self.accounts.is_live,
                require=time_for(self.language, self.accounts.quotas.require),
                also=self.also,
            ),
            language_routes(local=self.local, files=self.files, room=self.room, logs=self.logs),
        ]

    def background(self) -> list[tuple[str, Coroutine[Any, Any, None]]]:
        """What runs for as long as Studio does."""
        return [("language models", self.local.run()), ("language time", self.charges.run())]

    async def close(self) -> None:
        """End every server of ours, and let go of every connection."""
        await self.local.close()
        await self.charges.store()
        for server in self.servers:
            await server.close()


async def open_language(
    house: Household,
    transfers: Transfers,
    accounts: Accounts,
    *,
    stock: Stock,
    engines: EngineService,
    gpus: GpuWatch,
    metrics: Metrics,
    also: Callable[[Identity], Awaitable[Sequence[str]]],
) -> LanguageModels:
    """The models on this machine, and the server that the settings name, if they do.

    Args:
        also: other names that programs may ask something of, for a caller.
    """
    settings, secret = house.settings, house.settings_service.secret
    servers = []
    if url := settings.outreach.language_url:
        servers.append(
            LanguageServer(
                url=url, key=lambda: secret("LANGUAGE_API_KEY"), outbound=transfers.outbound
            )
        )
    room = GpuRoom(gpus=gpus, engines=engines, files=stock.store, clock=house.clock)
    files = _files(house, stock)
    charges = LanguageCharges(accounts.quotas)
    usage = LanguageUsage(charges.note, lambda: local.running)
    local = LocalLanguage(
        files=files,
        places=_places(settings, house),
        room=room,
        charge=usage.note,
        record=house.activity.record,
    )
    metrics.add(usage, usage.refresh)
    room.evict, engines.make_room = local.evict, room.make_for
    await local.open()
    everybody: list[Language] = [
        local,
        *(RemoteLanguage(server, house.clock) for server in servers),
    ]
    logs = LogFolder(settings.studio_dir / LOGS)
    return LanguageModels(
        JoinedLanguage(everybody), local, files, room, logs, servers, accounts, charges, also
    )


def _files(house: Household, stock: Stock) -> LanguageFiles:
    catalog = stock.base.catalog

    def is_catalogued(file: ModelFile) -> bool:
        found = catalog.find(file.name, file.folder, file.sha256)
        return found is not None and found[1] == "hash"

    return LanguageFiles(
        root=house.settings.models.llm_dir,
        files=stock.store,
        store=LanguageModelStore(house.db),
        is_catalogued=is_catalogued,
        clock=house.clock,
    )


def _places(settings: Settings, house: Household) -> Places | None:
    supervisor = Supervisor.found(settings.run_dir)
    if supervisor is None:
        return None
    return Places(
        supervisor=supervisor,
        specs=LanguageSpecs(settings.engine_dir / WORK_FOLDER),
        clock=house.clock,
        backoff_s=Pace().backoff_s,
    )
