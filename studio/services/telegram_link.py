"""The bot's line to Telegram: whose token it is, what is asked there, how that goes."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from studio.clients.telegram import TelegramClient
from studio.clock import Clock
from studio.errors import StudioError
from studio.services.telegram_heard import PATIENCE_S, Handle, HeardChats
from studio.settings import DAY_MS, Secret
from studio.store.telegram_chats import TelegramChats
from studio.telegram_errors import (
    TelegramPolledElsewhere,
    TelegramTokenRefused,
    TelegramUnavailable,
)
from studio.telegram_records import BotName

log = logging.getLogger(__name__)

_LOOK_S: Final = 0.5
_SETTLE_S: Final = 1.0
"""How long effects are waited for before Telegram is asked on. What has none by then is answered
again each time, and nothing behind it is confirmed."""


@dataclass(frozen=True, slots=True)
class LinkState:
    """How the line is: ``off`` (no token), ``connecting``, ``connected``, ``refused`` (the token),
    ``elsewhere`` (another program asks for the updates) or ``unreachable``."""

    kind: str
    bot: BotName | None = None
    asked_at: int | None = None
    trouble: str = ""


class TelegramLink:
    """One bot at a time: that of the token as it counts now.

    Args:
        token: asked for again and again, so a new one counts at once.
        base_url: where the Bot API is.
        poll_s: how long one question for updates may stay open.
        commands: what the bot's menu says, by language.
    """

    def __init__(
        self,
        *,
        token: Callable[[], Secret | None],
        base_url: str,
        poll_s: int,
        commands: Mapping[str, Mapping[str, str]],
        chats: TelegramChats,
        clock: Clock,
    ) -> None:
        self._token = token
        self._base_url = base_url
        self._poll_s = poll_s
        self._commands = commands
        self._chats = chats
        self._clock = clock
        self._client: TelegramClient | None = None
        self._used: str | None = None
        self.state = LinkState("off")
        self.opened = asyncio.Event()

    def client(self) -> TelegramClient:
        """The line, for whoever has something to say.

        Raises:
            TelegramUnavailable: there is none.
        """
        if self._client is None or self.state.bot is None:
            raise TelegramUnavailable(
                "The bot has no token. The owner enters one in the settings."
                if self.state.kind == "off"
                else self.state.trouble or "The bot is not connected to Telegram yet."
            )
        return self._client

    async def run(self, handle: Handle) -> None:
        """Ask for updates as long as there is a token; the body of a task.

        Args:
            handle: has the effects of what one chat says, in its order. What it raises makes
                Telegram repeat them.
        """
        heard = HeardChats(handle, self._clock)
        try:
            await self._listen(heard)
        finally:
            await heard.drop()

    async def _listen(self, heard: HeardChats) -> None:
        failures = 0
        while True:
            token = self._revealed()
            try:
                if token != self._used:
                    failures = 0
                    await heard.drop()
                    await self._let_go()
                if token is None:
                    await asyncio.sleep(_LOOK_S)
                    continue
                await self._ask(token, heard)
                failures = 0
                continue
            except StudioError as error:
                trouble = error
            except Exception as error:
                # One message must not end it for everybody.
                log.error("the line to telegram met something unforeseen", exc_info=error)
                trouble = TelegramUnavailable("Something went wrong in Studio; its log says what.")
            self._tell(trouble)
            wait_s = trouble.retry_after_s or PATIENCE_S[min(failures, len(PATIENCE_S) - 1)]
            failures += 1
            await self._wait(token, wait_s)

    async def close(self) -> None:
        """Let go of the connections."""
        await self._let_go()

    async def _ask(self, token: str, chats: HeardChats) -> None:
        client = await self._connected(token)
        bot = self.state.bot
        assert bot is not None
        at = await self._chats.offset(bot.id)
        # After a week without any, Telegram counts from anywhere. What was heard is known by rows.
        offset = None
        if at is not None and self._clock.now_ms() - at[1] < DAY_MS:
            offset = at[0]
        asked = asyncio.create_task(client.updates(offset))
        try:
            while not asked.done() and self._revealed() == token:
                await asyncio.wait([asked], timeout=_LOOK_S)
            if not asked.done():
                return
            heard, following = asked.result()
        finally:
            if not asked.done():
                asked.cancel()
                with contextlib.suppress(asyncio.CancelledError, StudioError):
                    await asked
        now_ms = self._clock.now_ms()
        self.state = replace(self.state, kind="connected", asked_at=now_ms, trouble="")
        chats.hear(bot.id, heard)
        first = await chats.settle(_SETTLE_S)
        if first is not None:
            following = first
        if following is not None:
            await self._chats.confirm(bot.id, following, now_ms)

    async def _connected(self, token: str) -> TelegramClient:
        if self._client is None:
            self._used = token
            if self.state.kind == "off":
                self.state = LinkState("connecting")
            client = TelegramClient(token, self._base_url, self._poll_s)
            try:
                bot = await client.open(self._commands)
            except BaseException:
                await client.close()
                raise
            self._client = client
            self.state = replace(self.state, kind="connected", bot=bot, trouble="")
            self.opened.set()
        return self._client

    async def _let_go(self) -> None:
        client, self._client, self._used = self._client, None, None
        self.state = LinkState("off")
        self.opened.clear()
        if client is not None:
            await client.close()

    def _revealed(self) -> str | None:
        secret = self._token()
        return None if secret is None else secret.reveal()

    def _tell(self, error: StudioError) -> None:
        kind = "unreachable"
        if isinstance(error, TelegramTokenRefused):
            kind = "refused"
        elif isinstance(error, TelegramPolledElsewhere):
            kind = "elsewhere"
        if (kind, error.message) != (self.state.kind, self.state.trouble):
            log.warning("telegram: %s", error.message)
        self.state = replace(self.state, kind=kind, trouble=error.message)

    async def _wait(self, token: str | None, seconds: float) -> None:
        """Wait, but no longer than the token counts."""
        for _ in range(max(1, round(seconds / _LOOK_S))):
            if self._revealed() != token:
                return
            await asyncio.sleep(_LOOK_S)
