"""One bot's side of Telegram's Bot API, by the library; what leaves here has no token in it."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import httpx
import telegram
from telegram import InlineKeyboardButton, InlineKeyboardMarkup, InputFile, Update
from telegram.error import (
    BadRequest,
    ChatMigrated,
    Conflict,
    Forbidden,
    InvalidToken,
    NetworkError,
    RetryAfter,
    TelegramError,
    TimedOut,
)
from telegram.request import HTTPXRequest

from studio.clients.telegram_updates import incoming_of
from studio.telegram_errors import (
    TelegramBusy,
    TelegramChatClosed,
    TelegramPolledElsewhere,
    TelegramRefused,
    TelegramSlow,
    TelegramTokenRefused,
    TelegramUnavailable,
)
from studio.telegram_records import (
    MAX_DOWNLOAD_BYTES,
    BotName,
    Buttons,
    File,
    Incoming,
    Media,
    MediaKind,
    clipped,
)
from studio.tls import trusted

MAX_TEXT: Final = 4_096
MAX_CAPTION: Final = 1_024
MAX_GROUP: Final = 10
_TIMEOUT_S: Final = 20.0
_UPLOAD_S: Final = 300.0
_CONNECTIONS: Final = 128
"""More than chats that are spoken to at once, so that none waits for the slow answers of others.
"""
_AT_ONCE: Final = 2
"""Uploads, whose bytes are in memory: the library would read their files on the event loop."""
_PIECE: Final = 64 * 1024
_GONE: Final = ("chat not found", "user is deactivated", "peer_id_invalid", "chat_id is empty")
_NO_TEXT: Final = "no text in the message"
_SAME: Final = "message is not modified"
_TOKEN: Final = re.compile(r"[0-9]{1,20}:[\w-]{1,200}", re.ASCII)


class TelegramClient:
    """A bot, by its token.

    Args:
        token: goes into addresses, as Telegram wants it; whoever reads an error never sees it.
        base_url: where the Bot API is, without a slash at its end.
        poll_s: how long Telegram may keep a question for updates open.

    Raises:
        TelegramTokenRefused: it does not look like a token.
    """

    def __init__(self, token: str, base_url: str, poll_s: int) -> None:
        if _TOKEN.fullmatch(token) is None:
            raise TelegramTokenRefused("That is no token of a Telegram bot.")

        def line() -> HTTPXRequest:
            return HTTPXRequest(
                connection_pool_size=_CONNECTIONS,
                connect_timeout=_TIMEOUT_S,
                pool_timeout=_TIMEOUT_S,
                read_timeout=_TIMEOUT_S,
                write_timeout=_TIMEOUT_S,
                media_write_timeout=_UPLOAD_S,
                httpx_kwargs={"verify": trusted(), "trust_env": True},
            )

        self._poll_s = poll_s
        self._uploads = asyncio.Semaphore(_AT_ONCE)
        self._bot = telegram.Bot(
            token,
            base_url=f"{base_url}/bot",
            base_file_url=f"{base_url}/file/bot",
            request=line(),
            get_updates_request=line(),
        )

    async def open(self, commands: Mapping[str, Mapping[str, str]]) -> BotName:
        """Who the bot is. No webhook takes its updates from then on, and its menu is known.

        Args:
            commands: what each command does, by language; the empty language is for all others.

        Raises:
            TelegramUnavailable.
        """
        with _translated():
            await self._bot.initialize()
            me = self._bot.bot
            await self._bot.delete_webhook(drop_pending_updates=False)
            for language, words in commands.items():
                await self._bot.set_my_commands(list(words.items()), language_code=language or None)
        return BotName(me.id, me.username or "", me.first_name)

    async def close(self) -> None:
        """Let go of its connections."""
        await self._bot.shutdown()

    async def updates(self, offset: int | None) -> tuple[list[Incoming], int | None]:
        """What was heard from ``offset`` on, in order of its ids, and the offset after it.

        Raises:
            TelegramUnavailable.
        """
        with _translated():
            found = await self._bot.get_updates(
                offset=offset,
                timeout=self._poll_s,
                allowed_updates=[Update.MESSAGE, Update.CALLBACK_QUERY],
            )
        found_ids = [update.update_id for update in found]
        heard = [each for update in found if (each := incoming_of(update)) is not None]
        heard.sort(key=lambda each: each.update_id)
        return heard, max(found_ids) + 1 if found_ids else None

    async def say(self, chat_id: int, text: str, buttons: Buttons = ()) -> int:
        """Send a text, and return its message's id.

        Raises:
            TelegramUnavailable, TelegramChatClosed, TelegramRefused.
        """
        with _translated():
            sent = await self._bot.send_message(
                chat_id,
                clipped(text, MAX_TEXT),
                reply_markup=_markup(buttons),
                link_preview_options=telegram.LinkPreviewOptions(is_disabled=True),
            )
        return sent.message_id

    async def edit(self, chat_id: int, message_id: int, text: str, buttons: Buttons = ()) -> None:
        """Change the text of a message; one that has it already is left as it is.

        Raises:
            TelegramUnavailable, TelegramChatClosed, TelegramRefused.
        """
        with _translated():
            try:
                await self._bot.edit_message_text(
                    clipped(text, MAX_TEXT),
                    chat_id=chat_id,
                    message_id=message_id,
                    reply_markup=_markup(buttons),
                )
            except BadRequest as error:
                if _NO_TEXT in error.message.lower():
                    await self._edit_caption(chat_id, message_id, text, buttons)
                elif _SAME not in error.message.lower():
                    raise

    async def _edit_caption(
        self, chat_id: int, message_id: int, text: str, buttons: Buttons
    ) -> None:
        """The message shows a picture by now."""
        try:
            await self._bot.edit_message_caption(
                chat_id,
                message_id,
                caption=clipped(text, MAX_CAPTION),
                reply_markup=_markup(buttons),
            )
        except BadRequest as error:
            if _SAME not in error.message.lower():
                raise

    async def show(
        self, chat_id: int, message_id: int, picture: bytes, text: str, buttons: Buttons = ()
    ) -> None:
        """Put a picture into a message, in the place of the one before, with ``text`` below it.

        Raises:
            TelegramUnavailable, TelegramChatClosed, TelegramRefused.
        """
        media = telegram.InputMediaPhoto(
            InputFile(picture, "preview.jpg", attach=True), caption=clipped(text, MAX_CAPTION)
        )
        with _translated():
            await self._bot.edit_message_media(
                media, chat_id=chat_id, message_id=message_id, reply_markup=_markup(buttons)
            )

    async def send(self, chat_id: int, media: Media, caption: str, buttons: Buttons = ()) -> int:
        """Send a file, and return its message's id.

        Raises:
            TelegramSlow: it may have arrived.
            TelegramUnavailable, TelegramChatClosed, TelegramRefused.
            OSError: the file cannot be read.
        """
        common: dict[str, Any] = {
            "caption": clipped(caption, MAX_CAPTION) or None,
            "reply_markup": _markup(buttons),
        }
        senders: dict[MediaKind, Callable[..., Any]] = {
            "photo": self._bot.send_photo,
            "video": self._bot.send_video,
            "audio": self._bot.send_audio,
            "document": self._bot.send_document,
        }
        async with self._uploads:
            data = await asyncio.to_thread(_bytes, media.path)
            with _translated():
                sent = await senders[media.kind](
                    chat_id, InputFile(data, media.name), read_timeout=_UPLOAD_S, **common
                )
        message_id: int = sent.message_id
        return message_id

    async def send_album(self, chat_id: int, photos: Sequence[Media], caption: str) -> int:
        """Send up to ten photos as one, and return the first message's id.

        Raises:
            TelegramSlow: they may have arrived.
            TelegramUnavailable, TelegramChatClosed, TelegramRefused.
            OSError: one of them cannot be read.
        """
        async with self._uploads:
            group = [
                telegram.InputMediaPhoto(
                    InputFile(await asyncio.to_thread(_bytes, photo.path), photo.name, attach=True)
                )
                for photo in photos[:MAX_GROUP]
            ]
            with _translated():
                sent = await self._bot.send_media_group(
                    chat_id,
                    group,
                    caption=clipped(caption, MAX_CAPTION) or None,
                    read_timeout=_UPLOAD_S,
                )
        return sent[0].message_id

    async def answer(self, button_id: str, text: str = "") -> None:
        """Say that a button was heard, which ends its little clock; late answers are nothing.

        Raises:
            TelegramUnavailable.
        """
        with _translated(), contextlib.suppress(BadRequest):
            await self._bot.answer_callback_query(button_id, text=text[:200] or None)

    async def fetch(self, file: File) -> AsyncIterator[bytes]:
        """The bytes of a file that somebody sent.

        Raises:
            TelegramUnavailable, TelegramRefused.
        """
        with _translated():
            place = await self._bot.get_file(file.id)
            if (place.file_size or 0) > MAX_DOWNLOAD_BYTES:
                # A Bot API server of one's own has larger ones; they would be held in memory.
                raise TelegramRefused("The file is too large.")
            data = bytes(await place.download_as_bytearray())
        return _pieces(data)


def _bytes(path: str) -> bytes:
    return Path(path).read_bytes()


async def _pieces(data: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(data), _PIECE):
        yield data[start : start + _PIECE]


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    """Errors of the library as our own. Its words are left behind: some of them have the token."""
    try:
        yield
    except RetryAfter as error:
        seconds = max(1, int(error._retry_after.total_seconds()))
        raise TelegramBusy(
            "Telegram wants less of us for a while.", retry_after_s=seconds
        ) from None
    except InvalidToken:
        raise TelegramTokenRefused("Telegram refuses the bot's token.") from None
    except Conflict:
        raise TelegramPolledElsewhere(
            "Another program asks Telegram for this bot's messages."
        ) from None
    except (Forbidden, ChatMigrated):
        raise TelegramChatClosed("The bot may not write to this chat.") from None
    except BadRequest as error:
        if any(words in error.message.lower() for words in _GONE):
            raise TelegramChatClosed("Telegram knows no such chat.") from None
        raise TelegramRefused("Telegram does not take this message.") from None
    except TimedOut as error:
        if isinstance(error.__cause__, httpx.ReadTimeout | httpx.WriteTimeout):
            raise TelegramSlow("Telegram does not answer in time.") from None
        raise TelegramUnavailable("Telegram does not answer in time.") from None
    except NetworkError:
        raise TelegramUnavailable("There is no connection to Telegram.") from None
    except (TelegramError, TypeError, ValueError, KeyError):
        # Answers of something that is not Telegram make the library fail like this.
        raise TelegramUnavailable("Telegram's answer cannot be read.") from None


def _markup(buttons: Buttons) -> InlineKeyboardMarkup | None:
    if not buttons:
        return None
    return InlineKeyboardMarkup(
        [[InlineKeyboardButton(each.text, callback_data=each.data) for each in line]
         for line in buttons]
    )  # fmt: skip
