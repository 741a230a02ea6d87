"""Language models of one server elsewhere, which lists them itself."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any, Final

from studio.clients.language_server import LanguageServer
from studio.clock import Clock
from studio.language_errors import ModelNotRunning
from studio.services.language import LanguageModel

_MAX_NAME: Final = 200
_REST_S: Final = 30.0
"""It is not asked again so soon after it failed."""


class RemoteLanguage:
    """``Language`` by a server of OpenAI's protocol; nothing is known of its limits."""

    def __init__(self, server: LanguageServer, clock: Clock) -> None:
        self._server = server
        self._clock = clock
        self._failed: tuple[float, str] | None = None

    async def models(self) -> Sequence[LanguageModel]:
        """What it lists.

        Raises:
            ModelNotRunning: it does not answer, or did not a short while ago.
        """
        # A host that is gone costs seconds each time, and local models' users ask here too.
        if self._failed is not None and self._clock.monotonic_s() < self._failed[0]:
            raise ModelNotRunning(self._failed[1])
        try:
            listed = await self._server.models()
        except ModelNotRunning as error:
            self._failed = (self._clock.monotonic_s() + _REST_S, error.message)
            raise
        self._failed = None
        names = [item.get("id") for item in listed]
        # It may be anything that takes pictures: one that does not says so itself.
        return [
            LanguageModel(id=name, name=name, vision=True, embeddings=True, is_here=False)
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
