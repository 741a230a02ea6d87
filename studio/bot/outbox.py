"""What the bot has to say, sent at least once and in order: each message is a row until then."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Final

from studio.bot.lanes import Lanes
from studio.bot.progress import PHOTOS
from studio.bot.words import say
from studio.clock import Clock
from studio.errors import NotFound, StudioError
from studio.models import Asset
from studio.services.assets import AssetService
from studio.services.telegram_link import TelegramLink
from studio.services.telegram_people import TelegramPeople, identity_of
from studio.settings import DAY_MS
from studio.store.telegram_outbox import TelegramOutbox
from studio.telegram_errors import (
    TelegramBusy,
    TelegramChatClosed,
    TelegramRefused,
    TelegramSlow,
    TelegramUnavailable,
)
from studio.telegram_records import (
    MAX_PHOTO_BYTES,
    MAX_UPLOAD_BYTES,
    Delivery,
    Media,
    MediaKind,
    Outgoing,
    Person,
)

log = logging.getLogger(__name__)

PATIENCE_S: Final = (1, 2, 5, 15, 60, 300)
KEPT_TRYING_MS: Final = DAY_MS
IDLE_S: Final = 30.0
SLOW_TRIES: Final = 3
"""So often files are sent when Telegram does not say in time to have them: each may have come."""

Link = Callable[[str, str], str | None]
"""A signed address of a file for a user, ``None`` when nobody knows how people reach Studio."""


class _Rather(Exception):
    """Other messages are sent in the place of this one."""

    def __init__(self, messages: Sequence[Outgoing]) -> None:
        super().__init__()
        self.messages = messages


class Outbox:
    """Sends what waits, one message after another in each chat.

    Args:
        address: of a file that is too large for Telegram.
    """

    def __init__(
        self,
        *,
        people: TelegramPeople,
        rows: TelegramOutbox,
        assets: AssetService,
        link: TelegramLink,
        clock: Clock,
        address: Link,
    ) -> None:
        self._people = people
        self._rows = rows
        self._assets = assets
        self._link = link
        self._clock = clock
        self._address = address
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """There may be something to send."""
        self._woken.set()

    async def run(self) -> None:
        """Send; the body of a task."""
        lanes = Lanes(self.wake)
        try:
            while True:
                self._woken.clear()
                await self._link.opened.wait()
                try:
                    wait_s = await self._start(lanes)
                except StudioError:
                    wait_s = float(PATIENCE_S[1])
                with contextlib.suppress(TimeoutError):
                    # Python 3.11's ``wait_for`` may swallow that the task was cancelled.
                    async with asyncio.timeout(wait_s):
                        await self._woken.wait()
        finally:
            await lanes.close()

    async def _start(self, lanes: Lanes) -> float:
        """Begin what is due in chats that are free, and return for how long there is no more."""
        # Before the rows are read: what is sent meanwhile is among them.
        busy = lanes.busy
        due = await self._rows.due(self._clock.now_ms())
        for delivery in due:
            if delivery.chat_id not in busy and lanes.has_room:
                lanes.start(delivery.chat_id, self._work(delivery))
        at = await self._rows.next_due(lanes.busy) if lanes.has_room else None
        if at is None:
            return IDLE_S
        return min(IDLE_S, max(0.05, (at - self._clock.now_ms()) / 1000))

    async def _work(self, delivery: Delivery) -> None:
        # Asked for apart, so that whatever it breaks, the chat's next message is sent.
        (end,) = await asyncio.gather(self._deliver(delivery), return_exceptions=True)
        if isinstance(end, Exception):
            if not isinstance(end, StudioError):
                log.error("the bot could not send a message", exc_info=end)
                with contextlib.suppress(StudioError):
                    await self._rows.give_up(delivery, "broken", self._clock.now_ms())
            # The disk refuses: what was sent may be sent again.
            await asyncio.sleep(PATIENCE_S[1])
        elif isinstance(end, BaseException):
            raise end

    async def _deliver(self, delivery: Delivery) -> None:
        try:
            message_id = await self._send(delivery)
        except _Rather as other:
            await self._rows.replace(delivery, other.messages, self._clock.now_ms())
        except TelegramChatClosed:
            await self._people.block(delivery.chat_id)
        except OSError:
            await self._rows.give_up(delivery, "gone", self._clock.now_ms())
        except TelegramRefused:
            await self._rows.give_up(delivery, "refused", self._clock.now_ms())
        except TelegramBusy as error:
            at = self._clock.now_ms() + 1000 * (error.retry_after_s or 1)
            await self._rows.put_off(delivery, at, counts=False)
        except TelegramUnavailable:
            now_ms = self._clock.now_ms()
            if now_ms - delivery.created_at > KEPT_TRYING_MS:
                await self._rows.give_up(delivery, "unavailable", now_ms)
                return
            wait_s = PATIENCE_S[min(delivery.attempts, len(PATIENCE_S) - 1)]
            await self._rows.put_off(delivery, now_ms + 1000 * wait_s, counts=True)
        else:
            await self._rows.sent(delivery, message_id, self._clock.now_ms())

    async def _send(self, delivery: Delivery) -> int | None:
        message, client = delivery.message, self._link.client()
        if message.asset_ids:
            return await self._send_files(delivery)
        if message.edits is not None:
            try:
                await client.edit(delivery.chat_id, message.edits, message.text, message.buttons)
                return message.edits
            except TelegramRefused:
                # It was deleted, or is too old or of another kind: said anew.
                pass
        return await client.say(delivery.chat_id, message.text, message.buttons)

    async def _send_files(self, delivery: Delivery) -> int | None:
        message = delivery.message
        person = await self._people.person(delivery.chat_id)
        if person is None or person.user_id != message.user_id:
            # The chat was given to somebody else since: these are not theirs.
            raise TelegramRefused("The chat is another user's now.")
        found, gone = await self._open(person, message.asset_ids)
        if gone:
            left = [tuple(asset.id for asset, _ in found)] if found else []
            told = [
                Outgoing(text=say(person.language, "file_gone", name=name), buttons=message.buttons)
                for name in gone
            ]
            raise _Rather([*(replace(message, asset_ids=ids) for ids in left), *told])
        try:
            if len(found) == 1:
                return await self._send_one(delivery, person, *found[0])
            photos = [Media("photo", str(path), _name(asset)) for asset, path in found]
            return await self._link.client().send_album(delivery.chat_id, photos, message.text)
        except TelegramRefused:
            # One of them is no photo to Telegram: each as well as it goes, and none of them twice.
            raise _Rather([replace(message, asset_ids=(asset.id,)) for asset, _ in found]) from None
        except TelegramSlow:
            if delivery.attempts + 1 < SLOW_TRIES:
                raise
            raise _Rather(
                [self._instead(delivery, person, asset, "too_slow") for asset, _ in found]
            ) from None

    async def _open(
        self, person: Person, asset_ids: Sequence[str]
    ) -> tuple[list[tuple[Asset, Path]], list[str]]:
        found, gone = [], []
        for asset_id in asset_ids:
            try:
                found.append(await self._assets.open_content(identity_of(person), asset_id))
            except NotFound:
                gone.append(asset_id)
        return found, gone

    async def _send_one(self, delivery: Delivery, person: Person, asset: Asset, path: Path) -> int:
        """A file by the best way that Telegram takes it, or where it is instead."""
        message, client = delivery.message, self._link.client()
        if asset.size_bytes <= MAX_UPLOAD_BYTES:
            for kind in _ways(asset):
                try:
                    media = Media(kind, str(path), _name(asset))
                    return await client.send(delivery.chat_id, media, message.text, message.buttons)
                except TelegramRefused:
                    continue
        rather = self._instead(delivery, person, asset, "too_large")
        return await client.say(delivery.chat_id, rather.text, rather.buttons)

    def _instead(self, delivery: Delivery, person: Person, asset: Asset, why: str) -> Outgoing:
        """Where a file is, which does not come."""
        url = self._address(person.user_id, asset.id)
        where = say(person.language, "too_large_studio")
        if url is not None:
            where = say(person.language, "too_large_link", url=url)
        text = say(person.language, why, name=_name(asset), where=where)
        return Outgoing(text=text, buttons=delivery.message.buttons)


def _ways(asset: Asset) -> list[MediaKind]:
    """How a file may be sent, the best way first."""
    if asset.content_type in PHOTOS and asset.size_bytes <= MAX_PHOTO_BYTES:
        return ["photo", "document"]
    if asset.content_type == "video/mp4":
        return ["video", "document"]
    if asset.content_type in ("audio/mpeg", "audio/mp4"):
        return ["audio", "document"]
    return ["document"]


def _name(asset: Asset) -> str:
    return PurePosixPath(asset.file_path).name
