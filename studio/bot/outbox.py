"""What the bot has to say, sent at least once and in order: each message is a row until then."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath
from typing import Final

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
    TelegramUnavailable,
)
from studio.telegram_records import (
    MAX_PHOTO_BYTES,
    MAX_UPLOAD_BYTES,
    Delivery,
    Media,
    MediaKind,
    Person,
)

PATIENCE_S: Final = (1, 2, 5, 15, 60, 300)
KEPT_TRYING_MS: Final = DAY_MS
IDLE_S: Final = 30.0

Link = Callable[[str, str], str | None]
"""A signed address of a file for a user, ``None`` when nobody knows how people reach Studio."""


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
        while True:
            self._woken.clear()
            await self._link.opened.wait()
            try:
                due = await self._rows.due(self._clock.now_ms())
                await asyncio.gather(*(self._deliver(each) for each in due))
                wait_s = 0.0 if due else await self._wait_s()
            except StudioError:
                # The disk refuses: what was sent may be sent again.
                wait_s = float(PATIENCE_S[1])
            if wait_s:
                try:
                    await asyncio.wait_for(self._woken.wait(), wait_s)
                except TimeoutError:
                    continue

    async def _wait_s(self) -> float:
        at = await self._rows.next_due()
        if at is None:
            return IDLE_S
        return min(IDLE_S, max(0.05, (at - self._clock.now_ms()) / 1000))

    async def _deliver(self, delivery: Delivery) -> None:
        try:
            message_id = await self._send(delivery)
        except TelegramChatClosed:
            await self._people.block(delivery.chat_id)
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
        sent: int | None = None
        if len(found) > 1:
            try:
                photos = [Media("photo", str(path), _name(asset)) for asset, path in found]
                sent = await self._link.client().send_album(delivery.chat_id, photos, message.text)
                found = []
            except TelegramRefused:
                # One of them is no photo to Telegram: each as well as it goes.
                sent = None
        for asset, path in found:
            sent = await self._send_one(delivery, person, asset, path)
        for name in gone:
            text = say(person.language, "file_gone", name=name)
            sent = await self._link.client().say(delivery.chat_id, text, message.buttons)
        return sent

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
        url = self._address(person.user_id, asset.id)
        where = say(person.language, "too_large_studio")
        if url is not None:
            where = say(person.language, "too_large_link", url=url)
        text = say(person.language, "too_large", name=_name(asset), where=where)
        return await client.say(delivery.chat_id, text, message.buttons)


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
