"""Language models, built in order: who answers."""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter

from studio.accounts import Accounts
from studio.clients.language_server import LanguageServer
from studio.household import Household
from studio.services.joined_language import JoinedLanguage
from studio.services.remote_language import RemoteLanguage
from studio.transfers import Transfers
from studio.web.openai_text_api import openai_text_routes


@dataclass(frozen=True, slots=True)
class LanguageModels:
    """Who answers, for the parts that ask."""

    language: JoinedLanguage
    servers: Sequence[LanguageServer]

    accounts: Accounts

    def routes(self) -> list[APIRouter]:
        """What programs ask."""
        return [openai_text_routes(self.language, self.accounts.is_live)]

    def background(self) -> list[tuple[str, Coroutine[Any, Any, None]]]:
        """Nothing runs by itself."""
        return []

    async def close(self) -> None:
        """Let go of every connection."""
        for server in self.servers:
            await server.close()


def open_language(house: Household, transfers: Transfers, accounts: Accounts) -> LanguageModels:
    """The server that the settings name, if they do."""
    settings, secret = house.settings, house.settings_service.secret
    servers = []
    if url := settings.outreach.language_url:
        servers.append(
            LanguageServer(
                url=url, key=lambda: secret("LANGUAGE_API_KEY"), outbound=transfers.outbound
            )
        )
    language = JoinedLanguage([RemoteLanguage(server) for server in servers])
    return LanguageModels(language, servers, accounts)
