"""Language models of one server elsewhere, which lists them itself."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any

from studio.clients.language_server import LanguageServer
from studio.services.language import LanguageModel

_MAX_NAME = 200


class RemoteLanguage:
    """``Language`` by a server of OpenAI's protocol; nothing is known of its limits."""

    def __init__(self, server: LanguageServer) -> None:
        self._server = server

    async def models(self) -> Sequence[LanguageModel]:
        """What it lists.

        Raises:
            ModelNotRunning: it does not answer.
        """
        names = [item.get("id") for item in await self._server.models()]
        # It may be anything that takes pictures: one that does not says so itself.
        return [
            LanguageModel(id=name, name=name, vision=True, embeddings=True)
            for name in names
            if isinstance(name, str) and 0 < len(name) <= _MAX_NAME
        ]

    async def stream(
        self,
        endpoint: str,
        request: Mapping[str, Any],
        *,
        user_id: str,  # noqa: ARG002 - its time is nobody's GPU time here
    ) -> AsyncGenerator[dict[str, Any], None]:
        """Its chunks, as they come."""
        async with contextlib.aclosing(self._server.stream(endpoint, request)) as chunks:
            async for chunk in chunks:
                yield chunk

    async def ask(
        self,
        endpoint: str,
        request: Mapping[str, Any],
        *,
        user_id: str,  # noqa: ARG002
    ) -> dict[str, Any]:
        """Its answer."""
        return await self._server.ask(endpoint, request)
