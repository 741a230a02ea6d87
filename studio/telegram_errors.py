"""What Telegram refuses, below ``StudioError``.

Conflict
└── TelegramChatClosed      409  telegram_chat_closed
Unavailable
└── TelegramUnavailable     503  telegram_unavailable
"""

from __future__ import annotations

from studio.errors import Conflict, Unavailable


class TelegramUnavailable(Unavailable):
    """Telegram cannot be asked now; the message says why, and never has the token."""

    code = "telegram_unavailable"


class TelegramBusy(TelegramUnavailable):
    """It wants less of us: ``retry_after_s`` says when it listens again."""


class TelegramSlow(TelegramUnavailable):
    """It took what was sent, or did not, and did not say so in time."""


class TelegramTokenRefused(TelegramUnavailable):
    """The token is none, or was taken back."""


class TelegramPolledElsewhere(TelegramUnavailable):
    """Somebody else asks for this bot's updates, or a webhook takes them."""


class TelegramChatClosed(Conflict):
    """The chat does not exist, or its person has blocked the bot."""

    code = "telegram_chat_closed"


class TelegramRefused(Conflict):
    """What was sent does not fit: too large a file, a message that is no more."""
