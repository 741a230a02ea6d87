"""Chats that Telegram wants less for: whoever changes a message there waits as long as it said."""

from __future__ import annotations

from studio.clock import Clock
from studio.telegram_errors import TelegramBusy

_UNSAID_S = 3.0


class Quiet:
    """Until when nothing that can be left out is said, by chat."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until_s: dict[int, float] = {}

    def is_kept(self, chat_id: int) -> bool:
        """Whether a chat is left alone now."""
        return self._clock.monotonic_s() < self._until_s.get(chat_id, 0.0)

    def keep(self, chat_id: int, error: TelegramBusy) -> None:
        """Telegram said so."""
        now_s = self._clock.monotonic_s()
        self._until_s = {chat: until for chat, until in self._until_s.items() if until > now_s}
        self._until_s[chat_id] = now_s + (error.retry_after_s or _UNSAID_S)
